//! A cache whose type is forgotten: the only place that boxes the futures of caches.

use crate::client::{Cache, Reach};
use crate::entry::{Aim, Entry, Filled, Lease, Lookup, PutWhen};
use crate::error::Result;
use crate::explain::TierReport;
use crate::flight::Flights;
use crate::near::Near;
use crate::task::BoxFuture;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Any cache of these types, shared. It is a cache itself, so that stacks of tiers nest.
///
/// ```
/// use cache_core::{Budget, CacheExt, Clock, Near, Shared, TableOptions, wait};
///
/// let near = Near::<u64, f64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
/// let shared = Shared::new(near);
/// wait(shared.put_for(&7, 0.5, 60)).unwrap();
/// assert_eq!(wait(shared.get(&7)).unwrap(), Some(0.5));
/// ```
pub struct Shared<K, V>(Arc<dyn Erased<K, V>>);

impl<K: Sync + 'static, V: Send + 'static> Shared<K, V> {
    /// Forgets the type of a cache.
    pub fn new<C: Cache<K, V>>(cache: C) -> Self
    where
        K: Send,
    {
        Shared(Arc::new(cache))
    }
}

impl<K, V> Clone for Shared<K, V> {
    fn clone(&self) -> Self {
        Shared(self.0.clone())
    }
}

impl<K, V> fmt::Debug for Shared<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

trait Erased<K, V>: fmt::Debug + Send + Sync + 'static {
    fn near(&self) -> Option<&Near<K, V>>;
    fn reach(&self) -> Reach;
    fn flights(&self) -> &Arc<Flights<K, V>>;
    fn lookup<'a>(&'a self, key: &'a K, aim: Aim) -> BoxFuture<'a, Result<Lookup<V>>>;
    fn fill<'a>(
        &'a self,
        key: &'a K,
        entry: Entry<V>,
        lease: Lease,
    ) -> BoxFuture<'a, Result<Filled>>;
    fn release<'a>(&'a self, key: &'a K, lease: Lease) -> BoxFuture<'a, ()>;
    fn put<'a>(&'a self, key: &'a K, entry: Entry<V>, when: PutWhen)
    -> BoxFuture<'a, Result<bool>>;
    fn fill_many(&self, fills: Vec<(K, Entry<V>, Lease)>) -> BoxFuture<'_, Result<Vec<Filled>>>;
    fn renew<'a>(&'a self, key: &'a K, ttl: Option<Duration>) -> BoxFuture<'a, Result<bool>>;
    fn expire<'a>(&'a self, key: &'a K) -> BoxFuture<'a, Result<bool>>;
    fn delete<'a>(&'a self, key: &'a K) -> BoxFuture<'a, Result<bool>>;
    fn lookup_many<'a>(&'a self, keys: &'a [K], aim: Aim) -> BoxFuture<'a, Result<Vec<Lookup<V>>>>;
    fn put_many(&self, entries: Vec<(K, Entry<V>)>) -> BoxFuture<'_, Result<()>>;
    fn delete_many<'a>(&'a self, keys: &'a [K]) -> BoxFuture<'a, Result<()>>;
    fn clear(&self) -> BoxFuture<'_, Result<()>>;
    fn explain<'a>(&'a self, key: &'a K) -> BoxFuture<'a, Vec<TierReport>>;
    fn purge(&self, stale_for: Duration) -> BoxFuture<'_, Result<usize>>;
}

