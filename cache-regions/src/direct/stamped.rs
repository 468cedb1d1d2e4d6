//! A value with the time of its creation.

use cache_core::Clock;
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is stored by another one is not understood, and so computed anew.
pub(crate) const FORMAT: u8 = 1;

/// A value as the region's own namespace holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stamped<V> {
    pub(crate) format: u8,
    /// In milliseconds since 1970.
    pub(crate) created: u64,
    pub(crate) value: V,
}

impl<V> Stamped<V> {
    pub(crate) fn new(value: V, clock: &Clock) -> Self {
        Stamped { format: FORMAT, created: millis(clock), value }
    }

    pub(crate) fn is_understood(&self) -> bool {
        self.format == FORMAT
    }

    pub(crate) fn age(&self, clock: &Clock) -> Duration {
        Duration::from_millis(millis(clock).saturating_sub(self.created))
    }

    pub(crate) fn metadata(&self, clock: &Clock) -> Metadata {
        let created = UNIX_EPOCH + Duration::from_millis(self.created);
        Metadata { created, age: self.age(clock) }
    }
}

fn millis(clock: &Clock) -> u64 {
    u64::try_from(clock.unix().as_millis()).unwrap_or(u64::MAX)
}

/// What is known of a value of a region beside itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// When it was put or computed, to the millisecond.
    pub created: SystemTime,
    /// How long ago that was.
    pub age: Duration,
}
