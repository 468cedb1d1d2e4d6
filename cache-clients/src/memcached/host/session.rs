//! Getting a connection that may be trusted, and asking over it.

use super::debts::Due;
use super::state::Way;
use super::stats::Counters;
use super::{Host, Open, lanes};
use crate::io;
use crate::memcached::connection::{Answers, Cause, Exchange, Greeting, Link, lend, open};
use crate::memcached::wire::{Answer, Request};
use cache_core::{Result, is_patient};
use std::hash::{Hash, Hasher};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::watch;

/// Which of a server's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Most requests.
    Small,
    /// Large values, which others would have to wait for.
    Large,
}

impl Kind {
    /// The other one.
    pub(super) fn other(self) -> Self {
        match self {
            Kind::Small => Kind::Large,
            Kind::Large => Kind::Small,
        }
    }
}

/// So many removals are delivered at once.
const BATCH: usize = 1000;
/// The bits of a token that count; the others are of the server's run.
const COUNT: u32 = 48;

/// A connection that may be trusted.
#[derive(Debug)]
pub(crate) struct Session {
    host: Arc<Host>,
    open: Open,
    deadline: Instant,
}

impl Session {
    /// A token from the server's number. Numbers begin at one in each run of a server: a token of
    /// another run, or of another server, is worthless.
    pub(crate) fn token(&self, cas: u64) -> u64 {
        // A server that has counted beyond 48 bits gives tokens that are never right: no fill, no harm.
        (u64::from(self.open.run) << COUNT) | (cas & ((1 << COUNT) - 1))
    }

    /// The server's number of a token, if it is of this server and run.
    pub(crate) fn cas(&self, token: u64) -> Option<u64> {
        (token >> COUNT == u64::from(self.open.run)).then_some(token & ((1 << COUNT) - 1))
    }

    /// Asks. `changes` are keys that are not to be trusted when there is no answer.
    pub(crate) async fn ask(
        &self,
        request: Request,
        changes: Option<Arc<[String]>>,
    ) -> Result<Vec<Answer>> {
        Counters::count(&self.host.counters.requests);
        let given = changes.clone();
        let exchange = Exchange::new(&self.open.link, request, self.deadline, changes);
        Ok(self.told(exchange.await, given.as_deref())?.into_vec())
    }

    /// Asks for one answer, which changes nothing, by a caller who knows what time it is.
    pub(crate) async fn ask_one(&self, request: Request, now: Instant) -> Result<Option<Answer>> {
        Counters::count(&self.host.counters.requests);
        let exchange = Exchange::new(&self.open.link, request, self.deadline, None);
        Ok(self.told(exchange.at(now).await, None)?.pop())
    }

    fn told(&self, outcome: Result<Answers, Cause>, changes: Option<&[String]>) -> Result<Answers> {
        let host = &self.host;
        match outcome {
            Ok(answers) => {
                host.answered();
                Ok(answers)
            }
            Err(cause) => {
                Counters::count(&host.counters.failures);
                changes.unwrap_or_default().iter().for_each(|key| host.owe(key));
                Err(host.error(cause))
            }
        }
    }

    pub(crate) fn host(&self) -> &Arc<Host> {
        &self.host
    }
}

impl Host {
    /// A connection that may be trusted, if there is one at the moment.
    pub(crate) fn session_now(self: &Arc<Self>, kind: Kind, deadline: Instant) -> Option<Session> {
        let open = self.state.lock().ready(kind)?;
        Some(Session { host: self.clone(), open, deadline })
    }

    /// The same for a plain read, which may go over the lane of this thread.
    pub(crate) fn reading_now(self: &Arc<Self>, kind: Kind, deadline: Instant) -> Option<Session> {
        // A thread that waits has one request at a time.
        if self.settings.lanes == 0 || kind != Kind::Small || is_patient() {
            return self.session_now(kind, deadline);
        }
        let thread = lanes::this_thread();
        let (open, make) = self.state.lock().ready_for(thread)?;
        if make {
            match Handle::try_current() {
                Ok(runtime) => {
                    io::handle().spawn(make_lane(self.itself.clone(), thread, runtime));
                }
                Err(_) => self.state.lock().made_lane(thread, None),
            }
        }
        Some(Session { host: self.clone(), open, deadline })
    }

    /// A connection that may be trusted, before the deadline.
    pub(crate) async fn session(
        self: &Arc<Self>,
        kind: Kind,
        deadline: Instant,
    ) -> Result<Session> {
        match self.ready(kind, deadline).await {
            Ok(open) => Ok(Session { host: self.clone(), open, deadline }),
            Err(cause) => {
                Counters::count(&self.counters.failures);
                Err(self.error(cause))
            }
        }
    }

