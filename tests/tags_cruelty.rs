//! The cruelty suite through tags: what happens to a value whose tag is invalidated while it is being
//! computed (X1), whose tag's record goes (X9, X10), under many callers (X8, X19), with many tags (X27).

mod common;

use common::{Gate, Stage, limited_wide, on_one_thread, until};
use larder::{
    Budget, CacheExt, Entry, ManualClock, Namespace, Near, Null, Shared, TableOptions, TagSource,
    Timeout, Validity, cached, invalidate_tag, wait,
};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn forget(tag: &str) {
    wait(invalidate_tag(tag)).unwrap();
}

#[test]
fn x1_a_load_that_a_tag_has_made_old_is_not_stored_and_later_callers_load_anew() {
    static STAGE: Stage = Stage::new();
    #[cached(ttl = 1000, tags = ["x1 sync"])]
    fn run() -> usize {
        STAGE.run()
    }
    limited_wide(|| {
        let leader = thread::spawn(run);
        STAGE.await_run(1);
        let follower = thread::spawn(run);
        until("the follower waits", || run::stats().waiters == 1);
        forget("x1 sync");
        let later = thread::spawn(run);
        STAGE.await_run(2);
        STAGE.end_run(2);
        assert_eq!((later.join().unwrap(), run::peek()), (2, Some(2)));
        STAGE.end_run(1);
        assert_eq!(leader.join().unwrap(), 1);
        // Whoever waited since before gets what he waited for, or what is newer.
        assert!(follower.join().unwrap() <= 2);
        assert_eq!((run(), run::stats().fenced), (2, 1));
    });
}

#[test]
fn x1_a_load_that_a_tag_has_made_old_leaves_nothing_behind() {
    static STAGE: Stage = Stage::new();
    #[cached(ttl = 1000, tags = ["x1 nothing"])]
    fn run() -> usize {
        STAGE.run()
    }
    limited_wide(|| {
        let leader = thread::spawn(run);
        STAGE.await_run(1);
        forget("x1 nothing");
        STAGE.end_run(1);
        assert_eq!((leader.join().unwrap(), run::peek(), run::stats().fenced), (1, None, 1));
    });
}

#[test]
fn x1_the_same_for_an_async_fn() {
    static STAGE: Stage = Stage::new();
    #[cached(ttl = 1000, tags = ["x1 async"])]
    async fn run() -> usize {
        STAGE.run_async().await
    }
    limited_wide(|| {
        let leader = thread::spawn(|| on_one_thread(run()));
        STAGE.await_run(1);
        forget("x1 async");
        let later = thread::spawn(|| wait(run()));
        STAGE.await_run(2);
        STAGE.end_run(2);
        assert_eq!(later.join().unwrap(), 2);
        STAGE.end_run(1);
        assert_eq!((leader.join().unwrap(), wait(run::peek())), (1, Some(2)));
    });
}

#[test]
fn x1_the_same_for_an_async_fn_whose_caller_computes() {
    static STAGE: Stage = Stage::new();
    #[cached(ttl = 1000, tags = ["x1 inline"], skip(extra))]
    async fn run(extra: &u8) -> usize {
        let _ = extra;
        STAGE.run_async().await
    }
    limited_wide(|| {
        let leader = thread::spawn(|| on_one_thread(run(&0)));
        STAGE.await_run(1);
        forget("x1 inline");
        let later = thread::spawn(|| wait(run(&0)));
        STAGE.await_run(2);
        STAGE.end_run(2);
        assert_eq!(later.join().unwrap(), 2);
        STAGE.end_run(1);
        assert_eq!((leader.join().unwrap(), wait(run(&0))), (1, 2));
    });
}

#[test]
fn x1_a_background_refresh_that_a_tag_has_made_old_is_not_stored() {
    clocked!(TIME, HERE);
    static STAGE: Stage = Stage::new();
    #[cached(client = HERE, ttl = 100, async_ttl, tags = ["x1 background"])]
    fn run() -> usize {
        STAGE.run()
    }
    limited_wide(|| {
        STAGE.end_run(1);
        assert_eq!(run(), 1);
        TIME.advance(60 * SECOND);
        assert_eq!(run(), 1);
        STAGE.await_run(2);
        forget("x1 background");
        STAGE.end_run(2);
        until("the refresh is turned away", || run::stats().fenced == 1);
        assert_eq!(run::peek(), None);
        STAGE.end_run(3);
        assert_eq!(run(), 3);
    });
}

