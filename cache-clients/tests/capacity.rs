//! The in-process client's capacity: eviction orders, listeners, weights, sharing, many threads.

use cache_clients::{Inproc, OpenOptions};
use cache_core::table::Cause;
use cache_core::{Aim, Cache, Entry, Eviction, Filled, Lookup, ManualClock, Near, wait};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const ORDERS: [Eviction; 2] = [Eviction::S3Fifo, Eviction::Lru];

fn client(entries: usize, order: Eviction) -> Inproc {
    Inproc::new(entries).with_eviction(order)
}

type Evicted = Arc<Mutex<Vec<(u32, u32, Cause)>>>;

#[test]
fn c18_usage_never_exceeds_the_capacity_and_reaches_it() {
    for order in ORDERS {
        for n in [1, 7, 100, 5000] {
            let caches = client(n, order);
            let cache = caches.open::<usize, usize>("numbers");
            for key in 0..2 * n {
                cache.put(key, key);
                assert!(caches.used() <= n as u64);
            }
            assert_eq!((caches.used(), cache.len()), (n as u64, n), "{order:?}");
        }
    }
}

#[test]
fn c19_the_least_recently_used_entry_goes() {
    let cache = client(10, Eviction::Lru).open::<u32, u32>("numbers");
    cache.put_many((0..10).map(|n| (n, n)));
    assert_eq!(cache.get(&0), Some(0));
    cache.put(10, 10);
    assert!(cache.contains(&0) && !cache.contains(&1));
}

#[test]
fn c20_touching_the_second_most_recent_entry_protects_it() {
    let cache = client(3, Eviction::Lru).open::<u32, u32>("numbers");
    cache.put_many((0..3).map(|n| (n, n)));
    assert_eq!(cache.get(&1), Some(1));
    cache.put_many([(3, 3), (4, 4)]);
    assert!(cache.contains(&1) && !cache.contains(&2));
}

#[test]
fn c20_each_touching_read_protects() {
    let reads: [fn(&Near<u32, u32>); 4] = [
        |cache| assert_eq!(cache.get(&0), Some(0)),
        |cache| assert!(cache.get_ttl(&0).is_some()),
        |cache| assert_eq!(cache.get_many(&[0]), [Some(0)]),
        |cache| assert_eq!(cache.get_or_compute(&0, || unreachable!()), 0),
    ];
    for read in reads {
        let cache = client(3, Eviction::Lru).open::<u32, u32>("numbers");
        cache.put_many((0..3).map(|n| (n, n)));
        read(&cache);
        cache.put(3, 3);
        assert!(cache.contains(&0) && !cache.contains(&1));
    }
}

#[test]
fn c20_reads_that_do_not_touch_leave_the_order() {
    let reads: [fn(&Near<u32, u32>); 2] =
        [|cache| assert_eq!(cache.peek(&0), Some(0)), |cache| assert!(cache.contains(&0))];
    for read in reads {
        let cache = client(3, Eviction::Lru).open::<u32, u32>("numbers");
        cache.put_many((0..3).map(|n| (n, n)));
        read(&cache);
        cache.put(3, 3);
        assert!(!cache.contains(&0) && cache.contains(&1));
    }
}

/// A cache whose evictions are written down.
fn watched(caches: &Inproc) -> (Near<u32, u32>, Evicted) {
    let evicted = Arc::new(Mutex::new(Vec::new()));
    let list = evicted.clone();
    let listener =
        move |key: &u32, value: &u32, cause| list.lock().unwrap().push((*key, *value, cause));
    (caches.open_with("watched", OpenOptions::new().with_listener(listener)), evicted)
}

#[test]
fn c21_the_listener_hears_of_each_victim_once() {
    for order in ORDERS {
        let (cache, evicted) = watched(&client(50, order));
        for key in 0..500 {
            cache.put(key, key + 1);
            cache.get(&(key / 2));
        }
        let evicted = evicted.lock().unwrap();
        assert!(
            evicted
                .iter()
                .all(|(key, value, cause)| *value == key + 1 && *cause == Cause::Capacity)
        );
        let gone: HashSet<u32> = evicted.iter().map(|(key, ..)| *key).collect();
        assert_eq!(gone.len(), evicted.len(), "somebody was told of twice");
        let kept = (0..500).filter(|key| cache.contains(key));
        assert!(kept.clone().all(|key| !gone.contains(&key)));
        assert_eq!(gone.len() + kept.count(), 500, "{order:?}");
    }
}

