//! A region's own namespace as one call sees it: how old is too old is the caller's to say.

use super::options::Wanted;
use super::stamped::Stamped;
use crate::cache::RegionCache;
use cache_core::{
    Aim, Cache, CacheExt, Clock, Entry, Filled, Flights, Lease, Lookup, Near, PutWhen, Reach,
    Reason, Result, TierReport,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

/// The near table is not shown: what lies there may be too old for this call.
pub(crate) struct Aged<K, V> {
    pub(crate) cache: RegionCache<K, Stamped<V>>,
    pub(crate) clock: Clock,
    /// The age beyond which a value is stale for this call.
    pub(crate) expiration: Option<Duration>,
    /// For how long values are kept, so that there are stale ones.
    pub(crate) keep: Option<Duration>,
    pub(crate) wanted: Option<Wanted<V>>,
}

/// What a call finds.
pub(crate) enum Seen<V> {
    Young(Stamped<V>),
    /// Too old, or soft invalidated.
    Old(Stamped<V>),
    Nothing,
}

impl<K, V> Clone for Aged<K, V> {
    fn clone(&self) -> Self {
        Aged {
            cache: self.cache.clone(),
            clock: self.clock.clone(),
            expiration: self.expiration,
            keep: self.keep,
            wanted: self.wanted.clone(),
        }
    }
}

impl<K, V> Aged<K, V>
where
    K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
    V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    pub(crate) async fn seen(&self, keys: &[K]) -> Result<Vec<Seen<V>>> {
        let found = self.cache.lookup_many(keys, Aim::Read).await?;
        Ok(found.into_iter().map(|known| self.judge(known)).collect())
    }

    fn judge(&self, known: Lookup<Stamped<V>>) -> Seen<V> {
        match known {
            Lookup::Fresh { value, .. } if self.is_young(&value) => Seen::Young(value),
            Lookup::Fresh { value, .. }
            | Lookup::Stale { value, .. }
            | Lookup::Expired { value, .. }
                if value.is_understood() && self.is_kept(&value) =>
            {
                Seen::Old(value)
            }
            _ => Seen::Nothing,
        }
    }

    fn is_young(&self, value: &Stamped<V>) -> bool {
        value.is_understood() && self.expiration.is_none_or(|limit| value.age(&self.clock) <= limit)
    }

    fn is_kept(&self, value: &Stamped<V>) -> bool {
        self.keep.is_none_or(|keep| value.age(&self.clock) <= keep)
    }

    pub(crate) fn entry(&self, value: Stamped<V>) -> Entry<Stamped<V>> {
        Entry::new(value).with_ttl(self.keep)
    }

    pub(crate) fn stamped(&self, value: V) -> Stamped<V> {
        Stamped::new(value, &self.clock)
    }

    fn is_fresh(&self, known: &Lookup<Stamped<V>>) -> bool {
        matches!(known, Lookup::Fresh { value, .. } if self.is_young(value))
    }

    /// What is there but stale is asked for again, with the leave to compute it anew; who does not
    /// get that leave takes what is there.
    async fn renew_stale(&self, keys: &[K], found: &mut [Lookup<Stamped<V>>]) -> Result<()> {
        let is_stale = |known: &Lookup<Stamped<V>>| match known {
            Lookup::Fresh { .. } | Lookup::Stale { .. } => !self.is_fresh(known),
            Lookup::Expired { .. } | Lookup::Missing { .. } => false,
        };
        let stale: Vec<usize> = (0..keys.len()).filter(|at| is_stale(&found[*at])).collect();
        if stale.is_empty() {
            return Ok(());
        }
        let asked: Vec<K> = stale.iter().map(|at| keys[*at].clone()).collect();
        let again = self.cache.lookup_many(&asked, Aim::Refresh).await?;
        for (at, again) in stale.into_iter().zip(again) {
            found[at] = self.leased(&keys[at], again).await;
        }
        Ok(())
    }

    async fn leased(&self, key: &K, known: Lookup<Stamped<V>>) -> Lookup<Stamped<V>> {
        match known {
            // Somebody has just computed it anew.
            Lookup::Stale { value, left, tags, lease } if self.is_young(&value) => {
                self.cache.release(key, lease).await;
                Lookup::Fresh { value, left, refresh_in: None, tags }
            }
            Lookup::Stale { value, tags, lease, .. } if lease.is_some() => {
                let (since, by_call) = (Duration::ZERO, false);
                Lookup::Expired { value, since, by_call, tags, lease }
            }
            Lookup::Fresh { value, .. } | Lookup::Stale { value, .. } if !value.is_understood() => {
                Lookup::Missing { reason: Reason::Schema, lease: Lease::none() }
            }
            other => other,
        }
    }
}

