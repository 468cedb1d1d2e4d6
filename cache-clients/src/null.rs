//! The client that keeps nothing: every call computes, though never twice at a time.

use cache_core::{
    Aim, Cache, Client, Entry, Filled, Flights, Lease, Lookup, Namespace, Near, PutWhen, Reach,
    Reason, Result, TierReport, TierState,
};
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

/// Keeps nothing. For switching a cache off, and for measuring what it brings.
///
/// ```
/// use cache_clients::Null;
/// use cache_core::{CacheExt, Client, Namespace, wait};
///
/// let cache = Client::<u64, u64>::open(&Null, &Namespace::new("squares"));
/// wait(cache.put_for(&7, 49, 60)).unwrap();
/// assert_eq!(wait(cache.get(&7)).unwrap(), None);
/// assert_eq!(wait(cache.get_or_compute(&7, || async { 49 })), 49);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Null;

/// What [`Null`] opens.
///
/// ```
/// use cache_clients::NullCache;
/// use cache_core::{CacheExt, wait};
/// assert!(!wait(NullCache::<u64, u64>::new().contains(&7)).unwrap());
/// ```
pub struct NullCache<K, V> {
    flights: Arc<Flights<K, V>>,
}

impl<K: Eq, V> NullCache<K, V> {
    /// A cache that holds nothing, and never will.
    #[must_use]
    pub fn new() -> Self {
        NullCache { flights: Arc::new(Flights::new()) }
    }
}

impl<K: Eq, V> Default for NullCache<K, V> {
    fn default() -> Self {
        NullCache::new()
    }
}

impl<K, V> Clone for NullCache<K, V> {
    fn clone(&self) -> Self {
        NullCache { flights: self.flights.clone() }
    }
}

impl<K, V> fmt::Debug for NullCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NullCache")
    }
}

impl<K, V> Client<K, V> for Null
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Cache = NullCache<K, V>;
    fn open(&self, _namespace: &Namespace) -> NullCache<K, V> {
        NullCache::new()
    }
}

fn nothing<V>() -> Lookup<V> {
    Lookup::Missing { reason: Reason::Never, lease: Lease::none() }
}

#[deny(clippy::missing_trait_methods)]
impl<K, V> Cache<K, V> for NullCache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn near(&self) -> Option<&Near<K, V>> {
        None
    }
    fn reach(&self) -> Reach {
        Reach::Near
    }
    fn flights(&self) -> &Arc<Flights<K, V>> {
        &self.flights
    }
    async fn lookup(&self, _key: &K, _aim: Aim) -> Result<Lookup<V>> {
        Ok(nothing())
    }
    async fn fill(&self, _key: &K, _entry: Entry<V>, _lease: Lease) -> Result<Filled> {
        Ok(Filled::Refused)
    }
    async fn release(&self, _key: &K, _lease: Lease) {}
    async fn put(&self, _key: &K, _entry: Entry<V>, _when: PutWhen) -> Result<bool> {
        Ok(false)
    }
    async fn renew(&self, _key: &K, _ttl: Option<Duration>) -> Result<bool> {
        Ok(false)
    }
    async fn expire(&self, _key: &K) -> Result<bool> {
        Ok(false)
    }
    async fn delete(&self, _key: &K) -> Result<bool> {
        Ok(false)
    }
    async fn lookup_many(&self, keys: &[K], _aim: Aim) -> Result<Vec<Lookup<V>>> {
        Ok(keys.iter().map(|_| nothing()).collect())
    }
    async fn fill_many(&self, fills: Vec<(K, Entry<V>, Lease)>) -> Result<Vec<Filled>> {
        Ok(fills.iter().map(|_| Filled::Refused).collect())
    }
    async fn put_many(&self, _entries: Vec<(K, Entry<V>)>) -> Result<()> {
        Ok(())
    }
    async fn delete_many(&self, _keys: &[K]) -> Result<()> {
        Ok(())
    }
    async fn clear(&self) -> Result<()> {
        Ok(())
    }
    async fn explain(&self, _key: &K) -> Vec<TierReport> {
        let state = TierState::Missing { reason: Reason::Never, since: None };
        vec![TierReport::new("null, which keeps nothing", state)]
    }
    async fn purge(&self, _stale_for: Duration) -> Result<usize> {
        Ok(0)
    }
}