#[test]
fn c21_the_listener_hears_nothing_of_other_endings() {
    for order in ORDERS {
        let time = ManualClock::new();
        let (cache, evicted) = watched(&client(10, order).with_clock(time.clock()));
        cache.put(1, 1);
        cache.put(1, 2);
        assert!(cache.delete(&1));
        cache.put(2, 2);
        cache.clear();
        cache.put_for(3, 3, 10);
        time.advance(Duration::from_secs(10));
        cache.put_for(3, 4, 10);
        cache.expire(&3);
        assert_eq!(cache.purge(Duration::ZERO), 1);
        assert_eq!(*evicted.lock().unwrap(), []);
    }
}

#[test]
fn c22_a_capacity_of_zero_stores_nothing_and_works() {
    for order in ORDERS {
        let caches = client(0, order);
        let cache = caches.open::<u32, u32>("numbers");
        assert!(!cache.put(1, 1) && !cache.add(1, 1));
        assert_eq!((cache.get(&1), cache.len(), caches.used()), (None, 0, 0));
        assert_eq!(cache.get_or_compute(&1, || 2), 2);
        assert_eq!(cache.get_or_compute_many(&[1, 1], |missing| vec![3; missing.len()]), [3, 3]);
        assert!(!cache.renew(&1, 10) && !cache.expire(&1) && !cache.delete(&1));
        assert_eq!(cache.purge(Duration::ZERO), 0);
        cache.clear();
    }
}

#[test]
fn c22_get_or_compute_gives_the_existing_value() {
    let cache = Inproc::new(10).open::<u32, u32>("numbers");
    cache.put(1, 10);
    assert_eq!(cache.get_or_compute(&1, || 20), 10);
    assert!(!cache.add(1, 20));
    assert_eq!(cache.get(&1), Some(10));
}

#[test]
fn c22_a_value_is_replaced_under_a_lease_only_where_nothing_has_happened_since() {
    for order in ORDERS {
        let cache = client(10, order).open::<u32, u32>("numbers");
        let lease = || wait(Cache::lookup(&cache, &1, Aim::Replace)).unwrap();
        let fill = |value, seen: Lookup<u32>| {
            wait(Cache::fill(&cache, &1, Entry::new(value), seen.into_lease())).unwrap()
        };
        cache.put(1, 10);
        assert_eq!((fill(11, lease()), cache.get(&1)), (Filled::Stored, Some(11)));
        let seen = lease();
        cache.put(1, 20);
        assert_eq!((fill(12, seen), cache.get(&1)), (Filled::Fenced, Some(20)));
        let seen = lease();
        cache.delete(&1);
        assert_eq!((fill(13, seen), cache.get(&1)), (Filled::Fenced, None));
    }
}

#[test]
fn c22_growing_from_one_entry_loses_nothing_unreported() {
    for order in ORDERS {
        let (cache, evicted) = watched(&client(100_000, order));
        for key in 0..20_000 {
            cache.put(key, key + 1);
        }
        assert!((0..20_000).all(|key| cache.get(&key) == Some(key + 1)));
        assert_eq!(evicted.lock().unwrap().len(), 0);
    }
}

#[test]
fn c23_many_threads_neither_lose_nor_double_count() {
    const THREADS: u32 = 4;
    const EACH: u32 = 5_000;
    for order in ORDERS {
        let caches = client(2_000, order);
        let (cache, evicted) = watched(&caches);
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (cache, caches) = (&cache, &caches);
                scope.spawn(move || {
                    for n in 0..EACH {
                        let key = n * THREADS + thread;
                        cache.put(key, key + 1);
                        let other = key.wrapping_mul(2_654_435_761) % (n * THREADS + 1);
                        assert!(cache.get(&other).is_none_or(|value| value == other + 1));
                        assert!(caches.used() <= 2_000);
                    }
                });
            }
        });
        let total = (THREADS * EACH) as usize;
        let evicted = evicted.lock().unwrap();
        let gone: HashSet<_> = evicted.iter().map(|(key, ..)| *key).collect();
        assert_eq!(gone.len(), evicted.len(), "somebody was told of twice");
        assert_eq!((cache.len(), gone.len()), (2_000, total - 2_000), "{order:?}");
        assert_eq!(caches.used(), 2_000);
    }
}

