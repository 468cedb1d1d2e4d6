//! Looking up: what is there, who may compute what is not, and waiting for whoever does.

use super::Room;
use super::parcel::Seen;
use super::question::{Question, Verdict, missing};
use super::tags::Checked;
use crate::elapsed::{self, Laps};
use crate::encoded::digest::Digest;
use crate::encoded::options::Contention;
use crate::encoded::stats::Event;
use crate::io;
use crate::server::{Answer, Claim, Leased, Server};
use cache_core::observe::{FarLookup, Found};
use cache_core::{Aim, Error, Lease, Lookup, Reason, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The first pause of one who waits for another process, and the longest.
const PAUSE: Duration = Duration::from_millis(2);
const LONGEST: Duration = Duration::from_millis(250);

/// One lookup of many keys, on its way.
struct Search<'a, V> {
    digests: &'a [Digest],
    question: Question,
    names: Vec<String>,
    found: Vec<Option<Result<Lookup<V>>>>,
    /// It holds a lease.
    won: bool,
}

/// What a question has left open.
struct Open<V> {
    /// Somebody else computes these; what there is meanwhile.
    taken: Vec<(usize, Lookup<V>)>,
    /// Of these the server sees a value where the caller sees none.
    unleased: Vec<usize>,
}

impl<V> Search<'_, V> {
    /// The keys of which all is known.
    fn known(&self) -> Vec<usize> {
        (0..self.found.len()).filter(|n| self.found[*n].is_some()).collect()
    }

    /// What was known of these so long ago.
    fn age(&mut self, known: Vec<usize>, by: Duration) {
        for n in known {
            if let Some(Ok(found)) = &mut self.found[n] {
                elapsed::lookup(found, by);
            }
        }
    }
}

impl<S: Server, K: Serialize, V: Serialize + DeserializeOwned + Clone> Room<S, K, V> {
    /// As [`look`](Room::look), of keys of which some may be the same.
    pub(super) async fn look_each(&self, digests: &[Digest], aim: Aim) -> Result<Vec<Lookup<V>>> {
        // Mostly all differ, which is shown sooner than each is found again.
        let mut sorted = digests.to_vec();
        sorted.sort_unstable();
        if sorted.windows(2).all(|two| two[0] != two[1]) {
            return self.look(digests, aim).await;
        }
        let mut places = HashMap::with_capacity(digests.len());
        let mut once: Vec<Digest> = Vec::with_capacity(digests.len());
        for digest in digests {
            places.entry(*digest).or_insert_with(|| {
                once.push(*digest);
                once.len() - 1
            });
        }
        let found = self.look(&once, aim).await?;
        // The first of its like has the lease.
        let mut found: Vec<(bool, Lookup<V>)> = found.into_iter().map(|one| (false, one)).collect();
        let take = |digest| {
            let (seen, lookup): &mut (bool, Lookup<V>) = &mut found[places[digest]];
            copied(lookup, std::mem::replace(seen, true))
        };
        Ok(digests.iter().map(take).collect())
    }

    /// What is known of each key. The keys differ.
    pub(super) async fn look(&self, digests: &[Digest], aim: Aim) -> Result<Vec<Lookup<V>>> {
        if digests.is_empty() {
            return Ok(Vec::new());
        }
        let mut search = Search {
            digests,
            question: Question { aim, generation: 0, began: self.link.clock().nanos() },
            names: Vec::new(),
            found: digests.iter().map(|_| None).collect(),
            won: false,
        };
        let watch = FarLookup::begin(|| self.link.server.name(), &self.name);
        if let Err(error) = watch.around(self.search(&mut search, None)).await {
            for found in search.found.iter_mut().filter(|found| found.is_none()) {
                *found = Some(Err(error.clone()));
            }
        }
        let found = search.found.into_iter();
        let found: Vec<Result<Lookup<V>>> =
            found.map(|one| self.told(one.unwrap_or_else(|| Err(self.link.silent())))).collect();
        watch.end(summary(&found));
        found.into_iter().collect()
    }

