//! Where flights are found by key. No user code runs under its locks: keys are compared outside.

use super::{Flight, Landing, Lead};
use crate::sync::{AtomicU64, Mutex, Ordering};
use hashbrown::HashTable;
use std::fmt;
use std::sync::Arc;

/// All computations in progress of one cache.
///
/// Holds one entry for each computation that runs, no more: its size is bounded by the callers.
pub struct Flights<K, V> {
    shards: Box<[Shard<K, V>]>,
}

/// Shards lie on cache lines of their own.
#[repr(align(128))]
struct Shard<K, V> {
    flights: Mutex<HashTable<Arc<Flight<K, V>>>>,
    /// How many flights have left; changes under the lock.
    left: AtomicU64,
}

#[cfg(not(loom))]
const SHARDS: usize = 32;
#[cfg(loom)]
const SHARDS: usize = 1;

/// What a caller is after joining.
pub(crate) enum Joined<'a, K, V> {
    Lead(Lead<'a, K, V>),
    /// Somebody else computes; the key comes back for another try.
    Follow(Arc<Flight<K, V>>, K),
}

impl<K, V> Flights<K, V> {
    fn shard(&self, hash: u64) -> &Shard<K, V> {
        &self.shards[(hash >> 24) as usize % SHARDS]
    }

    /// To be read before a look for a value: a [`Lead`] of the same mark needs no second look, since
    /// no flight that could have stored the value has left in between.
    pub(crate) fn mark(&self, hash: u64) -> u64 {
        self.shard(hash).left.load(Ordering::Acquire)
    }

    /// Takes a flight out by identity: a newer one of the same key stays.
    pub(super) fn remove(&self, flight: &Arc<Flight<K, V>>) {
        let removed = {
            let shard = self.shard(flight.hash);
            let mut flights = shard.flights.lock();
            let found = flights.find_entry(flight.hash, |f| Arc::ptr_eq(f, flight)).ok();
            let left = shard.left.load(Ordering::Relaxed);
            shard.left.store(left.wrapping_add(1), Ordering::Release);
            found.map(|entry| entry.remove().0)
        };
        drop(removed);
    }
}

impl<K: Eq, V> Flights<K, V> {
    /// No computation runs.
    #[must_use]
    pub fn new() -> Self {
        let shard = || Shard { flights: Mutex::new(HashTable::new()), left: AtomicU64::new(0) };
        Flights { shards: (0..SHARDS).map(|_| shard()).collect() }
    }

    /// Joins the flight of this key, or starts one.
    pub(crate) fn join(&self, hash: u64, key: K) -> Joined<'_, K, V> {
        let mut known: Vec<u64> = Vec::new();
        loop {
            let unknown: Vec<_> = {
                let shard = self.shard(hash);
                let mut flights = shard.flights.lock();
                let unknown: Vec<_> = flights
                    .iter_hash(hash)
                    .filter(|f| f.hash == hash && !known.contains(&f.id))
                    .cloned()
                    .collect();
                if unknown.is_empty() {
                    let flight = Arc::new(Flight::new(hash, key));
                    flights.insert_unique(hash, flight.clone(), |f| f.hash);
                    let mark = shard.left.load(Ordering::Relaxed);
                    drop(flights);
                    return Joined::Lead(Lead::new(self, flight, mark));
                }
                unknown
            };
            // `Eq` is the user's: it may be slow, panic, or ask this very cache.
            match unknown.iter().find(|flight| flight.key == key) {
                Some(flight) => return Joined::Follow(flight.clone(), key),
                None => known.extend(unknown.iter().map(|flight| flight.id)),
            }
        }
    }

    /// The flight of this key, if one is in progress.
    pub(crate) fn find(&self, hash: u64, eq: impl Fn(&K) -> bool) -> Option<Arc<Flight<K, V>>> {
        let found: Vec<_> = {
            let shard = self.shard(hash).flights.lock();
            shard.iter_hash(hash).filter(|f| f.hash == hash).cloned().collect()
        };
        found.into_iter().find(|flight| eq(&flight.key))
    }

    /// Fences the flight of this key: its result reaches those who wait already, and nobody else.
    pub(crate) fn fence(&self, hash: u64, eq: impl Fn(&K) -> bool) -> Option<Arc<Flight<K, V>>> {
        let flight = self.find(hash, eq)?;
        flight.fenced.store(true, Ordering::Release);
        self.remove(&flight);
        Some(flight)
    }

    /// Fences every flight in progress.
    pub(crate) fn fence_all(&self) {
        for shard in &self.shards {
            let flights: Vec<_> = {
                let mut shard = shard.flights.lock();
                for flight in shard.iter() {
                    flight.fenced.store(true, Ordering::Release);
                }
                shard.drain().collect()
            };
            drop(flights);
        }
    }

    /// A plain value for a key whose computation still waits for a worker: it wins, and is what the
    /// waiters get.
    pub(crate) fn preempt(&self, flight: &Flight<K, V>, value: impl FnOnce() -> V) {
        if let Some(job) = flight.take_job() {
            flight.land(Landing::Value(value()));
            drop(job);
        }
    }

    /// How many computations run now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.flights.lock().len()).sum()
    }

    /// Whether none runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Eq, V> Default for Flights<K, V> {
    fn default() -> Self {
        Flights::new()
    }
}

impl<K, V> fmt::Debug for Flights<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").finish_non_exhaustive()
    }
}
