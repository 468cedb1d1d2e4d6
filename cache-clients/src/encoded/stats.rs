//! What a client of bytes counts.

use cache_core::Reason;
use cache_core::observe::TierFigure;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Figures of one [`Encoded`](super::Encoded) client, of all its caches, since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct EncodedStats {
    /// Lookups that found a live value.
    pub hits: u64,
    /// Lookups that found nothing, of keys of which nothing is remembered.
    pub absent: u64,
    /// Lookups that found nothing of a value that was removed from here.
    pub invalidated: u64,
    /// Lookups that found a value of which a tag was invalidated, or whose tags nobody could check.
    pub tag: u64,
    /// Lookups that found a value whose region was invalidated.
    pub region: u64,
    /// Lookups that found nothing of a key whose last computed value was turned away as outdated.
    pub turned_away: u64,
    /// Lookups that found a value past its TTL, or nothing of one that is remembered to be past it.
    pub expired: u64,
    /// Lookups that found nothing of a value that is remembered to be within its TTL, or that found
    /// one of which a page was gone.
    pub evicted: u64,
    /// Lookups that found bytes which are torn, altered, foreign, or not signed as they should be.
    pub damaged: u64,
    /// Lookups that found a value of another shape, or of a later larder.
    pub schema: u64,
    /// Lookups that the server did not answer.
    pub unreachable: u64,
    /// Values that were stored.
    pub stored: u64,
    /// Computed values that were not stored, since something newer had happened to their keys.
    pub fenced: u64,
    /// Values that could not be stored, since the server was away or had no room for them.
    pub dropped_writes: u64,
    /// Invalidations that wait for the server's return; a clear counts as one.
    pub pending_invalidations: u64,
    /// Lookups that waited for another process to compute.
    pub waited: u64,
    /// What it had cost to compute the values that were found.
    pub saved: Duration,
}

impl EncodedStats {
    /// What of it is exported as metrics.
    pub(super) fn figures(&self) -> Vec<TierFigure> {
        let plain = |metric, value| TierFigure { metric, reason: None, value };
        let miss = |reason, value| TierFigure {
            metric: "larder_tier_misses_total",
            reason: Some(reason),
            value,
        };
        vec![
            plain("larder_tier_hits_total", self.hits),
            miss(Reason::Never, self.absent),
            miss(Reason::Invalidated, self.invalidated),
            miss(Reason::Tag, self.tag),
            miss(Reason::Region, self.region),
            miss(Reason::Fenced, self.turned_away),
            miss(Reason::Expired, self.expired),
            miss(Reason::Evicted, self.evicted),
            miss(Reason::Damaged, self.damaged),
            miss(Reason::Schema, self.schema),
            miss(Reason::Unreachable, self.unreachable),
            plain("larder_tier_stored_total", self.stored),
            plain("larder_tier_fenced_total", self.fenced),
            plain("larder_tier_dropped_writes_total", self.dropped_writes),
            plain("larder_tier_waited_total", self.waited),
            plain("larder_tier_pending_invalidations", self.pending_invalidations),
        ]
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    hits: AtomicU64,
    absent: AtomicU64,
    invalidated: AtomicU64,
    tag: AtomicU64,
    region: AtomicU64,
    turned_away: AtomicU64,
    expired: AtomicU64,
    evicted: AtomicU64,
    damaged: AtomicU64,
    schema: AtomicU64,
    unreachable: AtomicU64,
    stored: AtomicU64,
    fenced: AtomicU64,
    dropped: AtomicU64,
    waited: AtomicU64,
    saved: AtomicU64,
}

/// What happens to values on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// Found, with what it had cost in microseconds.
    Hit(u64),
    Missed(Reason),
    Stored,
    Fenced,
    Dropped,
    Waited,
}

impl Counters {
    pub(super) fn count(&self, event: Event) {
        let counter = match event {
            Event::Hit(cost) => {
                self.saved.fetch_add(cost, Ordering::Relaxed);
                &self.hits
            }
            Event::Missed(reason) => match reason {
                Reason::Invalidated => &self.invalidated,
                Reason::Tag => &self.tag,
                Reason::Region => &self.region,
                Reason::Fenced => &self.turned_away,
                Reason::Expired => &self.expired,
                Reason::Evicted => &self.evicted,
                Reason::Damaged => &self.damaged,
                Reason::Schema => &self.schema,
                Reason::Unreachable => &self.unreachable,
                _ => &self.absent,
            },
            Event::Stored => &self.stored,
            Event::Fenced => &self.fenced,
            Event::Dropped => &self.dropped,
            Event::Waited => &self.waited,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self, pending: u64) -> EncodedStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        EncodedStats {
            hits: get(&self.hits),
            absent: get(&self.absent),
            invalidated: get(&self.invalidated),
            tag: get(&self.tag),
            region: get(&self.region),
            turned_away: get(&self.turned_away),
            expired: get(&self.expired),
            evicted: get(&self.evicted),
            damaged: get(&self.damaged),
            schema: get(&self.schema),
            unreachable: get(&self.unreachable),
            stored: get(&self.stored),
            fenced: get(&self.fenced),
            dropped_writes: get(&self.dropped),
            pending_invalidations: pending,
            waited: get(&self.waited),
            saved: Duration::from_micros(get(&self.saved)),
        }
    }
}
