//! What callers do with a region itself: D1 to D15, D24, D25, D27, over each kind of tiers.

#![allow(clippy::needless_pass_by_value, reason = "each test owns what it stands on")]

mod stand;

use cache_core::{CacheExt, Error, Invalidation, wait};
use cache_regions::{
    ComputeOptions, ReadOptions, Regeneration, Region, RegionPlan, Replace, Runner, configure_plans,
};
use stand::Stand;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

everywhere! {
    d1_a_missing_key_is_told_from_a_stored_nothing
    d2_what_is_put_is_got_and_deleting_twice_is_safe
    d3_a_value_is_got_until_its_expiration_and_after_it_only_by_those_who_ignore_that
    d4_an_expiration_of_one_call_is_of_that_call_alone
    d5_on_a_cold_key_one_of_many_callers_computes
    d6_on_a_stale_key_one_computes_and_the_others_get_the_old_value_without_waiting
    d7_a_failing_creator_stores_nothing_and_a_later_call_succeeds
    d8_after_a_hard_invalidation_nobody_gets_an_old_value
    d9_after_a_soft_invalidation_all_but_the_one_who_computes_get_the_old_value
    d10_what_should_not_be_cached_is_returned_and_not_stored
    d11_a_runner_gets_what_is_stale_and_its_caller_the_old_value
    d12_with_a_runner_a_cold_key_is_computed_by_its_caller
    d13_many_keys_are_got_in_their_order
    d14_a_batch_computes_what_is_missing_in_one_call_and_in_the_order_of_the_request
    d15_batches_with_keys_in_common_compute_each_key_once
    d25_metadata_tell_of_creation_and_age
    d27_a_creator_may_ask_for_another_key_and_fails_fast_with_its_own
}

const TTL: u64 = 100;

fn with_ttl(stand: &Stand) -> &'static Region {
    stand.region(|plan| plan.with_expiration(TTL))
}

fn get(region: &Region, key: u64) -> Option<String> {
    wait(region.get(&key)).unwrap()
}

fn put(region: &Region, key: u64, value: &str) {
    wait(region.put(&key, value.to_owned())).unwrap();
}

fn compute(region: &Region, key: u64, value: &str) -> String {
    let value = value.to_owned();
    wait(region.get_or_compute(&key, move || async move { value })).unwrap()
}

fn d1_a_missing_key_is_told_from_a_stored_nothing(stand: Stand) {
    let region = with_ttl(&stand);
    assert_eq!(wait(region.get::<u64, Option<String>>(&1)).unwrap(), None);
    wait(region.put(&1_u64, None::<String>)).unwrap();
    assert_eq!(wait(region.get::<u64, Option<String>>(&1)).unwrap(), Some(None));
}

fn d2_what_is_put_is_got_and_deleting_twice_is_safe(stand: Stand) {
    let region = with_ttl(&stand);
    put(region, 1, "one");
    assert_eq!(get(region, 1).as_deref(), Some("one"));
    for _ in 0..2 {
        wait(region.delete::<u64, String>(&1)).unwrap();
        assert_eq!(get(region, 1), None);
    }
    wait(region.put_many([(2_u64, "two".to_owned()), (3, "three".to_owned())])).unwrap();
    wait(region.delete_many::<u64, String>(&[2, 3, 4])).unwrap();
    assert_eq!((get(region, 2), get(region, 3)), (None, None));
}

fn d3_a_value_is_got_until_its_expiration_and_after_it_only_by_those_who_ignore_that(stand: Stand) {
    let region = with_ttl(&stand);
    put(region, 1, "one");
    stand.advance(TTL - 1);
    assert_eq!(get(region, 1).as_deref(), Some("one"));
    stand.time.advance(Duration::from_millis(1001));
    assert_eq!(get(region, 1), None);
    let any = ReadOptions::new().ignoring_expiration();
    assert_eq!(wait(region.get_with::<u64, String>(&1, any)).unwrap().as_deref(), Some("one"));
    assert_eq!(wait(region.get_with::<u64, String>(&2, any)).unwrap(), None);
}

