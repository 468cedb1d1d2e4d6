//! A lead that keeps its registry alive: for computations that are stored in their own flight, over
//! caches that are no statics.

use super::{Flight, Flights, Landing};
use std::fmt;
use std::sync::Arc;

/// As [`Lead`](super::Lead): dropping it without an outcome lets the next one try.
pub(crate) struct KeptLead<K, V> {
    flights: Arc<Flights<K, V>>,
    flight: Arc<Flight<K, V>>,
}

impl<K, V> KeptLead<K, V> {
    pub(super) fn new(flights: Arc<Flights<K, V>>, flight: Arc<Flight<K, V>>) -> Self {
        KeptLead { flights, flight }
    }

    pub(crate) fn flight(&self) -> &Arc<Flight<K, V>> {
        &self.flight
    }

    /// Closes the flight to newcomers, then hands the outcome to those who wait.
    pub(crate) fn land(self, landing: Landing<V>) {
        self.flights.remove(&self.flight);
        self.flight.land(landing);
    }
}

impl<K, V> Drop for KeptLead<K, V> {
    fn drop(&mut self) {
        if !self.flight.has_landed() {
            self.flights.remove(&self.flight);
            self.flight.land(Landing::gone());
        }
    }
}

impl<K, V> fmt::Debug for KeptLead<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeptLead").field(&self.flight).finish()
    }
}
