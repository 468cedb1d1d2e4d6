//! Looking up: what is there, who may compute what is not, and waiting for whoever does.

use super::Room;
use super::parcel::{Refresh, Seen};
use super::tags::Checked;
use crate::encoded::digest::Digest;
use crate::encoded::options::Contention;
use crate::encoded::stats::Event;
use crate::io;
use crate::server::{Answer, Claim, Leased, Server};
use cache_core::observe::{FarLookup, Found};
use cache_core::{Aim, Error, Lease, Lookup, Reason, Result, Tags};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::time::Duration;

/// The first pause of one who waits for another process, and the longest.
const PAUSE: Duration = Duration::from_millis(2);
const LONGEST: Duration = Duration::from_millis(250);

/// One lookup of many keys, on its way.
struct Search<'a, V> {
    digests: &'a [Digest],
    aim: Aim,
    generation: u64,
    names: Vec<String>,
    /// When it began, in nanoseconds of the clock.
    began: u64,
    found: Vec<Option<Result<Lookup<V>>>>,
    /// It holds a lease.
    won: bool,
}

/// What an answer means to the caller.
enum Verdict<V> {
    Done(Lookup<V>),
    /// Done, and the lease that came along is of no use.
    Free(u64, Lookup<V>),
    /// The server sees a value where the caller sees none, or one that is due.
    Claim,
    /// Somebody else computes; this is what there is meanwhile.
    Taken(Lookup<V>),
}

fn missing<V>(reason: Reason) -> Lookup<V> {
    Lookup::Missing { reason, lease: Lease::none() }
}

