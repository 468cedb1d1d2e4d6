//! Chunks come into local and leave it.

use super::Index;
use super::answers::{Kept, Victim};
use super::change::Change;
use super::chunks::{Chunks, LARGEST};
use crate::object::CopyId;

impl Index {
    /// A chunk is about to be put into local; to be said before, and [`keep`](Index::keep) or
    /// [`failed`](Index::failed) after, in any case. False: the copy is gone, the chunk is there already, or somebody else
    /// is putting it; then it is not to be put. If its deletion is still going on and comes after the put, the next
    /// read finds it [`lost`](Index::lost).
    pub(crate) fn intend(&self, copy: CopyId, chunk: u32) -> bool {
        self.run(|_, state| {
            let Some(at) = state.table.at_copy(copy) else { return false };
            let busy = state.table.slab.get(at).kept.contains(chunk)
                || state.table.is_intended(copy, chunk);
            if busy || chunk == u32::MAX {
                return false;
            }
            state.make(Change::Intend { copy, chunk });
            true
        })
    }

    /// A chunk lies in local and takes so many bytes there, its footer among them.
    pub(crate) fn keep(&self, copy: CopyId, chunk: u32, bytes: u64) -> Kept {
        let now = self.now();
        self.run(|shared, state| {
            let known = state.table.at_copy(copy).is_some()
                && !state.table.is_leaving(copy, chunk)
                && chunk != u32::MAX;
            match u32::try_from(bytes) {
                Ok(bytes) if known && u64::from(bytes) <= LARGEST => {
                    state.make(Change::Keep { copy, first: chunk, count: 1, bytes });
                    Kept::Yes { victims: state.make_room(&shared.limits, copy, now) }
                }
                _ => {
                    state.make(Change::Shed { copy, first: chunk, count: 1 });
                    Kept::Gone(Victim { copy, chunks: Chunks::one(chunk, 0) })
                }
            }
        })
    }

    /// Local does not have a chunk: it is not accounted any more.
    pub(crate) fn lost(&self, copy: CopyId, chunk: u32) {
        self.run(|_, state| {
            let Some(at) = state.table.at_copy(copy) else { return };
            if state.table.slab.get(at).kept.contains(chunk) {
                state.make(Change::Lose { copy, chunk });
            }
        });
    }

    /// A chunk lies in local and is of no use: it is to be deleted. `None`: it has left the index already.
    pub(crate) fn damaged(&self, copy: CopyId, chunk: u32) -> Option<Victim> {
        self.run(|_, state| {
            let at = state.table.at_copy(copy)?;
            let bytes = state.table.slab.get(at).kept.bytes_of(chunk)?;
            state.make(Change::Shed { copy, first: chunk, count: 1 });
            Some(Victim { copy, chunks: Chunks::one(chunk, u32::try_from(bytes).ok()?) })
        })
    }

    /// A chunk was not put into local after all.
    pub(crate) fn failed(&self, copy: CopyId, chunk: u32) {
        self.run(|_, state| {
            if state.table.is_intended(copy, chunk) {
                state.make(Change::Lose { copy, chunk });
            }
        });
    }

    /// A staged copy comes to nothing; the victims are its chunks.
    pub(crate) fn abandon(&self, copy: CopyId) -> Vec<Victim> {
        self.run(|_, state| state.leave(copy).into_iter().collect())
    }

    /// Local has deleted these. A process that is killed before it says so is told of them again when it opens
    /// the index.
    pub(crate) fn removed(&self, victims: &[Victim]) {
        self.run(|_, state| {
            for Victim { copy, chunks } in victims {
                for run in chunks.runs() {
                    let (first, count) = (run.first, run.count);
                    state.make(Change::Removed { copy: *copy, first, count });
                }
            }
        });
    }
}
