//! The place of a computation in the registry: with a flight, or only a key while its leader is alone.

use super::Flight;
use crate::sync::Ordering;
use hashbrown::HashTable;
use std::sync::Arc;

/// The seats of one shard. Mostly there is one computation at a time, which takes the first seat:
/// that is a comparison, where a table is a search.
pub(super) struct Seats<K, V> {
    first: Option<Seat<K, V>>,
    more: HashTable<Seat<K, V>>,
}

impl<K, V> Seats<K, V> {
    pub(super) fn new() -> Self {
        Seats { first: None, more: HashTable::new() }
    }

    /// Takes a seat.
    #[inline]
    pub(super) fn sit(&mut self, seat: Seat<K, V>) {
        if self.first.is_none() {
            self.first = Some(seat);
        } else {
            self.more.insert_unique(seat.hash, seat, |seat| seat.hash);
        }
    }

    #[inline]
    pub(super) fn has(&self, hash: u64) -> bool {
        self.first.as_ref().is_some_and(|seat| seat.hash == hash)
            || !self.more.is_empty() && self.more.find(hash, |seat| seat.hash == hash).is_some()
    }

    #[inline]
    pub(super) fn take(&mut self, hash: u64, id: u64) -> Option<Seat<K, V>> {
        if self.first.as_ref().is_some_and(|seat| seat.id == id) {
            return self.first.take();
        }
        self.take_other(hash, id)
    }

    #[cold]
    #[inline(never)]
    fn take_other(&mut self, hash: u64, id: u64) -> Option<Seat<K, V>> {
        let found = self.more.find_entry(hash, |seat| seat.id == id).ok()?;
        Some(found.remove().0)
    }

    /// Whether the leader of this one has to find his seat.
    pub(super) fn is_awaited(&self, hash: u64, id: u64) -> bool {
        let of = |seat: &&Seat<K, V>| seat.id == id;
        let found = self.first.as_ref().filter(of);
        found.or_else(|| self.more.find(hash, |seat| seat.id == id)).is_some_and(Seat::is_awaited)
    }

    /// The flights of a hash that may be joined, without those that are `known`.
    pub(super) fn open(&mut self, hash: u64, known: &[u64]) -> Vec<Arc<Flight<K, V>>> {
        self.first
            .iter_mut()
            .chain(self.more.iter_hash_mut(hash))
            .filter(|seat| seat.hash == hash && !known.contains(&seat.id))
            .filter_map(Seat::open)
            .collect()
    }

    /// Fences all; gives out those who need not stay.
    pub(super) fn fence_all(&mut self) -> Vec<Seat<K, V>> {
        self.first.iter().chain(&self.more).for_each(Seat::fence);
        let first = self.first.take_if(|seat| !seat.is_awaited());
        first.into_iter().chain(self.more.extract_if(|seat| !seat.is_awaited())).collect()
    }

    /// Those that may be joined.
    pub(super) fn len(&self) -> usize {
        self.first.iter().chain(&self.more).filter(|seat| !seat.is_fenced()).count()
    }
}

pub(super) struct Seat<K, V> {
    pub(super) hash: u64,
    pub(super) id: u64,
    /// The moment at which the computation began, as [`epoch`](crate::tags::epoch) counts.
    pub(super) began: u64,
    pub(super) holder: Holder<K, V>,
}

pub(super) enum Holder<K, V> {
    /// Nobody but its leader knows of the computation.
    Lone(K),
    /// Somebody came, and made a flight of it. Its leader does not know that yet: so the seat stays
    /// until he takes it, also when it is fenced.
    Grown(Arc<Flight<K, V>>),
    /// The leader has the flight too.
    Known(Arc<Flight<K, V>>),
    /// While a lone one becomes a flight.
    Growing,
}

impl<K, V> Seat<K, V> {
    /// The flight, if it may be joined. A lone computation gets one now.
    fn open(&mut self) -> Option<Arc<Flight<K, V>>> {
        if matches!(self.holder, Holder::Lone(_)) {
            let Holder::Lone(key) = std::mem::replace(&mut self.holder, Holder::Growing) else {
                return None;
            };
            self.holder = Holder::Grown(Arc::new(Flight::new(self.id, self.hash, key, self.began)));
        }
        self.flight().filter(|flight| !flight.is_fenced()).cloned()
    }

    pub(super) fn flight(&self) -> Option<&Arc<Flight<K, V>>> {
        match &self.holder {
            Holder::Grown(flight) | Holder::Known(flight) => Some(flight),
            Holder::Lone(_) | Holder::Growing => None,
        }
    }

    /// Whether it has to stay when it may not be joined any more.
    fn is_awaited(&self) -> bool {
        matches!(self.holder, Holder::Grown(_))
    }

    pub(super) fn is_fenced(&self) -> bool {
        self.flight().is_some_and(|flight| flight.is_fenced())
    }

    fn fence(&self) {
        if let Some(flight) = self.flight() {
            flight.fenced.store(true, Ordering::Release);
        }
    }
}
