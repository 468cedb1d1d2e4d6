//! How long a value lives, when it is refreshed, and what happens when that fails.

use crate::table::Life;
use std::cell::Cell;
use std::fmt;
use std::time::Duration;

/// What can be written where a TTL is wanted: a `Duration`, whole or fractional seconds, or nothing.
///
/// ```
/// use cache_core::IntoTtl;
/// use std::time::Duration;
///
/// assert_eq!(300_u64.into_ttl(), Some(Duration::from_secs(300)));
/// assert_eq!(0.25.into_ttl(), Some(Duration::from_millis(250)));
/// assert_eq!(None::<Duration>.into_ttl(), None);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a TTL",
    note = "a TTL is a string such as \"5m\", a number of seconds, a `Duration`, or an `Option<Duration>`"
)]
pub trait IntoTtl {
    /// The TTL; `None` lives until it is evicted. A negative number is zero.
    fn into_ttl(self) -> Option<Duration>;
}

impl IntoTtl for Duration {
    fn into_ttl(self) -> Option<Duration> {
        Some(self)
    }
}
impl IntoTtl for Option<Duration> {
    fn into_ttl(self) -> Option<Duration> {
        self
    }
}
impl IntoTtl for f64 {
    fn into_ttl(self) -> Option<Duration> {
        Some(Duration::try_from_secs_f64(self.max(0.0)).unwrap_or(Duration::MAX))
    }
}
macro_rules! seconds {
    ($($number:ty),*) => {$(
        impl IntoTtl for $number {
            fn into_ttl(self) -> Option<Duration> {
                Some(Duration::from_secs(u64::try_from(self).unwrap_or(0)))
            }
        }
    )*};
}
seconds!(u8, u16, u32, u64, usize, i32, i64);

/// When a value is recomputed in the background before it expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsyncTtl {
    /// As soon as less than this is left of its TTL.
    Remaining(Duration),
    /// As soon as it is older than this.
    Age(Duration),
}

/// What can be written where an async TTL is wanted: a `Duration` that remains, or whole seconds,
/// which are an age when negative.
///
/// ```
/// use cache_core::{AsyncTtl, IntoAsyncTtl};
/// use std::time::Duration;
///
/// assert_eq!((-60).into_async_ttl(), AsyncTtl::Age(Duration::from_secs(60)));
/// assert_eq!(60.into_async_ttl(), AsyncTtl::Remaining(Duration::from_secs(60)));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an async TTL",
    note = "an async TTL is a string such as \"1m\" (remaining) or \"-60s\" (age), whole seconds, a `Duration`, or an `AsyncTtl`"
)]
pub trait IntoAsyncTtl {
    /// The refresh threshold.
    fn into_async_ttl(self) -> AsyncTtl;
}
impl IntoAsyncTtl for AsyncTtl {
    fn into_async_ttl(self) -> AsyncTtl {
        self
    }
}
impl IntoAsyncTtl for Duration {
    fn into_async_ttl(self) -> AsyncTtl {
        AsyncTtl::Remaining(self)
    }
}
macro_rules! signed_seconds {
    ($($number:ty),*) => {$(
        impl IntoAsyncTtl for $number {
            fn into_async_ttl(self) -> AsyncTtl {
                let time = Duration::from_secs(u64::from(self.unsigned_abs()));
                if self < 0 { AsyncTtl::Age(time) } else { AsyncTtl::Remaining(time) }
            }
        }
    )*};
}
signed_seconds!(i32, i64);

/// By how much a TTL may be shortened at random, so that values do not expire together.
///
/// ```
/// use cache_core::Jitter;
/// let tenth: Jitter = 0.1.into();
/// assert_eq!(tenth, Jitter::Fraction(0.1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Jitter {
    /// A part of the TTL, from 0 to 1.
    Fraction(f64),
    /// A time.
    Duration(Duration),
}
impl From<f64> for Jitter {
    fn from(part: f64) -> Self {
        Jitter::Fraction(part)
    }
}
impl From<Duration> for Jitter {
    fn from(time: Duration) -> Self {
        Jitter::Duration(time)
    }
}

