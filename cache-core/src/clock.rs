//! Time: a coarse monotonic clock for hits, a precise one for measuring, a manual one for tests.

use crate::timer::{Sleep, Timers};
use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How many bits of nanoseconds one tick drops: a tick is 65.5 microseconds.
pub(crate) const TICK_SHIFT: u32 = 16;

/// Where a cache takes its time from.
///
/// The system clock is monotonic. Hits read it in its coarse form (a step of 4 ms on most Linux
/// kernels, for about 5 ns); [`lag`](Clock::lag) says how far that may be behind, and a TTL is
/// shortened by as much, so that nothing older than its TTL is ever returned.
///
/// ```
/// use cache_core::ManualClock;
/// use std::time::Duration;
///
/// let time = ManualClock::new();
/// let clock = time.clock();
/// let before = clock.nanos();
/// time.advance(Duration::from_secs(3));
/// assert_eq!(clock.nanos() - before, 3_000_000_000);
/// ```
pub struct Clock {
    /// One byte decides on the hit path: see the constants below.
    kind: AtomicU8,
    /// What the coarse clock showed at the origin.
    origin: u64,
    manual: Option<Arc<Manual>>,
}

const COARSE: u8 = 0;
const PRECISE: u8 = 1;
const MANUAL: u8 = 2;

/// Midnight of 2026-01-01.
const MANUAL_BEGINS: Duration = Duration::from_secs(1_767_225_600);

#[derive(Default)]
struct Manual {
    nanos: AtomicU64,
    timers: Timers,
}

impl Clock {
    /// The system's monotonic clock.
    #[must_use]
    pub fn system() -> Self {
        let kind = if cfg!(target_os = "linux") { COARSE } else { PRECISE };
        Clock { kind: AtomicU8::new(kind), origin: origin().1, manual: None }
    }

    /// Ticks of 65.5 microseconds since the clock's origin; on the system clock possibly
    /// [`lag`](Clock::lag) behind.
    #[inline]
    pub fn tick(&self) -> u64 {
        if self.kind.load(Ordering::Relaxed) == COARSE {
            return raw_coarse_nanos().wrapping_sub(self.origin) >> TICK_SHIFT;
        }
        self.nanos() >> TICK_SHIFT
    }

    /// Nanoseconds since the clock's origin, precise (about 30 ns a call).
    #[inline]
    pub fn nanos(&self) -> u64 {
        match &self.manual {
            None => precise_nanos(),
            Some(manual) => manual.nanos.load(Ordering::Acquire),
        }
    }

    /// How far [`tick`](Clock::tick) may be behind the real time. Zero for a manual clock.
    pub fn lag(&self) -> Duration {
        if self.kind.load(Ordering::Relaxed) != COARSE {
            return Duration::ZERO;
        }
        static STEP: OnceLock<Duration> = OnceLock::new();
        *STEP.get_or_init(coarse_step)
    }

