//! Options that do not go together, and limits that do not hold.

use super::show::{size, time, times};
use super::{Bounds, Finding, FindingKind as Found};
use crate::backends::Distance;
use crate::config::draft::{Draft, Kind};
use crate::config::mistakes::Mistake;
use crate::config::tree::Place;
use cache_core::{AsyncTtl, Jitter};
use std::time::Duration;

/// What is said of one region.
struct Findings<'a> {
    draft: &'a Draft,
    list: Vec<Finding>,
}

pub(super) fn of(draft: &Draft, bounds: &Bounds) -> Vec<Finding> {
    let mut findings = Findings { draft, list: Vec::new() };
    findings.expiry();
    findings.times_of_tiers();
    findings.order();
    findings.kinds();
    findings.reach();
    findings.limits(bounds);
    findings.list
}

impl Findings<'_> {
    fn add(&mut self, kind: Found, place: Place, message: &str) {
        let message = format!("region `{}`: {message}", self.draft.name);
        self.list.push(Finding { kind, mistake: Mistake::new(place, message) });
    }

    fn contradiction(&mut self, option: &str, message: &str) {
        let place = self.place(option);
        self.add(Found::Contradiction, place, message);
    }

    fn place(&self, option: &str) -> Place {
        self.draft.stated.get(option).unwrap_or(&self.draft.place).clone()
    }

    fn expiry(&mut self) {
        let draft = self.draft;
        match draft.expiration {
            None => {
                if matches!(draft.async_ttl, Some(AsyncTtl::Remaining(_))) {
                    self.contradiction("async_ttl", "`async_ttl` counts from an expiration that is not there: give `expiration`, or an age such as \"-60s\"");
                }
                if draft.jitter.is_some() {
                    self.contradiction(
                        "jitter",
                        "`jitter` shortens an expiration that is not there: give `expiration`",
                    );
                }
                if draft.grace.is_some() {
                    self.contradiction(
                        "grace",
                        "`grace` begins with an expiration that is not there: give `expiration`",
                    );
                }
            }
            Some(ttl) => {
                if let Some(Jitter::Duration(most)) = draft.jitter
                    && most >= ttl
                {
                    self.contradiction(
                        "jitter",
                        &format!(
                            "`jitter` of {} may shorten the expiration of {} to nothing",
                            time(most),
                            time(ttl)
                        ),
                    );
                }
                if draft.stated.contains_key("tag_lag") && draft.tag_lag > ttl {
                    self.contradiction("tag_lag", &format!("`tag_lag` of {} is beyond the expiration of {}: values are gone before an invalidation is looked for", time(draft.tag_lag), time(ttl)));
                }
            }
        }
    }

    fn times_of_tiers(&mut self) {
        let draft = self.draft;
        let mut nearer: Option<(usize, Duration)> = None;
        for (at, tier) in draft.tiers.iter().enumerate() {
            let Some(ttl) = tier.ttl else { continue };
            if let Some(expiration) = draft.expiration
                && ttl > expiration
            {
                let message = format!(
                    "tier {} (`{}`) believes values for {}, beyond the region's expiration of {}",
                    at + 1,
                    tier.backend,
                    time(ttl),
                    time(expiration)
                );
                self.add(Found::Contradiction, tier.place.clone(), &message);
            }
            if let Some((near, longer)) = nearer
                && longer > ttl
            {
                let message = format!(
                    "tier {} believes values for {}, longer than tier {} behind it, for {}",
                    near + 1,
                    time(longer),
                    at + 1,
                    time(ttl)
                );
                self.add(Found::Contradiction, tier.place.clone(), &message);
            }
            nearer = Some((at, ttl));
        }
    }

    fn order(&mut self) {
        let draft = self.draft;
        for (at, pair) in draft.tiers.windows(2).enumerate() {
            if let (Some(near), Some(far)) = (pair[0].distance(), pair[1].distance())
                && near > far
            {
                let message = format!(
                    "tier {} (`{}`) is slower than tier {} (`{}`) behind it: turn them round",
                    at + 1,
                    pair[0].backend,
                    at + 2,
                    pair[1].backend
                );
                self.add(Found::Contradiction, pair[0].place.clone(), &message);
            }
        }
    }

    fn kinds(&mut self) {
        let draft = self.draft;
        let memories = draft.tiers.iter().filter(|tier| matches!(tier.kind, Kind::Memory { .. }));
        if let Some(second) = memories.clone().nth(1) {
            let message = "two tiers of the backend `memory`: the second keeps nothing that the first could not";
            self.add(Found::Contradiction, second.place.clone(), message);
        }
        let null = draft.tiers.iter().find(|tier| matches!(tier.kind, Kind::Null));
        if let Some(null) = null.filter(|_| draft.tiers.len() > 1) {
            let message = "the backend `null` among other tiers keeps nothing: leave it out";
            self.add(Found::Contradiction, null.place.clone(), message);
        }
        if draft.tiers.iter().any(|tier| matches!(tier.kind, Kind::Server { .. })) {
            return;
        }
        for option in BYTES {
            if draft.stated.contains_key(option) {
                self.contradiction(
                    option,
                    &format!("`{option}` is for tiers of bytes, and there is none"),
                );
            }
        }
    }

    fn reach(&mut self) {
        let draft = self.draft;
        let shared = draft.tiers.iter().any(|tier| tier.distance() > Some(Distance::Process));
        let says_shared = draft.invalidation == crate::plan::Scope::Shared;
        if draft.stated.contains_key("invalidation") && says_shared && !shared {
            self.contradiction("invalidation", "`invalidation` should reach other processes, and no tier is shared with them: right is \"process\", or a tier such as `memcached`");
        }
    }

    fn limits(&mut self, bounds: &Bounds) {
        let limits = self.draft.limits;
        if let Some(limit) = limits.staleness
            && bounds.staleness.is_none_or(|age| age > limit)
        {
            let age = bounds.staleness.map_or("without limit".to_owned(), time);
            self.broken(
                "max_staleness",
                &format!("{} is declared, and values get {age} old", time(limit)),
            );
        }
        if let Some(limit) = limits.load {
            let message = match bounds.load.factor {
                _ if bounds.keeps_nothing => Some("every call computes".to_owned()),
                Some(factor) if factor > limit => Some(format!(
                    "a key is computed {} times as often as its expiration alone asks for",
                    times(factor)
                )),
                Some(_) | None => None,
            };
            if let Some(message) = message {
                self.broken("max_load", &format!("{limit} is declared, and {message}"));
            }
        }
        if let Some(limit) = limits.memory {
            if bounds.entries > 0 {
                self.contradiction("max_memory", "`max_memory` cannot be verified: a tier of the backend `memory` counts entries, not bytes; right is `memory_bytes`");
            }
            if bounds.bytes > limit {
                self.broken(
                    "max_memory",
                    &format!(
                        "{} is declared, and the tiers take {}",
                        size(limit),
                        size(bounds.bytes)
                    ),
                );
            }
        }
    }

    fn broken(&mut self, option: &str, message: &str) {
        let place = self.place(option);
        self.add(Found::BrokenLimit, place, &format!("`{option}` of {message}"));
    }
}

/// Options that only tiers of bytes heed.
const BYTES: [&str; 11] = [
    "key_prefix",
    "mangler",
    "codec",
    "compression",
    "signing_key",
    "deadline",
    "lease",
    "contention",
    "absence",
    "clear_lag",
    "pending",
];
