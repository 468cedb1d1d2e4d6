//! An explanation in words.

use super::report::{ChangeKind, Explanation, SendTrouble, TierState, UnsentChange, Verdict};
use crate::entry::Reason;
use std::fmt;
use std::time::Duration;

impl Reason {
    /// One word: what statistics, spans and metrics call it.
    ///
    /// ```
    /// assert_eq!(cache_core::Reason::Evicted.name(), "evicted");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reason::Never => "never",
            Reason::Expired => "expired",
            Reason::Evicted => "evicted",
            Reason::Invalidated => "invalidated",
            Reason::Tag => "tag",
            Reason::Region => "region",
            Reason::Fenced => "fenced",
            Reason::Unreachable => "unreachable",
            Reason::Schema => "schema",
            Reason::Damaged => "damaged",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Reason::Never => "has never heard of it, or forgot",
            Reason::Expired => "expired",
            Reason::Evicted => "evicted, others needed its room",
            Reason::Invalidated => "removed by a call",
            Reason::Tag => "one of its tags was invalidated",
            Reason::Region => "its region was invalidated",
            Reason::Fenced => "computed, but not stored: something newer had happened to the key",
            Reason::Unreachable => "could not be reached",
            Reason::Schema => "what is stored is of another shape, or of a later larder",
            Reason::Damaged => "what is stored is damaged or foreign",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

impl fmt::Display for TierState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TierState::Fresh { left, refresh_in, age } => {
                write!(f, "fresh, {}", Left(*left))?;
                if let Some(time) = refresh_in {
                    write!(f, ", refresh due in {}", Time(*time))?;
                }
                aged(f, *age)
            }
            TierState::Stale { left, age } => {
                write!(f, "refresh due, {}", Left(*left))?;
                aged(f, *age)
            }
            TierState::Expired { since, by_call: false } => {
                write!(f, "expired {}", Ago(*since))
            }
            TierState::Expired { since, by_call: true } => {
                write!(f, "made to expire by a call {}", Ago(*since))
            }
            TierState::Missing { reason, since: Some(since) } => {
                write!(f, "{reason} {}", Ago(*since))
            }
            TierState::Missing { reason, since: None } => write!(f, "{reason}"),
            TierState::Unreachable { cause } => write!(f, "cannot be asked: {cause}"),
            TierState::Refused { cause } => write!(f, "cannot hold it: {cause}"),
        }
    }
}

fn aged(f: &mut fmt::Formatter<'_>, age: Option<Duration>) -> fmt::Result {
    let age = age.filter(|age| *age >= SHORTEST);
    age.map_or(Ok(()), |age| write!(f, ", {} old", Time(age)))
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Hit => "would hit",
            Verdict::StaleHit => "would hit, and is due for a refresh",
            Verdict::GraceHit => "would get an expired value",
            Verdict::Miss(_) if self.in_flight => "would miss, and wait for who computes it now",
            Verdict::Miss(_) => "would miss",
        };
        write!(f, "{} {verdict}", self.function)?;
        for (n, tier) in self.tiers.iter().enumerate() {
            let mark = if n == 0 { ": " } else { "; " };
            write!(f, "{mark}{}: {}", tier.tier, tier.state)?;
        }
        if self.in_flight && self.would_hit() {
            f.write_str("; it is being computed now")?;
        }
        if let Some(pause) = self.pause {
            let times = if pause.failures == 1 { "time" } else { "times in a row" };
            write!(
                f,
                "; its computation failed {} {times} and is left alone for {}",
                pause.failures,
                Time(pause.left)
            )?;
        }
        if let Some(grace) = self.grace {
            write!(f, "; if it fails, the expired value will do for {}", Time(grace))?;
        }
        if let Some(unsent) = &self.unsent {
            write!(f, "; {unsent}")?;
        }
        Ok(())
    }
}

impl fmt::Display for UnsentChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ChangeKind::Write => "what was written",
            ChangeKind::Deletion => "its deletion",
        };
        write!(f, "{what} has been waiting to be sent for {}", Time(self.waits))?;
        match &self.trouble {
            Some(SendTrouble::Away(why)) => write!(f, ", nothing can be sent now: {why}"),
            Some(SendTrouble::Refused(why)) => write!(f, ", it was refused: {why}"),
            None => Ok(()),
        }
    }
}

/// What is left of a TTL.
struct Left(Option<Duration>);

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(left) => write!(f, "{} left", Time(left)),
            None => f.write_str("without a TTL"),
        }
    }
}

/// Below this there is nothing to say of a time.
const SHORTEST: Duration = Duration::from_millis(1);

/// A time that has passed.
struct Ago(Duration);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < SHORTEST { f.write_str("just now") } else { write!(f, "{} ago", Time(self.0)) }
    }
}

