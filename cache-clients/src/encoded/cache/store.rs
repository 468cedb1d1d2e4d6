//! Storing: computed values under their lease, plain puts, and adds.

use super::Room;
use super::parcel::{Parcel, Seen};
use crate::encoded::digest::Digest;
use crate::encoded::page::{self, Manifest};
use crate::encoded::stats::Event;
use crate::server::{Claim, Put, Server, When};
use cache_core::{Entry, Error, Filled, Lease, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::atomic::Ordering;

/// How often an add looks again when something happens to the key meanwhile.
const TURNS: u32 = 4;

/// A value with its name.
struct Outgoing {
    name: String,
    digest: Digest,
    parcel: Parcel,
    when: When,
}

impl<S: Server, K: Serialize, V: Serialize + DeserializeOwned + Clone> Room<S, K, V> {
    pub(super) async fn fill(&self, fills: Vec<(Digest, Entry<V>, Lease)>) -> Result<Vec<Filled>> {
        let mut filled = vec![Filled::Refused; fills.len()];
        let (mut outgoing, mut places) = (Vec::new(), Vec::new());
        let mut fault = None;
        for (n, (digest, entry, lease)) in fills.iter().enumerate() {
            let Some((token, generation, began)) = marks(lease) else { continue };
            if self.space.is_past(generation) || self.space.pending.holds(digest) {
                self.note_fenced(generation, digest);
                filled[n] = Filled::Fenced;
                continue;
            }
            let cost = self.link.clock().nanos().saturating_sub(began) / 1000;
            match self.seal(digest, entry, cost) {
                Ok(Some(parcel)) => {
                    let name = self.space.names.value(generation, digest);
                    outgoing.push(Outgoing {
                        name,
                        digest: *digest,
                        parcel,
                        when: When::Token(token),
                    });
                    places.push(n);
                }
                // Over at once, or impossible: the next one may try.
                Ok(None) => self.release(digest, lease).await,
                Err(error) => {
                    self.release(digest, lease).await;
                    fault = Some(error);
                }
            }
        }
        let now = self.link.clock().nanos();
        for (n, answer) in places.into_iter().zip(self.send(outgoing).await) {
            let (digest, entry, lease) = &fills[n];
            let generation = lease.behind().mark().unwrap_or_default();
            filled[n] = match answer {
                Ok(true) => {
                    self.note_life(generation, digest, now, entry.ttl);
                    Filled::Stored
                }
                Ok(false) => {
                    self.note_fenced(generation, digest);
                    Filled::Fenced
                }
                Err(error) => self.dropped(error, Filled::Refused)?,
            };
        }
        filled
            .iter()
            .filter(|one| **one == Filled::Fenced)
            .for_each(|_| self.link.count(Event::Fenced));
        fault.map_or(Ok(filled), Err)
    }

    fn dropped<T>(&self, error: Error, otherwise: T) -> Result<T> {
        self.link.count(Event::Dropped);
        self.link.absent(error, otherwise)
    }

    pub(super) async fn release(&self, digest: &Digest, lease: &Lease) {
        if let Some((token, generation, _)) = marks(lease) {
            let name = self.space.names.value(generation, digest);
            // What cannot be given back ends by itself.
            drop(self.link.server.release(&name, token).await);
        }
    }

    /// Whether each was stored; what lives for no time at all counts as stored.
    pub(super) async fn put(&self, entries: Vec<(Digest, Entry<V>)>) -> Result<Vec<bool>> {
        // One key, the common case, is its own last.
        let last: HashMap<Digest, usize> = match entries.len() {
            1 => HashMap::new(),
            _ => entries.iter().enumerate().map(|(n, (digest, _))| (*digest, n)).collect(),
        };
        let digests: Vec<Digest> = entries.iter().map(|(digest, _)| *digest).collect();
        let unsettled = self.space.pending.begin(&digests);
        let put = |generation| self.try_put(generation, &entries, &last);
        let answers = match self.space.change(&self.link, &[], put).await {
            Ok(answers) => answers?,
            Err(error) => return self.dropped(error, vec![false; entries.len()]),
        };
        // An earlier one of the same key came as far as the last one.
        let last = |digest: &Digest| last.get(digest).copied().unwrap_or(0);
        let reached = digests.iter().map(|digest| answers[last(digest)].is_ok()).collect();
        unsettled.settle(reached);
        answers
            .into_iter()
            .map(|answer| answer.or_else(|error| self.dropped(error, false)))
            .collect()
    }

    /// Of each key the last entry, as `last` has it, unless there is but one.
    async fn try_put(
        &self,
        generation: u64,
        entries: &[(Digest, Entry<V>)],
        last: &HashMap<Digest, usize>,
    ) -> Result<Vec<Result<bool>>> {
        let (mut outgoing, mut places, mut over) = (Vec::new(), Vec::new(), Vec::new());
        for (n, (digest, entry)) in entries.iter().enumerate() {
            if last.get(digest).is_some_and(|last| *last != n) {
                continue;
            }
            match self.seal(digest, entry, 0)? {
                Some(parcel) => {
                    let name = self.space.names.value(generation, digest);
                    outgoing.push(Outgoing { name, digest: *digest, parcel, when: When::Always });
                    places.push(n);
                }
                None => over.push(n),
            }
        }
        let mut answers: Vec<Result<bool>> = entries.iter().map(|_| Ok(true)).collect();
        let now = self.link.clock().nanos();
        for (n, answer) in places.into_iter().zip(self.send(outgoing).await) {
            let (digest, entry) = &entries[n];
            match answer {
                Ok(true) => self.note_life(generation, digest, now, entry.ttl),
                // What there was no room for must not leave the old value in its place.
                Ok(false) => over.push(n),
                Err(_) => {}
            }
            answers[n] = answer;
        }
        for n in over {
            let name = self.space.names.value(generation, &entries[n].0);
            if let Err(error) = self.link.delete_one(&name).await {
                answers[n] = Err(error);
            }
        }
        Ok(answers)
    }

    pub(super) async fn add(&self, digest: Digest, entry: Entry<V>) -> Result<bool> {
        let asked = [digest];
        let add = |generation| self.try_add(generation, &digest, &entry);
        match self.space.change(&self.link, &asked, add).await.flatten() {
            Ok(added) => Ok(added),
            Err(error) => self.dropped(error, false),
        }
    }

    async fn try_add(&self, generation: u64, digest: &Digest, entry: &Entry<V>) -> Result<bool> {
        if self.space.pending.holds(digest) {
            let cause = "it has not heard of an invalidation yet";
            return Err(Error::unreachable(self.link.server.name(), cause));
        }
        let name = self.space.names.value(generation, digest);
        let mut when = When::Absent;
        for _ in 0..TURNS {
            let Some(parcel) = self.seal(digest, entry, 0)? else {
                let stored = self.link.get_one(&name, Claim::Nothing).await?.stored;
                return Ok(!matches!(
                    self.unpack(&name, digest, stored.as_ref(), None).await,
                    Seen::Live { .. }
                ));
            };
            let outgoing = Outgoing { name: name.clone(), digest: *digest, parcel, when };
            if self.send(vec![outgoing]).await.into_iter().all(|sent| matches!(sent, Ok(true))) {
                self.note_life(generation, digest, self.link.clock().nanos(), entry.ttl);
                return Ok(true);
            }
            // There is something; it may be past its TTL, or nothing that counts.
            let stored = self.link.get_one(&name, Claim::Nothing).await?.stored;
            if let Seen::Live { .. } = self.unpack(&name, digest, stored.as_ref(), None).await {
                return Ok(false);
            }
            when = stored.map_or(When::Absent, |stored| When::Token(stored.token));
        }
        Ok(false)
    }

    /// Pages first, so that a manifest never names what is not there yet; then what they replace
    /// goes.
    async fn send(&self, outgoing: Vec<Outgoing>) -> Vec<Result<bool>> {
        if outgoing.is_empty() {
            return Vec::new();
        }
        let old = self.old_manifests(&outgoing).await;
        let mut answers: Vec<Result<bool>> = Vec::with_capacity(outgoing.len());
        let (mut puts, mut new) = (Vec::new(), Vec::new());
        for Outgoing { name, parcel, when, .. } in outgoing {
            let manifest = parcel.pages.as_ref().map(|cut| cut.manifest);
            let written = match parcel.pages {
                Some(cut) => page::write(&self.link, &name, cut, parcel.keep).await,
                None => Ok(true),
            };
            if matches!(written, Ok(true)) {
                new.push((answers.len(), name.clone(), manifest));
                puts.push(Put { key: name, bytes: parcel.bytes, keep: parcel.keep, when });
            }
            answers.push(written);
        }
        if !puts.is_empty() {
            let mut put = self.link.server.put_many(puts).await.into_iter();
            for (n, name, manifest) in new {
                let answer = put.next().unwrap_or_else(|| Err(self.link.silent()));
                let useless = match &answer {
                    Ok(true) => {
                        self.link.count(Event::Stored);
                        old[n]
                    }
                    Ok(false) => manifest,
                    // It may have been stored after all.
                    Err(_) => None,
                };
                if let Some(useless) = useless {
                    page::free(&self.link, &name, &useless).await;
                }
                answers[n] = answer;
            }
        }
        answers
    }

    /// Where values of this namespace lie in pages, the ones that are about to be replaced.
    async fn old_manifests(&self, outgoing: &[Outgoing]) -> Vec<Option<Manifest>> {
        if !self.space.paged.load(Ordering::Relaxed) {
            return vec![None; outgoing.len()];
        }
        let names: Vec<String> = outgoing.iter().map(|one| one.name.clone()).collect();
        let mut answers = self.link.server.get_many(&names, Claim::Nothing).await.into_iter();
        let old = |one: &Outgoing| {
            let stored = answers.next()?.ok()?.stored?;
            self.manifest(&one.digest, &stored)
        };
        outgoing.iter().map(old).collect()
    }
}

/// The token, the generation, and the moment of a lease.
fn marks(lease: &Lease) -> Option<(u64, u64, u64)> {
    let behind = lease.behind();
    Some((lease.mark()?, behind.mark()?, behind.behind().mark()?))
}
