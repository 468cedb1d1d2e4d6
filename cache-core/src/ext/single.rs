//! One value: join the flight of its key, or put the computation into a flight of its own.

use super::task::{
    Body, Known, Panic, clock_of, entry, give_back, hash_of, is_purely_near, land, near_value,
    store,
};
use crate::client::Cache;
use crate::entry::Aim;
use crate::flight::{Follow, Joined, KeptLead, Landed, Work};
use crate::near::panic_in_circle;
use crate::tags::epoch;
use crate::task::CatchUnwind;
use parking_lot::Mutex;
use std::future::Future;
use std::hash::Hash;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// Why a computation left no value; for the caller that began it.
enum Fault<E> {
    Error(E),
    Panic(Panic),
}

/// Where the computation leaves its fault, before it lets the next one try.
type Report<E> = Arc<Mutex<Option<Fault<E>>>>;

/// How long values live in this cache that come without a TTL.
pub(super) fn own_ttl<K, V>(cache: &impl Cache<K, V>) -> Option<Duration>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    cache.near()?.ttl()
}

pub(super) async fn single<K, V, E, C, F, Fut>(
    cache: &C,
    key: &K,
    ttl: Option<Duration>,
    compute: F,
) -> Result<V, E>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Send + 'static,
    C: Cache<K, V> + Clone,
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = Result<V, E>> + Send + 'static,
{
    match unless_circle(cache, key, ttl, compute).await {
        Ok(value) => Ok(value),
        Err(Some(error)) => Err(error),
        Err(None) => refuse::<K, V>(cache),
    }
}

/// No error at all: the computation waits for itself.
pub(super) async fn unless_circle<K, V, E, C, F, Fut>(
    cache: &C,
    key: &K,
    ttl: Option<Duration>,
    compute: F,
) -> Result<V, Option<E>>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Send + 'static,
    C: Cache<K, V> + Clone,
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = Result<V, E>> + Send + 'static,
{
    let hash = hash_of(cache, key);
    if let Some(value) = near_value(cache, hash, key) {
        return Ok(value);
    }
    let (mut key, called) = (key.clone(), epoch());
    let lead = loop {
        let (flight, again) = match cache.flights().join(hash, key) {
            Joined::Lead(lead) => break lead.keep(cache.flights().clone()),
            Joined::Follow(flight, again) => (flight, again),
        };
        match Follow::new(flight, called).await {
            Landed::Value(value) => return Ok(value),
            Landed::Circle => return Err(None),
            Landed::Sole(_) | Landed::Shared(_) | Landed::Gone => key = again,
        }
    };
    let report = Report::<E>::default();
    let flight = lead.flight().clone();
    let (run, told) = (run(cache.clone(), lead, ttl, compute, report.clone()), report.clone());
    flight.set_work(Work::Task(Box::pin(async move {
        // Not of the computation, but of what stores its value: a clone, a weigher.
        if let Err(panic) = CatchUnwind(pin!(run)).await {
            *told.lock() = Some(Fault::Panic(panic));
        }
    })));
    let landed = Follow::own(flight).await;
    if let Landed::Value(value) = landed {
        return Ok(value);
    }
    let fault = report.lock().take();
    match (fault, landed) {
        (Some(Fault::Error(error)), _) => Err(Some(error)),
        (Some(Fault::Panic(panic)), _) => resume_unwind(panic),
        (None, Landed::Circle) => Err(None),
        (None, _) => panic!("the computation was thrown away: its runtime has been shut down"),
    }
}

fn refuse<K, V>(cache: &impl Cache<K, V>) -> ! {
    panic_in_circle::<K, V>(cache.near().map_or("", |near| near.name()))
}

/// The flight's own work: whoever waits drives it.
async fn run<K, V, E, C, F, Fut>(
    cache: C,
    lead: KeptLead<K, V>,
    ttl: Option<Duration>,
    compute: F,
    report: Report<E>,
) where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    C: Cache<K, V>,
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = Result<V, E>> + Send + 'static,
{
    let flight = lead.flight().clone();
    let known = if is_purely_near(&cache) {
        Known::near(cache.near(), &flight)
    } else {
        let (known, clock) = (cache.lookup(&flight.key, Aim::Compute).await, clock_of(&cache));
        known.map_or(Known::Lease(None), |known| Known::of(known, &clock))
    };
    let lease = match known {
        Known::Value(value, note) => {
            flight.annotate(&note);
            return land(lead, Some(value));
        }
        Known::Lease(lease) => lease,
    };
    let body = Body::new(async move { compute().await }, Vec::new());
    let fault = match body.await {
        Ok((Ok(value), note)) => {
            let entry = entry(&cache, &flight, value.clone(), ttl, &note);
            store(&cache, &flight, entry, lease).await;
            return land(lead, Some(value));
        }
        Ok((Err(error), note)) => {
            flight.annotate(&note);
            Fault::Error(error)
        }
        Err(panic) => Fault::Panic(panic),
    };
    give_back(&cache, &flight.key, lease).await;
    *report.lock() = Some(fault);
    land(lead, None);
}