    /// What is known of one key: the way of most calls, with as little as possible on it.
    pub(super) async fn look_one(&self, digest: &Digest, aim: Aim) -> Result<Lookup<V>> {
        let began = self.link.clock().nanos();
        let watch = FarLookup::begin(|| self.link.server.name(), &self.name);
        let question = Question { aim, generation: 0, began };
        let found = self.told(watch.around(self.one(digest, question)).await);
        watch.end(summary(std::slice::from_ref(&found)));
        found
    }

    async fn one(&self, digest: &Digest, mut question: Question) -> Result<Lookup<V>> {
        question.generation = match self.space.ready_now(question.began) {
            Some(generation) => generation,
            None => self.space.ready(&self.link, std::slice::from_ref(digest)).await?,
        };
        if self.space.pending.holds(digest) {
            return Err(self.unheard());
        }
        let name = self.space.names.value(question.generation, digest);
        let claim = question.claim(self.link.options.lease);
        let mut answers = self.link.server.get_many(std::slice::from_ref(&name), claim).await;
        let answer = answers.pop().unwrap_or_else(|| Err(self.link.silent()))?;
        let open = match self.judge(question, (&name, digest), claim, answer, None).await {
            Verdict::Done(found) => return Ok(found),
            Verdict::Free(token, found) => {
                drop(self.link.server.release(&name, token).await);
                return Ok(found);
            }
            Verdict::Claim => Open { taken: Vec::new(), unleased: vec![0] },
            Verdict::Taken(meanwhile) => Open { taken: vec![(0, meanwhile)], unleased: Vec::new() },
        };
        // Boxed: it is rare, and its future is large.
        Box::pin(self.go_on(digest, question, name, open)).await
    }

    /// Goes on after the first question about one key.
    async fn go_on(
        &self,
        digest: &Digest,
        question: Question,
        name: String,
        open: Open<V>,
    ) -> Result<Lookup<V>> {
        let digests = std::slice::from_ref(digest);
        let (names, found) = (vec![name], vec![None]);
        let mut search = Search { digests, question, names, found, won: false };
        self.search(&mut search, Some(open)).await?;
        search.found.pop().flatten().unwrap_or_else(|| Err(self.link.silent()))
    }

    fn unheard(&self) -> Error {
        let cause = "it has not heard of an invalidation yet";
        Error::unreachable(self.link.server.name(), cause)
    }

    fn told(&self, found: Result<Lookup<V>>) -> Result<Lookup<V>> {
        let lookup = match found {
            Ok(lookup) => lookup,
            Err(error) => {
                self.link.absent(error, missing(Reason::Unreachable)).inspect_err(|_| {
                    self.link.count(Event::Missed(Reason::Unreachable));
                })?
            }
        };
        match &lookup {
            Lookup::Missing { reason, .. } => self.link.count(Event::Missed(*reason)),
            Lookup::Expired { .. } => self.link.count(Event::Missed(Reason::Expired)),
            // Counted with their cost.
            Lookup::Fresh { .. } | Lookup::Stale { .. } => {}
        }
        Ok(lookup)
    }

    /// Asks until everything is found, or nothing is to be waited for. `begun`: what a question before
    /// has left open.
    async fn search(&self, search: &mut Search<'_, V>, begun: Option<Open<V>>) -> Result<()> {
        let (mut pause, mut waited) = (PAUSE, Duration::ZERO);
        let mut taken = match begun {
            Some(open) => self.claim(search, open).await,
            None => self.turn(search, (0..search.digests.len()).collect()).await?,
        };
        loop {
            let patient = self.link.options.contention == Contention::Wait
                && !search.won
                && waited < self.link.options.lease;
            if taken.is_empty() || !patient {
                for (n, meanwhile) in taken {
                    search.found[n] = Some(Ok(meanwhile));
                }
                return Ok(());
            }
            if waited.is_zero() {
                taken.iter().for_each(|_| self.link.count(Event::Waited));
            }
            let (known, mut laps) = (search.known(), Laps::begin(self.link.clock()));
            io::sleep(pause).await;
            waited += pause;
            pause = (pause * 2).min(LONGEST);
            taken = self.turn(search, taken.into_iter().map(|(n, _)| n).collect()).await?;
            search.age(known, laps.lap());
        }
    }