impl<V> Search<'_, V> {
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
    fn dead(
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

    fn live(
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

impl<S: Server, K: Serialize, V: Serialize + DeserializeOwned + Clone> Room<S, K, V> {
    /// As [`look`](Room::look), of keys of which some may be the same.
    pub(super) async fn look_each(&self, digests: &[Digest], aim: Aim) -> Result<Vec<Lookup<V>>> {
        let mut places = HashMap::with_capacity(digests.len());
        let mut once: Vec<Digest> = Vec::with_capacity(digests.len());
        for digest in digests {
            places.entry(*digest).or_insert_with(|| {
                once.push(*digest);
                once.len() - 1
            });
        }
        let found = self.look(&once, aim).await?;
        if once.len() == digests.len() {
            return Ok(found);
        }
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
            aim,
            generation: 0,
            names: Vec::new(),
            began: self.link.clock().nanos(),
            found: digests.iter().map(|_| None).collect(),
            won: false,
        };
        let watch = FarLookup::begin(|| self.link.server.name(), &self.name);
        if let Err(error) = watch.around(self.search(&mut search)).await {
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

    async fn search(&self, search: &mut Search<'_, V>) -> Result<()> {
        let (mut open, mut pause, mut waited) =
            ((0..search.digests.len()).collect::<Vec<_>>(), PAUSE, Duration::ZERO);
        loop {
            self.prepare(search, &mut open).await?;
            let taken = self.turn(search, open).await;
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
            open = taken.into_iter().map(|(n, _)| n).collect();
            io::sleep(pause).await;
            waited += pause;
            pause = (pause * 2).min(LONGEST);
        }
    }

    /// The names under which to look, and no question about keys whose answer would not count.
    async fn prepare(&self, search: &mut Search<'_, V>, open: &mut Vec<usize>) -> Result<()> {
        let generation = self.space.ready(&self.link, search.digests).await?;
        if search.names.is_empty() || search.generation != generation {
            search.generation = generation;
            let name = |digest| self.space.names.value(generation, digest);
            search.names = search.digests.iter().map(name).collect();
        }
        if self.space.pending.is_empty() {
            return Ok(());
        }
        open.retain(|n| {
            let waits = self.space.pending.holds(&search.digests[*n]);
            if waits {
                let cause = "it has not heard of an invalidation yet";
                let error = Error::unreachable(self.link.server.name(), cause);
                search.found[*n] = Some(Err(error));
            }
            !waits
        });
        Ok(())
    }

    /// Asks once, and once more for what the server holds to be good.
    async fn turn(&self, search: &mut Search<'_, V>, open: Vec<usize>) -> Vec<(usize, Lookup<V>)> {
        let lease = self.link.options.lease;
        let claim = match search.aim {
            Aim::Read | Aim::Peek | Aim::Least(_) | Aim::Farthest => Claim::Nothing,
            Aim::Compute | Aim::Refresh => Claim::Missing(lease),
            Aim::Replace => Claim::Replace(lease),
        };
        let (mut taken, unleased) = self.ask(search, open, claim).await;
        if !unleased.is_empty() {
            taken.extend(self.ask(search, unleased, Claim::Refresh(lease)).await.0);
        }
        taken
    }

    async fn ask(
        &self,
        search: &mut Search<'_, V>,
        open: Vec<usize>,
        claim: Claim,
    ) -> (Vec<(usize, Lookup<V>)>, Vec<usize>) {
        let (mut taken, mut unleased) = (Vec::new(), Vec::new());
        if open.is_empty() {
            return (taken, unleased);
        }
        let names: Vec<String> = open.iter().map(|n| search.names[*n].clone()).collect();
        let answers = self.link.server.get_many(&names, claim).await;
        let digests = open.iter().map(|n| &search.digests[*n]);
        let checked = match answers.len() {
            0 | 1 => Vec::new(),
            _ => self.checked_all(digests.zip(&answers)).await,
        };
        let (mut answers, mut checked) = (answers.into_iter(), checked.into_iter());
        for n in open {
            let known = checked.next().flatten();
            let answer = match answers.next().unwrap_or_else(|| Err(self.link.silent())) {
                Ok(answer) => answer,
                Err(error) => {
                    search.found[n] = Some(Err(error));
                    continue;
                }
            };
            let found = match self.judge(search, n, claim, answer, known).await {
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
            let lease = match &found {
                Lookup::Stale { lease, .. }
                | Lookup::Expired { lease, .. }
                | Lookup::Missing { lease, .. } => lease.is_some(),
                Lookup::Fresh { .. } => false,
            };
            search.won |= lease;
            search.found[n] = Some(Ok(found));
        }
        (taken, unleased)
    }

    async fn judge(
        &self,
        search: &Search<'_, V>,
        n: usize,
        claim: Claim,
        answer: Answer,
        known: Option<Checked>,
    ) -> Verdict<V> {
        let (name, digest) = (&search.names[n], &search.digests[n]);
        let leased = answer.leased;
        match self.unpack_twice(name, digest, &answer, known).await {
            Seen::Live { value, left, refresh, tags, cost } => {
                let ends = left < Duration::MAX;
                let found = (value, left, refresh, tags);
                let verdict = search.live(claim, leased, found, self.link.options.lease);
                if !matches!(verdict, Verdict::Claim) {
                    self.link.count(Event::Hit(cost));
                }
                self.note_life(search.generation, digest, search.began, ends.then_some(left));
                verdict
            }
            Seen::Expired { value, since, tags } => {
                search.dead(claim, leased, |lease| Lookup::Expired { value, since, tags, lease })
            }
            Seen::Nothing(Reason::Damaged) if claim == Claim::Nothing => {
                self.discard(search.generation, name, digest, &answer).await;
                Verdict::Done(missing(Reason::Damaged))
            }
            Seen::Nothing(Reason::Unreachable) => match leased {
                Leased::Won(token) => Verdict::Free(token, missing(Reason::Unreachable)),
                Leased::No | Leased::Taken => Verdict::Done(missing(Reason::Unreachable)),
            },
            Seen::Nothing(reason) => {
                let reason = match answer.stored {
                    Some(_) => reason,
                    None => self.why(search.generation, digest).0,
                };
                search.dead(claim, leased, |lease| Lookup::Missing { reason, lease })
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
        Lookup::Expired { value, since, tags, lease: own } => {
            let (value, tags) = (value.clone(), tags.clone());
            Lookup::Expired { value, since: *since, tags, lease: lease(own) }
        }
        Lookup::Missing { reason, lease: own } => {
            Lookup::Missing { reason: *reason, lease: lease(own) }
        }
    }
}
