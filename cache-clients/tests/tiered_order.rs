//! Tiers when two things happen to a key at once: what is in front is never older than what is behind.

#[path = "common/remote.rs"]
mod remote;
#[path = "common/steps.rs"]
mod steps;

use cache_clients::{Inproc, Tiered, TieredCache};
use cache_core::{Aim, Cache, CacheExt, Entry, Filled, Lease, ManualClock, Near, PutWhen, wait};
use remote::{Fault, Remote, RemoteCache};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

type Texts =
    TieredCache<u32, &'static str, Near<u32, &'static str>, RemoteCache<u32, &'static str>>;

struct Test {
    _time: ManualClock,
    far: Remote,
    tiers: Tiered<Inproc, Remote>,
}

fn test() -> Test {
    let time = ManualClock::new();
    let (near, far) = (Inproc::new(100).with_clock(time.clock()), Remote::new(&time.clock()));
    let tiers = Tiered::new(near, far.clone()).with_clock(time.clock());
    Test { _time: time, far, tiers }
}

fn entry(value: &'static str) -> Entry<&'static str> {
    Entry::new(value).with_ttl(60)
}

fn lease(cache: &Texts) -> Lease {
    wait(cache.lookup(&1, Aim::Replace)).unwrap().into_lease()
}

fn refresh(cache: &Texts, value: &'static str) {
    let lease = lease(cache);
    assert_eq!(wait(cache.fill(&1, entry(value), lease)).unwrap(), Filled::Stored);
}

/// What is in front, if anything is, and behind.
fn both(cache: &Texts) -> (Option<&'static str>, Option<&'static str>) {
    (cache.near_tier().get(&1), cache.far_tier().server.get(&1))
}

type Act = fn(&Texts);

#[test]
fn a_copy_from_before_a_refresh_does_not_come_in_front_after_it() {
    let looks: [Act; 4] = [
        |cache| assert_eq!(wait(cache.get(&1)).unwrap(), Some("old")),
        |cache| assert!(wait(cache.lookup(&1, Aim::Peek)).unwrap().live().is_some()),
        |cache| assert_eq!(wait(cache.get_many(&[2, 1])).unwrap(), [None, Some("old")]),
        |cache| {
            let least = wait(cache.get_outliving(&1, Duration::from_secs(20))).unwrap();
            assert_eq!(least.unwrap().0, "old");
        },
    ];
    for look in looks {
        let test = test();
        let cache = test.tiers.open::<u32, &str>("texts");
        wait(cache.far_tier().put(&1, entry("old"), PutWhen::Always)).unwrap();
        let refreshing = cache.clone();
        test.far.after_next_lookup(move || refresh(&refreshing, "new"));
        look(&cache);
        assert_eq!(both(&cache), (Some("new"), Some("new")));
    }
}

#[test]
fn a_renewal_brings_no_copy_from_before_a_refresh_in_front() {
    let test = test();
    let cache = test.tiers.open::<u32, &str>("texts");
    wait(cache.put(&1, entry("old"), PutWhen::Always)).unwrap();
    let (far, refreshing) = (test.far.clone(), cache.clone());
    test.far.after_next_change(move || {
        let far_again = far.clone();
        far_again.after_next_lookup(move || refresh(&refreshing, "new"));
    });
    assert!(wait(cache.renew(&1, Some(Duration::from_secs(600)))).unwrap());
    assert_eq!(both(&cache), (Some("new"), Some("new")));
}

#[test]
fn many_copies_and_many_computed_values_come_in_front_at_once() {
    let test = test();
    let cache = test.tiers.open::<u32, u32>("numbers");
    let keys: Vec<u32> = (0..2000).collect();
    let all = || keys.iter().map(|key| (*key, Entry::new(*key).with_ttl(60)));
    wait(cache.far_tier().put_many(all().filter(|(key, _)| key % 2 == 0).collect())).unwrap();
    let found = wait(cache.lookup_many(&keys, Aim::Compute)).unwrap();
    let leased = all().zip(found).map(|((key, entry), found)| (key, entry, found.into_lease()));
    let fills: Vec<_> = leased.filter(|(.., lease)| lease.is_some()).collect();
    assert_eq!(fills.len(), 1000);
    let filled = wait(cache.fill_many(fills)).unwrap();
    assert!(filled.iter().all(|one| *one == Filled::Stored));
    // Of some hundred thousand the table may have to evict one.
    assert_eq!(cache.near_tier().len(), 100);
}

/// What happens to the key while a change that is made behind already is not made in front yet.
#[test]
fn changes_that_overlap_leave_nothing_in_front_that_is_not_behind() {
    let changes: [Act; 8] = [
        |cache| assert!(wait(cache.put(&1, entry("a"), PutWhen::Always)).unwrap()),
        |cache| wait(cache.put_many(vec![(2, entry("b")), (1, entry("b"))])).unwrap(),
        |cache| _ = wait(cache.put(&1, entry("c"), PutWhen::Absent)).unwrap(),
        |cache| _ = wait(cache.delete(&1)).unwrap(),
        |cache| wait(cache.delete_many(&[2, 1])).unwrap(),
        |cache| _ = wait(cache.expire(&1)).unwrap(),
        |cache| wait(cache.clear()).unwrap(),
        |cache| refresh(cache, "d"),
    ];
    for (one, first) in changes.iter().enumerate() {
        for (two, second) in changes.into_iter().enumerate() {
            for there in [false, true] {
                let test = test();
                let cache = test.tiers.open::<u32, &str>("texts");
                if there {
                    wait(cache.put(&1, entry("before"), PutWhen::Always)).unwrap();
                }
                let meanwhile = cache.clone();
                test.far.after_next_change(move || second(&meanwhile));
                // A refresh that something overtakes is fenced.
                if one == 7 {
                    let lease = lease(&cache);
                    let _ = wait(cache.fill(&1, entry("d"), lease)).unwrap();
                } else {
                    first(&cache);
                }
                let (near, far) = both(&cache);
                assert!(near.is_none() || near == far, "{one}, {two}, {there}: {near:?}, {far:?}");
            }
        }
    }
}

#[test]
fn a_refresh_that_other_keys_fence_in_front_leaves_nothing_older_there() {
    for background in [false, true] {
        let test = test();
        let tiers = test.tiers.clone();
        let tiers = if background { tiers.with_background_writes() } else { tiers };
        let cache = tiers.open::<u32, &str>("texts");
        wait(cache.put(&1, entry("old"), PutWhen::Always)).unwrap();
        let lease = lease(&cache);
        // Some of them are of the same stripe.
        for other in 2..5000 {
            cache.near_tier().delete(&other);
        }
        let _ = wait(cache.fill(&1, entry("new"), lease)).unwrap();
        let start = Instant::now();
        while both(&cache) != (None, Some("new")) {
            assert!(start.elapsed() < Duration::from_secs(20), "{:?}", both(&cache));
            std::thread::yield_now();
        }
        assert_eq!(wait(cache.get(&1)).unwrap(), Some("new"));
    }
}

#[test]
fn a_refresh_that_another_process_fences_leaves_nothing_older_in_front() {
    type Elsewhere = fn(&Near<u32, &'static str>);
    let elsewhere: [(Elsewhere, Option<&str>); 3] = [
        (|far| assert!(far.put_for(1, "newer", 60)), Some("newer")),
        (|far| assert!(far.delete(&1)), None),
        (|far| assert!(far.expire(&1)), None),
    ];
    for (n, (change, then)) in elsewhere.iter().enumerate() {
        let test = test();
        let cache = test.tiers.open::<u32, &str>("texts");
        wait(cache.put(&1, entry("old"), PutWhen::Always)).unwrap();
        let lease = lease(&cache);
        change(&cache.far_tier().server);
        assert_eq!(wait(cache.fill(&1, entry("fenced"), lease)).unwrap(), Filled::Fenced);
        assert_eq!(cache.near_tier().get(&1), None, "change {n}");
        assert_eq!(wait(cache.get(&1)).unwrap(), *then, "change {n}");
    }
}

#[test]
fn an_add_that_finds_something_fences_nothing() {
    let test = test();
    let cache = test.tiers.open::<u32, &str>("texts");
    wait(cache.put(&1, entry("old"), PutWhen::Always)).unwrap();
    let lease = lease(&cache);
    assert!(!wait(cache.put(&1, entry("added"), PutWhen::Absent)).unwrap());
    assert_eq!(wait(cache.fill(&1, entry("new"), lease)).unwrap(), Filled::Stored);
    assert_eq!(both(&cache), (Some("new"), Some("new")));
}

#[test]
fn changes_that_follow_one_another_stay_in_front() {
    let test = test();
    let cache = test.tiers.open::<u32, &str>("texts");
    for value in ["a", "b", "c"] {
        assert!(wait(cache.put(&1, entry(value), PutWhen::Always)).unwrap());
        assert_eq!(both(&cache), (Some(value), Some(value)));
    }
    assert!(wait(cache.expire(&1)).unwrap());
    assert_eq!(both(&cache), (None, None));
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls a change until the far server has made it, and drops it.
fn give_up<T>(change: impl Future<Output = T>) {
    let mut change = pin!(change);
    assert!((0..5).all(|_| poll(change.as_mut()).is_pending()));
}

#[test]
fn a_change_that_nobody_waits_for_any_more_leaves_nothing_outdated_in_front() {
    let changes: [Act; 6] = [
        |cache| give_up(cache.delete(&1)),
        |cache| give_up(cache.delete_many(&[2, 1])),
        |cache| give_up(cache.expire(&1)),
        |cache| give_up(cache.clear()),
        |cache| give_up(cache.put(&1, entry("new"), PutWhen::Always)),
        |cache| give_up(cache.put_many(vec![(1, entry("new"))])),
    ];
    for (n, change) in changes.iter().enumerate() {
        let test = test();
        let cache = test.tiers.open::<u32, &str>("texts");
        wait(cache.put(&1, entry("old"), PutWhen::Always)).unwrap();
        test.far.set(Fault::Silent);
        change(&cache);
        test.far.set(Fault::None);
        let start = Instant::now();
        while both(&cache).0 == Some("old") {
            assert!(start.elapsed() < Duration::from_secs(20), "change {n}");
            std::thread::yield_now();
        }
        assert_eq!(wait(cache.get(&1)).unwrap(), (n > 3).then_some("new"), "change {n}");
    }
}

#[test]
fn what_the_far_tier_turns_away_in_the_background_leaves_the_front() {
    let test = test();
    let cache = test.tiers.clone().with_background_writes().open::<u32, &str>("texts");
    let lease = lease(&cache);
    // Another process.
    assert!(!cache.far_tier().server.delete(&1));
    assert_eq!(wait(cache.fill(&1, entry("outdated"), lease)).unwrap(), Filled::Stored);
    let start = Instant::now();
    while both(&cache).0.is_some() {
        assert!(start.elapsed() < Duration::from_secs(20));
        std::thread::yield_now();
    }
    assert_eq!(both(&cache), (None, None));
}

#[test]
fn whatever_many_threads_do_at_once_what_is_in_front_is_what_is_behind() {
    let cache = test().tiers.open::<u32, u64>("numbers");
    steps::many(&cache, (1500, true), |key| {
        let (near, far) = (cache.near_tier().get(&key), cache.far_tier().server.get(&key));
        assert!(near.is_none() || near == far, "{key}: {near:?}, {far:?}");
    });
}
