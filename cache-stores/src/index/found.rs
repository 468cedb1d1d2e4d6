//! Rebuilding the index from what lies in local.

use super::answers::{Piece, Victim};
use super::change::Change;
use super::chunks::LARGEST;
use super::slot::{Marks, pack};
use super::{Index, State, nanos};
use crate::object::CopyId;

impl Index {
    /// One chunk that lies in local, in any order. Of two copies of a path the younger stays; what leaves for it
    /// comes back. What happened to the copies since they were fetched is not known: all of them are doubtful.
    pub(crate) fn add_found(&self, piece: &Piece) -> Vec<Victim> {
        self.run(|state| {
            let (copy, chunk) = (piece.copy, piece.chunk);
            let Some(bytes) = u32::try_from(piece.bytes).ok().filter(|_| piece.bytes <= LARGEST)
            else {
                return vec![state.drop_one(copy, chunk)];
            };
            let mut victims = Vec::new();
            if state.table.at_copy(copy).is_none() {
                match state.younger(piece) {
                    true => victims.extend(state.admit_found(piece)),
                    false => return vec![state.drop_one(copy, chunk)],
                }
            }
            state.make(Change::Keep { copy, first: chunk, count: 1, bytes });
            victims
        })
    }

    /// Everything that lies in local was told: the order is that in which it was fetched, and the limits hold
    /// again. An index on disk has its files from now on.
    pub(crate) fn found_all(&self) -> Vec<Victim> {
        let now = self.now();
        self.run(|state| {
            state.table.order_by_age();
            // No copy is being added to.
            let victims = state.make_room(CopyId(0), now);
            let State { table, log, .. } = state;
            if let Some(log) = log {
                log.restart(table);
            }
            victims
        })
    }
}

impl State {
    /// Whether the piece is of a younger copy than the path has.
    fn younger(&self, piece: &Piece) -> bool {
        self.table.at_path(piece.object.path.as_ref()).is_none_or(|at| {
            let slot = self.table.slab.get(at);
            (slot.fetched, slot.copy) < (nanos(piece.fetched), piece.copy)
        })
    }

    fn admit_found(&mut self, piece: &Piece) -> Option<Victim> {
        let at = self.table.at_path(piece.object.path.as_ref());
        let old = at.map(|at| self.table.slab.get(at).copy);
        let victim = old.and_then(|old| self.leave(old));
        self.make(Change::Admit {
            copy: piece.copy,
            chunk_size: piece.chunk_size,
            fetched: nanos(piece.fetched),
            marks: Marks(Marks::DOUBT),
            text: pack(&piece.object),
        });
        victim
    }
}
