//! Tests of the table as a whole.

mod bounds;
mod deadlines;
mod hammer;
mod model;
mod nested;

use super::*;
use crate::clock::ManualClock;
use std::hash::Hash;
use std::time::Duration;

pub(super) type Counts = Table<u64, u64>;

pub(super) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn ttl(seconds: u64) -> Life {
    Life { ttl: Some(secs(seconds)), refresh_after: None }
}

/// A table of its own on a clock that stands still.
pub(super) fn table<K, V>(capacity: usize, eviction: Eviction) -> (Arc<Table<K, V>>, ManualClock)
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    let time = ManualClock::new();
    let options =
        TableOptions::new(Budget::entries(capacity), time.clock()).with_eviction(eviction);
    (Table::new(options), time)
}

/// The short forms the tests speak in.
impl<K, V> Table<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(super) fn put(&self, key: &K, value: V, life: Life) -> Inserted {
        self.insert(self.hash(key), key.clone(), value, life, PutWhen::Always, || true)
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.fresh(self.hash(key), |k| k == key)
    }

    pub(super) fn see(&self, key: &K) -> Look<V> {
        self.look(self.hash(key), |k| k == key, Touch::Leave)
    }

    pub(super) fn delete(&self, key: &K) -> bool {
        self.remove(self.hash(key), |k| k == key)
    }
}

impl<K, V> Table<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Structures agree with each other, and the account with the entries.
    pub(super) fn validate(&self) {
        for slot in &self.slots {
            slot.write(&self.budget, |shard| shard.validate());
            assert_eq!(slot.lock.read(|shard| shard.store.len()), Some(slot.len()));
        }
        assert!(self.budget.used() >= self.used());
        assert!(self.budget.used() <= self.budget.capacity());
    }
}
