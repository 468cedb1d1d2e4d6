//! What the computations over any cache have in common: where they look, where they store, and how
//! their panics reach whoever began them.

use crate::client::{Cache, Reach};
use crate::clock::Clock;
use crate::entry::{Entry, Filled, Lease, Lookup};
use crate::flight::{Flight, KeptLead, Landing};
use crate::gather::{Gathered, Note};
use crate::key::View;
use crate::near::Near;
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
    Value(V, Note),
    /// None where the cache failed.
    Lease(Option<Lease>),
}

impl<V> Known<V> {
    pub(super) fn of(lookup: Lookup<V>, clock: &Clock) -> Self {
        match lookup {
            // Softly invalidated, and for this caller to compute.
            Lookup::Stale { lease, .. } if lease.is_some() => Known::Lease(Some(lease)),
            Lookup::Fresh { value, left, tags, .. } | Lookup::Stale { value, left, tags, .. } => {
                Known::Value(value, Note::of(tags, left, clock))
            }
            Lookup::Expired { lease, .. } | Lookup::Missing { lease, .. } => {
                Known::Lease(Some(lease))
            }
        }
    }

    /// Of a cache that has nothing behind its near table.
    pub(super) fn near<K>(near: Option<&Near<K, V>>, flight: &Flight<K, V>) -> Self
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        let found = near.and_then(|near| near.left_behind(flight.hash, &flight.key));
        found.map_or(Known::Lease(None), |(value, note)| Known::Value(value, note))
    }
}

/// What a cache's times are told by.
pub(super) fn clock_of<K, V>(cache: &impl Cache<K, V>) -> Clock
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    cache.near().map_or_else(Clock::system, |near| near.clock().clone())
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
    entry: Option<Entry<V>>,
    lease: Option<Lease>,
) where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    C: Cache<K, V>,
{
    match store_near(cache, flight, entry, lease) {
        Left::Fill(key, entry, lease) => match cache.fill(&key, entry, lease).await {
            Ok(Filled::Stored | Filled::Fenced | Filled::Refused) | Err(_) => {}
        },
        Left::Unused(lease) => give_back(cache, &flight.key, lease).await,
    }
}

/// What is left to be done with I/O.
pub(super) enum Left<K, V> {
    Fill(K, Entry<V>, Lease),
    /// Others need not wait for its end.
    Unused(Option<Lease>),
}

/// Stores where no I/O is needed.
pub(super) fn store_near<K, V, C>(
    cache: &C,
    flight: &Flight<K, V>,
    entry: Option<Entry<V>>,
    lease: Option<Lease>,
) -> Left<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    C: Cache<K, V>,
{
    let lease = lease.filter(Lease::is_some);
    if let Some(near) = cache.near()
        && (is_purely_near(cache) || lease.is_none())
    {
        if let Some(entry) = entry {
            near.commit(flight, entry);
        }
        return Left::Unused(None);
    }
    match (entry.filter(|_| !flight.is_fenced()), lease) {
        (Some(entry), Some(lease)) => Left::Fill(flight.key.clone(), entry, lease),
        (_, lease) => Left::Unused(lease),
    }
}

/// The entry of a value that was made from what is noted, if it may be stored; its flight knows then
/// what it is made from.
pub(super) fn entry<K, V, C>(
    cache: &C,
    flight: &Flight<K, V>,
    value: V,
    ttl: Option<Duration>,
    note: &Note,
) -> Option<Entry<V>>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    C: Cache<K, V>,
{
    let clock = clock_of(cache);
    let ttl = match (ttl, note.left(&clock)) {
        (Some(ttl), Some(left)) => Some(ttl.min(left)),
        (ttl, left) => ttl.or(left),
    };
    let left = ttl.unwrap_or(Duration::MAX);
    flight.annotate(&Note::of(note.tags.clone(), left, &clock).made_from(note));
    (!note.unknown).then(|| Entry::new(value).with_ttl(ttl).with_tags(note.tags.clone()))
}

/// Hands out a computed value, or the right to try.
pub(super) fn land<K, V>(lead: KeptLead<K, V>, value: Option<V>) {
    match value {
        Some(value) => lead.land(Landing::Value(value)),
        None => drop(lead),
    }
}

/// The user's future: polled inside of the flights that it computes, its panic given as a value, its
/// result with what that was made from.
pub(super) struct Body<'a, T> {
    future: Gathered<BoxFuture<'a, T>>,
    flights: Vec<u64>,
}

impl<'a, T> Body<'a, T> {
    pub(super) fn new(future: impl Future<Output = T> + Send + 'a, flights: Vec<u64>) -> Self {
        Body { future: Gathered::new(Box::pin(future)), flights }
    }
}

impl<T> Future for Body<'_, T> {
    type Output = Result<(T, Note), Panic>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let _inside = this.flights.split_last().map(|(last, rest)| Inside::enter(rest, *last));
        match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut this.future).poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(out)) => Poll::Ready(Ok(out)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}
