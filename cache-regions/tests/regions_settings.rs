//! Regions and their settings: D19, D21, D23, D28 to D30, C26, X1, X19 and X23.

mod stand;

use cache_clients::Inproc;
use cache_clients::encoded::Encoded;
use cache_clients::server::AnyServer;
use cache_core::{
    Aim, BoxFuture, Cache, CacheExt, Client, Clock, Entry, Error, Filled, Invalidation,
    ManualClock, Namespace, Result, wait,
};
use cache_regions::{
    Act, AnyValue, ComputeOptions, Configuration, Done, InvalidationStrategy, Mangled, Mangler,
    Next, Operation, ReadOptions, Region, RegionPlan, Replace, Revisions, Scope, TierPlan, Wrapper,
    configure_plans,
};
use stand::{Stand, bytes, fresh_name, fresh_region, options, shelf};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

everywhere! {
    d21_configuring_twice_fails_unless_a_replacement_is_asked_for
    d23_wrappers_see_all_writes_first_listed_outermost
    x1_an_invalidation_of_the_region_during_a_computation_is_not_overwritten
    x19_no_fill_survives_an_invalidation_of_the_region
    x23_a_computation_in_flight_finishes_on_the_old_settings
    c26_a_mirror_follows_the_region
}

fn compute(region: &Region, key: u64, value: &str) -> String {
    let value = value.to_owned();
    wait(region.get_or_compute(&key, move || async move { value })).unwrap()
}

fn get(region: &Region, key: u64) -> Option<String> {
    wait(region.get(&key)).unwrap()
}

fn put(region: &Region, key: u64, value: &str) {
    wait(region.put(&key, value.to_owned())).unwrap();
}

fn d21_configuring_twice_fails_unless_a_replacement_is_asked_for(stand: Stand) {
    let region = stand.region(|plan| plan);
    put(region, 1, "kept by nobody");
    let again = configure_plans(vec![stand.plan(region.name())], Replace::Refuse);
    let error = again.unwrap_err().to_string();
    assert!(error.contains(region.name()) && error.contains("configured already"), "{error}");
    configure_plans(vec![stand.plan(region.name())], Replace::Existing).unwrap();
    put(region, 1, "new");
    assert_eq!(get(region, 1).as_deref(), Some("new"));
}

#[test]
fn d21_every_method_of_an_unconfigured_region_says_what_is_wrong() {
    let region = fresh_region();
    assert!(!region.is_configured());
    let cache = region.open::<u64, u64>("f");
    let read = ReadOptions::new();
    let nothing = |_: Vec<u64>| async { Vec::<u64>::new() };
    let results: Vec<Result<()>> = vec![
        wait(region.get::<u64, u64>(&1)).map(drop),
        wait(region.get_with::<u64, u64>(&1, read)).map(drop),
        wait(region.get_many::<u64, u64>(&[])).map(drop),
        wait(region.metadata::<u64, u64>(&1, read)).map(drop),
        wait(region.put(&1_u64, 1_u64)),
        wait(region.put_many(Vec::<(u64, u64)>::new())),
        wait(region.delete::<u64, u64>(&1)),
        wait(region.delete_many::<u64, u64>(&[])),
        wait(region.key_is_locked::<u64, u64>(&1)).map(drop),
        wait(region.get_or_compute(&1_u64, || async { 1_u64 })).map(drop),
        wait(region.get_or_compute_many(&[], ComputeOptions::new(), nothing)).map(drop),
        wait(region.invalidate(Invalidation::Hard)),
        wait(cache.lookup(&1, Aim::Compute)).map(drop),
        wait(cache.put_for(&1, 1, 60)).map(drop),
        wait(cache.renew(&1, None)).map(drop),
        wait(cache.expire(&1)).map(drop),
        wait(cache.delete(&1)).map(drop),
        wait(cache.delete_many(&[1])),
        wait(cache.clear()),
        wait(cache.purge(Duration::ZERO)).map(drop),
    ];
    for result in results {
        let error = result.unwrap_err();
        assert!(error.is_unconfigured());
        assert!(error.to_string().contains(region.name()), "{error}");
    }
}

#[test]
fn d21_plans_are_applied_all_or_none() {
    let (one, two) = (fresh_region(), fresh_region());
    let good = |region: &Region| RegionPlan::new(region.name()).with_memory(10);
    for wrong in [RegionPlan::new(two.name()), good(one)] {
        assert!(configure_plans(vec![good(one), wrong], Replace::Refuse).is_err());
        assert!(!one.is_configured() && !two.is_configured());
    }
}

/// Says who saw what.
#[derive(Debug)]
struct Witness {
    name: &'static str,
    said: Arc<Mutex<Vec<String>>>,
}

