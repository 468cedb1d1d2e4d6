//! What the computations over any cache have in common: where they look, where they store, and how
//! their panics reach whoever began them.

use crate::client::{Cache, Reach};
use crate::entry::{Entry, Filled, Lease, Lookup};
use crate::flight::{Flight, KeptLead, Landing};
use crate::key::View;
use crate::table::Life;
use crate::task::BoxFuture;
use crate::trail::Inside;
use std::any::Any;
use std::future::Future;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// What a panic leaves.
pub(super) type Panic = Box<dyn Any + Send>;

/// The hash by which flights of this cache are found.
pub(super) fn hash_of<K, V, C>(cache: &C, key: &K) -> u64
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    C: Cache<K, V> + ?Sized,
{
    match cache.near() {
        Some(near) => near.table().hash_with(|state| View::hash(&key, state)),
        None => crate::memo::hash_far(&key),
    }
}

/// A live value of the near table, if there is one.
pub(super) fn near_value<K, V, C>(cache: &C, hash: u64, key: &K) -> Option<V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    C: Cache<K, V>,
{
    cache.near()?.find(hash, |k| k == key)
}

/// What a lookup allows: to use the value, or to store another.
pub(super) enum Known<V> {
    Value(V),
    /// None where the cache failed.
    Lease(Option<Lease>),
}

impl<V> From<Lookup<V>> for Known<V> {
    fn from(lookup: Lookup<V>) -> Self {
        match lookup {
            Lookup::Fresh { value, .. } | Lookup::Stale { value, .. } => Known::Value(value),
            Lookup::Expired { lease, .. } | Lookup::Missing { lease, .. } => {
                Known::Lease(Some(lease))
            }
        }
    }
}

/// Whether everything that the cache knows is in its near table, where a flight's own fence is exact.
pub(super) fn is_purely_near<K, V>(cache: &impl Cache<K, V>) -> bool {
    cache.reach() == Reach::Near && cache.near().is_some()
}

/// Gives a lease back that is not used.
pub(super) async fn give_back<K, V>(cache: &impl Cache<K, V>, key: &K, lease: Option<Lease>)
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    if let Some(lease) = lease.filter(Lease::is_some) {
        cache.release(key, lease).await;
    }
}

/// Stores what a flight computed, unless something newer happened to the key. A cache that fails
/// is left as it is.
pub(super) async fn store<K, V, C>(
    cache: &C,
    flight: &Flight<K, V>,
    value: V,
    ttl: Option<Duration>,
    lease: Option<Lease>,
) where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    C: Cache<K, V>,
{
    if let Some((key, entry, lease)) = store_near(cache, flight, value, ttl, lease) {
        match cache.fill(&key, entry, lease).await {
            Ok(Filled::Stored | Filled::Fenced | Filled::Refused) | Err(_) => {}
        }
    }
}

/// Stores where no I/O is needed; gives what is left to be filled.
pub(super) fn store_near<K, V, C>(
    cache: &C,
    flight: &Flight<K, V>,
    value: V,
    ttl: Option<Duration>,
    lease: Option<Lease>,
) -> Option<(K, Entry<V>, Lease)>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    C: Cache<K, V>,
{
    let lease = lease.filter(Lease::is_some);
    if let Some(near) = cache.near()
        && (is_purely_near(cache) || lease.is_none())
    {
        near.commit(flight, value, Life { ttl, refresh_after: None });
        return None;
    }
    let lease = lease.filter(|_| !flight.is_fenced())?;
    Some((flight.key.clone(), Entry::new(value).with_ttl(ttl), lease))
}

/// Hands out a computed value, or the right to try.
pub(super) fn land<K, V>(lead: KeptLead<K, V>, value: Option<V>) {
    match value {
        Some(value) => lead.land(Landing::Value(value)),
        None => drop(lead),
    }
}

/// The user's future: polled inside of the flights that it computes, its panic given as a value.
pub(super) struct Body<'a, T> {
    future: BoxFuture<'a, T>,
    flights: Vec<u64>,
}

impl<'a, T> Body<'a, T> {
    pub(super) fn new(future: impl Future<Output = T> + Send + 'a, flights: Vec<u64>) -> Self {
        Body { future: Box::pin(future), flights }
    }
}

impl<T> Future for Body<'_, T> {
    type Output = Result<T, Panic>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let _inside = this.flights.split_last().map(|(last, rest)| Inside::enter(rest, *last));
        match catch_unwind(AssertUnwindSafe(|| this.future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(out)) => Poll::Ready(Ok(out)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}
