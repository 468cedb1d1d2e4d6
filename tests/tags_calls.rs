//! Tags of decorated functions: what an invalidation reaches, hard and soft.

mod common;

use common::{Count, Gate, limited_wide, until};
use larder::{cached, invalidate_tag, invalidate_tag_soft, wait};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn forget(tag: &str) {
    wait(invalidate_tag(tag)).unwrap();
}

fn soften(tag: &str) {
    wait(invalidate_tag_soft(tag)).unwrap();
}

#[test]
fn softly_invalidated_values_are_served_while_one_caller_has_them_computed_anew() {
    static GATE: Gate = Gate::new();
    static RUNS: Count = Count::new();
    #[cached(ttl = 1000, async_ttl, tags = ["soft served"])]
    fn run() -> usize {
        let run = RUNS.next();
        if run > 1 {
            GATE.pass();
        }
        run
    }
    limited_wide(|| {
        assert_eq!(run(), 1);
        soften("soft served");
        (0..10).for_each(|_| assert_eq!(run(), 1));
        GATE.await_arrivals(1);
        (0..10).for_each(|_| assert_eq!(run(), 1));
        GATE.open();
        until("it is new", || run() == 2);
        assert_eq!((GATE.arrivals(), RUNS.get(), run()), (1, 2, 2));
        soften("soft served");
        forget("soft served");
        assert_eq!(run(), 3, "hard comes before soft");
    });
}

#[test]
fn without_an_async_ttl_a_soft_invalidation_is_a_miss_as_expire_is() {
    static RUNS: Count = Count::new();
    #[cached(ttl = 1000, tags = ["soft plain"])]
    fn run() -> usize {
        RUNS.next()
    }
    assert_eq!((run(), run()), (1, 1));
    soften("soft plain");
    assert_eq!((run::peek(), run(), run()), (None, 2, 2));
    assert_eq!(run::stats().misses.tag, 2);
}

#[test]
fn a_value_that_was_put_has_the_tags_of_its_key() {
    #[cached(tags = ["put:{key}"])]
    fn run(key: u8) -> u8 {
        key
    }
    run::put(1, 10);
    run::put(2, 20);
    assert_eq!((run(1), run(2)), (10, 20));
    forget("put:1");
    assert_eq!((run(1), run(2)), (1, 20));
}

#[test]
fn grace_never_serves_what_a_tag_has_invalidated() {
    clocked!(TIME, HERE);
    static FAILS: AtomicBool = AtomicBool::new(false);
    #[cached(client = HERE, ttl = 10, grace = 1000, tags = ["grace"])]
    fn run() -> Result<u8, String> {
        if FAILS.load(Ordering::SeqCst) { Err("away".to_owned()) } else { Ok(7) }
    }
    assert_eq!(run(), Ok(7));
    FAILS.store(true, Ordering::SeqCst);
    TIME.advance(20 * SECOND);
    assert_eq!(run(), Ok(7), "it is old, and grace was asked for");
    soften("grace");
    assert_eq!(run(), Ok(7), "softly invalidated, it is no worse");
    forget("grace");
    assert_eq!(run(), Err("away".to_owned()));
    FAILS.store(false, Ordering::SeqCst);
    TIME.advance(2000 * SECOND);
    assert_eq!(run(), Ok(7));
    FAILS.store(true, Ordering::SeqCst);
    forget("grace");
    assert_eq!(run(), Err("away".to_owned()), "also before it is old");
}

#[test]
fn an_invalidation_touches_no_value_however_many_there_are() {
    use larder::{Budget, Clock, Entry, Near, TableOptions, TagSource};
    static TOUCHED: Count = Count::new();
    #[derive(Debug)]
    struct Touchy;
    impl Clone for Touchy {
        fn clone(&self) -> Self {
            TOUCHED.add();
            Touchy
        }
    }
    impl Drop for Touchy {
        fn drop(&mut self) {
            TOUCHED.add();
        }
    }
    let options = TableOptions::new(Budget::entries(200_000), Clock::system());
    let near = Near::<u64, Touchy>::new(options);
    let tags = wait(TagSource::local().capture(&["all of them".to_owned()])).unwrap();
    near.put_entries((0..100_000).map(|n| (n, Entry::new(Touchy).with_tags(tags.clone()))));
    assert_eq!(near.len(), 100_000);
    let before = TOUCHED.get();
    forget("all of them");
    assert_eq!((TOUCHED.get(), near.len()), (before, 100_000));
    assert!((0..100_000).all(|n| !near.contains(&n)));
    assert_eq!(near.purge(Duration::ZERO), 100_000);
    assert!(near.is_empty());
}
