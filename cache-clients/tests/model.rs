//! Random operations under a manual clock, against a map with expiries.

use cache_clients::Inproc;
use cache_core::{Eviction, ManualClock, Near};
use proptest::prelude::*;
use std::collections::HashMap;
use std::time::Duration;

/// Times are multiples of this, far above the clock's tick.
const STEP: Duration = Duration::from_millis(10);

type Key = String;

#[derive(Debug, Clone)]
enum Op {
    Put(Key, u32, Option<u32>),
    Add(Key, u32, Option<u32>),
    PutMany(Vec<(Key, u32)>),
    Get(Key),
    GetTtl(Key),
    Contains(Key),
    GetMany(Vec<Key>),
    Renew(Key, Option<u32>),
    Expire(Key),
    Delete(Key),
    DeleteMany(Vec<Key>),
    Compute(Key, u32),
    ComputeFor(Key, u32, u32),
    Fail(Key),
    ComputeMany(Vec<Key>, u32),
    Clear,
    Purge(u32),
    Advance(u32),
}

fn keys() -> impl Strategy<Value = Key> {
    (0..12_u32).prop_map(|n| format!("key {n}"))
}

fn ttls() -> impl Strategy<Value = Option<u32>> {
    prop_oneof![Just(None), (0..30_u32).prop_map(Some)]
}

fn ops() -> impl Strategy<Value = Op> {
    let many = || prop::collection::vec(keys(), 0..6);
    prop_oneof![
        4 => (keys(), any::<u32>(), ttls()).prop_map(|(k, v, t)| Op::Put(k, v, t)),
        2 => (keys(), any::<u32>(), ttls()).prop_map(|(k, v, t)| Op::Add(k, v, t)),
        1 => prop::collection::vec((keys(), any::<u32>()), 0..4).prop_map(Op::PutMany),
        4 => keys().prop_map(Op::Get),
        2 => keys().prop_map(Op::GetTtl),
        1 => keys().prop_map(Op::Contains),
        1 => many().prop_map(Op::GetMany),
        2 => (keys(), ttls()).prop_map(|(k, t)| Op::Renew(k, t)),
        2 => keys().prop_map(Op::Expire),
        2 => keys().prop_map(Op::Delete),
        1 => many().prop_map(Op::DeleteMany),
        3 => (keys(), any::<u32>()).prop_map(|(k, v)| Op::Compute(k, v)),
        2 => (keys(), 0..30_u32, any::<u32>()).prop_map(|(k, t, v)| Op::ComputeFor(k, t, v)),
        1 => keys().prop_map(Op::Fail),
        2 => (many(), any::<u32>()).prop_map(|(k, v)| Op::ComputeMany(k, v)),
        1 => Just(Op::Clear),
        1 => (0..20_u32).prop_map(Op::Purge),
        5 => (0..12_u32).prop_map(Op::Advance),
    ]
}

/// A map of values and when they expire, in steps.
#[derive(Default)]
struct Model {
    now: u32,
    entries: HashMap<Key, (u32, Option<u32>)>,
}

impl Model {
    fn live(&self, key: &Key) -> Option<(u32, Option<u32>)> {
        self.entries.get(key).copied().filter(|(_, end)| end.is_none_or(|end| end > self.now))
    }
    fn value(&self, key: &Key) -> Option<u32> {
        Some(self.live(key)?.0)
    }
    fn put(&mut self, key: &Key, value: u32, ttl: Option<u32>) {
        self.entries.insert(key.clone(), (value, ttl.map(|ttl| self.now + ttl)));
    }
    fn renew(&mut self, key: &Key, ttl: Option<u32>) -> bool {
        let Some((value, end)) = self.live(key) else { return false };
        let longer = match (end, ttl) {
            (Some(end), Some(ttl)) => Some(end.max(self.now + ttl)),
            _ => None,
        };
        self.entries.insert(key.clone(), (value, longer));
        true
    }
    fn expire(&mut self, key: &Key) -> bool {
        let Some((value, _)) = self.live(key) else { return false };
        self.entries.insert(key.clone(), (value, Some(self.now)));
        true
    }
    fn delete(&mut self, key: &Key) -> bool {
        let live = self.live(key).is_some();
        self.entries.remove(key);
        live
    }
    fn purge(&mut self, stale_for: u32) -> usize {
        let (before, now) = (self.entries.len(), self.now);
        self.entries.retain(|_, (_, end)| end.is_none_or(|end| end + stale_for > now));
        before - self.entries.len()
    }
    fn compute(&mut self, key: &Key, value: u32, ttl: Option<u32>) -> u32 {
        self.value(key).unwrap_or_else(|| {
            self.put(key, value, ttl);
            value
        })
    }
}

