//! What a read asks of the index while it asks the remote.

use super::{Chunks, Index, Ticket, Victim};
use crate::object::CopyId;

impl Index {
    /// Whether an answer to this ticket's question is one for those who come now: nothing has been written since it
    /// was asked. During a write it may be: those who come then may hear of what was before.
    pub(crate) fn serves(&self, ticket: &Ticket) -> bool {
        self.run(|state| state.fences.serves(ticket))
    }

    /// The remote does not have the path. If something happened to it since the ticket was taken, that is the
    /// truth, and the entry stays.
    pub(crate) fn gone(&self, ticket: &Ticket) -> Vec<Victim> {
        self.run(|state| match state.fences.holds(ticket) && !state.waits(ticket.path()) {
            true => {
                state.fences.take(ticket);
                state.forget(ticket.path())
            }
            false => Vec::new(),
        })
    }

    /// The chunks of a copy that lie in local; `None`: the copy has left.
    pub(crate) fn chunks(&self, copy: CopyId) -> Option<Chunks> {
        self.run(|state| {
            let at = state.table.at_copy(copy)?;
            Some(state.table.slab.get(at).kept.clone())
        })
    }
}