#[test]
fn x1_a_load_that_nobody_waits_for_any_more_is_not_stored() {
    clocked!(TIME, HERE);
    static STAGE: Stage = Stage::new();
    #[cached(client = HERE, ttl = 1000, tags = ["x1 timeout"])]
    fn run() -> usize {
        STAGE.run()
    }
    limited_wide(|| {
        let waiting = thread::spawn(|| run::entry().get_within(SECOND));
        STAGE.await_run(1);
        until("the second is over", || {
            TIME.advance(SECOND);
            waiting.is_finished()
        });
        assert_eq!(waiting.join().unwrap(), Err(Timeout));
        forget("x1 timeout");
        STAGE.end_run(1);
        until("the result was turned away", || run::stats().fenced == 1);
        assert_eq!(run::peek(), None);
    });
}

#[test]
fn x1_a_batch_that_has_used_what_a_tag_made_old_is_not_stored() {
    clocked!(TIME, HERE);
    static GATES: [Gate; 2] = [const { Gate::new() }; 2];
    #[cached(client = HERE, ttl = 1000, tags = ["x1 batch"])]
    fn rate() -> u64 {
        2
    }
    limited_wide(|| {
        TIME.advance(SECOND);
        let near = HERE.open::<u64, u64>("x1 batch");
        let products = near.clone();
        let batch = thread::spawn(move || {
            products.get_or_compute_many(&[1, 2], |keys| {
                let rate = rate();
                GATES[0].pass();
                keys.iter().map(|key| rate * key).collect()
            })
        });
        GATES[0].await_arrivals(1);
        forget("x1 batch");
        GATES[0].open();
        assert_eq!((batch.join().unwrap(), near.get_many(&[1, 2])), (vec![2, 4], vec![None; 2]));

        let shared = Shared::new(near.clone());
        let batch = thread::spawn(move || {
            wait(CacheExt::get_or_compute_many(&shared, &[3, 4], |keys: Vec<u64>| async move {
                let rate = rate();
                GATES[1].pass_async().await;
                keys.iter().map(|key| rate * key).collect()
            }))
        });
        GATES[1].await_arrivals(1);
        forget("x1 batch");
        GATES[1].open();
        assert_eq!((batch.join().unwrap(), near.get_many(&[3, 4])), (vec![6, 8], vec![None; 2]));
        assert_eq!(near.get_or_compute_many(&[3, 4], |keys| keys.to_vec()), [3, 4]);
        assert_eq!(near.get_many(&[3, 4]), [Some(3), Some(4)]);
    });
}

#[test]
fn x1_who_comes_after_the_invalidation_does_not_get_what_was_made_from_an_older_part() {
    scene!(STAGE, part, "x1 part");
    #[cached(ttl = 1000)]
    fn whole() -> (usize, usize) {
        let part = part();
        (STAGE.run(), part)
    }
    limited_wide(|| {
        let leader = thread::spawn(whole);
        STAGE.await_run(1);
        forget("x1 part");
        let later = thread::spawn(whole);
        until("the later one waits", || whole::stats().waiters == 1);
        STAGE.end_run(2);
        STAGE.end_run(1);
        assert_eq!((leader.join().unwrap(), later.join().unwrap()), ((1, 1), (2, 2)));
        assert_eq!((whole(), part()), ((2, 2), 2));
    });
}

/// A source over records that live in a near cache, for whatever time.
fn source(records: &Near<String, u64>, time: &ManualClock) -> TagSource {
    TagSource::over(Shared::new(records.clone()), SECOND, time.clock())
}

fn near<K, V>(time: &ManualClock) -> Near<K, V>
where
    K: std::hash::Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Near::new(TableOptions::new(Budget::entries(1000), time.clock()))
}

#[test]
fn x9_an_entry_whose_tags_record_was_evicted_is_invalid() {
    let time = ManualClock::new();
    let (records, values) = (near::<String, u64>(&time), near::<u8, u8>(&time));
    let source = source(&records, &time);
    let tags = wait(source.capture(&["x9".to_owned()])).unwrap();
    let stored: Vec<_> = tags.stored().map(|(name, seen)| (name.to_owned(), seen)).collect();
    values.put_entry(1, Entry::new(1).with_tags(tags));
    assert_eq!(values.get(&1), Some(1));
    time.advance(SECOND);
    assert_eq!(values.get(&1), None, "what is not believed any more is not served");
    assert_eq!(wait(source.resolve(&stored)).unwrap().1, Validity::Valid);
    assert_eq!(values.get(&1), Some(1), "it was asked for, and is as it was");
    for record in ["hx9", "sx9"] {
        assert!(records.delete(record), "{record}");
    }
    assert_eq!(values.get(&1), Some(1), "for as long as it is believed");
    time.advance(SECOND);
    assert_eq!(wait(source.resolve(&stored)).unwrap().1, Validity::Hard);
    assert_eq!(values.get(&1), None);
    assert_eq!(records.len(), 2, "the next captures find a new version");
}

