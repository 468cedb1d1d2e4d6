//! What a table can be told when it is made.

use super::budget::Budget;
use crate::clock::Clock;
use std::fmt;
use std::sync::Arc;

/// Which entry goes when there is no room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Eviction {
    /// Scan-proof, and hits only count: the best worst case over the traces we know.
    #[default]
    S3Fifo,
    /// Exactly the least recently used one of the table; hits are twice as dear and exclude each
    /// other.
    Lru,
}

/// Why the listener is told of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// There was no room for it, though it was live.
    Capacity,
    /// There was no room for it, and its time was over.
    Expired,
}

/// Says what a pair weighs. Zero counts as one.
pub type Weigher<K, V> = dyn Fn(&K, &V) -> u32 + Send + Sync;
/// Hears of each pair that overflows. Never called under a lock.
pub type Listener<K, V> = dyn Fn(&K, &V, Cause) + Send + Sync;

/// What a [`Table`](super::Table) is made from.
///
/// ```
/// use cache_core::Clock;
/// use cache_core::table::{Budget, Eviction, Table, TableOptions};
///
/// let options = TableOptions::new(Budget::entries(1000), Clock::system());
/// let table = Table::<u64, String>::new(options.with_eviction(Eviction::Lru));
/// assert_eq!(table.capacity(), 1000);
/// ```
pub struct TableOptions<K, V> {
    pub(super) budget: Arc<Budget>,
    pub(super) eviction: Eviction,
    pub(super) clock: Clock,
    pub(super) weigher: Option<Arc<Weigher<K, V>>>,
    pub(super) listener: Option<Arc<Listener<K, V>>>,
}

impl<K, V> TableOptions<K, V> {
    /// S3-FIFO, each entry weighs one, nobody listens.
    #[must_use]
    pub fn new(budget: Arc<Budget>, clock: Clock) -> Self {
        TableOptions { budget, eviction: Eviction::default(), clock, weigher: None, listener: None }
    }

    /// Chooses the eviction order.
    #[must_use]
    pub fn with_eviction(mut self, eviction: Eviction) -> Self {
        self.eviction = eviction;
        self
    }

    /// Lets entries differ in weight. Each entry's weight is asked for once, outside of all locks,
    /// and remembered (24 bytes an entry).
    #[must_use]
    pub fn with_weigher(mut self, weigher: Arc<Weigher<K, V>>) -> Self {
        self.weigher = Some(weigher);
        self
    }

    /// Hears of what overflows.
    #[must_use]
    pub fn with_listener(mut self, listener: Arc<Listener<K, V>>) -> Self {
        self.listener = Some(listener);
        self
    }
}

impl<K, V> fmt::Debug for TableOptions<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableOptions")
            .field("budget", &self.budget)
            .field("eviction", &self.eviction)
            .field("clock", &self.clock)
            .field("weigher", &self.weigher.is_some())
            .field("listener", &self.listener.is_some())
            .finish()
    }
}
