//! Counters of one cached function: each thread adds to a cell of its own, without a locked instruction.

use std::cell::Cell;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What is counted, in the order of the cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Hit,
    StaleHit,
    FarHit,
    MissNever,
    MissExpired,
    MissEvicted,
    MissInvalidated,
    MissTag,
    MissRegion,
    MissFenced,
    MissUnreachable,
    MissSchema,
    MissDamaged,
    Fenced,
    Computation,
    Error,
    Waiter,
    RefreshSkipped,
    Unstored,
    GraceHit,
    /// Computations whose time was taken.
    Timed,
    ComputeNanos,
}

const EVENTS: usize = 22;

/// Below this mean, computations are timed by samples.
const SHORT_NANOS: u64 = 20_000;

#[repr(align(128))]
struct Counters([AtomicU64; EVENTS]);

/// The live counters of one cached function.
pub(crate) struct Recorder {
    own: Box<[Counters]>,
    shared: Box<Counters>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        let fresh = || Counters(std::array::from_fn(|_| AtomicU64::new(0)));
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let cells = (2 * threads).clamp(8, 256);
        Recorder { own: (0..cells).map(|_| fresh()).collect(), shared: Box::new(fresh()) }
    }

    #[inline]
    pub(crate) fn count(&self, event: Event) {
        self.add(event, 1);
    }

    #[inline]
    pub(crate) fn add(&self, event: Event, n: u64) {
        // Only the thread that holds an index writes its cell: a load and a store are enough.
        if let Some(cell) = self.own.get(thread_index()) {
            let counter = &cell.0[event as usize];
            counter.store(counter.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
        } else {
            self.shared.0[event as usize].fetch_add(n, Ordering::Relaxed);
        }
    }

    /// Whether this thread's computations are so short and so many that taking the time of each
    /// would cost more than it tells: then one in sixteen is timed.
    pub(crate) fn is_time_known(&self) -> bool {
        let Some(cell) = self.own.get(thread_index()) else { return false };
        let read = |event: Event| cell.0[event as usize].load(Ordering::Relaxed);
        let timed = read(Event::Timed);
        timed >= 64
            && read(Event::Computation) % 16 != 0
            && read(Event::ComputeNanos) < timed.saturating_mul(SHORT_NANOS)
    }

    fn total(&self, event: Event) -> u64 {
        let own: u64 = self.own.iter().map(|c| c.0[event as usize].load(Ordering::Relaxed)).sum();
        own + self.shared.0[event as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn snapshot(&self) -> Stats {
        let total = |event| self.total(event);
        let (hits, stale_hits) = (total(Event::Hit), total(Event::StaleHit));
        let (far_hits, computations) = (total(Event::FarHit), total(Event::Computation));
        let timed = total(Event::Timed).max(1) as f64;
        let mean = Duration::from_nanos(total(Event::ComputeNanos)).div_f64(timed);
        Stats {
            hits,
            stale_hits,
            far_hits,
            grace_hits: total(Event::GraceHit),
            misses: Misses {
                never: total(Event::MissNever),
                expired: total(Event::MissExpired),
                evicted: total(Event::MissEvicted),
                invalidated: total(Event::MissInvalidated),
                tag: total(Event::MissTag),
                region: total(Event::MissRegion),
                fenced: total(Event::MissFenced),
                unreachable: total(Event::MissUnreachable),
                schema: total(Event::MissSchema),
                damaged: total(Event::MissDamaged),
            },
            fenced: total(Event::Fenced),
            computations,
            errors: total(Event::Error),
            waiters: total(Event::Waiter),
            refreshes_skipped: total(Event::RefreshSkipped),
            unstored: total(Event::Unstored),
            computing: mean.mul_f64(computations as f64),
            saved: mean.mul_f64((hits + stale_hits + far_hits) as f64),
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}

/// What a cached function has done so far.
///
/// ```
/// let stats = cache_core::Stats::default();
/// assert_eq!(stats.hit_ratio(), None);
/// assert_eq!(stats.misses.total(), 0);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Values served while fresh.
    pub hits: u64,
    /// Values served past their refresh threshold, before their TTL.
    pub stale_hits: u64,
    /// Values found in the tiers behind the near one, by callers who would have computed them.
    pub far_hits: u64,
    /// Values served past their TTL, because a computation failed and `grace` allows it.
    pub grace_hits: u64,
    /// Values not found, by reason.
    pub misses: Misses,
    /// Results not stored, because an invalidation, a `put` or a `clear` came after they began.
    pub fenced: u64,
    /// Computations that ran, failed ones included.
    pub computations: u64,
    /// Computations that failed or panicked.
    pub errors: u64,
    /// Callers that waited for somebody else's computation.
    pub waiters: u64,
    /// Background refreshes left out, because the pool's queue was full.
    pub refreshes_skipped: u64,
    /// Results not stored for another reason: not wanted (`cache_if`), too heavy, or no room.
    pub unstored: u64,
    /// Time spent computing; from samples where computations take microseconds.
    pub computing: Duration,
    /// Time saved: the hits times the mean time of a computation.
    pub saved: Duration,
}

/// Why values were not found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Misses {
    /// Never seen, or forgotten so long ago that nobody remembers.
    pub never: u64,
    /// Past their TTL.
    pub expired: u64,
    /// Pushed out by other values.
    pub evicted: u64,
    /// Removed by `invalidate`.
    pub invalidated: u64,
    /// One of their tags was invalidated.
    pub tag: u64,
    /// Their region was invalidated.
    pub region: u64,
    /// Computed before, and not stored, since something newer had happened to their keys.
    pub fenced: u64,
    /// The client could not be reached.
    pub unreachable: u64,
    /// What is stored was written by a program whose value type has another shape.
    pub schema: u64,
    /// What is stored cannot be trusted.
    pub damaged: u64,
}

impl Misses {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.never
            + self.expired
            + self.evicted
            + self.invalidated
            + self.tag
            + self.region
            + self.fenced
            + self.unreachable
            + self.schema
            + self.damaged
    }
}

impl Stats {
    /// The part of the calls that found a value, from 0 to 1; `None` before the first call.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        let found = self.hits + self.stale_hits + self.far_hits + self.grace_hits;
        let calls = found + self.misses.total();
        (calls > 0).then(|| found as f64 / calls as f64)
    }

    /// Adds another function's figures, for sums over many.
    #[must_use]
    pub fn plus(mut self, other: &Stats) -> Stats {
        self.hits += other.hits;
        self.stale_hits += other.stale_hits;
        self.far_hits += other.far_hits;
        self.grace_hits += other.grace_hits;
        self.misses.never += other.misses.never;
        self.misses.expired += other.misses.expired;
        self.misses.evicted += other.misses.evicted;
        self.misses.invalidated += other.misses.invalidated;
        self.misses.tag += other.misses.tag;
        self.misses.region += other.misses.region;
        self.misses.fenced += other.misses.fenced;
        self.misses.unreachable += other.misses.unreachable;
        self.misses.schema += other.misses.schema;
        self.misses.damaged += other.misses.damaged;
        self.fenced += other.fenced;
        self.computations += other.computations;
        self.errors += other.errors;
        self.waiters += other.waiters;
        self.refreshes_skipped += other.refreshes_skipped;
        self.unstored += other.unstored;
        self.computing += other.computing;
        self.saved += other.saved;
        self
    }
}

