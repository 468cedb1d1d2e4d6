//! The place of a computation in the registry: with a flight, or only a key while its leader is alone.

use super::Flight;
use crate::sync::Ordering;
use std::sync::Arc;

pub(super) struct Seat<K, V> {
    pub(super) hash: u64,
    pub(super) id: u64,
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
    pub(super) fn open(&mut self) -> Option<Arc<Flight<K, V>>> {
        if matches!(self.holder, Holder::Lone(_)) {
            let Holder::Lone(key) = std::mem::replace(&mut self.holder, Holder::Growing) else {
                return None;
            };
            self.holder = Holder::Grown(Arc::new(Flight::new(self.id, self.hash, key)));
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
    pub(super) fn is_awaited(&self) -> bool {
        matches!(self.holder, Holder::Grown(_))
    }

    pub(super) fn is_fenced(&self) -> bool {
        self.flight().is_some_and(|flight| flight.is_fenced())
    }

    pub(super) fn fence(&self) {
        if let Some(flight) = self.flight() {
            flight.fenced.store(true, Ordering::Release);
        }
    }
}
