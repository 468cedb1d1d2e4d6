//! Single flight, fence and failures of the direct, blocking face; alone and mixed with tasks.

use cache_clients::Inproc;
use cache_core::Near;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;

type Numbers = Near<u32, u32>;

/// The face for tasks, out of the way: on an `Arc<Near>` its names would win over the direct ones.
mod tasks {
    use cache_core::{CacheExt, Near, wait};
    use std::future::Future;

    pub(super) fn one<V, Fut>(
        cache: &Near<u32, V>,
        key: u32,
        compute: impl FnOnce() -> Fut + Send + 'static,
    ) -> V
    where
        V: Clone + Send + Sync + 'static,
        Fut: Future<Output = V> + Send + 'static,
    {
        wait(CacheExt::get_or_compute(cache, &key, compute))
    }

    pub(super) fn many<V, Fut>(
        cache: &Near<u32, V>,
        keys: &[u32],
        compute: impl Fn(Vec<u32>) -> Fut + Send + Sync + 'static,
    ) -> Vec<V>
    where
        V: Clone + Send + Sync + 'static,
        Fut: Future<Output = Vec<V>> + Send + 'static,
    {
        wait(CacheExt::get_or_compute_many(cache, keys, compute))
    }
}

fn numbers() -> Numbers {
    Inproc::new(1000).open("numbers")
}

/// Waits until somebody has joined the flight that the caller leads.
fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or(panic.downcast_ref::<&str>().copied())
        .unwrap()
}

/// Runs `followers` callers of one key against a computation that ends when all have had a chance.
fn crowd(cache: &Numbers, callers: usize, compute: impl Fn() -> u32 + Sync) -> Vec<Option<u32>> {
    let start = Barrier::new(callers);
    thread::scope(|scope| {
        let call = || {
            start.wait();
            catch_unwind(AssertUnwindSafe(|| cache.get_or_compute(&7, &compute))).ok()
        };
        let threads: Vec<_> = (0..callers).map(|_| scope.spawn(call)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn many_threads_share_one_computation() {
    for _ in 0..50 {
        let (cache, computed) = (numbers(), AtomicUsize::new(0));
        let values = crowd(&cache, 8, || {
            computed.fetch_add(1, Ordering::Relaxed);
            thread::yield_now();
            49
        });
        assert!(values.iter().all(|value| *value == Some(49)));
        assert_eq!(computed.into_inner(), 1);
        assert!(cache.flights().is_empty());
    }
}

#[test]
fn many_tasks_share_one_computation() {
    for round in 0..100 {
        let (cache, computed) = (numbers(), Arc::new(AtomicUsize::new(0)));
        let start = Barrier::new(6);
        thread::scope(|scope| {
            for caller in 0..6 {
                let (cache, computed, start) = (&cache, computed.clone(), &start);
                scope.spawn(move || {
                    start.wait();
                    if (round + caller) % 2 == 0 {
                        let compute = move || async move {
                            computed.fetch_add(1, Ordering::Relaxed);
                            49
                        };
                        return assert_eq!(tasks::one(cache, 7, compute), 49);
                    }
                    let compute = move |missing: Vec<u32>| {
                        computed.fetch_add(missing.len(), Ordering::Relaxed);
                        async move { missing.iter().map(|_| 49).collect() }
                    };
                    assert_eq!(tasks::many(cache, &[7], compute), [49]);
                });
            }
        });
        assert_eq!(computed.load(Ordering::Relaxed), 1, "in round {round}");
    }
}

#[test]
fn x1_changes_during_a_blocking_computation_win() {
    type Change = fn(&Near<u32, u32>);
    let changes: [(Change, Option<u32>); 6] = [
        (|cache| assert!(!cache.delete(&7)), None),
        (|cache| assert!(!cache.expire(&7)), None),
        (|cache| cache.clear(), None),
        (|cache| assert_eq!(cache.delete_many(&[7]), 0), None),
        (|cache| assert!(cache.put(7, 1)), Some(1)),
        (|cache| assert!(cache.add(7, 1)), Some(1)),
    ];
    for (change, left) in changes {
        let cache = numbers();
        let computed = cache.get_or_compute(&7, || {
            change(&cache);
            49
        });
        assert_eq!((computed, cache.get(&7)), (49, left));
        let cache = numbers();
        let many = cache.get_or_compute_many(&[6, 7, 8], |missing| {
            change(&cache);
            missing.to_vec()
        });
        assert_eq!((many, cache.get(&7)), (vec![6, 7, 8], left));
    }
}

#[test]
fn x1_what_fails_to_change_does_not_fence() {
    let cache = numbers();
    cache.put(8, 1);
    let computed = cache.get_or_compute(&7, || {
        assert!(!cache.add(8, 2) && !cache.renew(&7, 10) && cache.delete(&8));
        49
    });
    assert_eq!((computed, cache.get(&7)), (49, Some(49)));
}

#[test]
fn x1_callers_after_an_invalidation_start_afresh_and_those_before_get_the_old_result() {
    let cache = numbers();
    let (entered, wait_entered) = channel();
    let (release, wait_release) = channel::<()>();
    thread::scope(|scope| {
        let old = scope.spawn(|| {
            cache.get_or_compute(&7, move || {
                entered.send(()).unwrap();
                wait_release.recv().unwrap();
                1
            })
        });
        wait_entered.recv().unwrap();
        cache.delete(&7);
        assert_eq!(cache.get_or_compute(&7, || 2), 2);
        release.send(()).unwrap();
        assert_eq!(old.join().unwrap(), 1);
    });
    assert_eq!(cache.get(&7), Some(2));
}

#[test]
fn x2_failing_computations_run_one_after_the_other() {
    let (cache, running, most) = (numbers(), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let failed = cache.try_get_or_compute(&7, || {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    thread::yield_now();
                    running.fetch_sub(1, Ordering::SeqCst);
                    Err("failed")
                });
                assert_eq!(failed, Err("failed"));
            });
        }
    });
    assert_eq!(most.into_inner(), 1);
    assert!(cache.flights().is_empty());
}

