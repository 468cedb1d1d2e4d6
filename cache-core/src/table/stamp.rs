//! The stamp of an entry: refresh point, deadline and visits in one word.
//!
//! ```text
//! | TAGGED | 42 bits: soft tick | 18 bits: hard - soft, a small float | EXPIRED | 2 bits: visits |
//! ```
//!
//! A hit compares the upper 43 bits, as a signed number, with the clock and nothing else: what has tags
//! is below any tick, and so is asked about them without a test that the others would pay for.

use crate::clock::{Clock, TICK_SHIFT};
use std::time::Duration;

/// The tick that never comes.
pub(super) const NEVER: u64 = (1 << 42) - 1;

const SOFT_SHIFT: u32 = 21;
const REST_SHIFT: u32 = 3;
const REST: u64 = (1 << 18) - 1;
const EXPIRED: u64 = 1 << 2;
const TAGGED: u64 = 1 << 63;
const VISITS: u64 = 3;

/// How long a value may be served, and from when on it wants to be renewed.
///
/// ```
/// use cache_core::table::Life;
/// use std::time::Duration;
///
/// let minute = Duration::from_secs(60);
/// let life = Life { ttl: Some(minute), refresh_after: Some(minute / 2) };
/// assert_ne!(life, Life::FOREVER);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// The absolute limit; `None` and `Duration::MAX` mean no limit.
    pub ttl: Option<Duration>,
    /// The age at which the value still counts, but wants to be renewed; `None`: not before it is
    /// dead.
    pub refresh_after: Option<Duration>,
}

impl Life {
    /// No limit, no renewal.
    pub const FOREVER: Life = Life { ttl: None, refresh_after: None };
}

/// What the word of an entry says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(pub(super) u64);

/// The test of the hit path: the soft point lies ahead, and there are no tags to ask about.
#[inline(always)]
pub(super) fn is_fresh(word: u64, tick: u64) -> bool {
    word.cast_signed() >> SOFT_SHIFT > tick.cast_signed()
}

/// The same whether there are tags or not.
#[inline(always)]
pub(super) fn is_ahead(word: u64, tick: u64) -> bool {
    is_fresh(word & !TAGGED, tick)
}

/// The word with one visit more, if another visit still counts.
#[inline(always)]
pub(super) fn visited(word: u64) -> Option<u64> {
    (word & VISITS < VISITS).then_some(word + 1)
}

impl Stamp {
    /// `hard` is kept exactly; `soft` may move earlier by 1/4096 of what lies between them.
    pub(super) fn new(soft: u64, hard: u64) -> Self {
        let (soft, hard) = (soft.min(hard).min(NEVER), hard.min(NEVER));
        if hard == NEVER {
            return Stamp(soft << SOFT_SHIFT | REST << REST_SHIFT);
        }
        if soft == hard {
            return Stamp(hard << SOFT_SHIFT);
        }
        let rest = shrink(hard - soft, Round::Up);
        // Close to the clock's origin there is no room to move earlier.
        let rest = if grow(rest) > hard { shrink(hard - soft, Round::Down) } else { rest };
        Stamp((hard - grow(rest)) << SOFT_SHIFT | rest << REST_SHIFT)
    }

    pub(super) fn soft(self) -> u64 {
        self.0 >> SOFT_SHIFT & NEVER
    }

    pub(super) fn hard(self) -> u64 {
        match self.0 >> REST_SHIFT & REST {
            REST => NEVER,
            _ if self.soft() == NEVER => NEVER,
            rest => self.soft() + grow(rest),
        }
    }

    pub(super) fn visits(self) -> u64 {
        self.0 & VISITS
    }

    pub(super) fn with_visits(self, visits: u64) -> Self {
        Stamp(self.0 & !VISITS | visits.min(VISITS))
    }

    pub(super) fn is_tagged(self) -> bool {
        self.0 & TAGGED != 0
    }

    pub(super) fn with_tags(self, tagged: bool) -> Self {
        Stamp(self.0 & !TAGGED | if tagged { TAGGED } else { 0 })
    }

