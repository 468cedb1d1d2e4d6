//! Fences: what was asked of the remote before a change of its path is not kept after it.

use super::Index;
use object_store::path::Path;
use std::collections::HashMap;

/// The paths that somebody asks the remote about, or writes there. There are no more of them than tickets.
#[derive(Debug, Default)]
pub(super) struct Fences {
    paths: HashMap<Path, Fence>,
    next: u64,
}

#[derive(Debug, Default)]
struct Fence {
    tickets: usize,
    /// Tickets below this are fenced out.
    mark: u64,
    /// The marks of the writes of which nobody knows yet whether they happened.
    doubts: Vec<u64>,
    /// The same, of which nobody will know: the remote may still do them.
    lingering: Vec<u64>,
    /// Whether the entry was doubtful before the first of them, or one of them ended without an answer.
    doubtful: bool,
}

/// Leave to tell the index what the remote said about a path, as long as nothing else happens to the path.
/// Dropping the ticket of a write leaves its doubt in place.
#[derive(Debug)]
pub(crate) struct Ticket {
    index: Index,
    path: Path,
    mark: u64,
}

impl Ticket {
    pub(super) fn new(index: &Index, path: &Path, mark: u64) -> Self {
        Ticket { index: index.clone(), path: path.clone(), mark }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.index.shared.state.lock().fences.close(&self.path, self.mark);
    }
}

impl Fences {
    fn next(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A question to the remote.
    pub(super) fn ask(&mut self, path: &Path) -> u64 {
        self.paths.entry(path.clone()).or_default().tickets += 1;
        self.next()
    }

    /// A write to the remote, which fences everything before it.
    pub(super) fn write(&mut self, path: &Path, doubtful: bool) -> u64 {
        let mark = self.next();
        let fence = self.paths.entry(path.clone()).or_default();
        fence.doubtful = doubtful && fence.doubts.is_empty() || fence.doubtful;
        fence.tickets += 1;
        fence.mark = mark;
        fence.doubts.push(mark);
        mark
    }

    /// Fences every ticket of the path.
    pub(super) fn raise(&mut self, path: &Path) {
        let mark = self.next();
        if let Some(fence) = self.paths.get_mut(path) {
            fence.mark = mark;
        }
    }

    /// Whether what the holder of the ticket learned is what the remote has: nothing happened since, and
    /// nothing but his own write is happening.
    pub(super) fn holds(&self, ticket: &Ticket) -> bool {
        self.paths.get(&ticket.path).is_some_and(|fence| {
            fence.mark <= ticket.mark && fence.doubts.iter().all(|mark| *mark == ticket.mark)
        })
    }

    /// Whether no write began or ended since the ticket was taken.
    pub(super) fn serves(&self, ticket: &Ticket) -> bool {
        self.paths.get(&ticket.path).is_some_and(|fence| fence.mark <= ticket.mark)
    }

    /// The ticket's answer was taken: older ones are of no use any more.
    pub(super) fn take(&mut self, ticket: &Ticket) {
        // A question that was asked during the write may have been answered before it.
        let next = self.next();
        if let Some(fence) = self.paths.get_mut(&ticket.path) {
            let wrote = fence.doubts.contains(&ticket.mark);
            fence.doubts.retain(|mark| *mark != ticket.mark);
            fence.mark = if wrote { next } else { fence.mark.max(ticket.mark) };
            fence.doubtful &= !fence.doubts.is_empty();
        }
    }

    /// The ticket's write did not happen. Whether the entry is as it was before.
    pub(super) fn settle(&mut self, ticket: &Ticket) -> bool {
        let Some(fence) = self.paths.get_mut(&ticket.path) else { return false };
        let open = fence.doubts.len();
        fence.doubts.retain(|mark| *mark != ticket.mark);
        open > 0 && fence.doubts.is_empty() && !std::mem::take(&mut fence.doubtful)
    }

    /// The ticket's write has ended without an answer: what is learned from now on is kept, and doubtful until the ticket
    /// is dropped.
    pub(super) fn linger(&mut self, ticket: &Ticket) {
        let next = self.next();
        if let Some(fence) = self.paths.get_mut(&ticket.path) {
            fence.end(ticket.mark, next);
            fence.lingering.push(ticket.mark);
        }
    }

    /// Whether the remote may still do what it was asked for earlier.
    pub(super) fn lingers(&self, path: &Path) -> bool {
        self.paths.get(path).is_some_and(|fence| !fence.lingering.is_empty())
    }

    fn close(&mut self, path: &Path, ticket: u64) {
        let next = self.next();
        let Some(fence) = self.paths.get_mut(path) else { return };
        fence.end(ticket, next);
        fence.tickets -= 1;
        if fence.tickets == 0 {
            self.paths.remove(path);
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }
}

impl Fence {
    /// Of this doubt nothing more is heard.
    fn end(&mut self, ticket: u64, next: u64) {
        let is_it = |mark: &u64| *mark == ticket;
        if self.doubts.iter().any(is_it) {
            self.doubts.retain(|mark| *mark != ticket);
            self.doubtful = !self.doubts.is_empty();
            self.mark = next;
        }
        if self.lingering.iter().any(is_it) {
            self.lingering.retain(|mark| *mark != ticket);
            self.mark = next;
        }
    }
}