fn d4_an_expiration_of_one_call_is_of_that_call_alone(stand: Stand) {
    let region = with_ttl(&stand);
    put(region, 1, "one");
    stand.advance(50);
    let within = |seconds: u64| ReadOptions::new().with_expiration(seconds);
    let get_within = |ttl| wait(region.get_with::<u64, String>(&1, within(ttl))).unwrap();
    assert_eq!(get_within(40), None);
    assert_eq!(get_within(60).as_deref(), Some("one"));
    assert_eq!(get(region, 1).as_deref(), Some("one"));
    stand.advance(100);
    assert_eq!(get(region, 1), None);
    assert_eq!(get_within(200).as_deref(), Some("one"), "longer than the region's");
    let never = ReadOptions::new().with_expiration(None::<Duration>);
    assert_eq!(wait(region.get_with::<u64, String>(&1, never)).unwrap().as_deref(), Some("one"));
    assert_eq!(get(region, 1), None, "and it is as old as it was for all others");
}

fn d5_on_a_cold_key_one_of_many_callers_computes(stand: Stand) {
    let region = with_ttl(&stand);
    let (runs, start) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(10)));
    let call = || {
        let (runs, start) = (runs.clone(), start.clone());
        thread::spawn(move || {
            start.wait();
            let creator =
                move || async move { format!("run {}", runs.fetch_add(1, Ordering::SeqCst)) };
            wait(region.get_or_compute(&1_u64, creator)).unwrap()
        })
    };
    let calls: Vec<_> = (0..10).map(|_| call()).collect();
    for call in calls {
        assert_eq!(call.join().unwrap(), "run 0");
    }
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

/// A creator that says when it runs, and goes on when it is told to.
struct Gate {
    running: Receiver<()>,
    go_on: Sender<()>,
}

fn gated(value: &str) -> (Gate, impl FnOnce() -> std::future::Ready<String> + Send + 'static) {
    let ((said, running), (go_on, told)) = (channel(), channel());
    let (value, told) = (value.to_owned(), Mutex::new(told));
    let creator = move || {
        said.send(()).unwrap();
        told.lock().unwrap().recv().unwrap();
        std::future::ready(value)
    };
    (Gate { running, go_on }, creator)
}

fn d6_on_a_stale_key_one_computes_and_the_others_get_the_old_value_without_waiting(stand: Stand) {
    let region = with_ttl(&stand);
    put(region, 1, "old");
    stand.advance(TTL + 1);
    one_computes_and_the_others_get_the_old(region);
}

fn one_computes_and_the_others_get_the_old(region: &'static Region) {
    let (gate, creator) = gated("new");
    let one = thread::spawn(move || wait(region.get_or_compute(&1_u64, creator)).unwrap());
    gate.running.recv().unwrap();
    for _ in 0..5 {
        assert_eq!(compute(region, 1, "not computed"), "old");
    }
    assert!(wait(region.key_is_locked::<u64, String>(&1)).unwrap());
    gate.go_on.send(()).unwrap();
    assert_eq!(one.join().unwrap(), "new");
    assert_eq!(compute(region, 1, "not computed"), "new");
    assert_eq!(get(region, 1).as_deref(), Some("new"));
    assert!(!wait(region.key_is_locked::<u64, String>(&1)).unwrap());
}

fn d7_a_failing_creator_stores_nothing_and_a_later_call_succeeds(stand: Stand) {
    let region = with_ttl(&stand);
    let failing = || async { Err::<String, Error>(Error::invalid("the source is down")) };
    for stale in [false, true] {
        if stale {
            put(region, 1, "old");
            stand.advance(TTL + 1);
        }
        let failed = region.try_get_or_compute_with(&1_u64, ComputeOptions::new(), failing);
        assert_eq!(wait(failed).unwrap_err().to_string(), "the source is down");
        assert_eq!(get(region, 1), None);
        assert!(!wait(region.key_is_locked::<u64, String>(&1)).unwrap());
    }
    let panicking = thread::spawn(move || {
        wait(region.get_or_compute(&1_u64, || async { panic!("on purpose") as String }))
    });
    assert!(panicking.join().is_err());
    assert_eq!(compute(region, 1, "at last"), "at last");
}