    /// Expired by call, not by age.
    pub(super) fn is_expired_by_call(self) -> bool {
        self.0 & EXPIRED != 0
    }

    /// The tick from which on the value may not be returned as live.
    pub(super) fn end(self) -> u64 {
        if self.is_expired_by_call() { self.soft() } else { self.hard() }
    }

    #[inline]
    pub(super) fn is_live(self, tick: u64) -> bool {
        self.soft() > tick || self.end() > tick
    }

    /// Dead from `tick` on. The hard point stays (or moves earlier by 1/4096 of the way): while a
    /// refresh is held the value may be served again, but never longer than it could have been.
    pub(super) fn expire(self, tick: u64) -> Self {
        let soft = self.soft().min(tick);
        let rest = match self.hard() {
            NEVER => REST,
            hard => shrink(hard - soft, Round::Down),
        };
        Stamp(soft << SOFT_SHIFT | rest << REST_SHIFT | self.0 & (VISITS | TAGGED) | EXPIRED)
    }

    /// The soft point moved to `soft` at least, so that one caller at a time renews; never behind
    /// the hard point.
    ///
    /// Rounded later, not earlier as elsewhere: a hold that rounds to nothing would let every
    /// caller in.
    pub(super) fn hold(self, soft: u64) -> Self {
        let hard = self.hard();
        let soft = soft.min(hard);
        let flags = self.0 & (VISITS | TAGGED | EXPIRED);
        if hard == NEVER {
            return Stamp(soft << SOFT_SHIFT | REST << REST_SHIFT | flags);
        }
        let rest = shrink(hard - soft, Round::Down);
        Stamp((hard - grow(rest)) << SOFT_SHIFT | rest << REST_SHIFT | flags)
    }

    /// Lengthened to `hard`; the soft point keeps its distance from the end.
    pub(super) fn lengthen(self, hard: u64) -> Self {
        let (soft, old) = (self.soft(), self.hard());
        if hard <= old {
            return self;
        }
        let soft = match (soft == old, hard == NEVER) {
            (true, _) => hard,
            (false, true) => soft,
            (false, false) => soft + (hard - old),
        };
        Stamp(Stamp::new(soft, hard).0 | self.0 & (VISITS | TAGGED))
    }
}

/// The stamp of a value stored now. Refines the clock when the TTL is short against its step.
#[inline]
pub(super) fn stamp(clock: &Clock, life: Life) -> (Stamp, u64) {
    let Some(ttl) = life.ttl.filter(|ttl| *ttl != Duration::MAX) else {
        let now = clock.tick();
        let soft = life.refresh_after.map_or(NEVER, |age| now.saturating_add(ticks(age)));
        return (Stamp::new(soft, NEVER), now);
    };
    let (mut lag, ttl) = (nanos(clock.lag()), nanos(ttl));
    if ttl < lag.saturating_mul(32) {
        clock.refine();
        lag = nanos(clock.lag());
    }
    let now = clock.tick();
    // The last tick boundary which surely comes before `ttl` has passed, however late the clock is.
    let hard = now.saturating_add(ttl.saturating_sub(lag) >> TICK_SHIFT).min(NEVER);
    let soft = life.refresh_after.map_or(hard, |age| now.saturating_add(ticks(age)));
    (Stamp::new(soft, hard), now)
}

/// Whole ticks in a duration.
pub(super) fn ticks(duration: Duration) -> u64 {
    nanos(duration) >> TICK_SHIFT
}

/// Saturates after 584 years, and does without 128 bits.
fn nanos(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(duration.subsec_nanos()))
}

#[derive(Clone, Copy)]
enum Round {
    Up,
    Down,
}

const MANTISSA: u32 = 13;

/// A number of ticks as 13 bits of mantissa and 5 of exponent.
fn shrink(ticks: u64, round: Round) -> u64 {
    let exponent = (u64::BITS - ticks.leading_zeros()).saturating_sub(MANTISSA);
    let mantissa = match round {
        Round::Down => ticks >> exponent,
        Round::Up => ticks.div_ceil(1 << exponent),
    };
    // Rounding up may carry into a fourteenth bit.
    match mantissa >> MANTISSA {
        0 => mantissa | u64::from(exponent) << MANTISSA,
        _ => mantissa >> 1 | u64::from(exponent + 1) << MANTISSA,
    }
}

