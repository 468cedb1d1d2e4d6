//! Stores.

use super::get::in_doubt;
use super::route::{Group, Results, Route, Router, all, group};
use super::seen::{Seen, with_root};
use super::{EMPTY, RENEWED, check};
use crate::memcached::host::{Kind, Session};
use crate::memcached::wire::{Answer, Request, Set, expiry};
use crate::server::{Put, When};
use cache_core::{Error, Result};
use std::time::Instant;

/// How often somebody else may be quicker while a value is added over a lease, or stored over a renewal.
const ATTEMPTS: usize = 8;

type Item = (Put, Route);

/// Stores the values, at all servers at once.
pub(super) async fn put_many(router: &Router, puts: Vec<Put>) -> Vec<Result<bool>> {
    let deadline = router.deadline();
    let cluster = router.cluster().await;
    let largest = router.largest();
    let count = puts.len();
    let mut results = Results::default();
    let place = |put: &Put| {
        check(&put.key)?;
        if put.bytes.len() > largest {
            return Err(Error::invalid(format!(
                "the value of `{}` has {} bytes: these servers take {largest}",
                put.key,
                put.bytes.len()
            )));
        }
        let route = cluster.route(&put.key)?;
        let kind = route.host.in_order(route.host.kind_for(put.bytes.len()), &put.key);
        Ok((route, kind))
    };
    let groups = group(puts, place, |at, error| results.set(at, Err(error)));
    let groups = groups.into_iter().map(|group| at_one(router, group, deadline));
    for (at, stored) in all(groups.collect()).await.into_iter().flatten() {
        results.set(at, stored);
    }
    results.done(count)
}

async fn at_one(
    router: &Router,
    group: Group<Item>,
    deadline: Instant,
) -> Vec<(usize, Result<bool>)> {
    let always = |(_, (put, _)): &&(usize, Item)| put.when == When::Always;
    for (_, (put, route)) in group.items.iter().filter(always) {
        // Before it is sent: the other server may be back at any time.
        route.changed(&router.former, &put.key);
    }
    let stored = match group.host.session(group.kind, deadline).await {
        Ok(session) => Writing { session: &session, group: &group }.run().await,
        Err(error) => {
            for (_, (put, _)) in group.items.iter().filter(always) {
                group.host.owe(&put.key);
            }
            Err(error)
        }
    };
    let places = group.items.iter().map(|(at, _)| *at);
    match stored {
        Ok(stored) => places.zip(stored).collect(),
        Err(error) => places.map(|at| (at, Err(error.clone()))).collect(),
    }
}

struct Writing<'a> {
    session: &'a Session,
    group: &'a Group<Item>,
}

