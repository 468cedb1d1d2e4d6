//! Chunks come into local and leave it. Each is put or deleted by one at a time, so that what the index says of it is
//! what lies there.

use super::answers::{Kept, Victim};
use super::change::Change;
use super::chunks::{Chunks, LARGEST};
use super::slot::Marks;
use super::{Index, State};
use crate::object::CopyId;
use object_store::path::Path;

impl Index {
    /// A chunk is about to be put into local; to be said before, and [`keep`](Index::keep) or
    /// [`failed`](Index::failed) after, in any case. False: the copy is gone, the chunk is there already, or somebody else
    /// is putting or deleting it; then it is not to be put.
    pub(crate) fn intend(&self, copy: CopyId, chunk: u32) -> bool {
        self.run(|state| {
            let Some(at) = state.table.at_copy(copy) else { return false };
            let busy = state.table.slab.get(at).kept.contains(chunk)
                || state.table.is_intended(copy, chunk);
            // The last number could not be the end of a run.
            if busy || chunk == u32::MAX {
                return false;
            }
            // What local did not delete is replaced.
            if state.table.is_leaving(copy, chunk) && !state.undeleted.take(copy, chunk) {
                return false;
            }
            state.make(Change::Intend { copy, chunk });
            true
        })
    }

    /// A chunk lies in local and takes so many bytes there, its footer among them.
    pub(crate) fn keep(&self, copy: CopyId, chunk: u32, bytes: u64) -> Kept {
        let now = self.now();
        self.run(|state| {
            let known = state.table.at_copy(copy).is_some();
            match u32::try_from(bytes) {
                Ok(bytes) if known && u64::from(bytes) <= LARGEST => {
                    state.make(Change::Keep { copy, first: chunk, count: 1, bytes });
                    Kept::Yes { victims: state.make_room(copy, now) }
                }
                _ => Kept::Gone(state.drop_one(copy, chunk)),
            }
        })
    }

    /// Local says that it has not taken an intended chunk. It may lie there nevertheless: it is to be deleted.
    pub(crate) fn failed(&self, copy: CopyId, chunk: u32) -> Victim {
        self.run(|state| state.drop_one(copy, chunk))
    }

    /// A chunk does not lie in local, or is of no use: it is not accounted any more, and to be deleted, since somebody
    /// may have put it again meanwhile. `None`: it has left the index already, or waits for the remote; then it is
    /// nowhere else, and a later attempt may find it well.
    pub(crate) fn damaged(&self, copy: CopyId, chunk: u32) -> Option<Victim> {
        self.run(|state| {
            let at = state.table.at_copy(copy)?;
            let slot = state.table.slab.get(at);
            let is_kept = slot.kept.contains(chunk) && slot.marks.can_go();
            is_kept.then(|| state.drop_one(copy, chunk))
        })
    }

    /// Something lies in local under the name of a chunk and is none: it is to be deleted.
    pub(crate) fn useless(&self, copy: CopyId, chunk: u32) -> Victim {
        self.run(|state| state.drop_one(copy, chunk))
    }

    /// Something lies in local under the name of a chunk. `None`: it is accounted for, or somebody puts or deletes it; else
    /// it is to be deleted.
    pub(crate) fn stray(&self, copy: CopyId, chunk: u32) -> Option<Victim> {
        self.run(|state| {
            let kept = state.table.at_copy(copy).map(|at| &state.table.slab.get(at).kept);
            let is_known = kept.is_some_and(|kept| kept.contains(chunk))
                || state.table.is_intended(copy, chunk)
                || state.table.is_leaving(copy, chunk);
            (!is_known).then(|| state.drop_one(copy, chunk))
        })
    }

    /// A copy comes to nothing; the victims are its chunks.
    pub(crate) fn abandon(&self, copy: CopyId) -> Vec<Victim> {
        self.run(|state| {
            // The remote has it by now, and had something else while it waited.
            if let Some(path) = state.unsent_path(copy) {
                state.fences.raise(&path);
            }
            state.leave(copy).into_iter().collect()
        })
    }

    /// Local has deleted these. A process that is killed before it says so is told of them again when it opens
    /// the index.
    pub(crate) fn removed(&self, victims: &[Victim]) {
        self.run(|state| {
            for run in victims.iter().flat_map(Victim::runs) {
                state.make(run);
            }
        });
    }
}

impl State {
    /// The path of a copy that waits for the remote.
    fn unsent_path(&self, copy: CopyId) -> Option<Path> {
        let slot = self.table.slab.get(self.table.at_copy(copy)?);
        slot.marks.has(Marks::UNSENT).then(|| Path::parse(slot.path()).ok())?
    }

    /// A chunk is to be deleted, whatever is known of it.
    pub(super) fn drop_one(&mut self, copy: CopyId, chunk: u32) -> Victim {
        self.make(Change::Shed { copy, first: chunk, count: 1 });
        Victim { copy, chunks: Chunks::one(chunk, 0) }
    }
}