fn grow(rest: u64) -> u64 {
    (rest & ((1 << MANTISSA) - 1)) << (rest >> MANTISSA)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_hard_point_is_exact_and_the_soft_point_never_later(
            hard in 0..NEVER,
            age in 0..NEVER,
        ) {
            let soft = hard.saturating_sub(age);
            let stamp = Stamp::new(soft, hard);
            prop_assert_eq!(stamp.hard(), hard);
            if grow(shrink(hard - soft, Round::Up)) <= hard {
                prop_assert!(stamp.soft() <= soft);
            }
            prop_assert!(stamp.soft().abs_diff(soft) <= (hard - soft) / 4096 + 1);
        }

        #[test]
        fn a_hold_lasts_at_least_as_long_as_asked(hard in 1..NEVER, ask in 0..NEVER) {
            let held = Stamp::new(0, hard).hold(ask);
            prop_assert_eq!(held.hard(), hard);
            prop_assert!(held.soft() >= ask.min(hard) && held.soft() <= hard);
        }

        #[test]
        fn what_has_tags_is_asked_about_them_and_is_else_as_fresh_as_without(
            soft in 0..=NEVER,
            gap in 0..=NEVER,
            tick in 0..=NEVER,
        ) {
            let plain = Stamp::new(soft, soft.saturating_add(gap));
            let tagged = plain.with_tags(true);
            prop_assert_eq!(is_fresh(plain.0, tick), plain.soft() > tick);
            prop_assert!(!is_fresh(tagged.0, tick));
            prop_assert_eq!(is_ahead(tagged.0, tick), is_fresh(plain.0, tick));
            prop_assert_eq!((tagged.soft(), tagged.hard()), (plain.soft(), plain.hard()));
            prop_assert!(tagged.with_tags(false) == plain);
        }

        #[test]
        fn lengthening_only_lengthens(
            soft in 0..1_u64 << 40,
            gap in 0..1_u64 << 30,
            more in 0..1_u64 << 40,
        ) {
            let before = Stamp::new(soft, soft + gap);
            let after = before.lengthen(soft + more);
            prop_assert_eq!(after.hard(), (soft + more).max(before.hard()));
        }
    }

    #[test]
    fn never_stays_never() {
        let stamp = Stamp::new(NEVER, NEVER);
        assert!(stamp.is_live(NEVER - 1) && is_fresh(stamp.0, NEVER - 1));
        let soft = Stamp::new(100, NEVER);
        assert_eq!((soft.soft(), soft.hard()), (100, NEVER));
        assert!(!is_fresh(soft.0, 100) && soft.is_live(100));
    }

    #[test]
    fn visits_saturate_and_leave_the_rest_alone() {
        let mut word = Stamp::new(7, 9).0;
        while let Some(more) = visited(word) {
            word = more;
        }
        let stamp = Stamp(word);
        assert_eq!((stamp.visits(), stamp.soft(), stamp.hard()), (3, 7, 9));
        assert_eq!(stamp.with_visits(1).visits(), 1);
    }

    #[test]
    fn the_mark_of_tags_survives_every_change() {
        let stamp = Stamp::new(50, 100).with_tags(true);
        for changed in [stamp.expire(10), stamp.hold(60), stamp.lengthen(200), stamp.with_visits(2)]
        {
            assert!(changed.is_tagged() && !changed.with_tags(false).is_tagged());
        }
        assert_eq!((stamp.soft(), stamp.hard(), stamp.visits()), (50, 100, 0));
    }

    #[test]
    fn expired_by_call_can_be_held_but_not_outlive_its_limit() {
        let dead = Stamp::new(50, 100).expire(10);
        assert!(!dead.is_live(10) && dead.is_expired_by_call());
        let held = dead.hold(40);
        assert!(held.is_live(39) && !held.is_live(40));
        assert_eq!(held.hard(), 100);
        assert_eq!(dead.hold(1000).soft(), 100);
    }
}