/// A time as people say it: one number, two where the first is small.
struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 3] = [(86_400, "d"), (3600, "h"), (60, "min")];
        let millis = self.0.as_millis();
        if millis < 1000 {
            return write!(f, "{millis} ms");
        }
        // To the nearest second: a tick is no more than a few milliseconds.
        let seconds = self.0.as_secs() + u64::from(self.0.subsec_millis() >= 500);
        let Some(at) = UNITS.iter().position(|(length, _)| seconds >= *length) else {
            return write!(f, "{seconds} s");
        };
        let (length, unit) = UNITS[at];
        write!(f, "{} {unit}", seconds / length)?;
        let (small, name) = UNITS.get(at + 1).copied().unwrap_or((1, "s"));
        match seconds % length / small {
            0 => Ok(()),
            rest => write!(f, " {rest} {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::{Pause, TierReport};

    #[test]
    fn times_are_said_as_people_say_them() {
        let text = |millis| Time(Duration::from_millis(millis)).to_string();
        let of = [0, 999, 1000, 59_400, 60_000, 61_000, 3_599_000, 3_600_000, 90_000_000];
        assert_eq!(
            of.map(text).join(", "),
            "0 ms, 999 ms, 1 s, 59 s, 1 min, 1 min 1 s, 59 min 59 s, 1 h, 1 d 1 h"
        );
    }

    #[test]
    fn the_words_of_every_state() {
        let secs = |n| Some(Duration::from_secs(n));
        let missing = |reason| TierState::Missing { reason, since: None };
        let said = |state: TierState| state.to_string();
        let fresh = TierState::Fresh { left: secs(60), refresh_in: secs(30), age: secs(5) };
        assert_eq!(said(fresh), "fresh, 1 min left, refresh due in 30 s, 5 s old");
        assert_eq!(said(TierState::Stale { left: None, age: None }), "refresh due, without a TTL");
        let since = Duration::from_secs(12);
        assert_eq!(said(TierState::Expired { since, by_call: false }), "expired 12 s ago");
        assert_eq!(
            said(TierState::Expired { since, by_call: true }),
            "made to expire by a call 12 s ago"
        );
        let gone = TierState::Missing { reason: Reason::Expired, since: Some(since) };
        assert_eq!(said(gone), "expired 12 s ago");
        for (reason, words) in [
            (Reason::Never, "has never heard of it, or forgot"),
            (Reason::Evicted, "evicted, others needed its room"),
            (Reason::Invalidated, "removed by a call"),
            (Reason::Tag, "one of its tags was invalidated"),
            (Reason::Region, "its region was invalidated"),
            (Reason::Fenced, "computed, but not stored: something newer had happened to the key"),
            (Reason::Schema, "what is stored is of another shape, or of a later larder"),
            (Reason::Damaged, "what is stored is damaged or foreign"),
        ] {
            assert_eq!(said(missing(reason)), words);
        }
        let now = TierState::Expired { since: Duration::ZERO, by_call: false };
        assert_eq!(said(now), "expired just now");
        let cause = "no route".to_owned();
        assert_eq!(said(TierState::Unreachable { cause }), "cannot be asked: no route");
    }

    #[test]
    fn the_words_of_a_miss_over_two_tiers() {
        let expired = TierState::Expired { since: Duration::from_secs(12), by_call: false };
        let never = TierState::Missing { reason: Reason::Never, since: None };
        let tiers = vec![
            TierReport::new("in process", expired),
            TierReport::new("memcached 10.0.0.7:11211", never),
        ];
        let mut told = Explanation::of("shop::price", tiers);
        assert_eq!(told.verdict, Verdict::Miss(Reason::Expired));
        assert_eq!(
            told.to_string(),
            "shop::price would miss: in process: expired 12 s ago; \
             memcached 10.0.0.7:11211: has never heard of it, or forgot"
        );
        told.in_flight = true;
        told.pause = Some(Pause { failures: 3, left: Duration::from_secs(4) });
        told.grace = Some(Duration::from_secs(3588));
        assert_eq!(
            told.to_string(),
            "shop::price would miss, and wait for who computes it now: in process: expired 12 s \
             ago; memcached 10.0.0.7:11211: has never heard of it, or forgot; its computation \
             failed 3 times in a row and is left alone for 4 s; if it fails, the expired value \
             will do for 59 min 48 s"
        );
    }

    #[test]
    fn the_words_of_what_waits_to_be_sent() {
        let fresh = TierState::Fresh { left: None, refresh_in: None, age: None };
        let mut told = Explanation::of("reports", vec![TierReport::new("disk", fresh)]);
        let waits = Duration::from_secs(12);
        let unsent = UnsentChange { kind: ChangeKind::Write, waits, trouble: None };
        let start = "reports would hit: disk: fresh, without a TTL; what was written has been waiting to be sent for 12 s";
        told.unsent = Some(unsent.clone());
        assert_eq!(told.to_string(), start);
        let away = SendTrouble::Away("connection refused".to_owned());
        told.unsent = Some(UnsentChange { trouble: Some(away), ..unsent });
        assert_eq!(
            told.to_string(),
            format!("{start}, nothing can be sent now: connection refused")
        );
        let refused = SendTrouble::Refused("403".to_owned());
        let deletion = UnsentChange { kind: ChangeKind::Deletion, waits, trouble: Some(refused) };
        assert_eq!(
            deletion.to_string(),
            "its deletion has been waiting to be sent for 12 s, it was refused: 403"
        );
    }

    #[test]
    fn the_farther_tier_knows_better_unless_it_never_heard_of_the_key() {
        let missing = |reason| TierState::Missing { reason, since: None };
        let joined = |states: [TierState; 2]| {
            let tiers = states.map(|state| TierReport::new("one", state)).to_vec();
            Explanation::of("f", tiers).verdict
        };
        let away = || TierState::Unreachable { cause: String::new() };
        let expired = || TierState::Expired { since: Duration::ZERO, by_call: false };
        let (never, evicted) = (Reason::Never, Reason::Evicted);
        assert_eq!(joined([missing(evicted), missing(never)]), Verdict::Miss(evicted));
        assert_eq!(joined([missing(never), missing(evicted)]), Verdict::Miss(evicted));
        assert_eq!(joined([missing(evicted), away()]), Verdict::Miss(Reason::Unreachable));
        assert_eq!(joined([expired(), missing(evicted)]), Verdict::Miss(Reason::Expired));
        assert_eq!(joined([missing(evicted), expired()]), Verdict::Miss(Reason::Expired));
        assert_eq!(
            joined([expired(), TierState::Stale { left: None, age: None }]),
            Verdict::StaleHit
        );
    }
}
