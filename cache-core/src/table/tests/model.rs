//! The table against a map that is obviously right.

use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

#[derive(Debug, Clone)]
enum Op {
    Put(u8, u16, u8),
    Add(u8, u16, u8),
    Get(u8),
    Remove(u8),
    Expire(u8),
    Renew(u8, u8),
    Pass(u16),
    Purge,
    Clear,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (any::<u8>(), any::<u16>(), 0..20_u8).prop_map(|(k, v, t)| Op::Put(k, v, t)),
        2 => (any::<u8>(), any::<u16>(), 0..20_u8).prop_map(|(k, v, t)| Op::Add(k, v, t)),
        6 => any::<u8>().prop_map(Op::Get),
        3 => any::<u8>().prop_map(Op::Remove),
        2 => any::<u8>().prop_map(Op::Expire),
        2 => (any::<u8>(), 0..20_u8).prop_map(|(k, t)| Op::Renew(k, t)),
        2 => (0..5000_u16).prop_map(Op::Pass),
        1 => Just(Op::Purge),
        1 => Just(Op::Clear),
    ]
}

/// Value and deadline in milliseconds.
#[derive(Default)]
struct Model {
    map: HashMap<u8, (u16, u64)>,
    now: u64,
}

impl Model {
    fn live(&self, key: u8) -> Option<u16> {
        self.map.get(&key).filter(|(_, end)| *end > self.now).map(|(value, _)| *value)
    }
}

/// Deadlines are whole ticks, which are a little earlier: times in the model end on odd
/// milliseconds.
fn life(seconds: u8) -> Life {
    Life { ttl: Some(Duration::from_millis(u64::from(seconds) * 1000 + 1)), refresh_after: None }
}

fn step(
    table: &Table<u8, u16>,
    time: &ManualClock,
    model: &mut Model,
    op: &Op,
) -> Result<(), TestCaseError> {
    match *op {
        Op::Put(key, value, ttl) => {
            prop_assert_eq!(table.put(&key, value, life(ttl)), Inserted::Stored);
            model.map.insert(key, (value, model.now + u64::from(ttl) * 1000 + 1));
        }
        Op::Add(key, value, ttl) => {
            let done =
                table.insert(table.hash(&key), key, value, life(ttl), PutWhen::Absent, || true);
            prop_assert_eq!(done == Inserted::Present, model.live(key).is_some());
            if done == Inserted::Stored {
                model.map.insert(key, (value, model.now + u64::from(ttl) * 1000 + 1));
            }
        }
        Op::Get(key) => {
            prop_assert_eq!(table.get(&key), model.live(key));
            let seen = match table.see(&key) {
                Look::Live { value, .. } => Some(value),
                Look::Expired { .. } | Look::Missing(_) => None,
            };
            prop_assert_eq!(seen, model.live(key));
        }
        Op::Remove(key) => {
            prop_assert_eq!(table.delete(&key), model.live(key).is_some());
            model.map.remove(&key);
        }
        Op::Expire(key) => {
            prop_assert_eq!(
                table.expire(table.hash(&key), |k| *k == key),
                model.live(key).is_some()
            );
            model.map.remove(&key);
        }
        Op::Renew(key, ttl) => {
            let done = table.renew(table.hash(&key), |k| *k == key, life(ttl).ttl);
            prop_assert_eq!(done, model.live(key).is_some());
            let end = model.now + u64::from(ttl) * 1000 + 1;
            if done && let Some(entry) = model.map.get_mut(&key) {
                entry.1 = entry.1.max(end);
            }
        }
        Op::Pass(millis) => {
            let even = u64::from(millis) * 2;
            time.advance(Duration::from_millis(even));
            model.now += even;
        }
        Op::Purge => {
            table.purge(secs(1));
        }
        Op::Clear => {
            drop(table.clear());
            model.map.clear();
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn with_room_for_all_the_table_is_a_map_with_deadlines(
        ops in prop::collection::vec(op(), 1..200),
        strict in any::<bool>(),
    ) {
        let eviction = if strict { Eviction::Lru } else { Eviction::S3Fifo };
        let (table, time) = table::<u8, u16>(if strict { 1000 } else { 2000 }, eviction);
        let mut model = Model::default();
        for op in &ops {
            step(&table, &time, &mut model, op)?;
        }
        table.validate();
    }

    #[test]
    fn without_it_what_is_returned_is_what_was_stored_last_and_the_sum_is_right(
        keys in prop::collection::vec((0..400_u64, any::<bool>()), 1..1500),
        capacity in 1..200_usize,
        strict in any::<bool>(),
    ) {
        let eviction = if strict { Eviction::Lru } else { Eviction::S3Fifo };
        let heard = Arc::new(AtomicU64::new(0));
        let count = heard.clone();
        let options = TableOptions::new(Budget::entries(capacity), ManualClock::new().clock())
            .with_eviction(eviction)
            .with_listener(Arc::new(move |_: &u64, _: &u64, _| {
                count.fetch_add(1, Ordering::Relaxed);
            }));
        let table = Counts::new(options);
        let mut last = HashMap::new();
        let mut came = 0;
        for (n, (key, read)) in keys.iter().enumerate() {
            if *read {
                let got = table.get(key);
                prop_assert!(got.is_none() || got == last.get(key).copied());
            } else {
                came += u64::from(matches!(table.see(key), Look::Missing(_)));
                table.put(key, n as u64, Life::FOREVER);
                last.insert(*key, n as u64);
                prop_assert_eq!(table.get(key), Some(n as u64));
            }
            prop_assert!(table.used() <= table.capacity());
        }
        prop_assert_eq!(heard.load(Ordering::Relaxed) + table.len() as u64, came);
        table.validate();
    }
}