impl Writing<'_> {
    async fn run(&self) -> Result<Vec<Result<bool>>> {
        let bytes = self.group.items.iter().map(|(_, (put, _))| put.bytes.len() + 300).sum();
        let mut request = Request::with_room(bytes);
        // Tokens of another run of the server are worthless: they are not even sent.
        let mut sent = Vec::with_capacity(self.group.items.len());
        let mut changes = Vec::new();
        for (_, (put, route)) in &self.group.items {
            let how = self.how(put, route).filter(|_| !matches!(put.when, When::Renewed(_)));
            sent.push(how.is_some());
            if let Some(how) = how {
                request.set(put.key.as_bytes(), &put.bytes, how);
                // What is added late would be there after a removal that goes over the other connection.
                let late = put.when == When::Absent && self.group.kind == Kind::Large;
                if put.when == When::Always || late {
                    changes.push(put.key.clone());
                }
            }
        }
        let mut answers = match request.answers() {
            0 => Vec::new(),
            _ => self.session.ask(request, in_doubt(changes)).await?,
        }
        .into_iter();
        let mut stored = Vec::with_capacity(sent.len());
        for ((_, item), sent) in self.group.items.iter().zip(sent) {
            let answer = if sent { answers.next() } else { Some(Answer::Exists) };
            stored.push(self.outcome(item, answer).await);
        }
        Ok(stored)
    }

    fn how(&self, put: &Put, route: &Route) -> Option<Set> {
        let now = self.group.host.settings.clock.unix();
        let cas = match put.when {
            When::Token(token) | When::Renewed(token) => Some(self.session.cas(token)?),
            When::Always | When::Absent => None,
        };
        Some(Set {
            ends: expiry(route.keep(put.keep), now),
            flags: if put.bytes.is_empty() { EMPTY } else { 0 },
            cas,
            absent: put.when == When::Absent,
        })
    }

    async fn outcome(&self, item: &Item, answer: Option<Answer>) -> Result<bool> {
        let (put, _) = item;
        let stored = match answer {
            Some(Answer::Done(_)) => true,
            Some(Answer::NotStored) if put.when == When::Absent => {
                self.add_over_lease(item).await?
            }
            Some(Answer::Exists) => match put.when {
                When::Token(_) => self.put_over_renewal(item).await?,
                When::Renewed(_) => self.renew(item).await?,
                When::Always | When::Absent => false,
            },
            Some(Answer::NotStored | Answer::NotFound) => false,
            Some(Answer::Failed(what)) => {
                return Err(self.group.host.error(format_args!("`{}`: {what}", put.key)));
            }
            other => {
                return Err(self.group.host.error(format_args!("a put was answered by {other:?}")));
            }
        };
        if stored {
            self.group.host.sized(&put.key, put.bytes.len());
        }
        Ok(stored)
    }

    async fn seen(&self, put: &Put) -> Result<Seen> {
        let mut request = Request::default();
        request.get(put.key.as_bytes(), None);
        let seen = self.session.ask(request, None).await?.pop();
        match seen.map_or(Seen::Nothing, Seen::of) {
            Seen::Failed(what) => Err(self.group.host.error(what)),
            seen => Ok(seen),
        }
    }

    async fn set(&self, put: &Put, bytes: &[u8], how: Set) -> Result<bool> {
        let mut request = Request::with_room(bytes.len() + 300);
        request.set(put.key.as_bytes(), bytes, how);
        let done = self.session.ask(request, None).await?.pop();
        match done {
            Some(Answer::Failed(what)) => {
                Err(self.group.host.error(format_args!("`{}`: {what}", put.key)))
            }
            done => Ok(matches!(done, Some(Answer::Done(_)))),
        }
    }

    /// Another number is there than that of the lease: if it only stands for a renewal, the lease holds.
    async fn put_over_renewal(&self, (put, route): &Item) -> Result<bool> {
        let Some(how) = self.how(put, route) else { return Ok(false) };
        for _ in 0..ATTEMPTS {
            let cas = match self.seen(put).await? {
                Seen::Value { cas, root, .. } if Some(root) == how.cas && cas != root => cas,
                _ => return Ok(false),
            };
            if self.set(put, &put.bytes, Set { cas: Some(cas), ..how }).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Stores the value with the number that leases over it go by.
    async fn renew(&self, (put, route): &Item) -> Result<bool> {
        let Some(how) = self.how(put, route) else { return Ok(false) };
        let root = match self.seen(put).await? {
            Seen::Value { cas, root, .. } if Some(cas) == how.cas => root,
            _ => return Ok(false),
        };
        // There is room to spare for it behind the largest value.
        let how = Set { flags: how.flags | RENEWED, ..how };
        self.set(put, &with_root(&put.bytes, root), how).await
    }

    /// Something is there: a lease in progress over nothing loses, a value stays.
    async fn add_over_lease(&self, (put, route): &Item) -> Result<bool> {
        let Some(how) = self.how(put, route) else { return Ok(false) };
        for _ in 0..ATTEMPTS {
            let mut request = Request::default();
            request.look(put.key.as_bytes());
            let Some(seen) = self.session.ask(request, None).await?.pop() else { break };
            let how = match Seen::of(seen) {
                Seen::Value { .. } => return Ok(false),
                Seen::Failed(what) => return Err(self.group.host.error(what)),
                Seen::Nothing => how,
                Seen::Stub { cas, .. } => Set { cas: Some(cas), absent: false, ..how },
            };
            let mut request = Request::with_room(put.bytes.len() + 300);
            request.set(put.key.as_bytes(), &put.bytes, how);
            if let Some(Answer::Done(_)) = self.session.ask(request, None).await?.pop() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
