//! Reads, and the leases that come with them.

use super::route::{Results, Router, all, group};
use super::{EMPTY, check, lease_key};
use crate::memcached::host::{Host, Kind, Session};
use crate::memcached::wire::{self, Request, Set, expiry, lease_seconds};
use crate::server::{Answer, Claim, Leased, Stored};
use bytes::Bytes;
use cache_core::Result;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often somebody else may be quicker while a lease is taken over.
const ATTEMPTS: usize = 8;

/// A key with its place among all, and how it came here, which does not matter any more.
type Item<'a, R> = (usize, (&'a String, R));

/// Reads the keys, at all servers at once.
pub(super) async fn get_many(
    router: &Router,
    keys: &[String],
    claim: Claim,
) -> Vec<Result<Answer>> {
    let deadline = router.deadline();
    let cluster = router.cluster().await;
    let place = |key: &&String| {
        check(key)?;
        let route = cluster.route(key)?;
        let kind = route.host.kind_of(key);
        Ok((route, kind))
    };
    // One key is what most calls have: nothing to sort.
    if let [key] = keys {
        let (route, kind) = match place(&key) {
            Ok(place) => place,
            Err(error) => return vec![Err(error)],
        };
        let answers = at_one(&route.host, kind, &[(0, (key, ()))], claim, deadline).await;
        return answers.unwrap_or_else(|error| vec![Err(error)]);
    }
    let mut results = Results::new(keys.len());
    let groups = group(keys, place, |at, error| results.set(at, Err(error)));
    let reads = groups.iter().map(|g| at_one(&g.host, g.kind, &g.items, claim, deadline));
    let read = all(reads.collect()).await;
    for (group, answers) in groups.iter().zip(read) {
        match answers {
            Ok(answers) => {
                for ((at, _), answer) in group.items.iter().zip(answers) {
                    results.set(*at, answer);
                }
            }
            Err(error) => {
                group.items.iter().for_each(|(at, _)| results.set(*at, Err(error.clone())))
            }
        }
    }
    results.done()
}

async fn at_one<R: Sync>(
    host: &Arc<Host>,
    kind: Kind,
    items: &[Item<'_, R>],
    claim: Claim,
    deadline: Instant,
) -> Result<Vec<Result<Answer>>> {
    let session = host.session(kind, deadline).await?;
    Reading { session: &session, host, items, claim }.run().await
}

/// What is under a key.
#[derive(Debug)]
pub(super) enum Seen {
    Nothing,
    /// A lease in progress over nothing.
    Stub {
        cas: u64,
        won: bool,
    },
    Value {
        bytes: Bytes,
        cas: u64,
        stale: bool,
        flags: u32,
        left: i64,
    },
    /// The server could not say.
    Failed(String),
}

impl Seen {
    pub(super) fn of(answer: wire::Answer) -> Self {
        let (bytes, size, flags) = match answer {
            wire::Answer::Nothing => return Seen::Nothing,
            wire::Answer::Value(bytes, flags) => {
                let size = bytes.len();
                (bytes, size, flags)
            }
            wire::Answer::Done(flags) => (Bytes::new(), flags.size, flags),
            wire::Answer::Failed(what) => return Seen::Failed(what),
            other => return Seen::Failed(format!("a read was answered by {other:?}")),
        };
        if size == 0 && flags.client & EMPTY == 0 {
            return Seen::Stub { cas: flags.cas, won: flags.won };
        }
        let (cas, stale, left) = (flags.cas, flags.stale, flags.left);
        Seen::Value { bytes, cas, stale, flags: flags.client, left }
    }
}

/// A read of some keys of one server.
struct Reading<'a, R> {
    session: &'a Session,
    host: &'a Host,
    items: &'a [Item<'a, R>],
    claim: Claim,
}

/// What is to be done after the read.
enum Next {
    Nothing,
    /// Ask for the lease beside the value.
    Lease(u64),
    /// Take the lease from whoever has it.
    TakeOver,
}

