//! Renewing: the same value, written once more with a later end.

use super::Room;
use crate::encoded::digest::Digest;
use crate::encoded::envelope::{Header, Kind, NEVER, Opened};
use crate::encoded::page::{self, Manifest};
use crate::server::{Claim, Put, Server, When};
use cache_core::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How often it looks again when something happens to the key meanwhile.
const TURNS: u32 = 3;

impl<S: Server, K: Serialize, V: Serialize + DeserializeOwned> Room<S, K, V> {
    pub(super) async fn renew(&self, digest: &Digest, ttl: Option<Duration>) -> Result<bool> {
        let asked = [*digest];
        let renew = |generation| self.try_renew(generation, digest, ttl);
        let renewed = self.space.change(&self.link, &asked, renew).await.flatten();
        renewed.or_else(|error| self.link.absent(error, false))
    }

    pub(super) fn is_within(&self, header: &Header, stale: bool) -> bool {
        !stale && (header.hard == NEVER || header.hard > self.link.now())
    }

    async fn try_renew(
        &self,
        generation: u64,
        digest: &Digest,
        ttl: Option<Duration>,
    ) -> Result<bool> {
        if self.space.pending.holds(digest) {
            return Ok(false);
        }
        let name = self.space.names.value(generation, digest);
        let life = ttl.map_or(NEVER, |ttl| u64::try_from(ttl.as_millis()).unwrap_or(NEVER));
        for _ in 0..TURNS {
            let Some(stored) = self.link.get_one(&name, Claim::Nothing).await?.stored else {
                return Ok(false);
            };
            let Ok(opened) = self.open(digest, &stored.bytes) else { return Ok(false) };
            let Opened { header, payload, .. } = opened;
            if !self.is_within(&header, stored.stale) || !self.is_valid(&opened).await {
                return Ok(false);
            }
            let now = self.link.now();
            let hard = header.hard.max(now.saturating_add(life));
            if hard == header.hard {
                return Ok(true);
            }
            let keep = (hard != NEVER).then(|| self.keep(hard - now));
            if header.kind == Kind::Manifest {
                let Ok(manifest) = Manifest::read(payload) else { return Ok(false) };
                if !page::renew(&self.link, &name, &manifest, keep).await? {
                    continue;
                }
            }
            let bytes = self.reseal(&opened, hard);
            // Whoever computes something newer meanwhile is to store it.
            let when = When::Renewed(stored.token);
            if self.link.put_one(Put { key: name.clone(), bytes, keep, when }).await? {
                let left = (hard != NEVER).then(|| Duration::from_millis(hard - now));
                self.note_life(generation, digest, self.link.clock().nanos(), left);
                return Ok(true);
            }
        }
        Ok(false)
    }
}