/// The freshness rules of one cached function.
///
/// ```
/// use cache_core::{AsyncTtl, Policy};
/// use std::time::Duration;
///
/// let policy = Policy::new()
///     .with_ttl(Duration::from_secs(300))
///     .with_async_ttl(AsyncTtl::Age(Duration::from_secs(60)));
/// assert_eq!(policy.ttl(), Some(Duration::from_secs(300)));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Policy {
    ttl: Option<Duration>,
    async_ttl: Option<AsyncTtl>,
    jitter: Option<Jitter>,
    grace: Option<Duration>,
}

impl Policy {
    /// Values live until they are evicted.
    #[must_use]
    pub const fn new() -> Self {
        Policy { ttl: None, async_ttl: None, jitter: None, grace: None }
    }

    /// The absolute limit of a value's age.
    #[must_use]
    pub fn with_ttl(mut self, ttl: impl IntoTtl) -> Self {
        self.ttl = ttl.into_ttl();
        self
    }

    /// When to recompute in the background.
    #[must_use]
    pub fn with_async_ttl(mut self, when: impl IntoAsyncTtl) -> Self {
        self.async_ttl = Some(when.into_async_ttl());
        self
    }

    /// By how much to shorten TTLs at random.
    #[must_use]
    pub fn with_jitter(mut self, jitter: impl Into<Jitter>) -> Self {
        self.jitter = Some(jitter.into());
        self
    }

    /// For how long past its TTL a value may stand in for a computation that failed.
    #[must_use]
    pub fn with_grace(mut self, grace: impl IntoTtl) -> Self {
        self.grace = grace.into_ttl();
        self
    }

    /// The absolute limit of a value's age.
    #[must_use]
    pub fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    /// The refresh threshold that was asked for.
    #[must_use]
    pub fn async_ttl(&self) -> Option<AsyncTtl> {
        self.async_ttl
    }

    /// By how much TTLs are shortened at random.
    #[must_use]
    pub fn jitter(&self) -> Option<Jitter> {
        self.jitter
    }

    /// How long past its TTL a value may stand in for a failed computation.
    #[must_use]
    pub fn grace(&self) -> Option<Duration> {
        self.grace
    }

    /// What this one leaves open, from another. An async TTL of the other's that does not fit below
    /// the TTL is left out.
    pub(crate) fn over(&self, other: &Policy) -> Policy {
        let ttl = self.ttl.or(other.ttl);
        let fits = |when: &AsyncTtl| {
            let (AsyncTtl::Remaining(time) | AsyncTtl::Age(time)) = when;
            ttl.is_none_or(|ttl| *time < ttl)
        };
        Policy {
            ttl,
            async_ttl: self.async_ttl.filter(fits).or(other.async_ttl.filter(fits)),
            jitter: self.jitter.or(other.jitter),
            grace: self.grace.or(other.grace),
        }
    }

    /// What is wrong with this policy, in words.
    pub(crate) fn fault(&self) -> Option<Fault> {
        if let Some(Jitter::Fraction(part)) = self.jitter
            && !(0.0..=1.0).contains(&part)
        {
            return Some(Fault::Jitter(part));
        }
        let (Some(ttl), Some(refresh)) = (self.ttl, self.async_ttl) else { return None };
        let (AsyncTtl::Remaining(time) | AsyncTtl::Age(time)) = refresh;
        (time >= ttl).then_some(Fault::AsyncTtl { time, ttl })
    }

    /// The life of a value stored now; `own` is a TTL that comes with the value.
    pub(crate) fn life(&self, own: Option<Duration>) -> Life {
        let ttl = match (self.ttl, own) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let Some(ttl) = ttl else {
            let refresh_after = match self.async_ttl {
                Some(AsyncTtl::Age(age)) => Some(age),
                _ => None,
            };
            return Life { ttl: None, refresh_after };
        };
        let ttl = ttl.saturating_sub(self.shortening(ttl));
        let refresh_after = self.async_ttl.map(|when| match when {
            AsyncTtl::Age(age) => age,
            AsyncTtl::Remaining(left) => ttl.saturating_sub(left),
        });
        Life { ttl: Some(ttl), refresh_after: refresh_after.filter(|age| *age < ttl) }
    }

    /// Whether `left` of a value's TTL asks for a refresh by those who refresh without being
    /// asked to by the policy (`lazy`, `future`, `async_`): half the TTL unless stated.
    pub(crate) fn is_due(&self, soft_passed: bool, left: Duration) -> bool {
        if self.async_ttl.is_some() {
            return soft_passed;
        }
        self.ttl.is_some_and(|ttl| left < ttl / 2)
    }