impl<R: Sync> Reading<'_, R> {
    async fn run(&self) -> Result<Vec<Result<Answer>>> {
        let lease = self.seconds();
        let mut request = Request::with_room(self.items.len() * 96);
        for (_, (key, _)) in self.items {
            request.get(key.as_bytes(), lease);
        }
        let seen = self.session.ask(request, None).await?;
        let mut answers = Vec::with_capacity(seen.len());
        let mut leases = Vec::new();
        let mut take_overs = Vec::new();
        for (at, seen) in seen.into_iter().enumerate() {
            let (answer, next) = self.judge(at, Seen::of(seen));
            match next {
                Next::Nothing => {}
                Next::Lease(cas) => leases.push((at, cas)),
                Next::TakeOver => take_overs.push(at),
            }
            answers.push(answer);
        }
        self.ask_leases(&leases, &mut answers, &mut take_overs).await?;
        for at in take_overs {
            let taken = self.take_over(self.key(at)).await;
            answers[at] = taken;
        }
        Ok(answers)
    }

    fn key(&self, at: usize) -> &str {
        let (_, (key, _)) = &self.items[at];
        key
    }

    fn seconds(&self) -> Option<u64> {
        match self.claim {
            Claim::Nothing => None,
            Claim::Missing(lease) | Claim::Refresh(lease) | Claim::Replace(lease) => {
                Some(lease_seconds(lease))
            }
        }
    }

    /// The answer so far.
    fn judge(&self, at: usize, seen: Seen) -> (Result<Answer>, Next) {
        match seen {
            Seen::Failed(what) => (Err(self.host.error(what)), Next::Nothing),
            Seen::Nothing => (Ok(self.without(false, 0)), Next::Nothing),
            Seen::Stub { cas, won } => {
                let take = !won && matches!(self.claim, Claim::Replace(_));
                let next = if take { Next::TakeOver } else { Next::Nothing };
                (Ok(self.without(won, cas)), next)
            }
            Seen::Value { bytes, cas, stale, .. } => {
                self.host.sized(self.key(at), bytes.len());
                let wants = match self.claim {
                    Claim::Nothing => false,
                    Claim::Missing(_) => stale,
                    Claim::Refresh(_) | Claim::Replace(_) => true,
                };
                let next = if wants { Next::Lease(cas) } else { Next::Nothing };
                (Ok(self.with(bytes, cas, stale, Leased::No)), next)
            }
        }
    }

    fn without(&self, won: bool, cas: u64) -> Answer {
        let leased = match (self.claim, won) {
            (Claim::Nothing, _) => Leased::No,
            (_, true) => Leased::Won(self.session.token(cas)),
            (_, false) => Leased::Taken,
        };
        Answer { stored: None, leased }
    }

    fn with(&self, bytes: Bytes, cas: u64, stale: bool, leased: Leased) -> Answer {
        let token = self.session.token(cas);
        Answer { stored: Some(Stored { bytes, token, stale }), leased }
    }

    /// Asks for the leases beside the values: the one who adds has it.
    async fn ask_leases(
        &self,
        leases: &[(usize, u64)],
        answers: &mut [Result<Answer>],
        take_overs: &mut Vec<usize>,
    ) -> Result<()> {
        let Some(seconds) = self.seconds().filter(|_| !leases.is_empty()) else { return Ok(()) };
        let mut request = Request::default();
        for &(at, cas) in leases {
            request.set(lease_key(self.key(at), cas).as_bytes(), b"", leasing(seconds));
        }
        let added = self.session.ask(request, None).await?;
        for (&(at, cas), added) in leases.iter().zip(added) {
            let leased = match added {
                wire::Answer::Done(_) => Leased::Won(self.session.token(cas)),
                wire::Answer::NotStored if matches!(self.claim, Claim::Replace(_)) => {
                    take_overs.push(at);
                    Leased::Taken
                }
                // A server without room for a lease gives none.
                _ => Leased::Taken,
            };
            if let Ok(answer) = &mut answers[at] {
                answer.leased = leased;
            }
        }
        Ok(())
    }

    /// Takes the lease from whoever has it: what is there gets another token, so that his is
    /// worthless.
    async fn take_over(&self, key: &str) -> Result<Answer> {
        let seconds = self.seconds().unwrap_or(1);
        for _ in 0..ATTEMPTS {
            let mut request = Request::default();
            request.get_with_end(key.as_bytes(), seconds);
            let Some(seen) = self.session.ask(request, None).await?.pop() else { break };
            let seen = Seen::of(seen);
            let mut request = Request::default();
            match &seen {
                Seen::Failed(what) => return Err(self.host.error(what)),
                Seen::Nothing => continue,
                Seen::Stub { cas, won: true } => return Ok(self.without(true, *cas)),
                Seen::Stub { cas, won: false } => {
                    let how = Set { ends: seconds, cas: Some(*cas), ..Set::default() };
                    request.set(key.as_bytes(), b"", how);
                }
                Seen::Value { cas, stale: true, left, .. } => {
                    request.stale(key.as_bytes(), self.ends(*left), Some(*cas));
                }
                Seen::Value { bytes, cas, flags, left, .. } => {
                    let ends = self.ends(*left);
                    let how = Set { ends, flags: *flags, cas: Some(*cas), absent: false };
                    request.set(key.as_bytes(), bytes, how);
                }
            }
            request.look(key.as_bytes());
            if let Some(answer) = self.taken_over(key, seen, request, seconds).await? {
                return Ok(answer);
            }
        }
        Ok(self.without(false, 0))
    }

    /// What came of it; `None` if somebody else was quicker.
    async fn taken_over(
        &self,
        key: &str,
        seen: Seen,
        request: Request,
        seconds: u64,
    ) -> Result<Option<Answer>> {
        let mut answers = self.session.ask(request, None).await?.into_iter();
        let (done, look) = (answers.next(), answers.next());
        let (Some(wire::Answer::Done(_)), Some(look)) = (done, look) else { return Ok(None) };
        match (seen, Seen::of(look)) {
            (Seen::Stub { .. }, Seen::Stub { cas, .. }) => Ok(Some(self.without(true, cas))),
            (Seen::Value { bytes, .. }, Seen::Value { cas, stale, .. }) => {
                let mut request = Request::default();
                request.set(lease_key(key, cas).as_bytes(), b"", leasing(seconds));
                let added = self.session.ask(request, None).await?.pop();
                let won = matches!(added, Some(wire::Answer::Done(_)));
                let leased = Leased::Won(self.session.token(cas));
                Ok(won.then(|| self.with(bytes, cas, stale, leased)))
            }
            _ => Ok(None),
        }
    }

    /// Seconds that are left, as the server counts an end.
    fn ends(&self, left: i64) -> u64 {
        let left = u64::try_from(left).ok().map(|left| Duration::from_secs(left.max(1)));
        expiry(left, self.host.settings.clock.unix())
    }
}

fn leasing(seconds: u64) -> Set {
    Set { ends: seconds, absent: true, ..Set::default() }
}

/// One key, as what a connection that ends leaves in doubt.
pub(super) fn in_doubt(keys: impl IntoIterator<Item = String>) -> Option<Arc<[String]>> {
    let keys: Arc<[String]> = keys.into_iter().collect();
    (!keys.is_empty()).then_some(keys)
}
