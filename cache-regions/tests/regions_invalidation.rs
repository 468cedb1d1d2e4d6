//! Invalidations of whole regions: D30, C26, X1 and X19.

#![allow(clippy::needless_pass_by_value, reason = "each test owns what it stands on")]

mod stand;

use cache_clients::Inproc;
use cache_core::{
    Aim, BoxFuture, Cache, CacheExt, Client, Clock, Entry, Filled, Invalidation, ManualClock,
    Namespace, Result, wait,
};
use cache_regions::{
    InvalidationStrategy, ReadOptions, Region, RegionPlan, Replace, Revisions, Scope,
    configure_plans,
};
use stand::{Stand, bytes, fresh_name, fresh_region, shelf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

everywhere! {
    x1_an_invalidation_of_the_region_during_a_computation_is_not_overwritten
    x19_no_fill_survives_an_invalidation_of_the_region
    c26_a_mirror_follows_the_region
}

fn get(region: &Region, key: u64) -> Option<String> {
    wait(region.get(&key)).unwrap()
}

/// By the clock it is due: what is in front goes a moment after the region's own look at its record has told it, which
/// may be under way.
fn gone(region: &Region, key: u64, what: &str) {
    let began = std::time::Instant::now();
    while get(region, key).is_some() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::yield_now();
    }
}

fn put(region: &Region, key: u64, value: &str) {
    wait(region.put(&key, value.to_owned())).unwrap();
}

#[test]
fn d30_processes_learn_of_an_invalidation_within_the_lag() {
    let time = ManualClock::new();
    let server = shelf(&time);
    // Two regions of one record, as in two processes: the record's name is the region's.
    let (one, other) = (fresh_name(), fresh_name());
    let record = Arc::new(Record(Mutex::new(Revisions::begin(&time.clock()))));
    let region = |name: &'static str| {
        let region: &'static Region = Box::leak(Box::new(Region::new(name)));
        let plan = RegionPlan::new(name)
            .with_clock(time.clock())
            .with_memory(100)
            .with_encoded(bytes(&server, &time))
            .with_expiration(1000)
            .with_tag_lag(Duration::from_secs(5))
            .with_strategy(Shared(record.clone()));
        configure_plans(vec![plan], Replace::Refuse).unwrap();
        region
    };
    let (one, other) = (region(one), region(other));
    for region in [one, other] {
        put(region, 1, "old");
    }
    wait(one.invalidate(Invalidation::Hard)).unwrap();
    assert_eq!(get(one, 1), None);
    time.advance(Duration::from_secs(6));
    gone(other, 1, "heard of within five seconds");
    for region in [one, other] {
        put(region, 1, "old");
    }
    wait(one.invalidate(Invalidation::Soft)).unwrap();
    time.advance(Duration::from_secs(6));
    gone(other, 1, "the same of a soft one");
    let any = ReadOptions::new().ignoring_expiration();
    assert_eq!(wait(other.get_with::<u64, String>(&1, any)).unwrap().as_deref(), Some("old"));
}

/// Revisions somewhere that several regions can see.
#[derive(Debug)]
struct Record(Mutex<Revisions>);
#[derive(Debug)]
struct Shared(Arc<Record>);

impl InvalidationStrategy for Shared {
    fn current(&self) -> BoxFuture<'_, Result<Revisions>> {
        Box::pin(async { Ok(self.0.0.lock().unwrap().clone()) })
    }
    fn invalidate(&self, how: Invalidation) -> BoxFuture<'_, Result<Revisions>> {
        Box::pin(async move {
            let mut kept = self.0.0.lock().unwrap();
            *kept = kept.after(how, &Clock::system());
            Ok(kept.clone())
        })
    }
    fn is_shared(&self) -> bool {
        true
    }
}

#[test]
fn d30_an_invalidation_that_the_server_never_heard_of_is_kept_and_delivered() {
    let time = ManualClock::new();
    let store = stand::shelf_of_bytes::Shelf::default();
    let server = cache_clients::encoded::Solo::new(store.clone()).with_clock(time.clock());
    let region = fresh_region();
    let plan = || {
        RegionPlan::new(region.name())
            .with_clock(time.clock())
            .with_encoded(bytes(&server, &time))
            .with_expiration(1000)
    };
    configure_plans(vec![plan()], Replace::Refuse).unwrap();
    put(region, 1, "old");
    store.set_away(true);
    assert!(wait(region.invalidate(Invalidation::Hard)).unwrap_err().is_unreachable());
    store.set_away(false);
    assert_eq!(get(region, 1), None, "delivered before anything is believed");
    // Another process: its region has the same record.
    configure_plans(vec![plan()], Replace::Existing).unwrap();
    assert_eq!(get(region, 1), None);
}