    /// The names under which to look, and no question about keys whose answer would not count.
    async fn prepare(&self, search: &mut Search<'_, V>, open: &mut Vec<usize>) -> Result<()> {
        let generation = self.space.ready(&self.link, search.digests).await?;
        if search.names.is_empty() || search.question.generation != generation {
            search.question.generation = generation;
            let name = |digest| self.space.names.value(generation, digest);
            search.names = search.digests.iter().map(name).collect();
        }
        if self.space.pending.is_empty() {
            return Ok(());
        }
        open.retain(|n| {
            let waits = self.space.pending.holds(&search.digests[*n]);
            if waits {
                search.found[*n] = Some(Err(self.unheard()));
            }
            !waits
        });
        Ok(())
    }

    /// Asks once, and once more for what the server holds to be good.
    async fn turn(
        &self,
        search: &mut Search<'_, V>,
        mut open: Vec<usize>,
    ) -> Result<Vec<(usize, Lookup<V>)>> {
        self.prepare(search, &mut open).await?;
        let claim = search.question.claim(self.link.options.lease);
        let open = self.ask(search, open, claim).await;
        Ok(self.claim(search, open).await)
    }

    /// Asks once more, for the lease of what the server holds to be good; says what is taken.
    async fn claim(&self, search: &mut Search<'_, V>, open: Open<V>) -> Vec<(usize, Lookup<V>)> {
        let Open { mut taken, unleased } = open;
        if !unleased.is_empty() {
            let claim = Claim::Refresh(self.link.options.lease);
            let (known, mut laps) = (search.known(), Laps::begin(self.link.clock()));
            taken.extend(self.ask(search, unleased, claim).await.taken);
            search.age(known, laps.lap());
        }
        taken
    }

    async fn ask(&self, search: &mut Search<'_, V>, open: Vec<usize>, claim: Claim) -> Open<V> {
        let (mut taken, mut unleased) = (Vec::new(), Vec::new());
        if open.is_empty() {
            return Open { taken, unleased };
        }
        let answers = if open.len() == search.names.len() {
            self.link.server.get_many(&search.names, claim).await
        } else {
            let names: Vec<String> = open.iter().map(|n| search.names[*n].clone()).collect();
            self.link.server.get_many(&names, claim).await
        };
        let digests = open.iter().map(|n| &search.digests[*n]);
        let checked = match answers.len() {
            0 | 1 => Vec::new(),
            _ => self.checked_all(digests.zip(&answers)).await,
        };
        let (mut answers, mut checked) = (answers.into_iter(), checked.into_iter());
        // Where values are in pages, one is waited for after the other.
        let paged = self.space.paged.load(Ordering::Relaxed);
        let mut known_at = Vec::new();
        for n in open {
            let known = checked.next().flatten();
            let answer = match answers.next().unwrap_or_else(|| Err(self.link.silent())) {
                Ok(answer) => answer,
                Err(error) => {
                    search.found[n] = Some(Err(error));
                    continue;
                }
            };
            let key = (search.names[n].as_str(), &search.digests[n]);
            let found = match self.judge(search.question, key, claim, answer, known).await {
                Verdict::Done(found) => found,
                Verdict::Free(token, found) => {
                    drop(self.link.server.release(&search.names[n], token).await);
                    found
                }
                Verdict::Claim => {
                    unleased.push(n);
                    continue;
                }
                Verdict::Taken(meanwhile) => {
                    taken.push((n, meanwhile));
                    continue;
                }
            };
            search.won |= has_lease(&found);
            search.found[n] = Some(Ok(found));
            if paged {
                known_at.push((n, Laps::begin(self.link.clock())));
            }
        }
        for (n, mut laps) in known_at {
            search.age(vec![n], laps.lap());
        }
        Open { taken, unleased }
    }

