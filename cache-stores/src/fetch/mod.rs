//! Flights: one request to the remote for all who read the same at the same time.
//!
//! First an *opening*: one for each path, it asks the remote which version there is. Then the *runs* of that version,
//! which bring its chunks. What an opening found is kept only if its ticket holds: nothing was written meanwhile.

mod bell;
mod failure;
mod heads;
mod live;
mod opening;
mod pieces;
mod run;
mod spare;
mod state;
mod watch;

pub(crate) use failure::{Failure, again, is_away, is_changed, own};
pub(crate) use heads::{Description, Head, head};
pub(crate) use live::{Live, Seat, Version};
pub(crate) use opening::{Outcome, Request, open};
pub(crate) use run::{changed, request, start};
pub(crate) use state::Begin;
pub(crate) use watch::Fetch;

use crate::index::{Index, Ticket};
use crate::object::CopyId;
use crate::store::Inner;
use futures::future::Shared;
use object_store::path::Path;
use parking_lot::Mutex;
use spare::Spares;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use tokio::sync::oneshot;

/// The flights of a store.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    table: Mutex<Table>,
    heads: heads::Heads,
    spares: Spares,
}

#[derive(Debug, Default)]
struct Table {
    openings: HashMap<Path, Opening>,
    lives: HashMap<CopyId, Weak<Live>>,
    next: u64,
    /// How many lives there may be before those that ended are swept out.
    sweep: usize,
}

#[derive(Debug)]
struct Opening {
    id: u64,
    ticket: Arc<Ticket>,
    outcome: Follow,
}

/// What those who wait for an opening have of it.
pub(crate) type Follow = Shared<oneshot::Receiver<Outcome>>;

/// Whether an opening that is in progress will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Join {
    Any,
    /// The remote has to be asked from now on.
    New,
}

/// Who asks the remote: dropped without an outcome, it fails those who wait.
#[derive(Debug)]
pub(crate) struct Leader {
    inner: Arc<Inner>,
    path: Path,
    id: u64,
    ticket: Arc<Ticket>,
    outcome: Option<oneshot::Sender<Outcome>>,
}

impl Flights {
    /// Follows the opening that is in progress, or leads one.
    fn join(inner: &Arc<Inner>, path: &Path, how: Join) -> (Follow, Option<Leader>) {
        use futures::FutureExt;
        let mut table = inner.flights.table.lock();
        if let Some(opening) = table.openings.get(path)
            && how == Join::Any
            // Since a write, what was asked before it is of no use to those who come after it.
            && inner.index.serves(&opening.ticket)
        {
            return (opening.outcome.clone(), None);
        }
        let (outcome, follow) = oneshot::channel();
        let follow = follow.shared();
        table.next += 1;
        let (id, ticket) = (table.next, Arc::new(inner.index.begin(path)));
        let opening = Opening { id, ticket: ticket.clone(), outcome: follow.clone() };
        let before = table.openings.insert(path.clone(), opening);
        drop(table);
        drop(before);
        let (inner, path) = (inner.clone(), path.clone());
        (follow, Some(Leader { inner, path, id, ticket, outcome: Some(outcome) }))
    }

    /// The opening that is in progress, if there is one that is of use to those who come now.
    pub(crate) fn follow(&self, index: &Index, path: &Path) -> Option<Follow> {
        let table = self.table.lock();
        let opening = table.openings.get(path)?;
        index.serves(&opening.ticket).then(|| opening.outcome.clone())
    }

    /// What is being fetched of a copy, if anything is.
    pub(crate) fn live(&self, copy: CopyId) -> Option<Arc<Live>> {
        self.table.lock().lives.get(&copy).and_then(Weak::upgrade)
    }

    /// The same; it begins with this. A version that is not kept is nobody else's.
    pub(crate) fn live_of(&self, version: &Arc<Version>) -> Arc<Live> {
        let Some(copy) = version.copy else { return Live::new(version.clone()) };
        let mut table = self.table.lock();
        if let Some(live) = table.lives.get(&copy).and_then(Weak::upgrade) {
            return live;
        }
        let live = Live::new(version.clone());
        table.lives.insert(copy, Arc::downgrade(&live));
        if table.lives.len() > table.sweep {
            table.lives.retain(|_, live| live.strong_count() > 0);
            table.sweep = (2 * table.lives.len()).max(64);
        }
        live
    }

    /// Whether anything is being fetched for a path.
    pub(crate) fn is_flying(&self, path: &Path, copy: Option<CopyId>) -> bool {
        let asked = self.table.lock().openings.contains_key(path);
        asked || copy.and_then(|copy| self.live(copy)).is_some_and(|live| live.is_running())
    }
}

impl Leader {
    /// Tells those who wait. From here on others begin anew.
    fn done(mut self, outcome: Outcome) {
        self.leave();
        if let Some(sender) = self.outcome.take() {
            // Nobody may be waiting any more.
            let _ = sender.send(outcome);
        }
    }

    fn leave(&self) {
        let mut table = self.inner.flights.table.lock();
        let left = match table.openings.get(&self.path) {
            Some(opening) if opening.id == self.id => table.openings.remove(&self.path),
            _ => None,
        };
        drop(table);
        drop(left);
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.leave();
    }
}

/// What lies in local of a copy: nothing, when it has left the index.
pub(crate) fn lies(index: &Index, copy: Option<CopyId>, chunk: u32) -> bool {
    let chunks = copy.and_then(|copy| index.chunks(copy));
    chunks.is_some_and(|chunks| chunks.contains(chunk))
}
