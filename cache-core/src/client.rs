//! The contract of clients and their caches. Async, written once; the sync face is [`wait`](crate::wait).

use crate::entry::{Aim, Entry, Filled, Lease, Lookup, Namespace, PutWhen};
use crate::error::Result;
use crate::explain::TierReport;
use crate::flight::Flights;
use crate::near::Near;
use std::fmt::Debug;
use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// Where values live: in this process, on a server, in tiers. Cheap to share by many functions.
///
/// `#[cached(client = SCORES)]` takes anything that implements this for the function's key and
/// value, also behind a reference, an `Arc` or a `LazyLock`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no client for keys `{K}` and values `{V}`",
    label = "not a client",
    note = "a client is an `Inproc`, a tiered or remote client, or a type of yours that implements `Client<K, V>`"
)]
pub trait Client<K, V> {
    /// What it opens.
    type Cache: Cache<K, V>;
    /// A typed view of one namespace of it.
    fn open(&self, namespace: &Namespace) -> Self::Cache;
}

impl<K, V, C: Client<K, V> + ?Sized> Client<K, V> for &C {
    type Cache = C::Cache;
    fn open(&self, namespace: &Namespace) -> Self::Cache {
        (**self).open(namespace)
    }
}
impl<K, V, C: Client<K, V> + ?Sized> Client<K, V> for Arc<C> {
    type Cache = C::Cache;
    fn open(&self, namespace: &Namespace) -> Self::Cache {
        (**self).open(namespace)
    }
}
impl<K, V, C: Client<K, V>, F: FnOnce() -> C> Client<K, V> for LazyLock<C, F> {
    type Cache = C::Cache;
    fn open(&self, namespace: &Namespace) -> Self::Cache {
        (**self).open(namespace)
    }
}

/// How far a cache reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Everything is in its [`Cache::near`] table: answers come at once, in this thread.
    Near,
    /// Some answers need I/O.
    Far,
}

/// A typed, namespaced view of a client.
///
/// Every method is required, so that a wrapper cannot lose one silently; conveniences are in
/// [`CacheExt`](crate::CacheExt). Futures must wake through their waker alone, so that they can be
/// waited for in any thread. The contract is a test suite: `cache_core::conformance`.
pub trait Cache<K, V>: Debug + Send + Sync + 'static {
    /// The in-process cache in front, if there is one; hits are read from it inline.
    fn near(&self) -> Option<&Near<K, V>>;
    /// Whether there is anything behind [`Cache::near`].
    fn reach(&self) -> Reach;
    /// The computations in progress over this cache.
    fn flights(&self) -> &Arc<Flights<K, V>>;
    /// What is known of the key, with a lease where the caller may compute.
    fn lookup(&self, key: &K, aim: Aim) -> impl Future<Output = Result<Lookup<V>>> + Send;
    /// Stores what was computed under a lease.
    fn fill(
        &self,
        key: &K,
        entry: Entry<V>,
        lease: Lease,
    ) -> impl Future<Output = Result<Filled>> + Send;
    /// Gives back a lease that is not used, since the computation failed: the next one may try.
    fn release(&self, key: &K, lease: Lease) -> impl Future<Output = ()> + Send;
    /// Stores a value; false if [`PutWhen::Absent`] found one, or there is no room for it.
    fn put(
        &self,
        key: &K,
        entry: Entry<V>,
        when: PutWhen,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// Lengthens the life of a value to `ttl` from now (`None`: without end); never shortens it.
    /// False if there is no live value.
    fn renew(&self, key: &K, ttl: Option<Duration>) -> impl Future<Output = Result<bool>> + Send;
    /// Makes a value expire now; false if there was no live one.
    fn expire(&self, key: &K) -> impl Future<Output = Result<bool>> + Send;
    /// Removes a value; false if there was no live one.
    fn delete(&self, key: &K) -> impl Future<Output = Result<bool>> + Send;
    /// [`Cache::lookup`] of many keys, in their order.
    fn lookup_many(
        &self,
        keys: &[K],
        aim: Aim,
    ) -> impl Future<Output = Result<Vec<Lookup<V>>>> + Send;
    /// [`Cache::fill`] of many keys, in their order.
    fn fill_many(
        &self,
        fills: Vec<(K, Entry<V>, Lease)>,
    ) -> impl Future<Output = Result<Vec<Filled>>> + Send;
    /// [`Cache::put`] (always) of many values.
    fn put_many(&self, entries: Vec<(K, Entry<V>)>) -> impl Future<Output = Result<()>> + Send;
    /// [`Cache::delete`] of many keys.
    fn delete_many(&self, keys: &[K]) -> impl Future<Output = Result<()>> + Send;
    /// Forgets everything, in a time that does not depend on how much that is.
    fn clear(&self) -> impl Future<Output = Result<()>> + Send;
    /// What each tier knows of a key, the nearest first. It looks wherever a computing
    /// [`Cache::lookup`] would, and changes nothing: no lease, no promotion, no use, no count.
    fn explain(&self, key: &K) -> impl Future<Output = Vec<TierReport>> + Send;
    /// Drops what has been expired for longer than `stale_for`; tells how many, where known.
    fn purge(&self, stale_for: Duration) -> impl Future<Output = Result<usize>> + Send;
}
