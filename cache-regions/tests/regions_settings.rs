//! Regions and their settings: D19, D21, D23, D28, D29 and X23.

#![allow(clippy::needless_pass_by_value, reason = "each test owns what it stands on")]

mod stand;

use cache_clients::encoded::Encoded;
use cache_clients::server::AnyServer;
use cache_core::{
    Aim, BoxFuture, Cache, CacheExt, Entry, Error, Filled, Invalidation, ManualClock, Result, wait,
};
use cache_regions::{
    Act, AnyValue, ComputeOptions, Configuration, Done, Mangled, Mangler, Next, Operation,
    ReadOptions, Region, RegionPlan, Replace, TierPlan, Wrapper, configure_plans,
};
use stand::{Stand, fresh_region, options, shelf};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

everywhere! {
    d21_configuring_twice_fails_unless_a_replacement_is_asked_for
    d23_wrappers_see_all_writes_first_listed_outermost
    x23_a_computation_in_flight_finishes_on_the_old_settings
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