fn d8_after_a_hard_invalidation_nobody_gets_an_old_value(stand: Stand) {
    let region = with_ttl(&stand);
    put(region, 1, "old");
    let (gate, creator) = gated("begun before");
    let early = thread::spawn(move || wait(region.get_or_compute(&2_u64, creator)).unwrap());
    gate.running.recv().unwrap();
    wait(region.invalidate(Invalidation::Hard)).unwrap();
    gate.go_on.send(()).unwrap();
    assert_eq!(early.join().unwrap(), "begun before");
    assert_eq!((get(region, 1), get(region, 2)), (None, None));
    let any = ReadOptions::new().ignoring_expiration();
    assert_eq!(wait(region.get_with::<u64, String>(&1, any)).unwrap(), None);
    // Who asks now waits for the new value, however many they are.
    let (gate, creator) = gated("new");
    let one = thread::spawn(move || wait(region.get_or_compute(&1_u64, creator)).unwrap());
    gate.running.recv().unwrap();
    let other = thread::spawn(move || compute(region, 1, "not computed"));
    gate.go_on.send(()).unwrap();
    assert_eq!((one.join().unwrap(), other.join().unwrap()), ("new".into(), "new".into()));
}

fn d9_after_a_soft_invalidation_all_but_the_one_who_computes_get_the_old_value(stand: Stand) {
    let region = with_ttl(&stand);
    put(region, 1, "old");
    wait(region.invalidate(Invalidation::Soft)).unwrap();
    assert_eq!(get(region, 1), None);
    one_computes_and_the_others_get_the_old(region);
    let never = stand.region(|plan| plan);
    let error = wait(never.invalidate(Invalidation::Soft)).unwrap_err().to_string();
    assert!(error.contains("has no expiration"), "{error}");
}

fn d10_what_should_not_be_cached_is_returned_and_not_stored(stand: Stand) {
    let region = with_ttl(&stand);
    let long = || ComputeOptions::new().with_should_cache(|value: &String| value.len() > 3);
    let give = |value: &'static str| {
        let creator = move || async move { Ok::<_, Error>(value.to_owned()) };
        wait(region.try_get_or_compute_with(&1_u64, long(), creator)).unwrap()
    };
    assert_eq!((give("no"), get(region, 1)), ("no".into(), None));
    assert_eq!((give("long"), get(region, 1)), ("long".into(), Some("long".into())));
    let many = region.get_or_compute_many(&[2_u64, 3], long(), |keys| async move {
        keys.iter().map(|key| "x".repeat(*key as usize + 1)).collect()
    });
    assert_eq!(wait(many).unwrap(), ["xxx", "xxxx"]);
    assert_eq!((get(region, 2), get(region, 3).as_deref()), (None, Some("xxxx")));
}

/// Keeps what it is given for the test to run.
#[derive(Debug, Clone, Default)]
struct Later(Arc<Mutex<Vec<Regeneration>>>);

impl Runner for Later {
    fn run(&self, regeneration: Regeneration) {
        self.0.lock().unwrap().push(regeneration);
    }
}

fn compute_later(region: &Region, runner: &Later, value: &'static str) -> String {
    let options = ComputeOptions::new().with_runner(runner.clone());
    let creator = move || async move { Ok::<_, Error>(value.to_owned()) };
    wait(region.try_get_or_compute_with(&1_u64, options, creator)).unwrap()
}

