//! Tiers by a clock in hand: the order of changes, writes in the background, remembered misses.

#[path = "common/remote.rs"]
mod remote;

use cache_clients::{Inproc, Overflow, Tiered, TieredCache};
use cache_core::{
    Aim, Cache, CacheExt, Entry, Filled, Lease, Lookup, ManualClock, Namespace, Near, wait,
};
use remote::{Fault, Remote, RemoteCache};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

/// As many as the documentation of `with_background_writes` says.
const BOUND: u64 = 1024;

const MINUTE: Duration = Duration::from_secs(60);

type Tiers = TieredCache<u64, u64, Near<u64, u64>, RemoteCache<u64, u64>>;

struct Test {
    time: ManualClock,
    far: Remote,
    tiers: Tiered<Inproc, Remote>,
    cache: Tiers,
}

fn test(configure: impl FnOnce(Tiered<Inproc, Remote>) -> Tiered<Inproc, Remote>) -> Test {
    let time = ManualClock::new();
    let (near, far) = (Inproc::new(100_000).with_clock(time.clock()), Remote::new(&time.clock()));
    let tiers = configure(Tiered::new(near, far.clone()).with_clock(time.clock()));
    let cache = tiers.open("squares");
    Test { time, far, tiers, cache }
}

fn entry(value: u64) -> Entry<u64> {
    Entry::new(value).with_ttl(MINUTE)
}

impl Test {
    /// Leases of so many keys, then a far tier that hangs.
    fn leases(&self, count: u64) -> Vec<Lease> {
        let keys: Vec<u64> = (0..count).collect();
        let found = wait(self.cache.lookup_many(&keys, Aim::Compute)).unwrap();
        self.far.set(Fault::Hang);
        found.into_iter().map(Lookup::into_lease).collect()
    }

    fn fill(&self, key: u64, lease: Lease) -> Filled {
        wait(self.cache.fill(&key, entry(key), lease)).unwrap()
    }

    fn until_far(&self, key: u64) {
        while wait(self.cache.far_tier().get(&key)).unwrap() != Some(key) {
            std::thread::yield_now();
        }
    }
}

/// The blocking half: whoever finds 1024 writes under way waits for his own. Of the other queues,
/// memcached's refuses at once (`a_full_queue_refuses_at_once`), the pool's skips and counts refreshes
/// (`c46_a_refresh_that_finds_the_queue_full_is_skipped_and_counted_and_a_future_never_is`), and that of
/// invalidations becomes a clear (`more_invalidations_than_there_is_room_for_clear_the_namespace`).
#[test]
fn c47_beyond_the_bound_of_background_writes_the_caller_waits() {
    let test = test(Tiered::with_background_writes);
    let mut leases = test.leases(BOUND + 1);
    let last = leases.pop().unwrap();
    for (key, lease) in (0..).zip(leases) {
        assert_eq!(test.fill(key, lease), Filled::Stored, "nobody waits for {key}");
    }
    {
        let mut beyond = pin!(test.cache.fill(&BOUND, entry(BOUND), last));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(beyond.as_mut().poll(&mut cx).is_pending(), "it waits for the far tier");
        test.far.set(Fault::None);
        assert_eq!(wait(beyond).unwrap(), Filled::Stored);
    }
    (0..=BOUND).for_each(|key| test.until_far(key));
    assert_eq!(test.tiers.dropped_writes(), 0);
}

/// The overflow half: nobody waits, and what began first is given up.
#[test]
fn c47_in_overflow_nobody_waits_and_the_oldest_write_is_dropped() {
    let test = test(|tiers| tiers.with_overflow(Overflow::DropOldest));
    for (key, lease) in (0..).zip(test.leases(BOUND + 10)) {
        assert_eq!(test.fill(key, lease), Filled::Stored, "nobody waits for {key}");
    }
    assert_eq!(test.tiers.dropped_writes(), 10);
    test.far.set(Fault::None);
    (10..BOUND + 10).for_each(|key| test.until_far(key));
    for key in 0..10 {
        assert_eq!(wait(test.cache.far_tier().get(&key)).unwrap(), None, "the oldest: {key}");
        assert_eq!(test.cache.near_tier().get(&key), Some(key));
    }
}

#[test]
fn c79_a_second_client_keeps_missing_until_its_memory_ends_and_the_writer_sees_his_own() {
    let memory = Duration::from_secs(5);
    let test = test(|tiers| tiers.with_miss_memory(memory));
    let near = Inproc::new(100).with_clock(test.time.clock());
    let other = Tiered::new(near, test.far.clone())
        .with_clock(test.time.clock())
        .with_miss_memory(memory)
        .open::<u64, u64>("squares");
    assert_eq!(wait(other.get(&7)).unwrap(), None);
    assert_eq!(wait(test.cache.get(&7)).unwrap(), None);
    wait(test.cache.put_for(&7, 49, 60)).unwrap();
    assert_eq!(wait(test.cache.get(&7)).unwrap(), Some(49), "his own");
    test.time.advance(memory - Duration::from_millis(1));
    assert_eq!(wait(other.get(&7)).unwrap(), None);
    assert_eq!(wait(other.get_many(&[7, 8])).unwrap(), [None, None]);
    assert!(wait(other.lookup(&7, Aim::Peek)).unwrap().live().is_none());
    test.time.advance(Duration::from_millis(1));
    assert_eq!(wait(other.get(&7)).unwrap(), Some(49));
    // Or until a purge.
    assert_eq!(wait(other.get(&8)).unwrap(), None);
    wait(test.cache.put_for(&8, 64, 60)).unwrap();
    assert_eq!(wait(other.get(&8)).unwrap(), None);
    wait(other.purge(Duration::ZERO)).unwrap();
    assert_eq!(wait(other.get(&8)).unwrap(), Some(64));
}

