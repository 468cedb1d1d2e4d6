//! The exclusive right to compute a key, given back when dropped.

use super::{Flight, Flights, KeptLead, Landing};
use std::sync::Arc;

/// Held by whoever computes. Dropping it without an outcome lets the next one try.
pub(crate) struct Lead<'a, K, V> {
    /// None once it is over or was given away.
    flights: Option<&'a Flights<K, V>>,
    flight: Arc<Flight<K, V>>,
    mark: u64,
}

impl<'a, K, V> Lead<'a, K, V> {
    pub(super) fn new(flights: &'a Flights<K, V>, flight: Arc<Flight<K, V>>, mark: u64) -> Self {
        Lead { flights: Some(flights), flight, mark }
    }

    /// What [`Flights::mark`] gave when this began.
    pub(crate) fn mark(&self) -> u64 {
        self.mark
    }

    pub(crate) fn flight(&self) -> &Arc<Flight<K, V>> {
        &self.flight
    }

    /// The same right without the borrow; `flights` is the registry that this came from.
    pub(crate) fn keep(mut self, flights: Arc<Flights<K, V>>) -> KeptLead<K, V> {
        self.flights = None;
        KeptLead::new(flights, self.flight.clone())
    }

    /// Closes the flight to newcomers, then hands the outcome to those who wait. `landing` is not
    /// called when nobody does.
    pub(crate) fn land(mut self, landing: impl FnOnce() -> Landing<V>) {
        let Some(flights) = self.flights else { return };
        flights.remove(&self.flight);
        // Out of the registry nobody can come by a new handle: a count of one stays one. If making
        // the landing panics, the drop lands it.
        if Arc::strong_count(&self.flight) > 1 {
            self.flight.land(landing());
        }
        self.flights = None;
    }
}

impl<K, V> Drop for Lead<'_, K, V> {
    fn drop(&mut self) {
        if let Some(flights) = self.flights
            && !self.flight.has_landed()
        {
            flights.remove(&self.flight);
            self.flight.land(Landing::gone());
        }
    }
}

impl<K, V> std::fmt::Debug for Lead<'_, K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Lead").field(&self.flight).finish()
    }
}