    /// Makes [`tick`](Clock::tick) precise from now on: for TTLs that are short against the step.
    pub fn refine(&self) {
        let _ = self.kind.compare_exchange(COARSE, PRECISE, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The time since the beginning of 1970, for expiries that other programs read. A manual clock
    /// begins on 2026-01-01.
    ///
    /// ```
    /// use cache_core::{Clock, ManualClock};
    /// use std::time::Duration;
    ///
    /// assert!(Clock::system().unix() > Duration::from_secs(1_700_000_000));
    /// let time = ManualClock::new();
    /// let before = time.clock().unix();
    /// time.advance(Duration::from_secs(5));
    /// assert_eq!(time.clock().unix() - before, Duration::from_secs(5));
    /// ```
    #[must_use]
    pub fn unix(&self) -> Duration {
        match &self.manual {
            // A system whose clock is before 1970 has other troubles.
            None => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            Some(manual) => {
                MANUAL_BEGINS + Duration::from_nanos(manual.nanos.load(Ordering::Acquire))
            }
        }
    }

    /// A future that is ready when so much time has passed by this clock.
    pub fn sleep(&self, time: Duration) -> Sleep {
        Sleep::new(self, time)
    }

    /// Whether two handles show the same time: both the system's, or one clock moved by hand.
    ///
    /// ```
    /// use cache_core::{Clock, ManualClock};
    /// let time = ManualClock::new();
    /// assert!(time.clock().is_same(&time.clock()) && !time.clock().is_same(&Clock::system()));
    /// ```
    #[must_use]
    pub fn is_same(&self, other: &Clock) -> bool {
        match (&self.manual, &other.manual) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// The timers that fire with this clock.
    pub(crate) fn timers(&self) -> &Timers {
        match &self.manual {
            None => Timers::system(),
            Some(manual) => &manual.timers,
        }
    }

    /// Clocks of one id show the same.
    pub(crate) fn id(&self) -> usize {
        self.manual.as_ref().map_or(0, |manual| Arc::as_ptr(manual) as usize)
    }

    /// Whether a test moves this clock by hand.
    pub(crate) fn is_manual(&self) -> bool {
        self.manual.is_some()
    }
}

impl Clone for Clock {
    fn clone(&self) -> Self {
        Clock {
            kind: AtomicU8::new(self.kind.load(Ordering::Relaxed)),
            origin: self.origin,
            manual: self.manual.clone(),
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Clock::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_manual() { "Clock::Manual" } else { "Clock::System" })
    }
}

/// A clock that stands still until a test moves it; for larder's tests and for yours.
///
/// ```
/// use cache_core::ManualClock;
/// use std::time::Duration;
///
/// let time = ManualClock::new();
/// time.advance(Duration::from_secs(60));
/// assert_eq!(time.elapsed(), Duration::from_secs(60));
/// ```
#[derive(Clone, Default)]
pub struct ManualClock(Arc<Manual>);

impl ManualClock {
    /// A clock that stands at its origin.
    #[must_use]
    pub fn new() -> Self {
        ManualClock::default()
    }

    /// The clock to hand to a cache; all clocks of one `ManualClock` move together.
    #[must_use]
    pub fn clock(&self) -> Clock {
        Clock { kind: AtomicU8::new(MANUAL), origin: 0, manual: Some(self.0.clone()) }
    }

    /// Moves time forward, and fires what becomes due.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        // A saturating add: a test may jump to the end of time.
        let now = self
            .0
            .nanos
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| Some(now.saturating_add(by)))
            .map_or(0, |before| before.saturating_add(by));
        self.0.timers.fire(now);
    }

    /// How far the clock has been moved.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.0.nanos.load(Ordering::Acquire))
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.elapsed()).finish()
    }
}

/// The origin, by the precise and by the coarse clock; all system clocks share it, so that their
/// ticks can be compared.
fn origin() -> (Instant, u64) {
    static ORIGIN: OnceLock<(Instant, u64)> = OnceLock::new();
    *ORIGIN.get_or_init(|| {
        let coarse = raw_coarse_nanos();
        (Instant::now(), coarse)
    })
}

#[inline]
fn precise_nanos() -> u64 {
    // 2^64 nanoseconds are 584 years of uptime.
    origin().0.elapsed().as_nanos() as u64
}

#[cfg(target_os = "linux")]
#[inline]
#[expect(unsafe_code, reason = "std has no coarse clock; five times cheaper than `Instant::now`")]
fn raw_coarse_nanos() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid, exclusively borrowed timespec; the call writes nothing else.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut now) };
    (now.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec as u64)
}

/// There is none: clocks are precise from the start.
#[cfg(not(target_os = "linux"))]
fn raw_coarse_nanos() -> u64 {
    0
}

/// Twice the kernel's step: the tick may be late, and the origins were read one after the other.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "std does not tell a clock's resolution")]
fn coarse_step() -> Duration {
    let mut step = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `step` is a valid, exclusively borrowed timespec; the call writes nothing else.
    let failed = unsafe { libc::clock_getres(libc::CLOCK_MONOTONIC_COARSE, &raw mut step) };
    let nanos = if failed == 0 { step.tv_nsec as u64 } else { 10_000_000 };
    Duration::from_nanos(2 * nanos)
}

#[cfg(not(target_os = "linux"))]
fn coarse_step() -> Duration {
    Duration::ZERO
}