/// Indices of threads that ended, to be used again.
static FREE: Mutex<(usize, Vec<usize>)> = Mutex::new((0, Vec::new()));

const UNSET: usize = usize::MAX;
/// What a thread without an index of its own uses: it lands in the shared cell.
const NONE: usize = usize::MAX - 1;

thread_local! {
    static INDEX: Cell<usize> = const { Cell::new(UNSET) };
    static RETURN: Return = const { Return };
}

struct Return;
impl Drop for Return {
    fn drop(&mut self) {
        let index = INDEX.replace(NONE);
        if index < NONE
            && let Ok(mut free) = FREE.lock()
        {
            free.1.push(index);
        }
    }
}

/// A small number that no other living thread has.
#[inline]
fn thread_index() -> usize {
    let index = INDEX.get();
    if index == UNSET { assign_index() } else { index }
}

#[cold]
fn assign_index() -> usize {
    // Registers the destructor that gives the index back.
    let index = match RETURN.try_with(|_| FREE.lock()) {
        Ok(Ok(mut free)) => free.1.pop().unwrap_or_else(|| {
            free.0 += 1;
            free.0 - 1
        }),
        _ => NONE,
    };
    INDEX.set(index);
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_all_threads_add_up() {
        let recorder = Recorder::new();
        std::thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| (0..1000).for_each(|_| recorder.count(Event::Hit)));
            }
        });
        recorder.count(Event::MissNever);
        let stats = recorder.snapshot();
        assert_eq!((stats.hits, stats.misses.total()), (40_000, 1));
    }

    #[test]
    fn time_saved_is_hits_times_the_mean_computation() {
        let recorder = Recorder::new();
        recorder.add(Event::Computation, 2);
        recorder.add(Event::Timed, 2);
        recorder.add(Event::ComputeNanos, 2_000_000);
        recorder.add(Event::Hit, 7);
        assert_eq!(recorder.snapshot().saved, Duration::from_millis(7));
    }
}