#[test]
fn x4_a_panic_is_for_its_own_caller_and_the_next_computes() {
    for _ in 0..50 {
        let (cache, computed) = (numbers(), AtomicUsize::new(0));
        let values = crowd(&cache, 6, || {
            assert!(computed.fetch_add(1, Ordering::Relaxed) > 0, "the first one fails");
            49
        });
        assert_eq!(values.iter().filter(|value| value.is_none()).count(), 1);
        assert!(values.into_iter().flatten().all(|value| value == 49));
        assert_eq!(computed.into_inner(), 2);
    }
}

#[test]
fn x7_recursion_on_the_own_key_is_an_error_with_a_name() {
    let cache = numbers();
    let inside = AssertUnwindSafe(|| cache.get_or_compute(&7, || cache.get_or_compute(&7, || 1)));
    let panic = catch_unwind(inside).unwrap_err();
    assert!(message(&*panic).contains("`numbers` waits for itself"), "{}", message(&*panic));
    let inside = AssertUnwindSafe(|| {
        cache.get_or_compute_many(&[6, 7], |missing| {
            missing.iter().map(|_| cache.get_or_compute(&6, || 1)).collect()
        })
    });
    assert!(message(&*catch_unwind(inside).unwrap_err()).contains("waits for itself"));
    assert_eq!(cache.get_or_compute(&7, || 2), 2);
}

#[test]
fn x7_a_circle_over_two_threads_is_an_error_in_one_and_a_value_in_the_other() {
    let (cache, both) = (numbers(), Barrier::new(2));
    let call = |mine: u32, other: u32| {
        catch_unwind(AssertUnwindSafe(|| {
            cache.get_or_compute(&mine, || {
                both.wait();
                // Whoever is refused must not make the other one start it again.
                cache.get_or_compute(&other, || 100 + other)
            })
        }))
    };
    thread::scope(|scope| {
        let (a, b) = (scope.spawn(|| call(1, 2)), scope.spawn(|| call(2, 1)));
        let results = [a.join().unwrap(), b.join().unwrap()];
        let refused: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
        assert_eq!(refused.len(), 1, "{results:?}");
        assert!(message(&**refused[0]).contains("waits for itself"));
    });
    assert!(cache.flights().is_empty());
}

#[test]
fn x7_deep_recursion_over_different_keys_is_fine() {
    fn fibonacci(cache: &Near<u64, u64>, n: u64) -> u64 {
        cache.get_or_compute(&n, || match n {
            0 | 1 => n,
            _ => fibonacci(cache, n - 1) + fibonacci(cache, n - 2),
        })
    }
    let cache = Inproc::new(1000).open::<u64, u64>("fibonacci");
    assert_eq!(fibonacci(&cache, 90), 2_880_067_194_370_816_120);
}

#[test]
fn x20_crossed_batches_of_threads_finish() {
    for round in 0..200 {
        let (cache, start, computed) = (numbers(), Barrier::new(3), AtomicUsize::new(0));
        thread::scope(|scope| {
            for thread in 0..3_u32 {
                let (cache, start, computed) = (&cache, &start, &computed);
                scope.spawn(move || {
                    let mut keys: Vec<u32> = (0..10).collect();
                    keys.rotate_left((thread * 3 + round % 4) as usize);
                    if thread == 1 {
                        keys.reverse();
                    }
                    start.wait();
                    let values = cache.get_or_compute_many(&keys, |missing| {
                        computed.fetch_add(missing.len(), Ordering::Relaxed);
                        missing.iter().map(|n| n * n).collect()
                    });
                    assert_eq!(values, keys.iter().map(|n| n * n).collect::<Vec<_>>());
                });
            }
        });
        assert_eq!(computed.into_inner(), 10, "a key was computed twice");
    }
}

