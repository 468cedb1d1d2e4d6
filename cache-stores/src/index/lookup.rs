//! What is there.

use super::answers::{Found, Limits, Totals};
use super::change::Change;
use super::slot::{Marks, Slot, unpack};
use super::{Index, nanos};
use crate::object::{CopyId, Standing};
use object_store::path::Path;
use std::time::Duration;

impl Index {
    /// The entry of a path; counts as a use of it.
    pub(crate) fn find(&self, path: &Path) -> Option<Found> {
        let now = self.now();
        self.look_at(|state| {
            let at = state.table.at_path(path.as_ref())?;
            let found = found(state.table.slab.get(at), &state.limits, now)?;
            if state.table.moves(at) {
                state.make(Change::Use { copy: found.copy });
                state.write_uses();
            }
            Some(found)
        })
    }

    /// The entry of a path, and nothing else happens.
    pub(crate) fn look(&self, path: &Path) -> Option<Found> {
        let now = self.now();
        self.look_at(|state| {
            let at = state.table.at_path(path.as_ref())?;
            found(state.table.slab.get(at), &state.limits, now)
        })
    }

    /// The payload of a chunk agreed with its checksum: [`Chunks::is_checked`](super::Chunks::is_checked) says so
    /// until the index is closed.
    pub(crate) fn checked(&self, copy: CopyId, chunk: u32) {
        self.look_at(|state| {
            if let Some(at) = state.table.at_copy(copy) {
                state.table.slab.get_mut(at).kept.check(chunk);
            }
        });
    }

    /// The copies that wait for the remote.
    pub(crate) fn unsent_copies(&self) -> Vec<(Path, CopyId)> {
        self.look_at(|state| {
            let waiting = state.table.slab.iter().filter(|slot| slot.marks.has(Marks::UNSENT));
            waiting.filter_map(|slot| Some((Path::parse(slot.path()).ok()?, slot.copy))).collect()
        })
    }

    pub(crate) fn totals(&self) -> Totals {
        self.look_at(|state| state.table.totals)
    }
}

fn found(slot: &Slot, limits: &Limits, now: Duration) -> Option<Found> {
    Some(Found {
        object: unpack(&slot.text)?,
        copy: slot.copy,
        chunk_size: slot.chunk_size,
        fetched: Duration::from_nanos(slot.fetched),
        age: now.saturating_sub(Duration::from_nanos(slot.fetched)),
        standing: standing(slot, limits, now),
        present: slot.kept.clone(),
    })
}

pub(super) fn standing(slot: &Slot, limits: &Limits, now: Duration) -> Standing {
    let young = |ttl: Duration| match nanos(now).checked_sub(slot.fetched) {
        Some(age) => Duration::from_nanos(age) < ttl,
        // Fetched in the future: the clock was set back, and nobody knows the age.
        None => false,
    };
    match slot.marks {
        marks if marks.has(Marks::UNSENT) => Standing::Unsent,
        marks if marks.has(Marks::DOUBT) => Standing::Doubtful,
        _ if limits.ttl.is_none_or(young) => Standing::Fresh,
        _ => Standing::Due,
    }
}
