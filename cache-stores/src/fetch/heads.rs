//! What an object is: asked once for all who want to know it at the same time.

use super::failure::own;
use super::{Failure, Fetch, Join, Outcome, opening};
use crate::index::{Found, Ticket};
use crate::object::Object;
use crate::runtime;
use crate::store::Inner;
use futures::FutureExt;
use futures::future::Shared;
use object_store::path::Path;
use object_store::{
    Attributes, Error, Extensions, GetOptions, GetResult, ObjectMeta, ObjectStore, Result,
};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The questions of a store that wait for their answer.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    asked: Mutex<HashMap<Path, Asked>>,
}

#[derive(Debug)]
struct Asked {
    ticket: Arc<Ticket>,
    answer: Follow,
}

type Follow = Shared<oneshot::Receiver<Head>>;

/// What is known of an object now.
#[derive(Debug, Clone)]
pub(crate) enum Head {
    /// The remote said so.
    Told(Arc<Description>),
    /// The copy is what the remote has.
    Copy(Arc<Found>),
    Failed(Failure),
}

/// An object without its bytes.
#[derive(Debug)]
pub(crate) struct Description {
    pub(crate) meta: ObjectMeta,
    pub(crate) attributes: Attributes,
    pub(crate) extensions: Extensions,
}

impl From<GetResult> for Description {
    fn from(result: GetResult) -> Self {
        let GetResult { meta, attributes, extensions, .. } = result;
        Description { meta, attributes, extensions }
    }
}

impl From<&Object> for Description {
    fn from(object: &Object) -> Self {
        let (meta, attributes) = (object.meta(), object.attributes.clone());
        Description { meta, attributes, extensions: Extensions::default() }
    }
}

/// Asks the remote, together with all who ask for the same path now, be it for its bytes. `known` is what the caller
/// has found in the index.
pub(crate) async fn head(
    inner: &Arc<Inner>,
    path: &Path,
    known: Option<&Found>,
    join: Join,
) -> Head {
    if join == Join::Any
        && let Some(head) = opened(inner, path).await
    {
        return head;
    }
    let (follow, leader) = Heads::join(inner, path, join);
    match leader {
        // Between the caller's look at the index and now, somebody's question was answered.
        Some(leader) if let Some(found) = opening::meanwhile(inner, path, known, join) => {
            inner.stats.joined.add(1);
            leader.done(Head::Copy(Arc::new(found)));
        }
        Some(leader) => drop(runtime::handle().spawn(lead(leader))),
        None => inner.stats.joined.add(1),
    }
    let panicked = || Head::Failed(Arc::new(own("the remote store panicked")));
    follow.await.unwrap_or_else(|_| panicked())
}

/// What the opening finds that is in progress. `None`: there is none, or it tells nothing.
async fn opened(inner: &Inner, path: &Path) -> Option<Head> {
    let follow = inner.flights.follow(&inner.index, path)?;
    inner.stats.joined.add(1);
    match follow.await {
        Ok(Outcome::Renewed(found)) => Some(Head::Copy(found)),
        Ok(Outcome::Opened(live, _)) => {
            Some(Head::Told(Arc::new(Description::from(&live.version.object))))
        }
        Ok(Outcome::Failed(failure)) => Some(Head::Failed(failure)),
        Ok(Outcome::Odd) | Err(_) => None,
    }
}

/// One question to the remote, without conditions: they would hide what it has.
pub(super) async fn ask(inner: &Inner, path: &Path) -> Result<GetResult> {
    inner.stats.fetches.add(1);
    let fetch = Fetch::begin(inner);
    let options = GetOptions::new().with_head(true);
    let answer = fetch.around(inner.remote.get_opts(path, options)).await;
    match &answer {
        Ok(_) => fetch.end("head"),
        Err(error) => fetch.fail(error),
    }
    answer
}

async fn lead(leader: Leader) {
    let (inner, ticket) = (&leader.inner, &leader.ticket);
    // After the ticket: what is deleted later fences it.
    let answer = match inner.deleted(ticket.path()) {
        Some(gone) => Err(gone),
        None => ask(inner, ticket.path()).await,
    };
    let head = match answer {
        Ok(result) => {
            correct(inner, ticket, Some(&result.meta)).await;
            Head::Told(Arc::new(result.into()))
        }
        Err(error) => {
            match &error {
                Error::NotFound { .. } => {
                    correct(inner, ticket, None).await;
                    if inner.index.serves(ticket) {
                        inner.absent(ticket.path()).await;
                    }
                }
                _ => inner.stats.remote_errors.add(1),
            }
            Head::Failed(Arc::new(error))
        }
    };
    leader.done(head);
}

/// The copy is renewed by what the remote has, or goes.
async fn correct(inner: &Inner, ticket: &Ticket, meta: Option<&ObjectMeta>) {
    let found = inner.index.look(ticket.path());
    let same = found.filter(|found| {
        meta.is_some_and(|meta| {
            let tag = meta.e_tag.as_ref();
            tag.is_some() && tag == found.object.e_tag.as_ref() && meta.size == found.object.size
        })
    });
    match same {
        Some(found) if inner.index.renew(ticket, found.copy) => inner.stats.renewed.add(1),
        // Also if there is no copy: none may come by an older answer. Nothing, if something has happened to the path.
        Some(_) | None => inner.remove(inner.index.gone(ticket)).await,
    }
}

/// Who asks: dropped without an answer, it fails those who wait.
#[derive(Debug)]
struct Leader {
    inner: Arc<Inner>,
    ticket: Arc<Ticket>,
    answer: Option<oneshot::Sender<Head>>,
}

impl Heads {
    /// Follows the question that is being asked, or leads one.
    fn join(inner: &Arc<Inner>, path: &Path, how: Join) -> (Follow, Option<Leader>) {
        let mut all = inner.flights.heads.asked.lock();
        if let Some(asked) = all.get(path)
            && how == Join::Any
            // Since a write, what was asked before it is of no use to those who come after it.
            && inner.index.serves(&asked.ticket)
        {
            return (asked.answer.clone(), None);
        }
        let (answer, follow) = oneshot::channel();
        let (ticket, follow) = (Arc::new(inner.index.begin(path)), follow.shared());
        let asked = Asked { ticket: ticket.clone(), answer: follow.clone() };
        let before = all.insert(path.clone(), asked);
        drop(all);
        drop(before);
        (follow, Some(Leader { inner: inner.clone(), ticket, answer: Some(answer) }))
    }
}

impl Leader {
    /// Tells those who wait. From here on others ask anew.
    fn done(mut self, head: Head) {
        self.leave();
        if let Some(sender) = self.answer.take() {
            // Nobody may be waiting any more.
            let _ = sender.send(head);
        }
    }

    fn leave(&self) {
        let mut all = self.inner.flights.heads.asked.lock();
        let left = match all.get(self.ticket.path()) {
            Some(asked) if Arc::ptr_eq(&asked.ticket, &self.ticket) => {
                all.remove(self.ticket.path())
            }
            _ => None,
        };
        drop(all);
        drop(left);
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.leave();
    }
}
