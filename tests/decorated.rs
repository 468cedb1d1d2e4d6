//! Decorated functions: the call and its companions (C15, C50 to C57, C59, C63, C66, C67).

mod common;

use common::{Count, limited_wide, panic_of, until};
use larder::{CachedFn, Inproc, cached};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// In process there are no tiers, so nothing is promoted: a hit is told to nobody.
#[test]
fn c15_a_hit_calls_no_hook() {
    static TOLD: Count = Count::new();
    #[cached]
    fn plain(x: u8) -> u8 {
        x
    }
    plain::on_value(|_, _| TOLD.add());
    plain(1);
    assert_eq!(TOLD.get(), 1);
    plain(1);
    plain::peek(1);
    plain::get_ttl(1);
    assert_eq!(TOLD.get(), 1);
}

#[test]
fn c50_a_second_call_within_the_ttl_returns_the_cached_value_and_after_it_the_key_is_gone() {
    clocked!(TIME, HERE);
    static RUNS: Count = Count::new();
    #[cached(client = HERE, ttl = "10s")]
    fn run(_x: u8) -> usize {
        RUNS.next()
    }
    assert_eq!((run(1), run(1)), (1, 1));
    TIME.advance(10 * SECOND - Duration::from_millis(1));
    assert_eq!(run(1), 1);
    TIME.advance(SECOND);
    assert_eq!(run::peek(1), None);
    assert_eq!(run(1), 2);
}

/// The plain mode's `lazy` is `peek` here; `lazy` itself always computes in the background.
#[test]
fn c51_peek_never_computes_and_misses_what_is_absent_or_expired() {
    clocked!(TIME, HERE);
    static RUNS: Count = Count::new();
    #[cached(client = HERE, ttl = 10)]
    fn run(_x: u8) -> usize {
        RUNS.next()
    }
    assert_eq!((run::peek(1), RUNS.get()), (None, 0));
    run(1);
    assert_eq!(run::peek(1), Some(1));
    TIME.advance(10 * SECOND);
    assert_eq!((run::peek(1), run::get_ttl(1), RUNS.get()), (None, None, 1));
}

#[test]
fn c52_uncached_executes_refresh_replaces_put_replaces_invalidate_and_expire_forget() {
    static RUNS: Count = Count::new();
    #[cached(ttl = 1000)]
    fn run(_x: u8) -> usize {
        RUNS.next()
    }
    assert_eq!((run(1), run::uncached(1), run(1)), (1, 2, 1));
    assert_eq!((run::refresh(1), run(1)), (3, 3));
    run::put(1, 70);
    assert_eq!((run(1), RUNS.get()), (70, 3));
    assert!(run::invalidate(1) && !run::invalidate(1));
    assert_eq!(run::peek(1), None);
    assert_eq!(run(1), 4);
    assert!(run::expire(1) && !run::expire(1));
    assert_eq!(run::peek(1), None);
    assert_eq!(run(1), 5);
    run::clear();
    assert_eq!(run::peek(1), None);
}

#[test]
fn c52_the_companions_of_an_async_fn_do_the_same() {
    static RUNS: Count = Count::new();
    #[cached(ttl = 1000)]
    async fn run(_x: u8) -> usize {
        RUNS.next()
    }
    limited_wide(|| {
        larder::wait(async {
            assert_eq!((run(1).await, run::uncached(1).await, run(1).await), (1, 2, 1));
            assert_eq!((run::refresh(1).await, run(1).await), (3, 3));
            run::put(1, 70).await;
            assert_eq!((run(1).await, RUNS.get()), (70, 3));
            assert!(run::invalidate(1).await && !run::invalidate(1).await);
            assert_eq!((run::peek(1).await, run(1).await), (None, 4));
            assert!(run::expire(1).await && !run::expire(1).await);
            assert_eq!((run::peek(1).await, run(1).await), (None, 5));
            run::clear();
            assert_eq!(run::peek(1).await, None);
        });
    });
}

#[test]
fn c53_get_ttl_gives_the_value_and_what_is_left() {
    clocked!(TIME, HERE);
    #[cached(client = HERE, ttl = "10s")]
    fn run(x: u8) -> u8 {
        x
    }
    #[cached]
    fn endless(x: u8) -> u8 {
        x
    }
    run(1);
    TIME.advance(3 * SECOND);
    let (value, left) = run::get_ttl(1).unwrap();
    assert_eq!(value, 1);
    assert!(left <= 7 * SECOND && left > 6 * SECOND, "{left:?}");
    endless(1);
    assert_eq!(endless::get_ttl(1), Some((1, Duration::MAX)));
}

#[test]
fn c54_an_explicit_namespace_is_used_verbatim() {
    static HERE: Inproc = Inproc::new(100);
    #[cached(client = HERE, namespace = "scores")]
    fn first(x: u64) -> u64 {
        x + 1
    }
    #[cached(client = HERE, namespace = "scores")]
    fn second(_x: u64) -> u64 {
        unreachable!("the first one's value is here")
    }
    first(7);
    assert_eq!(second(7), 8);
    assert_eq!(HERE.open::<u64, u64>("scores").get(&7), Some(8));
}

