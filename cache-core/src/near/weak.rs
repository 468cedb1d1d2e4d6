//! A handle that does not keep its cache alive.

use super::{Marks, Near};
use crate::flight::Flights;
use crate::table::Table;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Finds a [`Near`] for as long as somebody else keeps it.
///
/// ```
/// use cache_core::{Budget, Clock, Near, TableOptions};
/// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
/// let weak = near.downgrade();
/// assert!(weak.upgrade().is_some());
/// drop(near);
/// assert!(weak.upgrade().is_none());
/// ```
pub struct WeakNear<K, V> {
    table: Weak<Table<K, V>>,
    flights: Weak<Flights<K, V>>,
    marks: Weak<Marks>,
    ttl: Option<Duration>,
    name: Arc<str>,
}

impl<K, V> Near<K, V> {
    /// A handle that does not keep this cache alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakNear<K, V> {
        WeakNear {
            table: Arc::downgrade(&self.table),
            flights: Arc::downgrade(&self.flights),
            marks: Arc::downgrade(&self.marks),
            ttl: self.ttl,
            name: self.name.clone(),
        }
    }
}

impl<K, V> Near<K, V> {
    /// Whether two handles are of one cache.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// assert!(near.is_same(&near.clone()));
    /// ```
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.table, &other.table)
    }
}

impl<K, V> WeakNear<K, V> {
    /// The cache, if anybody still keeps it.
    #[must_use]
    pub fn upgrade(&self) -> Option<Near<K, V>> {
        Some(Near {
            table: self.table.upgrade()?,
            flights: self.flights.upgrade()?,
            marks: self.marks.upgrade()?,
            ttl: self.ttl,
            name: self.name.clone(),
        })
    }
}

impl<K, V> fmt::Debug for WeakNear<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakNear").field("name", &self.name).finish_non_exhaustive()
    }
}