#[test]
fn a_record_that_is_lost_counts_as_an_invalidation() {
    let time = ManualClock::new();
    let store = stand::shelf_of_bytes::Shelf::default();
    let server = cache_clients::encoded::Solo::new(store.clone()).with_clock(time.clock());
    let region = fresh_region();
    let plan =
        RegionPlan::new(region.name()).with_clock(time.clock()).with_encoded(bytes(&server, &time));
    configure_plans(vec![plan], Replace::Refuse).unwrap();
    put(region, 1, "old");
    store.keys().iter().filter(|key| key.contains("regions")).for_each(|key| store.remove(key));
    time.advance(Duration::from_secs(6));
    assert_eq!(get(region, 1), None);
}

fn x1_an_invalidation_of_the_region_during_a_computation_is_not_overwritten(stand: Stand) {
    for how in [Invalidation::Hard, Invalidation::Soft] {
        let region = stand.region(|plan| plan.with_expiration(100));
        let cache = region.open::<u64, String>("f");
        let computed = cache.get_or_compute(&1, move || async move {
            region.invalidate(how).await.unwrap();
            "begun before".to_owned()
        });
        assert_eq!(wait(computed), "begun before");
        assert_eq!(wait(cache.get(&1)).unwrap(), None, "{how:?}");
        let lease = wait(cache.lookup(&1, Aim::Compute)).unwrap().into_lease();
        wait(region.invalidate(how)).unwrap();
        let entry = Entry::new("late".to_owned()).with_ttl(60);
        assert_eq!(wait(cache.fill(&1, entry, lease)).unwrap(), Filled::Fenced, "{how:?}");
    }
}

fn x19_no_fill_survives_an_invalidation_of_the_region(stand: Stand) {
    let region = stand.region(|plan| plan.with_expiration(1000));
    let cache = region.open::<u64, u64>("f");
    // Each value is the number of invalidations that were over when its computation began.
    let (over, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let fillers: Vec<_> = (0..3)
        .map(|_| {
            let (cache, over, stop) = (cache.clone(), over.clone(), stop.clone());
            thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    for key in 0..4 {
                        let over = over.clone();
                        let creator = move || async move { over.load(Ordering::SeqCst) as u64 };
                        wait(cache.get_or_compute(&key, creator));
                    }
                }
            })
        })
        .collect();
    for round in 1..=30 {
        wait(region.invalidate(Invalidation::Hard)).unwrap();
        over.store(round, Ordering::SeqCst);
        for key in 0..4 {
            let found = wait(cache.get(&key)).unwrap();
            // What began while the invalidation was on its way may have been stored after it.
            assert!(found.is_none_or(|began| began + 1 >= round as u64), "{found:?} in {round}");
        }
    }
    stop.store(true, Ordering::SeqCst);
    fillers.into_iter().for_each(|filler| filler.join().unwrap());
}

fn c26_a_mirror_follows_the_region(stand: Stand) {
    let region = stand.region(|plan| plan.with_expiration(1000));
    let mirror = region.mirror(Inproc::new(100));
    let totals = Client::<u64, u64>::open(&mirror, &Namespace::new("totals"));
    let again = Client::<u64, u64>::open(&mirror, &Namespace::new("totals"));
    for round in 0..3 {
        wait(totals.put_for(&1, round, 60)).unwrap();
        assert_eq!(wait(again.get(&1)).unwrap(), Some(round));
        wait(region.invalidate(Invalidation::Hard)).unwrap();
        assert_eq!(wait(again.get(&1)).unwrap(), None);
    }
}

#[test]
fn a_scope_of_one_process_is_not_shared() {
    let time = ManualClock::new();
    let server = shelf(&time);
    let region = fresh_region();
    let plan = || {
        RegionPlan::new(region.name())
            .with_clock(time.clock())
            .with_encoded(bytes(&server, &time))
            .with_invalidation(Scope::Process)
    };
    configure_plans(vec![plan()], Replace::Refuse).unwrap();
    put(region, 1, "old");
    wait(region.invalidate(Invalidation::Hard)).unwrap();
    assert_eq!(get(region, 1), None);
    // What is forgotten stays so, whatever is configured.
    configure_plans(vec![plan()], Replace::Existing).unwrap();
    assert_eq!(get(region, 1), None);
}

#[test]
fn records_of_larder_s_own_outlive_invalidations() {
    for stand in [Stand::memory(), Stand::tiers()] {
        let region = stand.region(|plan| plan.with_expiration(1000));
        let (records, others) =
            (region.open::<u64, u64>("~tags"), region.open::<u64, u64>("scores"));
        for how in [Invalidation::Soft, Invalidation::Hard] {
            for cache in [&records, &others] {
                assert!(wait(cache.put_for(&1, 49, 600)).unwrap());
            }
            wait(region.invalidate(how)).unwrap();
            assert_eq!(wait(records.get(&1)).unwrap(), Some(49), "{how:?}");
            assert_eq!(wait(others.get(&1)).unwrap(), None, "{how:?}");
        }
    }
}