impl Wrapper for Witness {
    fn around<'a>(
        &'a self,
        operation: Operation<'a>,
        next: Next<'a>,
    ) -> BoxFuture<'a, Result<Done>> {
        let what = match &operation.act {
            act if !act.written().is_empty() => format!("writes {}", operation.keys.len()),
            Act::Delete => "deletes".to_owned(),
            _ => return next.run(operation),
        };
        self.said.lock().unwrap().push(format!("{} {what}", self.name));
        next.run(operation)
    }
}

fn d23_wrappers_see_all_writes_first_listed_outermost(stand: Stand) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let witness = |name| Witness { name, said: said.clone() };
    let region = stand.region(|plan| {
        plan.with_wrapper("outer", witness("outer")).with_wrapper("inner", witness("inner"))
    });
    put(region, 1, "one");
    assert_eq!(get(region, 1).as_deref(), Some("one"));
    assert_eq!(compute(region, 2, "two"), "two");
    wait(region.put_many([(3_u64, "three".to_owned()), (4, "four".to_owned())])).unwrap();
    wait(region.delete::<u64, String>(&1)).unwrap();
    assert_eq!(get(region, 1), None);
    let seen = std::mem::take(&mut *said.lock().unwrap());
    let twice = |what: &str| [format!("outer {what}"), format!("inner {what}")];
    let expected = [twice("writes 1"), twice("writes 1"), twice("writes 2"), twice("deletes")];
    assert_eq!(seen, expected.concat());
}

/// Stores all text in capitals, and answers what it likes for the key 99.
#[derive(Debug)]
struct Capitals;

impl Wrapper for Capitals {
    fn around<'a>(
        &'a self,
        mut operation: Operation<'a>,
        next: Next<'a>,
    ) -> BoxFuture<'a, Result<Done>> {
        for entry in operation.act.written_mut() {
            if let Some(text) = entry.value.get::<String>() {
                entry.value = AnyValue::new(text.to_uppercase());
            }
        }
        let refused = operation.keys.iter().any(|key| key.downcast_ref::<u64>() == Some(&99));
        match refused {
            true => Box::pin(async { Err(Error::invalid("99 is nobody's")) }),
            false => next.run(operation),
        }
    }
}

#[test]
fn d23_a_wrapper_may_change_values_and_answer_itself() {
    let region = fresh_region();
    let plan = RegionPlan::new(region.name()).with_memory(10).with_wrapper("capitals", Capitals);
    configure_plans(vec![plan], Replace::Refuse).unwrap();
    let cache = region.open::<u64, String>("f");
    wait(cache.put_for(&1, "one".to_owned(), 60)).unwrap();
    assert_eq!(wait(cache.get(&1)).unwrap().as_deref(), Some("ONE"));
    assert_eq!(wait(cache.get(&99)).unwrap_err().to_string(), "99 is nobody's");
}

#[test]
fn d19_a_mangler_is_applied_to_every_operation_and_to_questions_about_locks() {
    let (time, noted) = (ManualClock::new(), Arc::new(Mutex::new(Vec::<String>::new())));
    let server = shelf(&time);
    // Begins every key with a word, and notes all of them.
    let notes = noted.clone();
    let mangler = Mangler::new("noting", move |key: &str| {
        let mangled = format!("m-{key}");
        notes.lock().unwrap().push(mangled.clone());
        mangled
    });
    let mangled = Mangled::new(AnyServer::new(server.clone()), mangler);
    let client = Encoded::with_options(AnyServer::new(mangled), options(&time)).unwrap();
    let region = fresh_region();
    let plan = RegionPlan::new(region.name()).with_clock(time.clock()).with_encoded(client);
    configure_plans(vec![plan], Replace::Refuse).unwrap();
    type Act = fn(&Region);
    let acts: [(&str, Act); 5] = [
        ("put", |region| put(region, 1, "one")),
        ("get", |region| drop(get(region, 1))),
        ("compute", |region| drop(compute(region, 2, "two"))),
        ("lock", |region| assert!(wait(region.key_is_locked::<u64, String>(&1)).is_ok())),
        ("delete", |region| wait(region.delete::<u64, String>(&1)).unwrap()),
    ];
    for (what, act) in acts {
        noted.lock().unwrap().clear();
        act(region);
        assert!(!noted.lock().unwrap().is_empty(), "{what}");
    }
    // Seen from behind: nothing lies under a name that was not mangled.
    let plain = Encoded::with_options(AnyServer::new(server), options(&time)).unwrap();
    let other = RegionPlan::new(region.name()).with_clock(time.clock()).with_encoded(plain);
    configure_plans(vec![other], Replace::Existing).unwrap();
    assert_eq!(get(region, 2), None);
}

#[test]
fn d28_a_lease_shorter_than_the_creator_costs_neither_the_value_nor_another_s_lease() {
    for stand in [Stand::tiers(), Stand::memory_bytes()] {
        short_lease(&stand);
    }
    #[cfg(feature = "memcached")]
    short_lease(&Stand::memcached());
    #[cfg(feature = "redis")]
    short_lease(&Stand::redis());
    #[cfg(feature = "files")]
    short_lease(&Stand::files());
}

