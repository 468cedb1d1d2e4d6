//! What a caller asks, and what an answer means to him.

use super::parcel::Refresh;
use crate::server::{Claim, Leased};
use cache_core::{Aim, Lease, Lookup, Reason, Tags};
use std::time::Duration;

/// What is asked, and since when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    pub(super) aim: Aim,
    pub(super) generation: u64,
    /// When it began, in nanoseconds of the clock.
    pub(super) began: u64,
}

/// What an answer means to the caller.
pub(super) enum Verdict<V> {
    Done(Lookup<V>),
    /// Done, and the lease that came along is of no use.
    Free(u64, Lookup<V>),
    /// The server sees a value where the caller sees none, or one that is due.
    Claim,
    /// Somebody else computes; this is what there is meanwhile.
    Taken(Lookup<V>),
}

pub(super) fn missing<V>(reason: Reason) -> Lookup<V> {
    Lookup::Missing { reason, lease: Lease::none() }
}

impl Question {
    /// What is wanted beside the value.
    pub(super) fn claim(&self, lease: Duration) -> Claim {
        match self.aim {
            Aim::Read | Aim::Peek | Aim::Least(_) | Aim::Farthest => Claim::Nothing,
            Aim::Compute | Aim::Refresh => Claim::Missing(lease),
            Aim::Replace => Claim::Replace(lease),
        }
    }

    /// The server's token, under it the generation, under that the moment in which it was given.
    fn lease(&self, token: u64) -> Lease {
        Lease::new(token).over(Lease::new(self.generation).over(Lease::new(self.began)))
    }

    fn lease_of(&self, leased: Leased) -> Lease {
        match leased {
            Leased::Won(token) => self.lease(token),
            Leased::No | Leased::Taken => Lease::none(),
        }
    }

    /// What there is no live value of: `told` is made with the lease.
    pub(super) fn dead<V>(
        &self,
        claim: Claim,
        leased: Leased,
        told: impl FnOnce(Lease) -> Lookup<V>,
    ) -> Verdict<V> {
        let lease = self.lease_of(leased);
        match (self.aim, leased) {
            (aim, _) if aim.is_look() => Verdict::Done(told(Lease::none())),
            (Aim::Compute | Aim::Refresh, Leased::Taken) => Verdict::Taken(told(lease)),
            (Aim::Compute | Aim::Refresh, Leased::No) if matches!(claim, Claim::Missing(_)) => {
                Verdict::Claim
            }
            _ => Verdict::Done(told(lease)),
        }
    }

    pub(super) fn live<V>(
        &self,
        claim: Claim,
        leased: Leased,
        (value, left, refresh, tags): (V, Duration, Refresh, Tags),
        busy: Duration,
    ) -> Verdict<V> {
        let due = refresh == Refresh::Due;
        let refresh_in = match refresh {
            Refresh::In(time) => Some(time),
            Refresh::Never | Refresh::Due => None,
        };
        let plain = match due {
            true => |value, left, _, tags| {
                let lease = Lease::none();
                Lookup::Stale { value, left, tags, lease }
            },
            false => {
                |value, left, refresh_in, tags| Lookup::Fresh { value, left, refresh_in, tags }
            }
        };
        match (self.aim, leased) {
            (Aim::Replace, leased) => {
                let lease = self.lease_of(leased);
                Verdict::Done(Lookup::Stale { value, left, tags, lease })
            }
            (Aim::Refresh, _) if refresh_in.is_none() => match (leased, claim) {
                (Leased::Won(token), _) => {
                    let lease = self.lease(token);
                    Verdict::Done(Lookup::Stale { value, left, tags, lease })
                }
                (Leased::No, Claim::Missing(_)) => Verdict::Claim,
                // Whoever has it will be done by then, or have lost it.
                _ => {
                    let refresh_in = Some(busy);
                    Verdict::Done(Lookup::Fresh { value, left, refresh_in, tags })
                }
            },
            // Stored between two questions.
            (_, Leased::Won(token)) => Verdict::Free(token, plain(value, left, refresh_in, tags)),
            _ => Verdict::Done(plain(value, left, refresh_in, tags)),
        }
    }
}
