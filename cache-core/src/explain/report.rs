//! What one tier says of a key, and what follows from all of them.

use crate::entry::Reason;
use std::time::Duration;

/// What one tier knows of a key, as [`Cache::explain`](crate::Cache::explain) tells it.
///
/// ```
/// use cache_core::{Budget, Cache, Clock, Near, Reason, TableOptions, TierState, wait};
///
/// let near = Near::<u64, f64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
/// let tiers = wait(near.explain(&7));
/// assert_eq!(tiers[0].tier, "in process");
/// assert_eq!(tiers[0].state, TierState::Missing { reason: Reason::Never, since: None });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierReport {
    /// What it is and where: `in process`, `memcached 10.0.0.7:11211`.
    pub tier: String,
    /// What it knows.
    pub state: TierState,
}

impl TierReport {
    /// What a tier of this name knows.
    ///
    /// ```
    /// use cache_core::{Reason, TierReport, TierState};
    /// let state = TierState::Missing { reason: Reason::Evicted, since: None };
    /// assert_eq!(TierReport::new("attic", state).tier, "attic");
    /// ```
    pub fn new(tier: impl Into<String>, state: TierState) -> Self {
        TierReport { tier: tier.into(), state }
    }
}

/// What a tier knows of a key. Times that a tier does not keep are `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TierState {
    /// A value within its TTL.
    Fresh {
        /// What is left of its TTL; `None`: it has none.
        left: Option<Duration>,
        /// When its refresh is due; `None`: not before it expires.
        refresh_in: Option<Duration>,
        /// How old it is.
        age: Option<Duration>,
    },
    /// A value within its TTL, past its refresh threshold.
    Stale {
        /// What is left of its TTL; `None`: it has none.
        left: Option<Duration>,
        /// How old it is.
        age: Option<Duration>,
    },
    /// A value past its TTL that is still there.
    Expired {
        /// For how long it has been expired.
        since: Duration,
        /// By a call of `expire`, and not by its age.
        by_call: bool,
    },
    /// No value that could be used.
    Missing {
        /// Why not, as far as the tier remembers.
        reason: Reason,
        /// For how long it has been so.
        since: Option<Duration>,
    },
    /// It could not be asked.
    Unreachable {
        /// What went wrong.
        cause: String,
    },
    /// It cannot hold this key at all.
    Refused {
        /// Why not.
        cause: String,
    },
}

impl TierState {
    /// Whether a call would get a value from here.
    ///
    /// ```
    /// use cache_core::{Reason, TierState};
    /// assert!(TierState::Stale { left: None, age: None }.is_live());
    /// assert!(!TierState::Missing { reason: Reason::Never, since: None }.is_live());
    /// ```
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self, TierState::Fresh { .. } | TierState::Stale { .. })
    }

    /// Why there is no live value; `None`: there is one.
    ///
    /// ```
    /// use cache_core::{Reason, TierState};
    /// let away = TierState::Unreachable { cause: "connection refused".to_owned() };
    /// assert_eq!(away.reason(), Some(Reason::Unreachable));
    /// ```
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            TierState::Fresh { .. } | TierState::Stale { .. } => None,
            TierState::Expired { .. } => Some(Reason::Expired),
            TierState::Missing { reason, .. } => Some(*reason),
            TierState::Unreachable { .. } | TierState::Refused { .. } => Some(Reason::Unreachable),
        }
    }
}

/// What a call would come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It would get a value within its TTL.
    Hit,
    /// It would get a value that is past its refresh threshold.
    StaleHit,
    /// It would get a value past its TTL, since the computation failed a short time ago and `grace`
    /// allows that.
    GraceHit,
    /// It would wait for a computation, its own or [that in progress](Explanation::in_flight).
    Miss(Reason),
}

/// After failures, a computation is left alone for a time: no refresh in the background, and with
/// `grace` no try at all while an expired value can be given instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// Failures in a row.
    pub failures: u32,
    /// How long it goes on.
    pub left: Duration,
}