    fn shortening(&self, ttl: Duration) -> Duration {
        let most = match self.jitter {
            None => return Duration::ZERO,
            Some(Jitter::Fraction(part)) => ttl.mul_f64(part.clamp(0.0, 1.0)),
            Some(Jitter::Duration(time)) => time.min(ttl),
        };
        most.mul_f64(random_part())
    }

    /// How long to leave a failing computation alone after its `failures`th failure in a row.
    pub(crate) fn pause(&self, failures: u32) -> Duration {
        let longest = self.ttl.map_or(LONGEST_PAUSE, |ttl| (ttl / 2).min(LONGEST_PAUSE));
        let first = self.ttl.map_or(FIRST_PAUSE, |ttl| (ttl / 20).min(FIRST_PAUSE));
        (first * 2_u32.saturating_pow(failures.saturating_sub(1).min(16))).min(longest)
    }
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A contradiction in a policy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    Jitter(f64),
    AsyncTtl { time: Duration, ttl: Duration },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Jitter(part) => {
                write!(f, "jitter is {part}: it is the part of the TTL to vary, from 0 to 1")
            }
            Fault::AsyncTtl { time, ttl } => write!(
                f,
                "async_ttl is {time:?}, which is not below ttl = {ttl:?}: values would expire before they are refreshed"
            ),
        }
    }
}

/// A number from 0 to 1, cheap and per thread; it decides nothing but jitter.
fn random_part() -> f64 {
    thread_local! { static STATE: Cell<u64> = const { Cell::new(0) }; }
    let bits = STATE.with(|state| {
        let mut x = state.get();
        if x == 0 {
            use std::hash::{BuildHasher, RandomState};
            x = RandomState::new().hash_one(0) | 1;
        }
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        state.set(x);
        x
    });
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn jitter_only_shortens() {
        let policy = Policy::new().with_ttl(100_u64).with_jitter(0.2);
        for _ in 0..1000 {
            let ttl = policy.life(None).ttl.unwrap();
            assert!(ttl <= secs(100) && ttl >= secs(80), "{ttl:?}");
        }
    }

    #[test]
    fn a_negative_async_ttl_is_an_age() {
        let policy = Policy::new().with_ttl(300_u64).with_async_ttl(-60);
        assert_eq!(policy.life(None).refresh_after, Some(secs(60)));
        let policy = Policy::new().with_ttl(300_u64).with_async_ttl(60);
        assert_eq!(policy.life(None).refresh_after, Some(secs(240)));
    }

    #[test]
    fn the_shorter_of_two_ttls_wins() {
        let policy = Policy::new().with_ttl(300_u64);
        assert_eq!(policy.life(Some(secs(10))).ttl, Some(secs(10)));
        assert_eq!(policy.life(Some(secs(1000))).ttl, Some(secs(300)));
        assert_eq!(Policy::new().life(Some(secs(10))).ttl, Some(secs(10)));
    }

    #[test]
    fn what_is_said_wins_over_what_another_says_and_never_contradicts_itself() {
        let region = Policy::new().with_ttl(300_u64).with_async_ttl(-60).with_grace(900_u64);
        let both = Policy::new().with_ttl(600_u64).over(&region);
        assert_eq!((both.ttl(), both.grace()), (Some(secs(600)), Some(secs(900))));
        assert_eq!(both.async_ttl(), Some(AsyncTtl::Age(secs(60))));
        let short = Policy::new().with_ttl(30_u64).over(&region);
        assert_eq!((short.ttl(), short.async_ttl()), (Some(secs(30)), None));
        assert_eq!(Policy::new().over(&region), region);
    }

    #[test]
    fn pauses_double_up_to_half_the_ttl() {
        let policy = Policy::new().with_ttl(20_u64);
        let pauses: Vec<_> = (1..=6).map(|n| policy.pause(n).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 10, 10]);
    }

    #[test]
    fn an_async_ttl_beyond_the_ttl_is_a_fault() {
        let policy = Policy::new().with_ttl(60_u64).with_async_ttl(-90);
        assert!(policy.fault().unwrap().to_string().contains("async_ttl is 90s"));
        assert_eq!(Policy::new().with_ttl(90_u64).with_async_ttl(-60).fault(), None);
    }
}