#[test]
fn x20_a_batch_goes_on_where_another_one_failed() {
    let cache = numbers();
    let (entered, wait_entered) = channel();
    let (release, wait_release) = channel::<()>();
    thread::scope(|scope| {
        let failing = scope.spawn(|| {
            catch_unwind(AssertUnwindSafe(|| {
                cache.get_or_compute_many(&[1, 2, 3], move |_| {
                    entered.send(()).unwrap();
                    wait_release.recv().unwrap();
                    panic!("the batch's own words")
                })
            }))
        });
        wait_entered.recv().unwrap();
        let next = scope.spawn(|| {
            let mut calls = Vec::new();
            let values = cache.get_or_compute_many(&[4, 3, 2], |missing| {
                calls.push(missing.to_vec());
                missing.to_vec()
            });
            (values, calls)
        });
        until(|| cache.contains(&4));
        release.send(()).unwrap();
        assert_eq!(message(&*failing.join().unwrap().unwrap_err()), "the batch's own words");
        let (values, calls) = next.join().unwrap();
        assert_eq!(values, [4, 3, 2]);
        assert_eq!(calls, [vec![4], vec![3, 2]]);
    });
    assert!(!cache.contains(&1) && cache.flights().is_empty());
}

#[test]
fn x20_too_few_values_are_an_error_and_what_came_is_kept() {
    let cache = numbers();
    let inside = AssertUnwindSafe(|| cache.get_or_compute_many(&[1, 2, 3], |_| vec![1, 4]));
    let panic = catch_unwind(inside).unwrap_err();
    assert_eq!(message(&*panic), "the computation of a batch gave 2 values for 3 keys");
    assert_eq!(cache.get_many(&[1, 2, 3]), [Some(1), Some(4), None]);
    let short = AssertUnwindSafe(|| tasks::many(&cache, &[4, 5], |_| async { vec![16] }));
    let panic = catch_unwind(short).unwrap_err();
    assert_eq!(message(&*panic), "the computation of a batch gave 1 values for 2 keys");
    assert_eq!(cache.get_many(&[4, 5]), [Some(16), None]);
    assert!(cache.flights().is_empty());
}

#[test]
fn x7_a_batch_of_tasks_that_asks_for_its_own_key_is_an_error() {
    for asked in [1, 2, 3] {
        let cache = numbers();
        let inner = cache.clone();
        let circle = move |missing| {
            let inner = inner.clone();
            async move {
                tasks::one(&inner, asked, || async { 1 });
                missing
            }
        };
        let inside = AssertUnwindSafe(|| tasks::many(&cache, &[1, 2, 3], circle));
        let panic = catch_unwind(inside).unwrap_err();
        assert!(message(&*panic).contains("waits for itself"), "{}", message(&*panic));
        assert!(cache.flights().is_empty());
    }
}

#[test]
fn threads_and_tasks_join_each_others_computations() {
    let cache = numbers();
    let (entered, wait_entered) = channel();
    let (release, wait_release) = channel::<()>();
    thread::scope(|scope| {
        let leader = scope.spawn(|| {
            cache.get_or_compute(&7, move || {
                entered.send(()).unwrap();
                wait_release.recv().unwrap();
                49
            })
        });
        wait_entered.recv().unwrap();
        let task = scope.spawn(|| tasks::one(&cache, 7, || async { 1 }));
        let many = scope.spawn(|| tasks::many(&cache, &[7, 8], |missing| async { missing }));
        until(|| cache.contains(&8));
        release.send(()).unwrap();
        assert_eq!((leader.join().unwrap(), task.join().unwrap()), (49, 49));
        assert_eq!(many.join().unwrap(), [49, 8]);
    });
}

#[test]
fn values_are_dropped_with_their_flights() {
    let cache = Inproc::new(10).open::<u32, Arc<()>>("values");
    let value = Arc::new(());
    for key in 0..5 {
        let made = value.clone();
        drop(tasks::one(&cache, key, || async { made }));
        let made = value.clone();
        drop(tasks::many(&cache, &[10, 11], move |missing| {
            let made = made.clone();
            async move { missing.iter().map(|_| made.clone()).collect() }
        }));
    }
    cache.clear();
    assert_eq!(Arc::strong_count(&value), 1);
}