fn time(steps: Option<u32>) -> Option<Duration> {
    steps.map(|steps| STEP * steps)
}

fn step(cache: &Near<Key, u32>, model: &mut Model, clock: &ManualClock, op: Op) {
    match op {
        Op::Put(key, value, ttl) => {
            model.put(&key, value, ttl);
            assert!(cache.put_for(key, value, time(ttl)));
        }
        Op::Add(key, value, ttl) => {
            let absent = model.live(&key).is_none();
            if absent {
                model.put(&key, value, ttl);
            }
            assert_eq!(cache.add_for(key, value, time(ttl)), absent);
        }
        Op::PutMany(pairs) => {
            pairs.iter().for_each(|(key, value)| model.put(key, *value, None));
            cache.put_many(pairs);
        }
        Op::Get(key) => assert_eq!(cache.get(&key), model.value(&key)),
        Op::GetTtl(key) => check_ttl(cache.get_ttl(&key), model, &key),
        Op::Contains(key) => assert_eq!(cache.contains(&key), model.live(&key).is_some()),
        Op::GetMany(keys) => {
            let expected: Vec<_> = keys.iter().map(|key| model.value(key)).collect();
            assert_eq!(cache.get_many(&keys), expected);
        }
        Op::Renew(key, ttl) => assert_eq!(cache.renew(&key, time(ttl)), model.renew(&key, ttl)),
        Op::Expire(key) => assert_eq!(cache.expire(&key), model.expire(&key)),
        Op::Delete(key) => assert_eq!(cache.delete(&key), model.delete(&key)),
        Op::DeleteMany(keys) => {
            let expected = keys.iter().filter(|key| model.delete(key)).count();
            assert_eq!(cache.delete_many(&keys), expected);
        }
        Op::Clear => {
            model.entries.clear();
            cache.clear();
        }
        Op::Purge(steps) => assert_eq!(cache.purge(STEP * steps), model.purge(steps)),
        Op::Advance(steps) => {
            model.now += steps;
            clock.advance(STEP * steps);
        }
        computing => compute(cache, model, computing),
    }
}

fn compute(cache: &Near<Key, u32>, model: &mut Model, op: Op) {
    match op {
        Op::Compute(key, value) => {
            assert_eq!(cache.get_or_compute(&key, || value), model.compute(&key, value, None));
        }
        Op::ComputeFor(key, ttl, value) => {
            let computed = cache.get_or_compute_for(&key, STEP * ttl, || value);
            assert_eq!(computed, model.compute(&key, value, Some(ttl)));
        }
        Op::Fail(key) => {
            assert_eq!(cache.try_get_or_compute(&key, || Err(())).ok(), model.value(&key));
        }
        Op::ComputeMany(keys, value) => {
            let values = cache.get_or_compute_many(&keys, |missing| {
                assert!(missing.iter().all(|key| model.live(key).is_none()));
                vec![value; missing.len()]
            });
            let expected: Vec<_> = keys.iter().map(|key| model.compute(key, value, None)).collect();
            assert_eq!(values, expected);
        }
        other => unreachable!("{other:?} computes nothing"),
    }
}

fn check_ttl(found: Option<(u32, Duration)>, model: &Model, key: &Key) {
    let expected = model.live(key);
    assert_eq!(found.map(|(value, _)| value), expected.map(|(value, _)| value));
    let (Some((_, left)), Some((_, end))) = (found, expected) else { return };
    match end {
        None => assert_eq!(left, Duration::MAX),
        Some(end) => {
            let exact = STEP * (end - model.now);
            assert!(left <= exact && left + STEP / 10 > exact, "{left:?} instead of {exact:?}");
        }
    }
}

fn check(order: Eviction, ops: Vec<Op>) {
    let clock = ManualClock::new();
    let caches = Inproc::new(10_000).with_clock(clock.clock()).with_eviction(order);
    let cache: Near<Key, u32> = caches.open("model");
    let mut model = Model::default();
    for op in ops {
        step(&cache, &mut model, &clock, op);
        assert_eq!(cache.len(), model.entries.len());
        assert_eq!(caches.used(), model.entries.len() as u64);
    }
    assert!(cache.flights().is_empty());
}

proptest! {
    #[test]
    fn s3fifo_behaves_like_a_map_with_expiries(ops in prop::collection::vec(ops(), 1..120)) {
        check(Eviction::S3Fifo, ops);
    }

    #[test]
    fn lru_behaves_like_a_map_with_expiries(ops in prop::collection::vec(ops(), 1..120)) {
        check(Eviction::Lru, ops);
    }
}
