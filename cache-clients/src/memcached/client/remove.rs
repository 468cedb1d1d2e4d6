//! Removes, makes stale, gives leases back.

use super::get::in_doubt;
use super::route::{Group, Results, Route, Router, all, group};
use super::seen::Seen;
use super::{STALE, check, lease_key};
use crate::memcached::host::{Kind, Session};
use crate::memcached::wire::{Answer, Request, Set, expiry};
use cache_core::Result;
use std::time::{Duration, Instant};

/// How often somebody else may be quicker before a value is removed instead of made stale.
const ATTEMPTS: usize = 4;

type Key<'a> = (&'a String, Route);

/// Removes the keys, at all servers at once.
pub(super) async fn delete_many(router: &Router, keys: &[String]) -> Vec<Result<bool>> {
    let deadline = router.deadline();
    let cluster = router.cluster().await;
    let mut results = Results::default();
    let place = |key: &&String| {
        check(key)?;
        let route = cluster.route(key)?;
        let kind = route.host.in_order(Kind::Small, key);
        Ok((route, kind))
    };
    let groups = group(keys, place, |at, error| results.set(at, Err(error)));
    let groups = groups.into_iter().map(|group| delete(router, group, deadline));
    for (at, deleted) in all(groups.collect()).await.into_iter().flatten() {
        results.set(at, deleted);
    }
    results.done(keys.len())
}

async fn delete(
    router: &Router,
    group: Group<Key<'_>>,
    deadline: Instant,
) -> Vec<(usize, Result<bool>)> {
    let mut request = Request::with_room(group.items.len() * 128);
    for (_, (key, route)) in &group.items {
        route.changed(&router.former, key);
        request.look(key.as_bytes());
        request.delete(key.as_bytes(), None);
    }
    let places = group.items.iter().map(|(at, _)| *at);
    let answers = match group.host.session(group.kind, deadline).await {
        Ok(session) => {
            let changes = group.items.iter().map(|(_, (key, _))| (*key).clone());
            session.ask(request, in_doubt(changes)).await
        }
        Err(error) => {
            group.items.iter().for_each(|(_, (key, _))| group.host.owe(key));
            Err(error)
        }
    };
    let answers = match answers {
        Ok(answers) => answers,
        Err(error) => return places.map(|at| (at, Err(error.clone()))).collect(),
    };
    let deleted = answers.chunks_exact(2).map(|pair| match &pair[1] {
        Answer::Done(_) => Ok(matches!(Seen::of(pair[0].clone()), Seen::Value { .. })),
        Answer::NotFound => Ok(false),
        other => Err(group.host.error(format_args!("a delete was answered by {other:?}"))),
    });
    places.zip(deleted).collect()
}

/// A key of which something is changed.
struct Change<'a> {
    key: &'a str,
    route: Route,
    session: Session,
}

impl<'a> Change<'a> {
    async fn begin(router: &Router, key: &'a str) -> Result<Self> {
        check(key)?;
        let deadline = router.deadline();
        let route = router.cluster().await.route(key)?;
        let kind = route.host.in_order(route.host.kind_of(key), key);
        let session = route.host.session(kind, deadline).await?;
        Ok(Change { key, route, session })
    }

    /// Asks for one thing; the key is in doubt until it is answered.
    async fn ask(&self, write: impl FnOnce(&mut Request)) -> Result<Option<Answer>> {
        let mut request = Request::default();
        write(&mut request);
        Ok(self.session.ask(request, in_doubt([self.key.to_owned()])).await?.pop())
    }

    async fn delete(&self, cas: Option<u64>) -> Result<Option<Answer>> {
        self.ask(|request| request.delete(self.key.as_bytes(), cas)).await
    }

    /// Makes the value stale, if nobody else is quicker too often: puts it again with a flag, since
    /// the server's own mark is not seen by those who read many keys at once.
    async fn expire(&self, ends: u64) -> Result<bool> {
        let key = self.key.as_bytes();
        for _ in 0..ATTEMPTS {
            let Some(seen) = self.ask(|request| request.get(key, None)).await? else { break };
            let (done, there) = match Seen::of(seen) {
                Seen::Failed(what) => return Err(self.route.host.error(what)),
                Seen::Nothing => return Ok(false),
                // A lease over nothing is removed: a stale one would never end for those who wait.
                Seen::Stub { cas, .. } => (self.delete(Some(cas)).await?, false),
                Seen::Value { bytes, cas, flags, .. } => {
                    let how = Set { ends, flags: flags | STALE, cas: Some(cas), absent: false };
                    (self.ask(|request| request.set(key, &bytes, how)).await?, true)
                }
            };
            match done {
                Some(Answer::Done(_)) => return Ok(there),
                Some(Answer::NotFound) => return Ok(false),
                _ => {}
            }
        }
        match self.delete(None).await? {
            Some(Answer::Done(_)) => Ok(true),
            Some(Answer::NotFound) => Ok(false),
            other => Err(self.route.host.error(format_args!("a delete was answered by {other:?}"))),
        }
    }
}

/// Removes a value that is still of this token, unless somebody has the lease beside it.
pub(super) async fn discard(router: &Router, key: &str, token: u64) -> Result<bool> {
    let change = Change::begin(router, key).await?;
    let Some(cas) = change.session.cas(token) else { return Ok(false) };
    let mut request = Request::default();
    request.get(key.as_bytes(), None);
    // A lease over nothing has a token, too.
    let seen = change.session.ask(request, None).await?.pop().map(Seen::of);
    let root = match seen {
        Some(Seen::Value { cas: now, root, .. }) if now == cas => root,
        _ => return Ok(false),
    };
    let mut request = Request::default();
    request.look(lease_key(key, root).as_bytes());
    let lease = change.session.ask(request, None).await?.pop().map(Seen::of);
    if !matches!(lease, Some(Seen::Nothing)) {
        return Ok(false);
    }
    let mut request = Request::default();
    request.delete(key.as_bytes(), Some(cas));
    let removed = change.session.ask(request, None).await?.pop();
    Ok(matches!(removed, Some(Answer::Done(_))))
}

/// Makes a value stale.
pub(super) async fn expire(router: &Router, key: &str, keep: Duration) -> Result<bool> {
    let change = match Change::begin(router, key).await {
        Ok(change) => change,
        Err(error) => {
            if let Ok(route) = router.now().route(key) {
                route.changed(&router.former, key);
                route.host.owe(key);
            }
            return Err(error);
        }
    };
    change.route.changed(&router.former, key);
    let keep = change.route.keep(Some(keep));
    change.expire(expiry(keep, router.settings.clock.unix())).await
}

/// Gives a lease back: the stub if it is still of this token, and what is beside a value.
pub(super) async fn release(router: &Router, key: &str, token: u64) -> Result<()> {
    let change = Change::begin(router, key).await?;
    let Some(cas) = change.session.cas(token) else { return Ok(()) };
    let mut request = Request::default();
    request.look(key.as_bytes());
    request.delete(lease_key(key, cas).as_bytes(), None);
    let seen = change.session.ask(request, None).await?.into_iter().next();
    if let Some(Seen::Stub { cas: now, .. }) = seen.map(Seen::of)
        && now == cas
    {
        let mut request = Request::default();
        request.delete(key.as_bytes(), Some(cas));
        change.session.ask(request, None).await?;
    }
    Ok(())
}
