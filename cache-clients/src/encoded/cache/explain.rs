//! What the server knows of a key, asked for without changing anything there or here.

use super::Room;
use super::parcel::{Refresh, Seen};
use crate::encoded::digest::Digest;
use crate::encoded::ghost::{ENDLESS, Fate, Ghost};
use crate::server::{Claim, Server};
use cache_core::{Reason, Result, TierReport, TierState};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

impl<S: Server, K: Serialize, V: Serialize + DeserializeOwned + Clone> Room<S, K, V> {
    pub(super) async fn explain(&self, digest: Result<Digest>) -> TierReport {
        let tier = self.link.server.name();
        let state = match digest {
            Ok(digest) => self.state(&digest).await.unwrap_or_else(|error| {
                // The report names the tier already.
                let text = error.to_string();
                let short = text.strip_prefix(&format!("{tier} is unreachable: "));
                TierState::Unreachable { cause: short.unwrap_or(&text).to_owned() }
            }),
            Err(error) => TierState::Refused { cause: error.to_string() },
        };
        TierReport::new(tier, state)
    }

    async fn state(&self, digest: &Digest) -> Result<TierState> {
        let generation = self.space.look(&self.link).await?;
        // The server answers; a call would tell it first.
        if self.space.pending.holds(digest) {
            return Ok(TierState::Missing { reason: Reason::Invalidated, since: None });
        }
        let Some(generation) = generation else {
            return Ok(TierState::Missing { reason: Reason::Never, since: None });
        };
        let name = self.space.names.value(generation, digest);
        let answer = self.link.get_one(&name, Claim::Nothing).await?;
        let Some(stored) = &answer.stored else {
            let (reason, since) = self.why(generation, digest);
            return Ok(TierState::Missing { reason, since });
        };
        let header = self.open(digest, &stored.bytes).ok().map(|opened| opened.header);
        let now = self.link.now();
        let ago = |then: u64| Duration::from_millis(now.saturating_sub(then));
        let age = header.map(|header| ago(header.created));
        Ok(match self.unpack_twice(&name, digest, &answer, None).await {
            Seen::Live { left, refresh, .. } => {
                let left = (left < Duration::MAX).then_some(left);
                match refresh {
                    Refresh::Due => TierState::Stale { left, age },
                    Refresh::In(time) => TierState::Fresh { left, refresh_in: Some(time), age },
                    Refresh::Never => TierState::Fresh { left, refresh_in: None, age },
                }
            }
            Seen::Expired { since, by_call, .. } => TierState::Expired { since, by_call },
            Seen::Nothing(reason) => {
                let dead = header.filter(|header| reason == Reason::Expired && header.hard <= now);
                TierState::Missing { reason, since: dead.map(|header| ago(header.hard)) }
            }
        })
    }
}

impl<S: Server, K, V> Room<S, K, V> {
    /// Why the server has nothing of this key, as far as this process remembers.
    pub(super) fn why(&self, generation: u64, digest: &Digest) -> (Reason, Option<Duration>) {
        self.link.ghost.why(Ghost::print(generation, digest), self.link.clock().nanos())
    }

    /// It lives on the server for so long after `now`, in nanoseconds of the clock.
    pub(super) fn note_life(
        &self,
        generation: u64,
        digest: &Digest,
        now: u64,
        left: Option<Duration>,
    ) {
        let nanos = |left: Duration| u64::try_from(left.as_nanos()).unwrap_or(ENDLESS);
        let until = left.map_or(ENDLESS, |left| now.saturating_add(nanos(left)));
        self.link.ghost.note(Ghost::print(generation, digest), Fate::Lives(until));
    }

    pub(super) fn note_fenced(&self, generation: u64, digest: &Digest) {
        let fate = Fate::Fenced(self.link.clock().nanos());
        self.link.ghost.note(Ghost::print(generation, digest), fate);
    }

    pub(super) fn note_removed(&self, generation: u64, digest: &Digest) {
        let fate = Fate::Removed(self.link.clock().nanos());
        self.link.ghost.note(Ghost::print(generation, digest), fate);
    }
}
