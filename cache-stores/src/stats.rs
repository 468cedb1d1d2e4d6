//! What a store counts.

use cache_core::{Misses, Reason};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The figures of a store since it was built.
///
/// ```
/// use cache_stores::object_store::memory::InMemory;
/// let store = cache_stores::CachedStore::new(InMemory::new(), InMemory::new()).build()?;
/// let stats = store.stats();
/// assert_eq!((stats.hits, stats.misses.total(), stats.bytes), (0, 0, 0));
/// # Ok::<(), cache_stores::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreStats {
    /// Reads that began with a copy within its TTL.
    pub hits: u64,
    /// Reads that got a copy past its TTL since the remote was away.
    pub stale_hits: u64,
    /// Copies of which the remote said that they have not changed.
    pub renewed: u64,
    /// Reads for which there was no copy to believe, by reason.
    pub misses: Misses,
    /// Reads that joined the fetch of another.
    pub joined: u64,
    /// Requests to the remote for data.
    pub fetches: u64,
    /// The time that they took, in sum.
    pub fetching: Duration,
    /// Bytes that readers got from copies.
    pub bytes_local: u64,
    /// Bytes that came from the remote.
    pub bytes_remote: u64,
    /// Bytes that were sent to the remote.
    pub bytes_written: u64,
    /// Operations of the local store that failed, and chunks that were damaged; none was a caller's failure.
    pub local_errors: u64,
    /// Operations of the remote store that failed; that an object is not there is no failure.
    pub remote_errors: u64,
    /// Objects in the index.
    pub objects: u64,
    /// What their chunks take in the local store.
    pub bytes: u64,
    /// Objects that went because of a limit or their age.
    pub evicted_objects: u64,
    /// What their chunks took.
    pub evicted_bytes: u64,
    /// Writes that wait for the remote.
    pub unsent: u64,
}

/// The counters behind it.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits: Counter,
    pub(crate) stale_hits: Counter,
    pub(crate) renewed: Counter,
    pub(crate) joined: Counter,
    pub(crate) fetches: Counter,
    pub(crate) fetching_nanos: Counter,
    pub(crate) bytes_local: Counter,
    pub(crate) bytes_remote: Counter,
    pub(crate) bytes_written: Counter,
    pub(crate) local_errors: Counter,
    pub(crate) remote_errors: Counter,
    /// A level, by the journal.
    pub(crate) unsent: Counter,
    misses: [Counter; REASONS.len()],
}

/// Why a store can miss.
const REASONS: [Reason; 6] = [
    Reason::Never,
    Reason::Expired,
    Reason::Evicted,
    Reason::Invalidated,
    Reason::Fenced,
    Reason::Damaged,
];

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    /// The remote was busy with a request until now.
    pub(crate) fn fetched(&self, began: Instant) {
        self.fetching_nanos.add(began.elapsed().as_nanos() as u64);
    }

    pub(crate) fn miss(&self, reason: Reason) {
        let at = REASONS.iter().position(|one| *one == reason).unwrap_or(0);
        self.misses[at].add(1);
    }

    pub(crate) fn misses(&self) -> Misses {
        let mut misses = Misses::default();
        for (reason, counter) in REASONS.iter().zip(&self.misses) {
            match reason {
                Reason::Expired => misses.expired = counter.get(),
                Reason::Evicted => misses.evicted = counter.get(),
                Reason::Invalidated => misses.invalidated = counter.get(),
                Reason::Fenced => misses.fenced = counter.get(),
                Reason::Damaged => misses.damaged = counter.get(),
                _ => misses.never = counter.get(),
            }
        }
        misses
    }
}
