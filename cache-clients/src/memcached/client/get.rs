//! Reads, and the leases that come with them.

use super::route::{Cluster, Results, Router, all};
use super::seen::Seen;
use super::{STALE, check, lease_key};
use crate::memcached::host::{Host, Kind, Session};
use crate::memcached::wire::{self, Request, Set, expiry, lease_seconds};
use crate::server::{Answer, Claim, Leased, Stored};
use bytes::Bytes;
use cache_core::Result;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often somebody else may be quicker while a lease is taken over.
const ATTEMPTS: usize = 8;

/// Keys of one server that are read over one connection, with their places among all.
struct Keys<'a> {
    host: &'a Arc<Host>,
    kind: Kind,
    keys: Vec<(usize, &'a str)>,
}

/// Reads the keys, at all servers at once.
pub(super) async fn get_many(
    router: &Router,
    keys: &[String],
    claim: Claim,
) -> Vec<Result<Answer>> {
    if matches!(claim, Claim::Replace(_)) {
        replaced(router, keys).await;
    }
    // One key is what most calls have: nothing to sort.
    if let [key] = keys {
        return vec![get(router, key, claim).await];
    }
    let deadline = router.deadline();
    let cluster = router.cluster().await;
    let mut results = Results::default();
    let groups = group(&cluster, keys, &mut results);
    // All are with one server: its answers are in the order of the keys.
    if let [Keys { host, kind, keys: all }] = groups.as_slice()
        && all.len() == keys.len()
    {
        let answers = at_one(host, *kind, all, claim, deadline).await;
        return answers.unwrap_or_else(|error| keys.iter().map(|_| Err(error.clone())).collect());
    }
    let reads = groups.iter().map(|g| at_one(g.host, g.kind, &g.keys, claim, deadline));
    let read = all(reads.collect()).await;
    for (group, answers) in groups.iter().zip(read) {
        match answers {
            Ok(answers) => {
                for ((at, _), answer) in group.keys.iter().zip(answers) {
                    results.set(*at, answer);
                }
            }
            Err(error) => {
                group.keys.iter().for_each(|(at, _)| results.set(*at, Err(error.clone())))
            }
        }
    }
    results.done(keys.len())
}

async fn get(router: &Router, key: &str, claim: Claim) -> Result<Answer> {
    check(key)?;
    let now = Instant::now();
    let (session, now) = match router.session_now(key, claim == Claim::Nothing, now) {
        Some(session) => (session, now),
        None => {
            let deadline = now + router.settings.deadline;
            let cluster = router.cluster().await;
            let (host, kind) = place(&cluster, key)?;
            (host.session(kind, deadline).await?, Instant::now())
        }
    };
    Reading { session: &session, host: session.host(), keys: &[(0, key)], claim }.one(now).await
}

/// Nothing of what is anywhere is wanted any more: also not by those who have it and are not asked now.
async fn replaced(router: &Router, keys: &[String]) {
    let cluster = router.cluster().await;
    for key in keys {
        if let Ok(route) = cluster.route(key) {
            route.changed(&router.former, key);
        }
    }
}

fn place<'a>(cluster: &'a Cluster, key: &str) -> Result<(&'a Arc<Host>, Kind)> {
    check(key)?;
    let (host, _) = cluster.place(key)?;
    Ok((host, host.kind_of(key)))
}

/// Sorts what goes where. What has no place has its error already.
fn group<'a>(
    cluster: &'a Cluster,
    keys: &'a [String],
    results: &mut Results<Answer>,
) -> Vec<Keys<'a>> {
    let mut groups: Vec<Keys<'a>> = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        let (host, kind) = match place(cluster, key) {
            Ok(place) => place,
            Err(error) => {
                results.set(at, Err(error));
                continue;
            }
        };
        let same = |group: &&mut Keys<'_>| Arc::ptr_eq(group.host, host) && group.kind == kind;
        match groups.iter_mut().find(same) {
            Some(group) => group.keys.push((at, key)),
            None => {
                let mut all = Vec::with_capacity(keys.len() - at);
                all.push((at, key.as_str()));
                groups.push(Keys { host, kind, keys: all });
            }
        }
    }
    groups
}

