//! What follows from the options of a region.

use crate::backends::Distance;
use crate::config::draft::{Draft, Kind};
use crate::plan::Scope;
use cache_clients::encoded::Contention;
use cache_core::{AsyncTtl, Jitter};
use std::time::Duration;

/// Who computes a key once between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Together {
    /// All processes that share the farthest tier.
    Everybody,
    /// The processes of one machine.
    Machine,
    /// Each process by itself.
    Process,
}

/// How often a key in use is computed at most, while nobody invalidates it and there is room.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Load {
    /// Not sooner than this after the last time; `None` when never again, or, where nothing is kept, always.
    pub interval: Option<Duration>,
    /// How often in the time for which a value could be kept; `None` without such a time.
    pub factor: Option<f64>,
    /// Who does it once between them.
    pub together: Together,
}

/// What follows from the options of a region.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Bounds {
    /// The region.
    pub name: String,
    /// Its tiers in a line: `memory (10000 entries, 30s), memcached`.
    pub tiers: String,
    /// Nothing is kept in any tier.
    pub keeps_nothing: bool,
    /// How old a value can be that is given out while computations succeed; `None` has no limit.
    pub staleness: Option<Duration>,
    /// The same while computations fail.
    pub staleness_on_failure: Option<Duration>,
    /// For how long a key that another process has changed or invalidated can still be read.
    pub after_change: Option<Duration>,
    /// The same for an invalidation of the region or of a tag.
    pub after_invalidation: Option<Duration>,
    /// How often a key is computed.
    pub load: Load,
    /// Entries in this process whose size nobody knows.
    pub entries: u64,
    /// Bytes in this process, beside those entries.
    pub bytes: u64,
}

impl Bounds {
    pub(super) fn of(draft: &Draft) -> Self {
        let keeps_nothing = draft.tiers.iter().all(|tier| matches!(tier.kind, Kind::Null));
        let ttl = match keeps_nothing {
            true => Some(Duration::ZERO),
            false => draft.expiration,
        };
        let grace = draft.grace.unwrap_or_default();
        Bounds {
            name: draft.name.clone(),
            tiers: tiers(draft),
            keeps_nothing,
            staleness: ttl,
            staleness_on_failure: ttl.map(|ttl| ttl.saturating_add(grace)),
            after_change: after_change(draft, ttl),
            after_invalidation: after_invalidation(draft, ttl),
            load: load(draft, keeps_nothing),
            entries: draft.tiers.iter().map(|tier| entries(&tier.kind)).sum(),
            bytes: draft.tiers.iter().map(|tier| bytes(&tier.kind)).sum(),
        }
    }
}

fn entries(kind: &Kind) -> u64 {
    match kind {
        Kind::Memory { entries, .. } => *entries as u64,
        Kind::Null | Kind::Server { .. } => 0,
    }
}

fn bytes(kind: &Kind) -> u64 {
    match kind {
        Kind::Server { plan, .. } => plan.memory.unwrap_or(0),
        Kind::Memory { .. } | Kind::Null => 0,
    }
}

fn tiers(draft: &Draft) -> String {
    let tier = |tier: &crate::config::draft::TierDraft| {
        let mut notes = Vec::new();
        match &tier.kind {
            Kind::Memory { entries, .. } => notes.push(format!("{entries} entries")),
            kind => match bytes(kind) {
                0 => {}
                bytes => notes.push(super::show::size(bytes)),
            },
        }
        notes.extend(tier.ttl.map(super::show::time));
        match notes.is_empty() {
            true => tier.backend.clone(),
            false => format!("{} ({})", tier.backend, notes.join(", ")),
        }
    };
    draft.tiers.iter().map(tier).collect::<Vec<_>>().join(", ")
}

/// The farthest tier that keeps anything.
fn farthest(draft: &Draft) -> Distance {
    draft.tiers.iter().rev().find_map(|tier| tier.distance()).unwrap_or(Distance::Process)
}

/// Each tier but the farthest has copies of its own, made of what the next one had.
fn after_change(draft: &Draft, ttl: Option<Duration>) -> Option<Duration> {
    if farthest(draft) == Distance::Process {
        return ttl;
    }
    let nearer = draft.tiers.iter().take(draft.tiers.len().saturating_sub(1));
    let mut sum = Some(Duration::ZERO);
    for tier in nearer.filter(|tier| tier.distance().is_some()) {
        sum = sum.zip(tier.ttl).map(|(sum, ttl)| sum.saturating_add(ttl));
    }
    shorter(sum, ttl)
}

fn after_invalidation(draft: &Draft, ttl: Option<Duration>) -> Option<Duration> {
    let reaches = farthest(draft) > Distance::Process && draft.invalidation == Scope::Shared;
    if reaches { shorter(Some(draft.tag_lag), ttl) } else { ttl }
}

fn shorter(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn load(draft: &Draft, keeps_nothing: bool) -> Load {
    let together = match farthest(draft) {
        _ if draft.bytes.contention == Contention::Compute => Together::Process,
        Distance::Process => Together::Process,
        Distance::Machine => Together::Machine,
        Distance::Network => Together::Everybody,
    };
    if keeps_nothing {
        return Load { interval: None, factor: None, together };
    }
    let shortest = draft.expiration.map(|ttl| match draft.jitter {
        None => ttl,
        Some(Jitter::Fraction(part)) => ttl.mul_f64(1.0 - part.clamp(0.0, 1.0)),
        Some(Jitter::Duration(time)) => ttl.saturating_sub(time),
    });
    let refresh = match (draft.async_ttl, shortest) {
        (Some(AsyncTtl::Age(age)), _) => Some(age),
        (Some(AsyncTtl::Remaining(left)), Some(ttl)) => Some(ttl.saturating_sub(left)),
        (Some(AsyncTtl::Remaining(_)) | None, _) => None,
    };
    let interval = shorter(shortest, refresh);
    let factor = draft.expiration.zip(interval).map(|(ttl, interval)| {
        if interval.is_zero() { f64::INFINITY } else { ttl.as_secs_f64() / interval.as_secs_f64() }
    });
    Load { interval, factor, together }
}
