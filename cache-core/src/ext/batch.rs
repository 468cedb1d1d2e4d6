//! Many values: one computation for all keys that this caller leads, in flights that anyone drives.
//!
//! The work lies in the flight of the last key, which lands last; the flights of the other keys only
//! wait for it, so that whoever follows one of them drives the whole. As in
//! [`near`](crate::near), nothing is held while waiting for the flights of others.

use super::single::own_ttl;
use super::task::{
    Body, Known, Left, Panic, clock_of, entry, give_back, hash_of, is_purely_near, land,
    near_value, store_near,
};
use crate::client::Cache;
use crate::entry::{Aim, Entry, Lease};
use crate::flight::{Flight, Follow, Joined, KeptLead, Landed, Work};
use crate::gather::Note;
use crate::near::{Distinct, panic_in_circle, wrong_count};
use crate::tags::epoch;
use crate::task::CatchUnwind;
use parking_lot::Mutex;
use std::future::Future;
use std::hash::Hash;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// What the computation tells the caller that began it.
#[derive(Default)]
struct Report {
    panic: Option<Panic>,
    /// Ids of flights whose key the computation gave no value for.
    failed: Vec<u64>,
    wrong_count: Option<(usize, usize)>,
}

pub(super) async fn batch<K, V, C, F, Fut>(cache: &C, keys: &[K], compute: F) -> Vec<Option<V>>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    C: Cache<K, V> + Clone,
    F: Fn(Vec<K>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Vec<Option<V>>> + Send + 'static,
{
    let compute = Arc::new(compute);
    let mut batch = Distinct::new(keys);
    for at in batch.open() {
        let key = batch.key(at);
        if let Some(value) = near_value(cache, hash_of(cache, key), key) {
            batch.settle(at, Some(value));
        }
    }
    let called = epoch();
    loop {
        let open = batch.open();
        if open.is_empty() {
            return batch.into_values();
        }
        let (leads, follows) = join_all(cache, &batch, open);
        if !leads.is_empty() {
            let (report, led) = launch(cache, leads, compute.clone());
            settle(cache, &mut batch, led, Whose::Own(&report)).await;
            answer(&report);
        }
        settle(cache, &mut batch, follows, Whose::Others { called }).await;
    }
}

/// Whose flights are waited for.
#[derive(Clone, Copy)]
enum Whose<'a> {
    Own(&'a Mutex<Report>),
    /// With the moment of the call, as [`epoch`] counts.
    Others {
        called: u64,
    },
}

/// Waits for flights. A key whose flight gave nothing stays open, unless the report says that its
/// own computation has failed.
async fn settle<K, V, C>(
    cache: &C,
    batch: &mut Distinct<'_, K, V>,
    flights: Placed<K, V>,
    whose: Whose<'_>,
) where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    C: Cache<K, V>,
{
    for (at, flight) in flights {
        let id = flight.id;
        let (follow, report) = match whose {
            Whose::Own(report) => (Follow::own(flight), Some(report)),
            Whose::Others { called } => (Follow::new(flight, called), None),
        };
        match follow.await {
            Landed::Value(value) => batch.settle(at, Some(value)),
            Landed::Circle => refuse::<K, V>(cache),
            Landed::Sole(_) | Landed::Shared(_) | Landed::Gone => {
                if report.is_some_and(|report| report.lock().failed.contains(&id)) {
                    batch.settle(at, None);
                }
            }
        }
    }
}

fn refuse<K, V>(cache: &impl Cache<K, V>) -> ! {
    panic_in_circle::<K, V>(cache.near().map_or("", |near| near.name()))
}

/// A panic of the computation goes on in the caller that began it.
fn answer(report: &Mutex<Report>) {
    let (panic, count) = {
        let mut report = report.lock();
        (report.panic.take(), report.wrong_count.take())
    };
    if let Some(panic) = panic {
        resume_unwind(panic);
    }
    if let Some((given, wanted)) = count {
        wrong_count(given, wanted);
    }
}

/// Flights, each with the place of its key.
type Placed<K, V> = Vec<(usize, Arc<Flight<K, V>>)>;

/// Leads with the places of their keys, and the flights of others.
type Round<K, V> = (Vec<(usize, KeptLead<K, V>)>, Placed<K, V>);

fn join_all<K, V, C>(cache: &C, batch: &Distinct<'_, K, V>, open: Vec<usize>) -> Round<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    C: Cache<K, V>,
{
    let (mut leads, mut follows) = (Vec::new(), Vec::new());
    for at in open {
        let key = batch.key(at);
        match cache.flights().join(hash_of(cache, key), key.clone()) {
            Joined::Lead(lead) => leads.push((at, lead.keep(cache.flights().clone()))),
            Joined::Follow(flight, _) => follows.push((at, flight)),
        }
    }
    (leads, follows)
}

/// Puts the computation into the last of the flights.
fn launch<K, V, C, F, Fut>(
    cache: &C,
    leads: Vec<(usize, KeptLead<K, V>)>,
    compute: Arc<F>,
) -> (Arc<Mutex<Report>>, Placed<K, V>)
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    C: Cache<K, V> + Clone,
    F: Fn(Vec<K>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Vec<Option<V>>> + Send + 'static,
{
    let report = Arc::new(Mutex::new(Report::default()));
    let led: Vec<_> = leads.iter().map(|(at, lead)| (*at, lead.flight().clone())).collect();
    let leads: Vec<_> = leads.into_iter().map(|(_, lead)| lead).collect();
    let Some(((_, last), others)) = led.split_last() else { return (report, led) };
    let (run, told) = (run(cache.clone(), leads, compute, report.clone()), report.clone());
    last.set_work(Work::Task(Box::pin(async move {
        // Not of the computation, but of what stores its values: a clone, a weigher.
        if let Err(panic) = CatchUnwind(pin!(run)).await {
            told.lock().panic = Some(panic);
        }
    })));
    for (_, flight) in others {
        let last = last.clone();
        flight.set_work(Work::Task(Box::pin(async move { drop(Follow::own(last).await) })));
    }
    (report, led)
}

/// The work of all the flights. Lands them in their order, so that the one it lies in is the last.
async fn run<K, V, C, F, Fut>(
    cache: C,
    leads: Vec<KeptLead<K, V>>,
    compute: Arc<F>,
    report: Arc<Mutex<Report>>,
) where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    C: Cache<K, V>,
    F: Fn(Vec<K>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Vec<Option<V>>> + Send + 'static,
{
    let known = ask(&cache, &leads).await;
    let computing: Vec<_> = leads
        .iter()
        .zip(&known)
        .filter(|(_, known)| matches!(known, Known::Lease(_)))
        .map(|(lead, _)| lead.flight().clone())
        .collect();
    let (mut values, note) = match compute_all(&*compute, &computing, &report).await {
        Some((values, note)) => (values.into_iter(), note),
        None => {
            for (lead, known) in leads.iter().zip(known) {
                if let Known::Lease(lease) = known {
                    give_back(&cache, &lead.flight().key, lease).await;
                }
            }
            return;
        }
    };
    let made = (own_ttl(&cache), note);
    let (mut fills, mut landing) = (Vec::new(), Vec::new());
    for (lead, known) in leads.into_iter().zip(known) {
        let value = match known {
            Known::Value(value, note) => {
                lead.flight().annotate(&note);
                Some(value)
            }
            Known::Lease(lease) => {
                let value = values.next();
                keep(&cache, lead.flight(), value, &made, lease, &report, &mut fills).await
            }
        };
        landing.push((lead, value));
    }
    if !fills.is_empty() {
        // A cache that fails is left as it is.
        let _ = cache.fill_many(fills).await;
    }
    for (lead, value) in landing {
        land(lead, value);
    }
}

/// The values of the flights that found none; nothing after a panic.
async fn compute_all<K, V, F, Fut>(
    compute: &F,
    flights: &[Arc<Flight<K, V>>],
    report: &Mutex<Report>,
) -> Option<(Vec<Option<V>>, Note)>
where
    K: Clone,
    F: Fn(Vec<K>) -> Fut + Send + Sync,
    Fut: Future<Output = Vec<Option<V>>> + Send,
    V: Send,
    K: Send + Sync,
{
    if flights.is_empty() {
        return Some((Vec::new(), Note::default()));
    }
    let missing: Vec<K> = flights.iter().map(|flight| flight.key.clone()).collect();
    let ids = flights.iter().map(|flight| flight.id).collect();
    match Body::new(async move { compute(missing).await }, ids).await {
        Ok((values, note)) => {
            let counts = (values.len(), flights.len());
            report.lock().wrong_count = (counts.0 != counts.1).then_some(counts);
            Some((values, note))
        }
        Err(panic) => {
            report.lock().panic = Some(panic);
            None
        }
    }
}

/// Stores a computed value; notes where there is none. `computed` is nothing where the computation
/// gave too few.
async fn keep<K, V, C>(
    cache: &C,
    flight: &Flight<K, V>,
    computed: Option<Option<V>>,
    (ttl, note): &(Option<Duration>, Note),
    lease: Option<Lease>,
    report: &Mutex<Report>,
    fills: &mut Vec<(K, Entry<V>, Lease)>,
) -> Option<V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    C: Cache<K, V>,
{
    match computed {
        Some(Some(value)) => {
            let entry = entry(cache, flight, value.clone(), *ttl, note);
            match store_near(cache, flight, entry, lease) {
                Left::Fill(key, entry, lease) => fills.push((key, entry, lease)),
                Left::Unused(lease) => give_back(cache, &flight.key, lease).await,
            }
            return Some(value);
        }
        Some(None) => report.lock().failed.push(flight.id),
        None => {}
    }
    give_back(cache, &flight.key, lease).await;
    None
}

/// What the cache knows of the keys of these flights.
async fn ask<K, V, C>(cache: &C, leads: &[KeptLead<K, V>]) -> Vec<Known<V>>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    C: Cache<K, V>,
{
    if is_purely_near(cache) {
        return leads.iter().map(|lead| Known::near(cache.near(), lead.flight())).collect();
    }
    let keys: Vec<K> = leads.iter().map(|lead| lead.flight().key.clone()).collect();
    match cache.lookup_many(&keys, Aim::Compute).await {
        Ok(found) if found.len() == keys.len() => {
            let clock = clock_of(cache);
            found.into_iter().map(|found| Known::of(found, &clock)).collect()
        }
        Ok(_) | Err(_) => keys.iter().map(|_| Known::Lease(None)).collect(),
    }
}