    async fn ready(&self, kind: Kind, deadline: Instant) -> Result<Open, Cause> {
        if let Some(open) = self.state.lock().ready(kind) {
            return Ok(open);
        }
        loop {
            // Before the look, so that no change is missed.
            let mut changes = self.changes.subscribe();
            let way = self.state.lock().way(kind);
            match way {
                Way::Ready(open) => return Ok(open),
                Way::No(cause) => return Err(cause),
                Way::Wait => {}
                Way::Make => {
                    io::handle().spawn(make(self.itself.clone(), kind));
                }
                Way::Settle(links, due) => {
                    io::handle().spawn(settle(self.itself.clone(), links, due));
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if !within(left, &mut changes).await {
                return Err("no connection before the deadline".into());
            }
        }
    }

    /// One attempt to reach a server that is away.
    pub(super) async fn trial(&self) {
        let deadline = Instant::now() + self.settings.connect + self.settings.answer;
        // Two pauses for one failure would make a trial of nothing.
        self.state.lock().hurry();
        match self.ready(Kind::Small, deadline).await {
            Ok(open) => {
                let mut request = Request::default();
                request.version();
                let answers = Exchange::new(&open.link, request, deadline, None).await;
                self.tried(answers.is_ok());
            }
            Err(_) => self.tried(false),
        }
    }

    fn tried(&self, answered: bool) {
        let mut state = self.state.lock();
        // The end of a connection may have been reported already: then this is open, and a failure
        // more does nothing.
        if answered {
            state.breaker.succeeded();
        } else {
            state.breaker.failed(super::chance());
        }
    }

    /// A number for the run of the server that is greeted.
    fn run(&self, greeting: &Greeting) -> u16 {
        let mut hasher = std::hash::DefaultHasher::new();
        (&self.name, greeting.run).hash(&mut hasher);
        (hasher.finish() >> 48) as u16
    }
}

/// Makes a connection; on the I/O thread.
async fn make(host: Weak<Host>, kind: Kind) {
    let Some(strong) = host.upgrade() else { return };
    let (address, settings) = (strong.address.clone(), strong.settings.clone());
    drop(strong);
    let greeted = Arc::new(AtomicBool::new(false));
    let (of, live) = (host.clone(), greeted.clone());
    let lost = Box::new(move |cause: &Cause, calls: usize, changes: &[Arc<[String]>]| {
        // While greeting, the failure is counted below; the end of an idle connection is none.
        let failed = calls > 0 && live.load(Ordering::Relaxed);
        if let Some(host) = of.upgrade() {
            host.lost(cause, changes, failed);
        }
    });
    let opened = open(&address, &settings, lost).await;
    greeted.store(opened.is_ok(), Ordering::Relaxed);
    let Some(host) = host.upgrade() else { return };
    let made = match opened {
        Ok((link, greeting)) => {
            Counters::count(&host.counters.connects);
            host.item.fetch_min(greeting.item.unwrap_or(usize::MAX), Ordering::Relaxed);
            let run = host.run(&greeting);
            host.state.lock().version = Some(greeting.version);
            Some(Open { link, run })
        }
        Err(cause) => {
            host.lost(&cause, &[], true);
            None
        }
    };
    host.state.lock().made(kind, made);
    host.changes.send_replace(());
}

/// Makes the lane of a thread of this runtime; on the I/O thread. That it cannot be made, or ends, is no
/// failure of the server: the first connection shows those.
async fn make_lane(host: Weak<Host>, thread: usize, runtime: Handle) {
    let Some(strong) = host.upgrade() else { return };
    let (address, settings) = (strong.address.clone(), strong.settings.clone());
    drop(strong);
    let opened = open(&address, &settings, Box::new(|_, _, _| {})).await.ok();
    let Some(host) = host.upgrade() else {
        return opened.into_iter().for_each(|(link, _)| link.retire());
    };
    let made = opened.map(|(link, greeting)| {
        Counters::count(&host.counters.connects);
        lend(&link, &runtime);
        Open { link, run: host.run(&greeting) }
    });
    host.state.lock().made_lane(thread, made);
}

/// Delivers what a server has missed; on the I/O thread.
async fn settle(host: Weak<Host>, links: Vec<Arc<Link>>, due: Due) {
    let Some(strong) = host.upgrade() else { return };
    let answer = strong.settings.answer;
    drop(strong);
    let mut delivered = true;
    for link in &links {
        if let Err(cause) = deliver(link, &due, answer).await {
            link.close(&cause);
            delivered = false;
        }
    }
    let Some(host) = host.upgrade() else { return };
    host.state.lock().debts.delivered((!delivered).then_some(&due));
    host.changes.send_replace(());
}

async fn deliver(link: &Link, due: &Due, answer: Duration) -> Result<(), Cause> {
    let ask = |request| Exchange::new(link, request, Instant::now() + answer, None);
    match due {
        Due::Everything => {
            let mut request = Request::default();
            request.flush();
            match ask(request).await?.pop() {
                Some(Answer::Okay) => Ok(()),
                other => Err(format!("`flush_all` was answered by {other:?}").into()),
            }
        }
        Due::Keys(keys) => {
            for batch in keys.chunks(BATCH) {
                let mut request = Request::default();
                batch.iter().for_each(|key| request.delete(key.as_bytes(), None));
                for answer in ask(request).await?.into_vec() {
                    if let Answer::Failed(what) | Answer::Refused(what) = answer {
                        return Err(format!("a removal was answered by {what}").into());
                    }
                }
            }
            Ok(())
        }
    }
}

/// Whether something changes within a time, in any thread.
async fn within(time: Duration, changes: &mut watch::Receiver<()>) -> bool {
    let mut change = pin!(changes.changed());
    let mut sleep = pin!(io::sleep(time));
    std::future::poll_fn(|context| {
        if change.as_mut().poll(context).is_ready() {
            return Poll::Ready(true);
        }
        sleep.as_mut().poll(context).map(|()| false)
    })
    .await
}