impl<K, V> fmt::Debug for Aged<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aged").field("cache", &self.cache).finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<K, V> Cache<K, Stamped<V>> for Aged<K, V>
where
    K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
    V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    fn near(&self) -> Option<&Near<K, Stamped<V>>> {
        None
    }
    fn reach(&self) -> Reach {
        Reach::Far
    }
    fn flights(&self) -> &Arc<Flights<K, Stamped<V>>> {
        self.cache.flights()
    }
    async fn lookup(&self, key: &K, aim: Aim) -> Result<Lookup<Stamped<V>>> {
        let found = self.lookup_many(std::slice::from_ref(key), aim).await?.pop();
        Ok(found.unwrap_or(Lookup::Missing { reason: Reason::Never, lease: Lease::none() }))
    }
    async fn fill(&self, key: &K, entry: Entry<Stamped<V>>, lease: Lease) -> Result<Filled> {
        if self.wanted.as_ref().is_some_and(|wanted| !wanted(&entry.value.value)) {
            self.cache.release(key, lease).await;
            return Ok(Filled::Refused);
        }
        self.cache.fill(key, entry.with_ttl(self.keep), lease).await
    }
    async fn release(&self, key: &K, lease: Lease) {
        self.cache.release(key, lease).await;
    }
    async fn put(&self, key: &K, entry: Entry<Stamped<V>>, when: PutWhen) -> Result<bool> {
        self.fence(key);
        let put = self.cache.put(key, entry, when).await;
        // Once more: what began meanwhile may have found what was there before.
        self.fence(key);
        put
    }
    async fn renew(&self, key: &K, ttl: Option<Duration>) -> Result<bool> {
        self.cache.renew(key, ttl).await
    }
    async fn expire(&self, key: &K) -> Result<bool> {
        self.fence(key);
        let expired = self.cache.expire(key).await;
        self.fence(key);
        expired
    }
    async fn delete(&self, key: &K) -> Result<bool> {
        self.fence(key);
        let deleted = self.cache.delete(key).await;
        self.fence(key);
        deleted
    }
    async fn lookup_many(&self, keys: &[K], aim: Aim) -> Result<Vec<Lookup<Stamped<V>>>> {
        let mut found = self.cache.lookup_many(keys, aim).await?;
        if aim == Aim::Compute {
            self.renew_stale(keys, &mut found).await?;
        }
        Ok(found)
    }
    async fn fill_many(&self, fills: Vec<(K, Entry<Stamped<V>>, Lease)>) -> Result<Vec<Filled>> {
        let mut done = Vec::with_capacity(fills.len());
        let (mut places, mut wanted) = (Vec::new(), Vec::new());
        for (at, (key, entry, lease)) in fills.into_iter().enumerate() {
            done.push(Filled::Refused);
            if self.wanted.as_ref().is_none_or(|wanted| wanted(&entry.value.value)) {
                places.push(at);
                wanted.push((key, entry.with_ttl(self.keep), lease));
            } else {
                self.cache.release(&key, lease).await;
            }
        }
        let filled = self.cache.fill_many(wanted).await?;
        for (at, filled) in places.into_iter().zip(filled) {
            done[at] = filled;
        }
        Ok(done)
    }
    async fn put_many(&self, entries: Vec<(K, Entry<Stamped<V>>)>) -> Result<()> {
        let keys: Vec<K> = entries.iter().map(|(key, _)| key.clone()).collect();
        keys.iter().for_each(|key| self.fence(key));
        let put = self.cache.put_many(entries).await;
        keys.iter().for_each(|key| self.fence(key));
        put
    }
    async fn delete_many(&self, keys: &[K]) -> Result<()> {
        keys.iter().for_each(|key| self.fence(key));
        let deleted = self.cache.delete_many(keys).await;
        keys.iter().for_each(|key| self.fence(key));
        deleted
    }
    async fn clear(&self) -> Result<()> {
        self.cache.clear().await
    }
    async fn explain(&self, key: &K) -> Vec<TierReport> {
        self.cache.explain(key).await
    }
    async fn purge(&self, stale_for: Duration) -> Result<usize> {
        self.cache.purge(stale_for).await
    }
}