/// Near copies are taken away, so that only the far tier can tell.
#[test]
fn c79_every_own_write_is_seen_at_once_through_all_handles() {
    let test = test(|tiers| tiers.with_miss_memory(MINUTE));
    let cache = &test.cache;
    let handle: Tiers = test.tiers.open("squares");
    let seen = |key: u64| {
        cache.near_tier().delete(&key);
        wait(handle.get(&key)).unwrap()
    };
    assert_eq!(wait(cache.get_many(&[1, 2, 3, 4])).unwrap(), [None; 4]);
    wait(cache.put_for(&1, 1, 60)).unwrap();
    wait(cache.put_many(vec![(2, entry(4))])).unwrap();
    assert!(wait(cache.add(&3, 9, 60)).unwrap());
    assert_eq!(wait(cache.get_or_compute_for(&4, 60, || async { 16 })), 16);
    assert_eq!([1, 2, 3, 4].map(seen), [1, 4, 9, 16].map(Some));
    let private = || -> Tiers { test.tiers.open(Namespace::private("squares")) };
    assert_eq!((wait(private().get(&5)).unwrap(), wait(private().get(&5)).unwrap()), (None, None));
}

#[test]
fn c79_whoever_computes_asks_in_spite_of_a_remembered_miss_and_gets_the_lease() {
    let test = test(|tiers| tiers.with_miss_memory(MINUTE));
    assert_eq!(wait(test.cache.get(&1)).unwrap(), None);
    wait(test.cache.far_tier().put_for(&1, 10, 60)).unwrap();
    assert_eq!(wait(test.cache.get(&1)).unwrap(), None, "remembered");
    let computed = wait(test.cache.get_or_compute_for(&1, 60, || async { unreachable!() }));
    assert_eq!(computed, 10);
    assert_eq!(wait(test.cache.get(&2)).unwrap(), None);
    let lease = wait(test.cache.lookup(&2, Aim::Compute)).unwrap().into_lease();
    assert_eq!(wait(test.cache.fill(&2, entry(4), lease)).unwrap(), Filled::Stored);
    assert_eq!(wait(test.cache.far_tier().get(&2)).unwrap(), Some(4), "under the far tier's lease");
}

#[test]
fn c79_a_far_tier_that_is_away_is_no_miss_to_be_remembered() {
    let test =
        test(|tiers| tiers.with_miss_memory(MINUTE).with_far_deadline(Duration::from_secs(1)));
    wait(test.cache.far_tier().put_for(&1, 10, 60)).unwrap();
    test.far.set(Fault::Hang);
    let reader = std::thread::spawn({
        let cache = test.cache.clone();
        move || wait(cache.get(&1)).unwrap()
    });
    while !test.far.is_asked() {
        std::thread::yield_now();
    }
    test.time.advance(Duration::from_secs(1));
    assert_eq!(reader.join().unwrap(), None);
    test.far.set(Fault::None);
    assert_eq!(wait(test.cache.get(&1)).unwrap(), Some(10));
}

/// Were the near tier changed first, the reader would bring the old value back there.
#[test]
fn x1_a_reader_in_the_middle_of_a_change_brings_nothing_old_back() {
    for change in ["delete", "delete_many", "expire", "clear", "put", "put_many"] {
        let test = test(|tiers| tiers);
        wait(test.cache.put_for(&7, 1, 60)).unwrap();
        let reader = test.cache.clone();
        test.far.before_next_change(move || {
            // The far tier still has the old one.
            assert_eq!(wait(reader.get(&7)).unwrap(), Some(1), "{change}");
        });
        match change {
            "delete" => assert!(wait(test.cache.delete(&7)).unwrap()),
            "delete_many" => wait(test.cache.delete_many(&[7])).unwrap(),
            "expire" => assert!(wait(test.cache.expire(&7)).unwrap()),
            "clear" => wait(test.cache.clear()).unwrap(),
            "put" => assert!(wait(test.cache.put_for(&7, 2, 60)).unwrap()),
            _ => wait(test.cache.put_many(vec![(7, entry(2))])).unwrap(),
        }
        let now = change.starts_with("put").then_some(2);
        assert_eq!((wait(test.cache.get(&7)).unwrap(), test.cache.near_tier().get(&7)), (now, now));
    }
}

#[test]
fn x1_what_the_far_tier_fences_is_not_kept_near_either() {
    let test = test(|tiers| tiers);
    let lease = wait(test.cache.lookup(&7, Aim::Compute)).unwrap().into_lease();
    wait(test.cache.far_tier().put_for(&7, 1, 60)).unwrap();
    assert_eq!(test.fill(7, lease), Filled::Fenced);
    assert_eq!(
        (test.cache.near_tier().get(&7), wait(test.cache.get(&7)).unwrap()),
        (None, Some(1))
    );
}