fn d11_a_runner_gets_what_is_stale_and_its_caller_the_old_value(stand: Stand) {
    let region = with_ttl(&stand);
    put(region, 1, "old");
    stand.advance(TTL + 1);
    let runner = Later::default();
    assert_eq!(compute_later(region, &runner, "new"), "old");
    assert_eq!(compute_later(region, &runner, "newer"), "old");
    let mut given = std::mem::take(&mut *runner.0.lock().unwrap());
    assert_eq!(given.len(), 1, "one of them has the lock");
    let regeneration = given.remove(0);
    assert_eq!((regeneration.region(), regeneration.key::<u64>()), (region.name(), Some(&1)));
    assert!(wait(region.key_is_locked::<u64, String>(&1)).unwrap());
    wait(regeneration.compute());
    assert_eq!(get(region, 1).as_deref(), Some("new"));
    assert!(!wait(region.key_is_locked::<u64, String>(&1)).unwrap());
    // A runner that throws its work away gives the lock back.
    stand.advance(TTL + 1);
    assert_eq!(compute_later(region, &runner, "lost"), "new");
    runner.0.lock().unwrap().clear();
    assert_eq!(compute(region, 1, "newest"), "newest");
}

fn d12_with_a_runner_a_cold_key_is_computed_by_its_caller(stand: Stand) {
    let region = with_ttl(&stand);
    let runner = Later::default();
    assert_eq!(compute_later(region, &runner, "new"), "new");
    assert!(runner.0.lock().unwrap().is_empty());
}

fn d13_many_keys_are_got_in_their_order(stand: Stand) {
    let region = with_ttl(&stand);
    wait(region.put_many([(3_u64, "three".to_owned()), (1, "one".to_owned())])).unwrap();
    let found = wait(region.get_many::<u64, String>(&[1, 2, 3, 1])).unwrap();
    let found: Vec<_> = found.iter().map(Option::as_deref).collect();
    assert_eq!(found, [Some("one"), None, Some("three"), Some("one")]);
    assert_eq!(wait(region.get_many::<u64, String>(&[])).unwrap(), Vec::<Option<String>>::new());
}

fn d14_a_batch_computes_what_is_missing_in_one_call_and_in_the_order_of_the_request(stand: Stand) {
    let region = with_ttl(&stand);
    put(region, 2, "stored 2");
    let asked = Arc::new(Mutex::new(Vec::new()));
    let calls = asked.clone();
    let found = region.get_or_compute_many(&[3, 2, 1, 3], ComputeOptions::new(), move |keys| {
        calls.lock().unwrap().push(keys.clone());
        async move { keys.iter().map(|key: &u64| format!("computed {key}")).collect() }
    });
    assert_eq!(wait(found).unwrap(), ["computed 3", "stored 2", "computed 1", "computed 3"]);
    assert_eq!(*asked.lock().unwrap(), [[3, 1]]);
    assert_eq!(get(region, 1).as_deref(), Some("computed 1"));
    let nothing = region.get_or_compute_many(&[], ComputeOptions::new(), |_: Vec<u64>| async {
        panic!("there is nothing to compute") as Vec<String>
    });
    assert!(wait(nothing).unwrap().is_empty());
    // What is stale is computed too.
    stand.advance(TTL + 1);
    let again = region.get_or_compute_many(&[1, 2, 1], ComputeOptions::new(), |keys| async move {
        keys.iter().map(|key: &u64| format!("again {key}")).collect::<Vec<_>>()
    });
    assert_eq!(wait(again).unwrap(), ["again 1", "again 2", "again 1"]);
}

