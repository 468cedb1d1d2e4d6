//! What was told of a lifetime a while ago: as it is by now.
//!
//! A lookup says what is left, and an entry how long it lives, both from a moment on. Where others are waited for
//! between that moment and the use of it, their time is part of the lifetime.

use cache_core::{Clock, Entry, Lease, Lookup, Reason};
use std::time::Duration;

/// Measures the stretches between its laps.
pub(crate) struct Laps {
    clock: Clock,
    last: u64,
}

impl Laps {
    pub(crate) fn begin(clock: &Clock) -> Self {
        Laps { clock: clock.clone(), last: clock.nanos() }
    }

    /// The time since the last lap, or the beginning.
    pub(crate) fn lap(&mut self) -> Duration {
        let now = self.clock.nanos();
        let took = now.saturating_sub(std::mem::replace(&mut self.last, now));
        Duration::from_nanos(took)
    }
}

/// An entry whose life began so long ago; one that is over lives for no time at all.
pub(crate) fn entry<V>(entry: Entry<V>, by: Duration) -> Entry<V> {
    Entry {
        ttl: entry.ttl.map(|ttl| less(ttl, by)),
        refresh_after: entry.refresh_after.map(|age| age.saturating_sub(by)),
        ..entry
    }
}

/// What was known so long ago.
pub(crate) fn lookup<V>(known: &mut Lookup<V>, by: Duration) {
    match known {
        Lookup::Fresh { left, refresh_in, .. } if *left > by => {
            *left = less(*left, by);
            *refresh_in = refresh_in.map(|time| time.saturating_sub(by));
        }
        Lookup::Stale { left, .. } if *left > by => *left = less(*left, by),
        Lookup::Expired { since, .. } => *since = since.saturating_add(by),
        Lookup::Fresh { .. } | Lookup::Stale { .. } => {
            let nothing = Lookup::Missing { reason: Reason::Expired, lease: Lease::none() };
            *known = match std::mem::replace(known, nothing) {
                Lookup::Fresh { value, left, tags, .. } => {
                    let (since, lease) = (by.saturating_sub(left), Lease::none());
                    Lookup::Expired { value, since, by_call: false, tags, lease }
                }
                Lookup::Stale { value, left, tags, lease } => {
                    let since = by.saturating_sub(left);
                    Lookup::Expired { value, since, by_call: false, tags, lease }
                }
                other => other,
            };
        }
        Lookup::Missing { .. } => {}
    }
}

/// `Duration::MAX` has no end.
fn less(left: Duration, by: Duration) -> Duration {
    if left == Duration::MAX { left } else { left.saturating_sub(by) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cache_core::Tags;

    const TEN: Duration = Duration::from_secs(10);

    fn fresh(left: Duration) -> Lookup<u32> {
        let refresh_in = Some(Duration::from_secs(4));
        Lookup::Fresh { value: 1, left, refresh_in, tags: Tags::none() }
    }

    fn after(mut known: Lookup<u32>, seconds: u64) -> Lookup<u32> {
        lookup(&mut known, Duration::from_secs(seconds));
        known
    }

    #[test]
    fn what_is_left_gets_less_and_ends() {
        let seconds = Duration::from_secs;
        let told = |seconds| after(fresh(TEN), seconds);
        assert!(matches!(told(3), Lookup::Fresh { left, refresh_in, .. }
            if left == seconds(7) && refresh_in == Some(seconds(1))));
        assert!(matches!(told(9), Lookup::Fresh { refresh_in: Some(Duration::ZERO), .. }));
        assert!(matches!(told(10), Lookup::Expired { since: Duration::ZERO, by_call: false, .. }));
        assert!(matches!(told(12), Lookup::Expired { since, .. } if since == seconds(2)));
        let endless = after(fresh(Duration::MAX), 1000);
        assert!(matches!(endless, Lookup::Fresh { left: Duration::MAX, .. }));
    }

    #[test]
    fn a_lease_outlives_the_value_that_it_came_with() {
        let stale =
            || Lookup::Stale { value: 1, left: TEN, tags: Tags::none(), lease: Lease::new(7) };
        for seconds in [3, 10, 12] {
            assert_eq!(after(stale(), seconds).into_lease().mark(), Some(7), "{seconds}");
        }
        assert!(matches!(after(stale(), 12), Lookup::Expired { since, .. }
            if since == Duration::from_secs(2)));
    }

    #[test]
    fn an_entry_lives_for_less() {
        let life = |by| {
            let ten = Entry::new(1).with_ttl(10).with_refresh_after(Duration::from_secs(4));
            let entry = entry(ten, Duration::from_secs(by));
            (entry.ttl.unwrap().as_secs(), entry.refresh_after.unwrap().as_secs())
        };
        assert_eq!([life(0), life(3), life(12)], [(10, 4), (7, 1), (0, 0)]);
        assert_eq!(entry(Entry::new(1), TEN).ttl, None);
    }
}
