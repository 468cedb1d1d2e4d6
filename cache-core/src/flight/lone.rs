//! The right to compute a key in one's own thread, without a flight as long as nobody else comes.
//!
//! Most computations are over before a second caller wants their value. So the leader leaves no
//! more than a key in the registry; who finds it there makes a flight of it and waits. The leader
//! learns of that, and of a fence, when he takes the key back: at the very moment of storing.

use super::seat::{Holder, Seat};
use super::{Flights, Landing};
use crate::gather::Note;
use crate::trail::Inside;

/// Held by whoever computes. Dropping it without an outcome lets the next one try.
pub(crate) struct Lone<'a, K, V> {
    flights: &'a Flights<K, V>,
    id: u64,
    hash: u64,
    mark: u64,
    /// Given away to be stored.
    key: Option<K>,
    end: End<K, V>,
}

enum End<K, V> {
    /// It may still be joined.
    Open,
    /// It may not; the seat, if a fence has left one, is dropped when no lock is held.
    Taken(Option<Seat<K, V>>),
}

impl<'a, K, V> Lone<'a, K, V> {
    pub(super) fn new(flights: &'a Flights<K, V>, hash: u64, id: u64, mark: u64, key: K) -> Self {
        Lone { flights, id, hash, mark, key: Some(key), end: End::Open }
    }

    /// What [`Flights::mark`] gave when this began.
    pub(crate) fn mark(&self) -> u64 {
        self.mark
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// The key, until it is given away.
    pub(crate) fn key(&self) -> Option<&K> {
        self.key.as_ref()
    }

    pub(crate) fn give_key(&mut self) -> Option<K> {
        self.key.take()
    }

    /// Marks this thread as computing, until dropped.
    pub(crate) fn enter(&self) -> Inside {
        Inside::enter(&[], self.id)
    }

    /// Closes it to newcomers; false if it was fenced. To be asked under the lock under which the
    /// value is stored: a caller who comes too late to join finds the value.
    pub(crate) fn close(&mut self) -> bool {
        if let End::Open = self.end {
            self.end = End::Taken(self.flights.take(self.hash, self.id));
        }
        match &self.end {
            End::Taken(Some(seat)) => !seat.is_fenced(),
            End::Taken(None) | End::Open => false,
        }
    }

    #[cfg(test)]
    pub(crate) fn land(&mut self, landing: impl FnOnce() -> Landing<V>) {
        self.land_noted(Note::default, landing);
    }

    /// Hands the outcome, and what it was made from, to those who wait. `landing` is not called when
    /// nobody does.
    pub(crate) fn land_noted(
        &mut self,
        note: impl FnOnce() -> Note,
        landing: impl FnOnce() -> Landing<V>,
    ) {
        self.close();
        // If making the landing panics, the drop lands it.
        if let End::Taken(Some(seat)) = &self.end
            && let Some(flight) = seat.flight()
        {
            flight.annotate(&note());
            flight.land(landing());
        }
    }
}

impl<K, V> Drop for Lone<'_, K, V> {
    fn drop(&mut self) {
        self.close();
        if let End::Taken(Some(Seat { holder: Holder::Grown(flight), .. })) = &self.end {
            flight.land(Landing::gone());
        }
    }
}

impl<K, V> std::fmt::Debug for Lone<'_, K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lone").field("id", &self.id).finish_non_exhaustive()
    }
}
