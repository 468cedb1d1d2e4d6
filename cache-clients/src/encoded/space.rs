//! One namespace on the server: its generation, and what of it the server has not heard yet.

use super::both::both;
use super::client::Link;
use super::digest::{Digest, Names};
use super::generation::{self, Copies};
use super::pending::{Batch, Pending};
use crate::server::Server;
use cache_core::{Clock, Error, Result};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How often one looks again when somebody else has changed the generation meanwhile.
const TURNS: usize = 8;
/// As many of one's own generations are remembered.
const SENT: usize = 16;
/// Keys in one delivery of invalidations.
const DELIVERY: usize = 256;

#[derive(Debug)]
pub(super) struct Space {
    pub(super) names: Names,
    /// Behind an `Arc`: a client in this one's place owes the same.
    pub(super) pending: Arc<Pending>,
    known: Mutex<Known>,
    /// Some value of it lies in pages, so that whoever replaces one has to look for them.
    pub(super) paged: AtomicBool,
    /// Values that expired before this, in milliseconds since 1970, have been purged.
    pub(super) floor: AtomicU64,
}

/// The generation as it was last seen.
#[derive(Debug, Default)]
struct Known {
    generation: Option<u64>,
    /// The youngest that was ever seen: an older one does not count any more.
    youngest: u64,
    /// Until when it is believed, in nanoseconds of the clock.
    until: u64,
    /// Counts the clears of this process.
    clears: u64,
    /// The latest generations that this process has sent to the server as a clear, with the clear's moment: who finds
    /// one there knows that it was delivered, also if nobody has heard the answer.
    sent: VecDeque<(u64, u64)>,
}

impl Known {
    fn sends(&mut self, generation: u64, moment: u64) {
        if self.sent.len() == SENT {
            self.sent.pop_front();
        }
        self.sent.push_back((generation, moment));
    }

    /// The moment of the clear that made a generation, as far as it was this process's.
    fn moment(&self, generation: u64) -> Option<u64> {
        self.sent.iter().find(|(sent, _)| *sent == generation).map(|(_, moment)| *moment)
    }

    fn believed(&self, now: u64) -> Option<u64> {
        self.generation.filter(|_| now < self.until)
    }
}

impl Space {
    pub(super) fn new(names: Names, pending: Arc<Pending>) -> Self {
        Space {
            names,
            pending,
            known: Mutex::default(),
            paged: AtomicBool::new(false),
            floor: AtomicU64::new(0),
        }
    }

    /// The generation, if a fill of this one would be in vain.
    pub(super) fn is_past(&self, generation: u64) -> bool {
        self.pending.clear().is_some()
            || self.known.lock().generation.is_some_and(|known| known != generation)
    }

    /// The generation that an answer may come from, if nothing is to be asked or delivered before. The
    /// time is in nanoseconds of the clock.
    pub(super) fn ready_now(&self, now: u64) -> Option<u64> {
        if self.pending.is_empty() { self.known.lock().believed(now) } else { None }
    }

    /// Delivers what has to be before an answer about these keys counts; gives the generation that an
    /// answer may come from.
    pub(super) async fn ready<S: Server>(&self, link: &Link<S>, asked: &[Digest]) -> Result<u64> {
        self.push_waiting_clear(link).await?;
        let believed = self.known.lock().believed(link.clock().nanos());
        let generation = match believed {
            Some(generation) => generation,
            None => self.ask(link).await?,
        };
        Ok(self.deliver(link, generation, asked).await)
    }

    /// Does a change under the generation that the server has while it is done.
    ///
    /// A generation that is believed will not do: what another process has stored since it cleared
    /// the namespace would outlive the change. So it is done under the one that was last seen, beside
    /// the question which it is, and where that is another one, once more. A clear that comes after
    /// the answer comes after the change, too.
    pub(super) async fn change<S: Server, T, F: Future<Output = T>>(
        &self,
        link: &Link<S>,
        asked: &[Digest],
        change: impl Fn(u64) -> F,
    ) -> Result<T> {
        self.push_waiting_clear(link).await?;
        let Some(last) = self.last() else {
            let generation = self.ask(link).await?;
            return Ok(change(self.deliver(link, generation, asked).await).await);
        };
        let last = self.deliver(link, last, asked).await;
        let (changed, generation) = both(change(last), self.ask(link)).await;
        let generation = generation?;
        if generation == last { Ok(changed) } else { Ok(change(generation).await) }
    }

    /// Delivers the keys that wait; gives the generation, which may turn out to be another one.
    async fn deliver<S: Server>(&self, link: &Link<S>, generation: u64, asked: &[Digest]) -> u64 {
        if self.pending.is_empty() {
            return generation;
        }
        let due = self.pending.due(asked, link.clock().nanos());
        if due.is_empty() {
            return generation;
        }
        // As with any change.
        let (done, latest) = both(self.remove(link, generation, &due), self.ask(link)).await;
        let (done, latest) = match latest {
            Ok(latest) if latest == generation => (done, latest),
            Ok(latest) => (self.remove(link, latest, &due).await, latest),
            Err(_) => (Batch::new(), generation),
        };
        self.pending.delivered(&done);
        if done.len() < due.len() {
            self.pending.rest(link.clock().nanos());
        }
        latest
    }