/// The automatic namespace cannot be opened by others at all, so its name is seen on the function.
#[test]
fn c54_an_automatic_namespace_begins_with_the_module_and_is_nobody_elses() {
    static HERE: Inproc = Inproc::new(100);
    fn name<F: CachedFn + ?Sized>() -> String {
        F::memo().name()
    }
    mod short {
        #[larder::cached(client = super::HERE_TOO, ttl = 10)]
        pub(super) fn score(x: u64) -> u64 {
            x
        }
    }
    mod long {
        #[larder::cached(client = super::HERE_TOO, ttl = 20)]
        pub(super) fn score(x: u64) -> u64 {
            x + 1
        }
    }
    assert!(name::<short::score>().starts_with(module_path!()));
    assert_ne!(name::<short::score>(), name::<long::score>());
    assert_eq!((short::score(7), long::score(7)), (7, 8));
    assert_eq!(HERE.open::<u64, u64>(&name::<short::score>()).get(&7), None);
}

static HERE_TOO: Inproc = Inproc::new(100);

#[test]
fn c54_without_a_namespace_the_bare_key_is_used() {
    static HERE: Inproc = Inproc::new(100);
    #[cached(client = HERE, namespace = none)]
    fn bare(x: u64) -> u64 {
        x + 1
    }
    bare(7);
    assert_eq!(HERE.open::<u64, u64>("").get(&7), Some(8));
}

/// In process nothing is serialised: what is stored is the value itself, and each caller gets a
/// clone of it.
#[test]
fn c55_values_are_stored_and_handed_out_by_clone() {
    static CLONES: Count = Count::new();
    #[derive(Debug, PartialEq)]
    struct Value(u8);
    impl Clone for Value {
        fn clone(&self) -> Self {
            CLONES.next();
            Value(self.0)
        }
    }
    #[cached]
    fn value(x: u8) -> Value {
        Value(x)
    }
    assert_eq!(value(1), Value(1));
    assert_eq!(CLONES.get(), 1, "one to store");
    assert_eq!((value(1), value::peek(1)), (Value(1), Some(Value(1))));
    assert_eq!(CLONES.get(), 3, "one for each hit");
}

/// The initialiser is the `client` expression: evaluated once, before the first access, not at
/// definition. What `decorate` wraps is the function body, with any other attribute of yours.
#[test]
fn c56_the_client_is_made_once_before_the_first_access() {
    static MADE: Count = Count::new();
    fn client() -> Inproc {
        MADE.next();
        Inproc::new(100)
    }
    #[cached(client = client())]
    fn run(x: u8) -> u8 {
        x
    }
    assert_eq!(MADE.get(), 0);
    limited_wide(|| {
        thread::scope(|scope| (0..8).for_each(|x| drop(scope.spawn(move || run(x)))));
        run::peek(1);
        run::invalidate(1);
    });
    assert_eq!(MADE.get(), 1);
}

#[test]
fn c57_on_value_fires_once_per_computation_with_key_and_value() {
    static TOLD: Mutex<Vec<(u8, u16)>> = Mutex::new(Vec::new());
    #[cached]
    fn square(x: u8) -> u16 {
        u16::from(x).pow(2)
    }
    square::on_value(|x, value| TOLD.lock().unwrap().push((*x, *value)));
    limited_wide(|| {
        assert_eq!(square(9), square(9));
        square::refresh(9);
        square::put(9, 0);
        square::future(4).wait();
        until("the hook was called", || TOLD.lock().unwrap().len() == 3);
    });
    assert_eq!(*TOLD.lock().unwrap(), [(9, 81), (9, 81), (4, 16)]);
}

#[test]
fn c57_a_hook_that_panics_harms_nobody() {
    static TOLD: Count = Count::new();
    #[cached]
    fn run(x: u8) -> u8 {
        x
    }
    run::on_value(|_, _| panic!("a broken hook"));
    run::on_value(|_, _| TOLD.add());
    assert_eq!(run(1), 1);
    assert_eq!((run::peek(1), TOLD.get()), (Some(1), 1));
    limited_wide(|| assert_eq!(run::future(2).wait(), 2));
}

/// The key function is the key's own `Hash`, `Eq` and `Clone` and the `key` expression. A panic
/// there is the caller's bug: it reaches him, and harms no other call.
#[test]
fn c66_a_failing_key_harms_nobody_else() {
    #[derive(Clone, PartialEq, Eq)]
    struct Bad(u8);
    impl std::hash::Hash for Bad {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            assert_ne!(self.0, 13, "unlucky");
            state.write_u8(self.0);
        }
    }
    #[cached]
    fn run(bad: Bad) -> u8 {
        [bad].map(|bad| bad.0)[0]
    }
    #[cached(key = { assert_ne!(x, 13, "unlucky"); x / 2 } as u8)]
    fn halved(x: u8) -> u8 {
        x
    }
    limited_wide(|| {
        assert!(panic_of(|| run(Bad(13))).contains("unlucky"));
        assert!(panic_of(|| run::future(Bad(13))).contains("unlucky"));
        assert_eq!((run(Bad(1)), run::peek(Bad(1)), run::uncached(Bad(13))), (1, Some(1), 13));
        assert!(panic_of(|| halved(13)).contains("unlucky"));
        assert_eq!((halved(4), halved(5), halved::uncached(13)), (4, 4, 13));
    });
}

#[test]
fn c67_future_refresh_gives_a_new_value_and_invalidate_forgets() {
    static RUNS: Count = Count::new();
    #[cached(ttl = 1000)]
    fn run(_x: u8) -> usize {
        RUNS.next()
    }
    limited_wide(|| {
        assert_eq!(run(1), 1);
        assert_eq!(run::future_refresh(1).wait(), 2);
        assert_eq!(run::peek(1), Some(2));
        assert!(run::invalidate(1));
        assert_eq!(run::peek(1), None);
    });
}
