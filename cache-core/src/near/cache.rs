//! The client contract over an in-process cache: async in form, but every answer is ready at once.

use super::Near;
use crate::client::{Cache, Reach};
use crate::entry::{Entry, Filled, Lease, Lookup, PutWhen, Reason};
use crate::error::Result;
use crate::flight::Flights;
use crate::table::{Inserted, Life, Look, Missing, Touch};
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl<K, V> Near<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn lookup_now(&self, key: &K) -> Lookup<V> {
        let hash = self.table.hash(key);
        // The mark first: whatever happens to the key after it makes the lease worthless.
        let lease = Lease::new(self.stripe(hash).load(Ordering::Acquire));
        match self.table.look(hash, |k| k == key, Touch::Visit) {
            Look::Live { value, soft_passed: false, left } => Lookup::Fresh { value, left },
            Look::Live { value, soft_passed: true, left } => Lookup::Stale { value, left },
            Look::Expired { value, since, .. } => Lookup::Expired { value, since, lease },
            Look::Missing(missing) => Lookup::Missing { reason: reason(missing), lease },
        }
    }

    /// The lease is compared under the table's lock, where puts change the mark.
    fn fill_now(&self, key: &K, entry: Entry<V>, lease: Lease) -> Filled {
        let hash = self.table.hash(key);
        let life = self.note(Life { ttl: entry.ttl, refresh_after: entry.refresh_after });
        let stripe = self.stripe(hash);
        let admit = || stripe.load(Ordering::Acquire) == lease.mark();
        match self.table.insert(hash, key.clone(), entry.value, life, PutWhen::Always, admit) {
            Inserted::Stored => Filled::Stored,
            Inserted::Fenced => Filled::Fenced,
            Inserted::Present | Inserted::TooHeavy | Inserted::Busy => Filled::Refused,
        }
    }
}

fn reason(missing: Missing) -> Reason {
    match missing {
        Missing::Never => Reason::Never,
        Missing::Evicted => Reason::Evicted,
        Missing::Invalidated => Reason::Invalidated,
        Missing::Expired => Reason::Expired,
    }
}

#[deny(clippy::missing_trait_methods)]
impl<K, V> Cache<K, V> for Near<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn near(&self) -> Option<&Near<K, V>> {
        Some(self)
    }
    fn reach(&self) -> Reach {
        Reach::Near
    }
    fn flights(&self) -> &Arc<Flights<K, V>> {
        Near::flights(self)
    }
    async fn lookup(&self, key: &K) -> Result<Lookup<V>> {
        Ok(self.lookup_now(key))
    }
    async fn fill(&self, key: &K, entry: Entry<V>, lease: Lease) -> Result<Filled> {
        Ok(self.fill_now(key, entry, lease))
    }
    async fn put(&self, key: &K, entry: Entry<V>, when: PutWhen) -> Result<bool> {
        let hash = self.table.hash(key);
        Ok(self.put_hashed(hash, key.clone(), entry, when) == Inserted::Stored)
    }
    async fn renew(&self, key: &K, ttl: Option<Duration>) -> Result<bool> {
        Ok(self.table.renew(self.table.hash(key), |k| k == key, ttl))
    }
    async fn expire(&self, key: &K) -> Result<bool> {
        Ok(Near::expire(self, key))
    }
    async fn delete(&self, key: &K) -> Result<bool> {
        Ok(Near::delete(self, key))
    }
    async fn lookup_many(&self, keys: &[K]) -> Result<Vec<Lookup<V>>> {
        Ok(keys.iter().map(|key| self.lookup_now(key)).collect())
    }
    async fn put_many(&self, entries: Vec<(K, Entry<V>)>) -> Result<()> {
        for (key, entry) in entries {
            self.put_hashed(self.table.hash(&key), key, entry, PutWhen::Always);
        }
        Ok(())
    }
    async fn delete_many(&self, keys: &[K]) -> Result<()> {
        Near::delete_many(self, keys);
        Ok(())
    }
    async fn clear(&self) -> Result<()> {
        Near::clear(self);
        Ok(())
    }
    async fn purge(&self, stale_for: Duration) -> Result<usize> {
        Ok(Near::purge(self, stale_for))
    }
}
