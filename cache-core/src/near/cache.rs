//! The client contract over an in-process cache: async in form, but every answer is ready at once.

use super::{CHANGE, Near};
use crate::client::{Cache, Reach};
use crate::entry::{Aim, Entry, Filled, Lease, Lookup, PutWhen};
use crate::error::Result;
use crate::explain::{TierReport, TierState};
use crate::flight::Flights;
use crate::table::{Inserted, Look, Touch};
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl<K, V> Near<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Leases cost nothing here, and as many as ask may have one: the flight decides who computes.
    fn lookup_now(&self, key: &K, aim: Aim) -> Lookup<V> {
        let hash = self.table.hash(key);
        // The mark first: whatever happens to the key after it makes the lease worthless.
        let mark = self.stripe(hash).load(Ordering::Acquire);
        let lease = |given| if given { Lease::new(mark) } else { Lease::none() };
        let wanted = lease(!aim.is_look());
        match self.table.look(hash, |k| k == key, Touch::Visit) {
            Look::Live { value, soft_passed: false, left, refresh_in, tags, .. }
                if aim != Aim::Replace =>
            {
                Lookup::Fresh { value, left, refresh_in, tags }
            }
            Look::Live { value, left, softened, tags, .. } => {
                let renews = matches!(aim, Aim::Refresh | Aim::Replace);
                // Softly invalidated: it is for the one who computes to compute it.
                let lease = lease(renews || softened && aim == Aim::Compute);
                Lookup::Stale { value, left, tags, lease }
            }
            Look::Expired { value, since, by_call, tags, .. } => {
                Lookup::Expired { value, since, by_call, tags, lease: wanted }
            }
            Look::Missing(missing) => Lookup::Missing { reason: missing.into(), lease: wanted },
        }
    }

    fn state(&self, key: &K) -> TierState {
        match self.table.look(self.table.hash(key), |k| k == key, Touch::Leave) {
            Look::Live { left, soft_passed, refresh_in, .. } => {
                let (left, age) = ((left < Duration::MAX).then_some(left), None);
                match soft_passed {
                    true => TierState::Stale { left, age },
                    false => TierState::Fresh { left, refresh_in, age },
                }
            }
            Look::Expired { since, by_call, .. } => TierState::Expired { since, by_call },
            Look::Missing(missing) => TierState::Missing { reason: missing.into(), since: None },
        }
    }

    /// The lease is compared under the table's lock, where puts change the mark. What was computed fences copies
    /// that began before it, and nothing else.
    fn fill_now(&self, key: &K, entry: Entry<V>, lease: &Lease) -> Filled {
        let Some(mark) = lease.mark() else { return Filled::Refused };
        let hash = self.table.hash(key);
        let stripe = self.stripe(hash);
        let admit = || {
            let now = stripe.load(Ordering::Acquire);
            if lease.is_of_copy() {
                return now == mark;
            }
            let unchanged = now / CHANGE == mark / CHANGE;
            if unchanged {
                stripe.fetch_add(1, Ordering::AcqRel);
            }
            unchanged
        };
        match self.insert(hash, key.clone(), entry, admit) {
            Inserted::Stored => Filled::Stored,
            Inserted::Fenced => Filled::Fenced,
            Inserted::Present | Inserted::TooHeavy | Inserted::Busy => Filled::Refused,
        }
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
    async fn lookup(&self, key: &K, aim: Aim) -> Result<Lookup<V>> {
        Ok(self.lookup_now(key, aim))
    }
    async fn fill(&self, key: &K, entry: Entry<V>, lease: Lease) -> Result<Filled> {
        Ok(self.fill_now(key, entry, &lease))
    }
    async fn release(&self, _key: &K, _lease: Lease) {}
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
    async fn lookup_many(&self, keys: &[K], aim: Aim) -> Result<Vec<Lookup<V>>> {
        Ok(keys.iter().map(|key| self.lookup_now(key, aim)).collect())
    }
    async fn fill_many(&self, fills: Vec<(K, Entry<V>, Lease)>) -> Result<Vec<Filled>> {
        Ok(fills
            .into_iter()
            .map(|(key, entry, lease)| self.fill_now(&key, entry, &lease))
            .collect())
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
    async fn explain(&self, key: &K) -> Vec<TierReport> {
        vec![TierReport::new("in process", self.state(key))]
    }
    async fn purge(&self, stale_for: Duration) -> Result<usize> {
        Ok(Near::purge(self, stale_for))
    }
}