/// A change that was acknowledged here, and waits to be sent to what lies behind. `Display` says it in words.
///
/// ```
/// use cache_core::{ChangeKind, SendTrouble, UnsentChange};
/// use std::time::Duration;
///
/// let trouble = Some(SendTrouble::Refused("403".to_owned()));
/// let change = UnsentChange { kind: ChangeKind::Write, waits: Duration::from_secs(3), trouble };
/// assert_eq!(change.to_string(), "what was written has been waiting to be sent for 3 s, it was refused: 403");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsentChange {
    /// What it is.
    pub kind: ChangeKind,
    /// How long it has been waiting, as far as this process knows.
    pub waits: Duration,
    /// Why it was not sent when that was tried last; `None`: it was not tried yet.
    pub trouble: Option<SendTrouble>,
}

/// What was changed.
///
/// ```
/// assert_ne!(cache_core::ChangeKind::Write, cache_core::ChangeKind::Deletion);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// A value was written.
    Write,
    /// It was deleted.
    Deletion,
}

/// Why a change was not sent.
///
/// ```
/// use cache_core::SendTrouble;
/// assert_ne!(SendTrouble::Away("503".to_owned()), SendTrouble::Refused("503".to_owned()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendTrouble {
    /// Nothing is sent at the moment: what lies behind does not answer, and said this last.
    Away(String),
    /// This one was refused, and is tried again slowly.
    Refused(String),
}

/// Why a call would hit or miss now. `Display` says it in words; the key is not among them.
///
/// ```
/// use cache_core::{Explanation, Reason, TierReport, TierState, Verdict};
///
/// let gone = TierState::Missing { reason: Reason::Evicted, since: None };
/// let told = Explanation::of("prices", vec![TierReport::new("in process", gone)]);
/// assert_eq!(told.verdict, Verdict::Miss(Reason::Evicted));
/// assert_eq!(told.to_string(), "prices would miss: in process: evicted, others needed its room");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The function, or whatever else it is about.
    pub function: String,
    /// What a call would come to.
    pub verdict: Verdict,
    /// What each tier says, the nearest first.
    pub tiers: Vec<TierReport>,
    /// Somebody in this process computes the value at this moment; a call that misses waits for that.
    pub in_flight: bool,
    /// The computation failed and is left alone for a time.
    pub pause: Option<Pause>,
    /// For how long an expired value can still stand in for a failing computation; `None`: there is
    /// none, or `grace` was not asked for.
    pub grace: Option<Duration>,
    /// What was changed here and is not known behind it yet.
    pub unsent: Option<UnsentChange>,
}

impl Explanation {
    /// What follows from what the tiers say.
    ///
    /// ```
    /// use cache_core::{Explanation, TierReport, TierState, Verdict};
    /// let fresh = TierState::Fresh { left: None, refresh_in: None, age: None };
    /// let told = Explanation::of("prices", vec![TierReport::new("in process", fresh)]);
    /// assert_eq!(told.verdict, Verdict::Hit);
    /// ```
    pub fn of(function: impl Into<String>, tiers: Vec<TierReport>) -> Self {
        let verdict = verdict(&tiers);
        Explanation {
            function: function.into(),
            verdict,
            tiers,
            in_flight: false,
            pause: None,
            grace: None,
            unsent: None,
        }
    }

    /// Whether a call would get a value without waiting for a computation.
    ///
    /// ```
    /// use cache_core::Explanation;
    /// assert!(!Explanation::of("prices", Vec::new()).would_hit());
    /// ```
    #[must_use]
    pub fn would_hit(&self) -> bool {
        !matches!(self.verdict, Verdict::Miss(_))
    }
}

/// The nearest live value is taken. Without one the reasons are joined as reads join them: the
/// farther tier knows better, unless it never heard of the key.
fn verdict(tiers: &[TierReport]) -> Verdict {
    for tier in tiers {
        match tier.state {
            TierState::Fresh { .. } => return Verdict::Hit,
            TierState::Stale { .. } => return Verdict::StaleHit,
            _ => {}
        }
    }
    let joined = tiers.iter().rev().fold(Reason::Never, |behind, tier| match tier.state.reason() {
        Some(Reason::Expired) if matches!(tier.state, TierState::Expired { .. }) => Reason::Expired,
        Some(own) if behind == Reason::Never => own,
        Some(_) | None => behind,
    });
    Verdict::Miss(joined)
}
