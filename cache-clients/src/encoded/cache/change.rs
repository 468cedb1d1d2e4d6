//! Forgetting: delete, expire, clear, purge. What the server does not hear of is kept for its return.

use super::Room;
use crate::encoded::digest::Digest;
use crate::encoded::ghost::Ghost;
use crate::encoded::page::{self, Manifest};
use crate::server::{Answer, Claim, Put, Server, Stored, When};
use cache_core::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often an expiry looks again when something happens to the key meanwhile.
const TURNS: u32 = 3;

/// What is there before it is removed.
#[derive(Clone, Copy)]
struct Before {
    live: bool,
    manifest: Option<Manifest>,
}

impl<S: Server, K: Serialize, V: Serialize + DeserializeOwned> Room<S, K, V> {
    /// Whether there was a live value, for each.
    pub(super) async fn delete(&self, digests: &[Digest]) -> Result<Vec<bool>> {
        let unsettled = self.space.pending.begin(digests);
        let delete = |generation| self.try_delete(generation, digests);
        let deleted = match self.space.change(&self.link, &[], delete).await {
            Ok(deleted) => deleted,
            Err(error) => {
                let last = self.space.last().into_iter();
                last.for_each(|seen| digests.iter().for_each(|key| self.note_removed(seen, key)));
                return self.link.absent(error, vec![false; digests.len()]);
            }
        };
        unsettled.settle(deleted.iter().map(Result::is_ok).collect());
        deleted.into_iter().map(|one| one.or_else(|error| self.link.absent(error, false))).collect()
    }

    async fn try_delete(&self, generation: u64, digests: &[Digest]) -> Vec<Result<bool>> {
        let names: Vec<String> =
            digests.iter().map(|digest| self.space.names.value(generation, digest)).collect();
        let before = self.before(&names, digests).await;
        let mut answers = self.link.server.delete_many(&names).await;
        answers.resize_with(digests.len(), || Err(self.link.silent()));
        let mut deleted = Vec::with_capacity(digests.len());
        for (n, answer) in answers.into_iter().enumerate() {
            let before = before.as_ref().map(|before| before[n]);
            if let Some(Before { manifest: Some(manifest), .. }) = before {
                page::free(&self.link, &names[n], &manifest).await;
            }
            let lived = before.is_none_or(|before| before.live);
            if !matches!(answer, Ok(false)) {
                self.note_removed(generation, &digests[n]);
            }
            deleted.push(answer.map(|was_there| was_there && lived));
        }
        deleted
    }

    /// Asked for only where the server's own answer does not tell: where it keeps values past their
    /// TTL, and where values lie in pages.
    async fn before(&self, names: &[String], digests: &[Digest]) -> Option<Vec<Before>> {
        if self.link.options.grace.is_zero() && !self.space.paged.load(Ordering::Relaxed) {
            return None;
        }
        let mut answers = self.link.server.get_many(names, Claim::Nothing).await.into_iter();
        let before = |digest| match answers.next() {
            Some(Ok(answer)) => {
                answer.stored.map_or(Before { live: false, manifest: None }, |stored| Before {
                    live: self.is_live(digest, &stored),
                    manifest: self.manifest(digest, &stored),
                })
            }
            Some(Err(_)) | None => Before { live: true, manifest: None },
        };
        Some(digests.iter().map(before).collect())
    }

    fn is_live(&self, digest: &Digest, stored: &Stored) -> bool {
        self.open(digest, &stored.bytes)
            .is_ok_and(|opened| self.is_within(&opened.header, stored.stale))
    }

    pub(super) async fn expire(&self, digest: &Digest) -> Result<bool> {
        // What nobody may see any more need not be kept.
        if self.link.options.grace.is_zero() {
            let was_there = self.delete(&[*digest]).await?.pop().unwrap_or(false);
            if let Some(generation) = self.space.last().filter(|_| was_there) {
                self.note_life(generation, digest, self.link.clock().nanos(), Some(Duration::ZERO));
            }
            return Ok(was_there);
        }
        let digests = [*digest];
        let unsettled = self.space.pending.begin(&digests);
        let expire = |generation| self.try_expire(generation, digest);
        let expired = self.space.change(&self.link, &digests, expire).await.flatten();
        unsettled.settle(vec![expired.is_ok()]);
        expired.or_else(|error| self.link.absent(error, false))
    }

    /// Written once more with its end now, so that everybody knows since when.
    async fn try_expire(&self, generation: u64, digest: &Digest) -> Result<bool> {
        let (name, grace) = (self.space.names.value(generation, digest), self.link.options.grace);
        for _ in 0..TURNS {
            let stored = self.link.get_one(&name, Claim::Nothing).await?.stored;
            let Some((stored, Ok(opened))) =
                stored.as_ref().map(|stored| (stored, self.open(digest, &stored.bytes)))
            else {
                // Also what is computed at the moment must not be stored.
                self.link.delete_one(&name).await?;
                return Ok(false);
            };
            let within = self.is_within(&opened.header, stored.stale);
            let live = within && self.is_valid(&opened).await;
            let bytes = self.reseal_ended(&opened);
            let when = When::Token(stored.token);
            if self.link.put_one(Put { key: name.clone(), bytes, keep: Some(grace), when }).await? {
                return Ok(live);
            }
        }
        // It changes all the time: the server can do it at once, but keeps no time.
        self.link.server.expire(&name, grace).await
    }

    /// Whoever computes puts something better over what is damaged; who only reads removes it, so that
    /// it is not read again and again. What cannot be removed is a miss all the same.
    pub(super) async fn discard(
        &self,
        generation: u64,
        name: &str,
        digest: &Digest,
        answer: &Answer,
    ) {
        let Some(stored) = &answer.stored else { return };
        if !matches!(self.link.server.discard(name, stored.token).await, Ok(true)) {
            return;
        }
        // It was not evicted.
        self.link.ghost.forget(Ghost::print(generation, digest));
        if let Some(manifest) = self.manifest(digest, stored) {
            page::free(&self.link, name, &manifest).await;
        }
    }

    pub(super) async fn clear(&self) -> Result<()> {
        self.space.clear(&self.link).await.or_else(|error| self.link.absent(error, ()))
    }

    pub(super) async fn purge(&self, stale_for: Duration) -> Result<usize> {
        let before = u64::try_from(stale_for.as_millis()).unwrap_or(u64::MAX);
        self.space.purge(self.link.now().saturating_sub(before));
        self.link.server.purge().await.or_else(|error| self.link.absent(error, 0))
    }
}