async fn at_one(
    host: &Arc<Host>,
    kind: Kind,
    keys: &[(usize, &str)],
    claim: Claim,
    deadline: Instant,
) -> Result<Vec<Result<Answer>>> {
    let session = host.session(kind, deadline).await?;
    Reading { session: &session, host, keys, claim }.run().await
}

/// A read of some keys of one server.
struct Reading<'a> {
    session: &'a Session,
    host: &'a Host,
    keys: &'a [(usize, &'a str)],
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

impl Reading<'_> {
    /// Reads the only key.
    async fn one(&self, now: Instant) -> Result<Answer> {
        let mut request = Request::with_room(self.key(0).len() + 32);
        request.get(self.key(0).as_bytes(), self.seconds());
        let seen = self.session.ask_one(request, now).await?;
        let seen = seen.map_or_else(|| Seen::Failed("no answer".to_owned()), Seen::of);
        let (answer, next) = self.judge(0, seen);
        if matches!(next, Next::Nothing) {
            return answer;
        }
        let mut answers = [answer];
        self.follow(&mut answers, next).await?;
        let [answer] = answers;
        answer
    }

    /// What is to be done after the read of the only key.
    async fn follow(&self, answers: &mut [Result<Answer>; 1], next: Next) -> Result<()> {
        let mut take_overs = Vec::new();
        match next {
            Next::Nothing => {}
            Next::Lease(cas) => self.ask_leases(&[(0, cas)], answers, &mut take_overs).await?,
            Next::TakeOver => take_overs.push(0),
        }
        if !take_overs.is_empty() {
            answers[0] = self.take_over(self.key(0)).await;
        }
        Ok(())
    }

    async fn run(&self) -> Result<Vec<Result<Answer>>> {
        let lease = self.seconds();
        let mut request = Request::with_room(self.keys.len() * 96);
        if lease.is_none() && self.keys.len() > 1 {
            request.get_all(self.keys.iter().map(|(_, key)| key.as_bytes()));
            return Ok(self.found(self.session.ask(request, None).await?));
        }
        for (_, key) in self.keys {
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

    /// What was found of all keys, in their order.
    fn found(&self, seen: Vec<wire::Answer>) -> Vec<Result<Answer>> {
        let mut seen = seen.into_iter().peekable();
        let mut one = |(at, (_, key)): (usize, &(usize, &str))| {
            let next = seen.next_if(|next| match next {
                wire::Answer::Found(pair, _) => pair.key() == key.as_bytes(),
                _ => false,
            });
            let next = next.or_else(|| match seen.peek() {
                // There is nothing more.
                Some(wire::Answer::End | wire::Answer::Found(..)) => Some(wire::Answer::Nothing),
                other => other.cloned(),
            });
            self.judge(at, Seen::of(next.unwrap_or(wire::Answer::End))).0
        };
        self.keys.iter().enumerate().map(&mut one).collect()
    }

    fn key(&self, at: usize) -> &str {
        self.keys[at].1
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
            Seen::Value { bytes, cas, root, stale, .. } => {
                self.host.sized(self.key(at), bytes.len());
                let wants = match self.claim {
                    Claim::Nothing => false,
                    Claim::Missing(_) => stale,
                    Claim::Refresh(_) | Claim::Replace(_) => true,
                };
                let next = if wants { Next::Lease(root) } else { Next::Nothing };
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
                Seen::Value { bytes, cas, flags, left, stale, .. } => {
                    let ends = self.ends(*left);
                    let flags = if *stale { flags | STALE } else { *flags };
                    let how = Set { ends, flags, cas: Some(*cas), absent: false };
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