impl<K: Sync + Send + 'static, V: Send + 'static, C: Cache<K, V>> Erased<K, V> for C {
    fn near(&self) -> Option<&Near<K, V>> {
        Cache::near(self)
    }
    fn reach(&self) -> Reach {
        Cache::reach(self)
    }
    fn flights(&self) -> &Arc<Flights<K, V>> {
        Cache::flights(self)
    }
    fn lookup<'a>(&'a self, key: &'a K, aim: Aim) -> BoxFuture<'a, Result<Lookup<V>>> {
        Box::pin(Cache::lookup(self, key, aim))
    }
    fn fill<'a>(
        &'a self,
        key: &'a K,
        entry: Entry<V>,
        lease: Lease,
    ) -> BoxFuture<'a, Result<Filled>> {
        Box::pin(Cache::fill(self, key, entry, lease))
    }
    fn release<'a>(&'a self, key: &'a K, lease: Lease) -> BoxFuture<'a, ()> {
        Box::pin(Cache::release(self, key, lease))
    }
    fn fill_many(&self, fills: Vec<(K, Entry<V>, Lease)>) -> BoxFuture<'_, Result<Vec<Filled>>> {
        Box::pin(Cache::fill_many(self, fills))
    }
    fn put<'a>(
        &'a self,
        key: &'a K,
        entry: Entry<V>,
        when: PutWhen,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(Cache::put(self, key, entry, when))
    }
    fn renew<'a>(&'a self, key: &'a K, ttl: Option<Duration>) -> BoxFuture<'a, Result<bool>> {
        Box::pin(Cache::renew(self, key, ttl))
    }
    fn expire<'a>(&'a self, key: &'a K) -> BoxFuture<'a, Result<bool>> {
        Box::pin(Cache::expire(self, key))
    }
    fn delete<'a>(&'a self, key: &'a K) -> BoxFuture<'a, Result<bool>> {
        Box::pin(Cache::delete(self, key))
    }
    fn lookup_many<'a>(&'a self, keys: &'a [K], aim: Aim) -> BoxFuture<'a, Result<Vec<Lookup<V>>>> {
        Box::pin(Cache::lookup_many(self, keys, aim))
    }
    fn put_many(&self, entries: Vec<(K, Entry<V>)>) -> BoxFuture<'_, Result<()>> {
        Box::pin(Cache::put_many(self, entries))
    }
    fn delete_many<'a>(&'a self, keys: &'a [K]) -> BoxFuture<'a, Result<()>> {
        Box::pin(Cache::delete_many(self, keys))
    }
    fn clear(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(Cache::clear(self))
    }
    fn explain<'a>(&'a self, key: &'a K) -> BoxFuture<'a, Vec<TierReport>> {
        Box::pin(Cache::explain(self, key))
    }
    fn purge(&self, stale_for: Duration) -> BoxFuture<'_, Result<usize>> {
        Box::pin(Cache::purge(self, stale_for))
    }
}

#[deny(clippy::missing_trait_methods)]
impl<K: Sync + Send + 'static, V: Send + 'static> Cache<K, V> for Shared<K, V> {
    fn near(&self) -> Option<&Near<K, V>> {
        self.0.near()
    }
    fn reach(&self) -> Reach {
        self.0.reach()
    }
    fn flights(&self) -> &Arc<Flights<K, V>> {
        self.0.flights()
    }
    async fn lookup(&self, key: &K, aim: Aim) -> Result<Lookup<V>> {
        self.0.lookup(key, aim).await
    }
    async fn fill(&self, key: &K, entry: Entry<V>, lease: Lease) -> Result<Filled> {
        self.0.fill(key, entry, lease).await
    }
    async fn release(&self, key: &K, lease: Lease) {
        self.0.release(key, lease).await;
    }
    async fn put(&self, key: &K, entry: Entry<V>, when: PutWhen) -> Result<bool> {
        self.0.put(key, entry, when).await
    }
    async fn renew(&self, key: &K, ttl: Option<Duration>) -> Result<bool> {
        self.0.renew(key, ttl).await
    }
    async fn expire(&self, key: &K) -> Result<bool> {
        self.0.expire(key).await
    }
    async fn delete(&self, key: &K) -> Result<bool> {
        self.0.delete(key).await
    }
    async fn lookup_many(&self, keys: &[K], aim: Aim) -> Result<Vec<Lookup<V>>> {
        self.0.lookup_many(keys, aim).await
    }
    async fn fill_many(&self, fills: Vec<(K, Entry<V>, Lease)>) -> Result<Vec<Filled>> {
        self.0.fill_many(fills).await
    }
    async fn put_many(&self, entries: Vec<(K, Entry<V>)>) -> Result<()> {
        self.0.put_many(entries).await
    }
    async fn delete_many(&self, keys: &[K]) -> Result<()> {
        self.0.delete_many(keys).await
    }
    async fn clear(&self) -> Result<()> {
        self.0.clear().await
    }
    async fn explain(&self, key: &K) -> Vec<TierReport> {
        self.0.explain(key).await
    }
    async fn purge(&self, stale_for: Duration) -> Result<usize> {
        self.0.purge(stale_for).await
    }
}