    async fn judge(
        &self,
        question: Question,
        (name, digest): (&str, &Digest),
        claim: Claim,
        answer: Answer,
        known: Option<Checked>,
    ) -> Verdict<V> {
        let leased = answer.leased;
        match self.unpack_twice(name, digest, &answer, known).await {
            Seen::Live { value, left, refresh, tags, cost } => {
                let ends = left < Duration::MAX;
                let found = (value, left, refresh, tags);
                let verdict = question.live(claim, leased, found, self.link.options.lease);
                if !matches!(verdict, Verdict::Claim) {
                    self.link.count(Event::Hit(cost));
                }
                self.note_life(question.generation, digest, question.began, ends.then_some(left));
                verdict
            }
            Seen::Expired { value, since, by_call, tags } => {
                let told = |lease| Lookup::Expired { value, since, by_call, tags, lease };
                question.dead(claim, leased, told)
            }
            Seen::Nothing(Reason::Damaged) if claim == Claim::Nothing => {
                self.discard(question.generation, name, digest, &answer).await;
                Verdict::Done(missing(Reason::Damaged))
            }
            Seen::Nothing(Reason::Unreachable) => match leased {
                Leased::Won(token) => Verdict::Free(token, missing(Reason::Unreachable)),
                Leased::No | Leased::Taken => Verdict::Done(missing(Reason::Unreachable)),
            },
            Seen::Nothing(reason) => {
                let reason = match answer.stored {
                    Some(_) => reason,
                    None => self.why(question.generation, digest).0,
                };
                question.dead(claim, leased, |lease| Lookup::Missing { reason, lease })
            }
        }
    }
}

/// For those who watch. An error is told to the caller as it is, and to them as unreachability.
fn summary<V>(found: &[Result<Lookup<V>>]) -> Found {
    let reason = |one: &Result<Lookup<V>>| match one {
        Ok(Lookup::Fresh { .. } | Lookup::Stale { .. }) => None,
        Ok(Lookup::Expired { .. }) => Some(Reason::Expired),
        Ok(Lookup::Missing { reason, .. }) => Some(*reason),
        Err(_) => Some(Reason::Unreachable),
    };
    let hits = found.iter().filter(|one| reason(one).is_none()).count();
    Found { keys: found.len(), hits, reason: found.iter().find_map(reason) }
}

fn has_lease<V>(found: &Lookup<V>) -> bool {
    match found {
        Lookup::Stale { lease, .. }
        | Lookup::Expired { lease, .. }
        | Lookup::Missing { lease, .. } => lease.is_some(),
        Lookup::Fresh { .. } => false,
    }
}

fn copied<V: Clone>(lookup: &Lookup<V>, without_lease: bool) -> Lookup<V> {
    let lease = |lease: &Lease| if without_lease { Lease::none() } else { lease.clone() };
    match lookup {
        Lookup::Fresh { value, left, refresh_in, tags } => {
            let (value, tags) = (value.clone(), tags.clone());
            Lookup::Fresh { value, left: *left, refresh_in: *refresh_in, tags }
        }
        Lookup::Stale { value, left, tags, lease: own } => {
            let (value, tags) = (value.clone(), tags.clone());
            Lookup::Stale { value, left: *left, tags, lease: lease(own) }
        }
        Lookup::Expired { value, since, by_call, tags, lease: own } => {
            let (value, tags) = (value.clone(), tags.clone());
            Lookup::Expired { value, since: *since, by_call: *by_call, tags, lease: lease(own) }
        }
        Lookup::Missing { reason, lease: own } => {
            Lookup::Missing { reason: *reason, lease: lease(own) }
        }
    }
}