    /// Those of which the server has heard.
    async fn remove<S: Server>(&self, link: &Link<S>, generation: u64, due: &Batch) -> Batch {
        let mut done = Batch::new();
        for batch in due.chunks(DELIVERY) {
            let names: Vec<_> =
                batch.iter().map(|(digest, _)| self.names.value(generation, digest)).collect();
            let answers = link.server.delete_many(&names).await;
            let heard = batch.iter().zip(&answers).filter(|(_, answer)| answer.is_ok());
            done.extend(heard.map(|(entry, _)| *entry));
        }
        done
    }

    /// The generation as the server has it now; a new one if it has none.
    async fn ask<S: Server>(&self, link: &Link<S>) -> Result<u64> {
        let name = self.names.generation();
        // Each turn, somebody else has changed it in between.
        for _ in 0..TURNS {
            let asked_at = link.clock().nanos();
            let (clears, least) = {
                let known = self.known.lock();
                (known.clears, known.youngest)
            };
            let copies = Copies::read(link, &name).await?;
            let generation = match (copies.youngest(), copies.fault()) {
                (Some(youngest), _) if youngest >= least => youngest,
                // The one that counts may be where nobody can reach it for the moment. That those who
                // can be reached lag behind what was seen here, is known: others must not believe them.
                (_, Some(fault)) => {
                    let _ = copies.repair(link, least).await;
                    return Err(fault);
                }
                // Where all younger ones are lost, an old one must not bring its values back.
                (found, None) => generation::after(least.max(found.unwrap_or(0)), link.clock()),
            };
            if copies.repair(link, generation).await?
                && self.learn(generation, asked_at, clears, link)
            {
                return Ok(generation);
            }
        }
        Err(self.restless(link))
    }

    fn restless<S: Server>(&self, link: &Link<S>) -> Error {
        let cause = format!("the generation {} does not come to rest", self.names.generation());
        Error::unreachable(link.server.name(), cause)
    }

    /// The generation as the server has it, without making one where there is none.
    pub(super) async fn look<S: Server>(&self, link: &Link<S>) -> Result<Option<u64>> {
        let (known, least) = {
            let known = self.known.lock();
            (known.believed(link.clock().nanos()), known.youngest)
        };
        if known.is_some() {
            return Ok(known);
        }
        let copies = Copies::read(link, &self.names.generation()).await?;
        Ok(copies.youngest().filter(|youngest| *youngest >= least))
    }

    /// The generation as it was last seen, whether it still holds or not.
    pub(super) fn last(&self) -> Option<u64> {
        self.known.lock().generation
    }

    fn learn<S: Server>(
        &self,
        generation: u64,
        asked_at: u64,
        clears: u64,
        link: &Link<S>,
    ) -> bool {
        let mut known = self.known.lock();
        let is_older = generation < known.youngest;
        // Whatever has happened meanwhile: nobody may go back behind it.
        known.youngest = known.youngest.max(generation);
        if known.clears != clears || is_older {
            return false;
        }
        known.generation = Some(generation);
        let lag = u64::try_from(link.options.clear_lag.as_nanos()).unwrap_or(u64::MAX);
        known.until = asked_at.saturating_add(lag);
        true
    }

    /// Forgets everything: at once here, on the server when it hears of it.
    pub(super) async fn clear<S: Server>(&self, link: &Link<S>) -> Result<()> {
        // Noted first: from here on nothing that the server says is believed.
        self.pending.note_clear();
        self.push_clear(link).await
    }

    async fn push_waiting_clear<S: Server>(&self, link: &Link<S>) -> Result<()> {
        match self.pending.clear() {
            Some(_) => self.push_clear(link).await,
            None => Ok(()),
        }
    }

    async fn push_clear<S: Server>(&self, link: &Link<S>) -> Result<()> {
        let (clears, least) = {
            let mut known = self.known.lock();
            known.clears += 1;
            known.generation = None;
            (known.clears, known.youngest)
        };
        for _ in 0..TURNS {
            let asked_at = link.clock().nanos();
            // A copy that lies where nobody can reach it must lose when it is back: the new generation is
            // younger than all that are seen, even where a clock is wrong.
            let copies = Copies::read(link, &self.names.generation()).await?;
            // Others deliver what waits, too. Once it is delivered, what is put may not be lost to it.
            let youngest = copies.youngest();
            if let Some(delivered) =
                youngest.and_then(|youngest| self.known.lock().moment(youngest))
            {
                self.pending.cleared(delivered);
            }
            let Some(moment) = self.pending.clear() else {
                if let Some(youngest) = youngest {
                    self.learn(youngest, asked_at, clears, link);
                }
                return Ok(());
            };
            let generation = generation::after(least.max(youngest.unwrap_or(0)), link.clock());
            self.known.lock().sends(generation, moment);
            if copies.exchange(link, generation).await? {
                self.learn(generation, asked_at, clears, link);
                self.pending.cleared(moment);
                return Ok(());
            }
        }
        Err(self.restless(link))
    }

    pub(super) fn purge(&self, before: u64) {
        self.floor.fetch_max(before, Ordering::AcqRel);
    }
}

/// A number that no other process comes to: the system's randomness, the time, the process.
pub(super) fn random(clock: &Clock) -> u64 {
    RandomState::new().hash_one((clock.unix(), clock.nanos(), std::process::id()))
}