#[test]
fn c23_changes_by_many_threads_leave_the_account_right() {
    for order in ORDERS {
        let caches = client(300, order);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for thread in 0..3_u64 {
                let (caches, stop) = (&caches, &stop);
                scope.spawn(move || {
                    let cache = caches.open::<u64, String>(if thread == 0 { "one" } else { "two" });
                    let mut seed = thread + 1;
                    for _ in 0..10_000 {
                        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        let key = (seed >> 33) % 500;
                        match seed >> 60 {
                            0 => _ = cache.delete(&key),
                            1 => _ = cache.expire(&key),
                            2 => _ = cache.purge(Duration::ZERO),
                            3 if seed >> 50 & 63 == 0 => cache.clear(),
                            4..8 => _ = cache.put(key, key.to_string()),
                            8..12 => assert_eq!(
                                cache.get_or_compute(&key, || key.to_string()),
                                key.to_string()
                            ),
                            _ => assert!(
                                cache.get(&key).is_none_or(|value| value == key.to_string())
                            ),
                        }
                    }
                    stop.store(true, Ordering::Relaxed);
                });
            }
            let stop = &stop;
            let caches = &caches;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    assert!(caches.used() <= 300);
                }
            });
        });
        let (one, two) = (caches.open::<u64, String>("one"), caches.open::<u64, String>("two"));
        assert_eq!(caches.used(), (one.len() + two.len()) as u64);
        assert!(one.flights().is_empty() && two.flights().is_empty());
        caches.clear();
        assert_eq!(caches.used(), 0);
    }
}

#[test]
fn an_idle_cache_does_not_starve_a_busy_one() {
    for order in ORDERS {
        for entries in [200_u32, 4_000] {
            let caches = client(entries as usize, order);
            let (idle, busy) = (caches.open::<u32, u32>("idle"), caches.open::<u32, u32>("busy"));
            idle.put_many((0..entries).map(|n| (n, n)));
            assert_eq!(idle.len(), entries as usize);
            busy.put_many((0..5 * entries).map(|n| (n, n)));
            assert!(busy.len() > entries as usize * 3 / 4, "{order:?}: {}", busy.len());
            assert_eq!(caches.used(), u64::from(entries));
        }
    }
}

#[test]
fn two_busy_caches_share_by_their_rates() {
    let caches = Inproc::new(3_000);
    let (fast, slow) = (caches.open::<u32, u32>("fast"), caches.open::<u32, u32>("slow"));
    for n in 0..60_000 {
        fast.put(n, n);
        if n % 3 == 0 {
            slow.put(n, n);
        }
    }
    let share = fast.len() as f64 / 3_000.0;
    assert!((0.6..0.9).contains(&share), "{share}");
    assert_eq!(fast.len() + slow.len(), 3_000);
}

#[test]
fn weights_stay_within_the_capacity() {
    for order in ORDERS {
        let caches = Inproc::weighing(1_000).with_eviction(order);
        let weighed = OpenOptions::new().with_weigher(|_, value: &u32| *value);
        let cache = caches.open_with::<u32, u32>("weighed", weighed);
        for key in 0..500 {
            cache.put(key, key % 40 + 1);
            assert!(caches.used() <= 1_000);
        }
        let kept: u32 = (0..500).filter_map(|key| cache.peek(&key)).sum();
        assert_eq!(u64::from(kept), caches.used(), "{order:?}");
        assert!(kept > 900, "{kept}");
        cache.put(1, 500);
        cache.put(1, 5);
        let kept: u32 = (0..500).filter_map(|key| cache.peek(&key)).sum();
        assert_eq!(u64::from(kept), caches.used(), "{order:?}");
    }
}

#[test]
fn what_is_too_heavy_is_not_stored_and_takes_the_older_value_along() {
    for order in ORDERS {
        let caches = Inproc::weighing(100).with_eviction(order);
        let weighed = OpenOptions::new().with_weigher(|_, value: &u32| *value);
        let cache = caches.open_with::<u32, u32>("weighed", weighed);
        assert!(cache.put(1, 50) && cache.put(2, 20));
        assert!(!cache.put(1, 101));
        assert_eq!((cache.get(&1), cache.get(&2), caches.used()), (None, Some(20), 20));
        assert_eq!(cache.get_or_compute(&3, || 200), 200);
        assert!(!cache.contains(&3));
    }
}

#[test]
fn a_weightless_cache_counts_entries_in_a_weighing_client() {
    let caches = Inproc::weighing(10);
    caches.open::<u32, String>("plain").put_many((0..5).map(|n| (n, "x".repeat(100))));
    assert_eq!(caches.used(), 5);
}

#[test]
fn a_listener_may_use_the_cache() {
    for order in ORDERS {
        let caches = client(10, order);
        let second = caches.open::<u32, u32>("second");
        let (spill, told) = (second.clone(), Arc::new(AtomicUsize::new(0)));
        let count = told.clone();
        let listener = move |key: &u32, value: &u32, _| {
            count.fetch_add(1, Ordering::Relaxed);
            spill.put(*key, *value);
        };
        let first = caches.open_with("first", OpenOptions::new().with_listener(listener));
        first.put_many((0..100).map(|n| (n, n)));
        assert!(told.load(Ordering::Relaxed) > 0);
        assert_eq!(caches.used(), 10);
    }
}
