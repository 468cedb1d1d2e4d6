//! Where flights are found by key. No user code runs under its locks: keys are compared outside.

use super::lone::Lone;
use super::seat::{Holder, Seat, Seats};
use super::{Flight, Landing, Lead};
use crate::gather::Note;
use crate::sync::{AtomicU64, Ordering};
use crate::table::Locked;
use crate::tags::epoch;
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
    seats: Locked<Seats<K, V>>,
    /// How many flights have left; changes under the lock.
    left: AtomicU64,
}

impl<K, V> Shard<K, V> {
    /// To be called under the lock, when a flight leaves.
    fn count(&self) {
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.wrapping_add(1), Ordering::Release);
    }
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

/// The same for a caller who computes in his own thread.
pub(crate) enum JoinedLone<'a, K, V> {
    Lead(Lone<'a, K, V>),
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
    pub(super) fn remove(&self, flight: &Flight<K, V>) {
        drop(self.take(flight.hash, flight.id));
    }

    /// The seat of a computation, which leaves. To be dropped outside of all locks.
    pub(super) fn take(&self, hash: u64, id: u64) -> Option<Seat<K, V>> {
        let shard = self.shard(hash);
        shard.seats.with(|seats| {
            shard.count();
            seats.take(hash, id)
        })
    }

    /// As [`remove`](Flights::remove), for a flight whose leader is not the one who asks.
    fn dismiss(&self, flight: &Flight<K, V>) {
        let shard = self.shard(flight.hash);
        let seat = shard.seats.with(|seats| {
            shard.count();
            if seats.is_awaited(flight.hash, flight.id) {
                return None;
            }
            seats.take(flight.hash, flight.id)
        });
        drop(seat);
    }
}

impl<K: Eq, V> Flights<K, V> {
    /// No computation runs.
    #[must_use]
    pub fn new() -> Self {
        let shard = || Shard { seats: Locked::new(Seats::new()), left: AtomicU64::new(0) };
        Flights { shards: (0..SHARDS).map(|_| shard()).collect() }
    }

    /// Joins the flight of this key, or starts one.
    pub(crate) fn join(&self, hash: u64, key: K) -> Joined<'_, K, V> {
        let id = crate::trail::next_id();
        let sit = |key, began| {
            let flight = Arc::new(Flight::new(id, hash, key, began));
            (Holder::Known(flight.clone()), flight)
        };
        match self.enter(hash, id, key, sit) {
            Ok((flight, mark)) => Joined::Lead(Lead::new(self, flight, mark)),
            Err((flight, key)) => Joined::Follow(flight, key),
        }
    }

    /// The same without a flight, as long as nobody else comes.
    pub(crate) fn join_lone(&self, hash: u64, key: K) -> JoinedLone<'_, K, V>
    where
        K: Clone,
    {
        let id = crate::trail::next_id();
        let twin = key.clone();
        let entered = match self.sit_alone(hash, id, key) {
            Ok(mark) => Ok(((), mark)),
            Err(key) => self.enter(hash, id, key, |key, _| (Holder::Lone(key), ())),
        };
        match entered {
            Ok(((), mark)) => JoinedLone::Lead(Lone::new(self, hash, id, mark, twin)),
            Err((flight, key)) => JoinedLone::Follow(flight, key),
        }
    }

    /// Takes a seat if there is nobody with whom to compare; mostly there is not.
    #[inline]
    fn sit_alone(&self, hash: u64, id: u64, key: K) -> Result<u64, K> {
        let shard = self.shard(hash);
        shard.seats.with(|seats| {
            if seats.has(hash) {
                return Err(key);
            }
            seats.sit(Seat { hash, id, began: epoch(), holder: Holder::Lone(key) });
            Ok(shard.left.load(Ordering::Relaxed))
        })
    }

    /// Joins a flight, or takes a seat for what `sit` makes of the key; then with the mark.
    #[inline]
    fn enter<T>(
        &self,
        hash: u64,
        id: u64,
        mut key: K,
        mut sit: impl FnOnce(K, u64) -> (Holder<K, V>, T),
    ) -> Result<(T, u64), (Arc<Flight<K, V>>, K)> {
        let shard = self.shard(hash);
        let mut known: Vec<u64> = Vec::new();
        loop {
            let entered = shard.seats.with(|seats| {
                let unknown = seats.open(hash, &known);
                if !unknown.is_empty() {
                    return Err((unknown, key, sit));
                }
                // Under the lock: not before the call of whoever has found another flight in this place.
                let began = epoch();
                let (holder, kept) = sit(key, began);
                seats.sit(Seat { hash, id, began, holder });
                Ok((kept, shard.left.load(Ordering::Relaxed)))
            });
            let unknown;
            (unknown, key, sit) = match entered {
                Ok(entered) => return Ok(entered),
                Err(refused) => refused,
            };
            // `Eq` is the user's: it may be slow, panic, or ask this very cache.
            match unknown.iter().find(|flight| flight.key == key) {
                // As if somebody had fenced it when the tag was invalidated.
                Some(flight) if flight.is_outdated() => {
                    flight.fenced.store(true, Ordering::Release);
                    self.dismiss(flight);
                }
                Some(flight) => return Err((flight.clone(), key)),
                None => known.extend(unknown.iter().map(|flight| flight.id)),
            }
        }
    }

    /// The flight of this key, if one is in progress.
    pub(crate) fn find(&self, hash: u64, eq: impl Fn(&K) -> bool) -> Option<Arc<Flight<K, V>>> {
        let found = self.shard(hash).seats.with(|seats| seats.open(hash, &[]));
        found.into_iter().find(|flight| eq(&flight.key))
    }

    /// Fences the flight of this key: its result reaches those who wait already, and nobody else.
    pub(crate) fn fence(&self, hash: u64, eq: impl Fn(&K) -> bool) -> Option<Arc<Flight<K, V>>> {
        let flight = self.find(hash, eq)?;
        flight.fenced.store(true, Ordering::Release);
        self.dismiss(&flight);
        Some(flight)
    }

    /// Fences all of this hash, for a value that comes from elsewhere. Whoever has looked before it and
    /// leads after it looks again. To be dropped outside of all locks.
    pub(crate) fn fence_hash(&self, hash: u64) -> Vec<Arc<Flight<K, V>>> {
        let shard = self.shard(hash);
        shard.seats.with(|seats| {
            shard.count();
            let fenced = seats.open(hash, &[]);
            for flight in &fenced {
                flight.fenced.store(true, Ordering::Release);
                if !seats.is_awaited(hash, flight.id) {
                    // No more than a handle: `fenced` has the flight.
                    drop(seats.take(hash, flight.id));
                }
            }
            fenced
        })
    }

    /// Fences every flight in progress.
    pub(crate) fn fence_all(&self) {
        for shard in &self.shards {
            let gone: Vec<_> = shard.seats.with(|seats| {
                shard.count();
                seats.fence_all()
            });
            drop(gone);
        }
    }

    /// A plain value for a key whose computation still waits for a worker: it wins, and is what the
    /// waiters get, with what is to be known of it. One that runs already is noted by whoever runs it.
    pub(crate) fn preempt(&self, flight: &Flight<K, V>, note: &Note, value: impl FnOnce() -> V) {
        if let Some(job) = flight.take_job() {
            flight.annotate(note);
            flight.land(Landing::Value(value()));
            drop(job);
        }
    }

    /// How many computations run now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.seats.with(|seats| seats.len())).sum()
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