/// What another does in the middle of a computation is what a lease that ended would allow him.
fn short_lease(stand: &Stand) {
    let region = stand.region(|plan| plan.with_expiration(100));
    let cache = region.open::<u64, String>("f");
    let slow = wait(cache.lookup(&1, Aim::Compute)).unwrap().into_lease();
    let other = wait(cache.lookup(&1, Aim::Replace)).unwrap().into_lease();
    let entry = |text: &str| Entry::new(text.to_owned()).with_ttl(60);
    // In one process, whose table gives leases to all, the last one is as good as the first.
    let late = wait(cache.fill(&1, entry("late"), slow.clone())).unwrap();
    wait(cache.release(&1, slow));
    assert_eq!(wait(cache.fill(&1, entry("other's"), other)).unwrap(), Filled::Stored);
    assert_eq!(wait(cache.get(&1)).unwrap().as_deref(), Some("other's"), "{late:?}");
    // Whoever computes for longer than that gets what he computed.
    let computed = region.get_or_compute(&2_u64, move || async move {
        let other = cache_core::CacheExt::put_for(&cache, &2, "meanwhile".to_owned(), 60);
        other.await.unwrap();
        "computed".to_owned()
    });
    assert_eq!(wait(computed).unwrap(), "computed");
}

#[test]
fn d29_a_region_over_nothing_computes_every_time_and_the_map_stays_as_it_is() {
    let region = fresh_region();
    let map = BTreeMap::from([("cache.backend", "null"), ("cache.expiration_time", "300")]);
    let before = map.clone();
    Configuration::new().configure_region_map(region.name(), &map, "cache.").unwrap();
    assert_eq!(map, before);
    for round in ["first", "second"] {
        assert_eq!(compute(region, 1, round), round);
        put(region, 1, "nothing");
        assert_eq!(get(region, 1), None);
    }
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
    assert_eq!(get(other, 1), None, "heard of within five seconds");
    for region in [one, other] {
        put(region, 1, "old");
    }
    wait(one.invalidate(Invalidation::Soft)).unwrap();
    time.advance(Duration::from_secs(6));
    assert_eq!(get(other, 1), None);
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

fn x23_a_computation_in_flight_finishes_on_the_old_settings(stand: Stand) {
    let region = stand.region(|plan| plan.with_expiration(100));
    let cache = region.open::<u64, String>("f");
    let lease = wait(cache.lookup(&1, Aim::Compute)).unwrap().into_lease();
    // Other rules over the same tiers: what is computed is stored as ever.
    let mut same = stand.plan(region.name()).with_expiration(50);
    let other = stand.plan(region.name()).with_expiration(50);
    same.print = other.print;
    configure_plans(vec![other], Replace::Existing).unwrap();
    let entry = || Entry::new("computed".to_owned()).with_ttl(60);
    wait(cache.fill(&1, entry(), lease)).unwrap();
    let lease = wait(cache.lookup(&2, Aim::Compute)).unwrap().into_lease();
    configure_plans(vec![same], Replace::Existing).unwrap();
    assert_eq!(wait(cache.fill(&2, entry(), lease)).unwrap(), Filled::Stored);
    assert_eq!(wait(cache.get(&2)).unwrap().as_deref(), Some("computed"));
    // A plan that cannot be followed changes nothing.
    let mut wrong = stand.plan(region.name()).with_expiration(10).with_async_ttl(-60);
    assert!(configure_plans(vec![wrong.clone()], Replace::Existing).is_err());
    wrong.tiers.push(TierPlan::Null);
    assert!(configure_plans(vec![wrong], Replace::Existing).is_err());
    assert_eq!(wait(cache.get(&2)).unwrap().as_deref(), Some("computed"));
    // Calls that are in flight while all is exchanged fail no more than others.
    let call = thread::spawn(move || {
        wait(region.get_or_compute(&3_u64, move || async move {
            let plan = RegionPlan::new(region.name()).with_memory(10);
            configure_plans(vec![plan], Replace::Existing).unwrap();
            "in flight".to_owned()
        }))
        .unwrap()
    });
    assert_eq!(call.join().unwrap(), "in flight");
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
fn other_rules_keep_the_values_and_the_room_of_a_memory_tier_changes_in_place() {
    let region = fresh_region();
    let plan = RegionPlan::new(region.name()).with_memory(100);
    let mut smaller = RegionPlan::new(region.name()).with_memory(10);
    smaller.print = plan.print;
    configure_plans(vec![plan], Replace::Refuse).unwrap();
    let cache = region.open::<u64, u64>("f");
    (0..100).for_each(|key| assert!(wait(cache.put_for(&key, key, 60)).unwrap()));
    configure_plans(vec![smaller], Replace::Existing).unwrap();
    let near = cache.near().unwrap();
    assert_eq!((near.capacity(), near.len()), (10, 10));
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
