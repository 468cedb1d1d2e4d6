//! The cruelty suite for batches: changes during a load, partial hits and failures, duplicates (X1, X20).

mod common;

use common::{Count, Gate, limited_wide, on_one_thread, panic_of};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn x1_keys_of_a_batch_that_are_changed_during_its_load_keep_the_change() {
    clocked!(TIME, HERE);
    static GATE: Gate = Gate::new();
    limited_wide(|| {
        TIME.advance(SECOND);
        let cache = HERE.open::<u64, u64>("batch");
        let here = cache.clone();
        let batch = thread::spawn(move || {
            here.get_or_compute_many(&[1, 2, 3, 4], |missing| {
                GATE.pass();
                missing.to_vec()
            })
        });
        GATE.await_arrivals(1);
        cache.delete(&1);
        cache.put(2, 70);
        cache.expire(&3);
        GATE.open();
        assert_eq!(batch.join().unwrap(), [1, 2, 3, 4]);
        assert_eq!(cache.get_many(&[1, 2, 3, 4]), [None, Some(70), None, Some(4)]);
        cache.clear();
        assert_eq!(cache.get_many(&[1, 2, 3, 4]), [None; 4]);
    });
}

#[test]
fn x1_the_same_for_an_async_batch_and_for_a_clear() {
    clocked!(TIME, HERE);
    static GATES: [Gate; 2] = [const { Gate::new() }; 2];
    limited_wide(|| {
        TIME.advance(SECOND);
        let cache = HERE.open::<u64, u64>("batch");
        for (at, gate) in GATES.iter().enumerate() {
            let here = cache.clone();
            let batch = thread::spawn(move || {
                larder::wait(larder::CacheExt::get_or_compute_many(
                    &here,
                    &[1, 2, 3],
                    |missing: Vec<u64>| async {
                        gate.pass_async().await;
                        missing
                    },
                ))
            });
            gate.await_arrivals(1);
            if at == 0 {
                cache.delete(&1);
                cache.put(2, 70);
            } else {
                cache.clear();
            }
            gate.open();
            assert_eq!(batch.join().unwrap(), [1, 2, 3]);
            let stored = cache.get_many(&[1, 2, 3]);
            assert_eq!(stored, if at == 0 { [None, Some(70), Some(3)] } else { [None; 3] });
            cache.clear();
        }
    });
}

#[test]
fn x20_a_batch_with_hits_failures_duplicates_and_keys_of_others() {
    clocked!(TIME, HERE);
    static GATE: Gate = Gate::new();
    static CALLS: Count = Count::new();
    limited_wide(|| {
        TIME.advance(SECOND);
        let cache = HERE.open::<u64, u64>("batch");
        cache.put(1, 10);
        let here = cache.clone();
        let other = thread::spawn(move || {
            here.get_or_compute(&5, || {
                GATE.pass();
                55
            })
        });
        GATE.await_arrivals(1);
        let here = cache.clone();
        let batch = thread::spawn(move || {
            here.try_get_or_compute_many(&[1, 2, 3, 2, 5, 1], |missing| {
                CALLS.next();
                assert_eq!(missing, [2, 3]);
                GATE.open();
                missing.iter().map(|n| (n % 2 == 0).then_some(n * 10)).collect()
            })
        });
        let values = batch.join().unwrap();
        assert_eq!(values, [Some(10), Some(20), None, Some(20), Some(55), Some(10)]);
        assert_eq!((other.join().unwrap(), CALLS.get()), (55, 1));
        assert_eq!(cache.get_many(&[1, 2, 3, 5]), [Some(10), Some(20), None, Some(55)]);
    });
}

#[test]
fn x20_an_async_batch_with_hits_failures_duplicates_and_keys_of_others() {
    clocked!(TIME, HERE);
    static GATE: Gate = Gate::new();
    limited_wide(|| {
        TIME.advance(SECOND);
        let cache = HERE.open::<u64, u64>("batch");
        cache.put(1, 10);
        on_one_thread(async {
            let other = larder::CacheExt::get_or_compute(&cache, &5, || async {
                GATE.pass_async().await;
                55
            });
            let batch = larder::CacheExt::try_get_or_compute_many(
                &cache,
                &[1, 2, 3, 2, 5],
                |missing: Vec<u64>| async move {
                    assert_eq!(missing, [2, 3]);
                    GATE.open();
                    missing.iter().map(|n| (n % 2 == 0).then_some(n * 10)).collect()
                },
            );
            let (other, values) = futures::join!(other, batch);
            assert_eq!(values, [Some(10), Some(20), None, Some(20), Some(55)]);
            assert_eq!((other, cache.get(&3)), (55, None));
        });
    });
}

#[test]
fn x20_a_batch_that_gives_too_few_values_panics_and_leaves_no_key_locked() {
    clocked!(TIME, HERE);
    limited_wide(|| {
        TIME.advance(SECOND);
        let cache = HERE.open::<u64, u64>("batch");
        let message =
            panic_of(|| cache.get_or_compute_many(&[1, 2, 3], |missing| missing[..1].to_vec()));
        assert!(message.contains("1 values for 3 keys"), "{message}");
        assert_eq!(cache.get_or_compute_many(&[1, 2, 3], <[u64]>::to_vec), [1, 2, 3]);
    });
}