#[test]
fn x10_an_entry_that_lives_longer_than_its_tags_record_does_not_outlive_an_invalidation() {
    let time = ManualClock::new();
    let (records, values) = (near::<String, u64>(&time), near::<u8, u8>(&time));
    let source = source(&records, &time);
    let tags = wait(source.capture(&["x10".to_owned()])).unwrap();
    let stored: Vec<_> = tags.stored().map(|(name, seen)| (name.to_owned(), seen)).collect();
    values.put_entry(1, Entry::new(1).with_ttl(1000).with_tags(tags));
    wait(source.invalidate(&["x10".to_owned()], larder::Invalidation::Hard)).unwrap();
    assert_eq!(values.get(&1), None);
    for _ in 0..3 {
        // The record of the invalidation goes; nothing comes back.
        records.clear();
        time.advance(20 * SECOND);
        assert_eq!(wait(source.resolve(&stored)).unwrap().1, Validity::Hard);
        assert_eq!(values.get(&1), None);
    }
}

#[test]
fn x8_a_value_whose_tags_cannot_be_read_is_not_stored_and_its_callers_are_not_serialised() {
    static STAGE: Stage = Stage::new();
    static NOWHERE: Null = Null;
    #[cached(client = NOWHERE, tags = ["x8"])]
    fn run() -> usize {
        STAGE.run()
    }
    limited_wide(|| {
        let callers: Vec<_> = (0..100).map(|_| thread::spawn(run)).collect();
        until("all but one wait", || run::stats().waiters == 99);
        STAGE.end_run(1);
        assert!(callers.into_iter().all(|caller| caller.join().unwrap() == 1));
        assert_eq!((run::stats().computations, run::peek()), (1, None));
    });
}

#[test]
fn x8_a_source_that_keeps_nothing_is_told_as_unreachable() {
    let records = Shared::new(larder::Client::<String, u64>::open(&Null, &Namespace::new("~tags")));
    let source = TagSource::over(records, SECOND, ManualClock::new().clock());
    let error = wait(source.capture(&["x8 away".to_owned()])).unwrap_err();
    assert!(error.is_unreachable() && error.to_string().contains("x8 away"), "{error}");
}

#[test]
fn x19_no_fill_of_many_threads_survives_an_invalidation_that_came_after_it_began() {
    static NOW: AtomicU64 = AtomicU64::new(0);
    static OVER: AtomicBool = AtomicBool::new(false);
    #[cached(ttl = 1000, tags = ["x19", "x19:{key}"])]
    fn inner(key: u8) -> u64 {
        let _ = key;
        NOW.load(Ordering::SeqCst)
    }
    #[cached(ttl = 1000)]
    fn outer(key: u8) -> u64 {
        inner(key)
    }
    #[cached(ttl = 1000)]
    async fn outermost(key: u8) -> u64 {
        outer(key)
    }
    limited_wide(|| {
        static DONE: AtomicU64 = AtomicU64::new(0);
        let readers: Vec<_> = (0..3)
            .map(|reader| {
                thread::spawn(move || {
                    let mut key = reader;
                    while !OVER.load(Ordering::SeqCst) {
                        key = (key + 1) % 5;
                        let done = DONE.load(Ordering::SeqCst);
                        let got = match reader {
                            0 => inner(key),
                            1 => outer(key),
                            _ => wait(outermost(key)),
                        };
                        assert!(got >= done, "got {got} after {done} was invalidated");
                    }
                })
            })
            .collect();
        for turn in 1..=3000 {
            NOW.store(turn, Ordering::SeqCst);
            if turn % 2 == 0 {
                forget("x19");
            } else {
                (0..5).for_each(|key| forget(&format!("x19:{key}")));
            }
            DONE.store(turn, Ordering::SeqCst);
        }
        OVER.store(true, Ordering::SeqCst);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

#[test]
fn x27_a_million_tags_that_were_used_leave_nothing() {
    let time = ManualClock::new();
    let values = near::<u64, u64>(&time);
    let source = TagSource::local();
    let mut most = 0;
    for n in 0..1_000_000 {
        let tags = wait(source.capture(&[format!("x27 {n}")])).unwrap();
        values.put_entry(n, Entry::new(n).with_tags(tags));
        most = most.max(source.len());
    }
    assert!(values.len() <= 1000);
    // Twice those that a thousand entries carry, and what other tests use meanwhile.
    assert!(most < 5000, "{most} tags");
}