fn d15_batches_with_keys_in_common_compute_each_key_once(stand: Stand) {
    let region = with_ttl(&stand);
    let (computed, start) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Barrier::new(4)));
    let batch = |keys: [u64; 3]| {
        let (computed, start) = (computed.clone(), start.clone());
        thread::spawn(move || {
            start.wait();
            let creator = move |keys: Vec<u64>| {
                computed.lock().unwrap().extend(keys.clone());
                async move { keys.iter().map(|key| format!("of {key}")).collect::<Vec<_>>() }
            };
            wait(region.get_or_compute_many(&keys, ComputeOptions::new(), creator)).unwrap()
        })
    };
    let batches = [[1, 2, 3], [3, 2, 1], [2, 3, 4], [4, 1, 2]].map(|keys| (keys, batch(keys)));
    for (keys, batch) in batches {
        assert_eq!(batch.join().unwrap(), keys.map(|key| format!("of {key}")));
    }
    let mut computed = computed.lock().unwrap().clone();
    computed.sort_unstable();
    assert_eq!(computed, [1, 2, 3, 4]);
}

fn d25_metadata_tell_of_creation_and_age(stand: Stand) {
    let region = with_ttl(&stand);
    let metadata = |options| wait(region.metadata::<u64, String>(&1, options)).unwrap();
    assert_eq!(metadata(ReadOptions::new()), None);
    let before = stand.time.clock().unix();
    put(region, 1, "one");
    stand.advance(30);
    let found = metadata(ReadOptions::new()).unwrap();
    assert_eq!(found.age, Duration::from_secs(30));
    let created = found.created.duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(created.as_secs(), before.as_secs());
    stand.advance(TTL);
    assert_eq!(metadata(ReadOptions::new()), None);
    let any = metadata(ReadOptions::new().ignoring_expiration()).unwrap();
    assert_eq!(any.age, Duration::from_secs(30 + TTL));
}

fn d27_a_creator_may_ask_for_another_key_and_fails_fast_with_its_own(stand: Stand) {
    let region = with_ttl(&stand);
    let sum = region.get_or_compute(&1_u64, move || async move {
        let other = region.get_or_compute(&2_u64, || async { "inner".to_owned() }).await.unwrap();
        format!("outer of {other}")
    });
    assert_eq!(wait(sum).unwrap(), "outer of inner");
    let circle = region.get_or_compute(&3_u64, move || async move {
        let own = region.get_or_compute(&3_u64, || async { String::new() }).await;
        assert!(own.as_ref().unwrap_err().is_recursion(), "{own:?}");
        own.unwrap_err().to_string()
    });
    let said = wait(circle).unwrap();
    assert!(said.contains(region.name()) && said.contains("waits for itself"), "{said}");
}

#[test]
fn d24_a_damaged_value_is_a_miss_and_is_replaced() {
    let time = cache_core::ManualClock::new();
    let shelf = stand::shelf_of_bytes::Shelf::default();
    let server = cache_clients::encoded::Solo::new(shelf.clone()).with_clock(time.clock());
    let region = stand::fresh_region();
    let plan = RegionPlan::new(region.name()).with_encoded(stand::bytes(&server, &time));
    let process = plan.with_clock(time.clock()).with_invalidation(cache_regions::Scope::Process);
    configure_plans(vec![process], Replace::Refuse).unwrap();
    for damage in [5, 20, 40] {
        put(region, 1, "one");
        shelf.alter(|bytes| {
            let at = bytes.len() * damage / 100;
            bytes[at] ^= 0x55;
        });
        assert_eq!(get(region, 1), None, "at {damage} %");
        assert_eq!(compute(region, 1, "again"), "again");
        assert_eq!(get(region, 1).as_deref(), Some("again"));
    }
    // A value of other types is none of ours, and stays.
    assert_eq!(wait(region.get::<u64, Vec<u64>>(&1)).unwrap(), None);
}

#[test]
fn d25_the_caches_of_a_region_s_functions_are_not_its_own_namespace() {
    let region = with_ttl(&Stand::memory());
    put(region, 1, "direct");
    let functions = region.open::<u64, String>("f");
    assert_eq!(wait(functions.get(&1)).unwrap(), None);
    wait(functions.put_for(&1, "of a function".to_owned(), 60)).unwrap();
    assert_eq!(get(region, 1).as_deref(), Some("direct"));
}
