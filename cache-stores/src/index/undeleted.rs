//! What local did not delete: it waits here, and nobody deletes it meanwhile.

use super::Index;
use super::answers::Victim;
use super::change::Change;
use crate::object::CopyId;
use std::collections::VecDeque;

/// The most victims that wait, of some hundred bytes each. The one that has waited longest is let go of then: it is
/// found again when the index is made anew.
const MOST: usize = if cfg!(test) { 1000 } else { 1 << 16 };

/// The one that has waited longest first. Their chunks are *leaving* in the table, so that the next process is told of
/// them.
#[derive(Debug, Default)]
pub(super) struct Undeleted(VecDeque<Victim>);

impl Undeleted {
    /// Takes a chunk out. False: somebody is deleting it.
    pub(super) fn take(&mut self, copy: CopyId, chunk: u32) -> bool {
        let mut all = self.0.iter();
        let has = |victim: &Victim| victim.copy == copy && victim.chunks.contains(chunk);
        let Some(at) = all.position(has) else { return false };
        self.0[at].chunks.take(chunk);
        if self.0[at].chunks.is_empty() {
            self.0.remove(at);
        }
        true
    }

    /// Gives back what there is no room for.
    fn push(&mut self, victim: Victim) -> Option<Victim> {
        self.0.push_back(victim);
        if self.0.len() > MOST { self.0.pop_front() } else { None }
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &Victim> {
        self.0.iter()
    }
}

impl Index {
    /// Local has not deleted these, and nobody tries any more: they wait until somebody does [again](Index::again), or
    /// puts something in their place.
    pub(crate) fn undeleted(&self, victims: impl IntoIterator<Item = Victim>) {
        self.run(|state| {
            for victim in victims {
                for run in state.undeleted.push(victim).iter().flat_map(Victim::runs) {
                    state.make(run);
                }
            }
        });
    }

    /// The victim that has waited longest, to be deleted.
    pub(crate) fn again(&self) -> Option<Victim> {
        self.look_at(|state| state.undeleted.0.pop_front())
    }

    /// All that wait, to be deleted.
    pub(crate) fn all_again(&self) -> Vec<Victim> {
        self.look_at(|state| std::mem::take(&mut state.undeleted.0).into())
    }
}

impl Victim {
    /// That it is not there any more.
    pub(super) fn runs(&self) -> impl Iterator<Item = Change> + '_ {
        let Victim { copy, chunks } = self;
        let removed = |run: &super::chunks::Run| Change::Removed {
            copy: *copy,
            first: run.first,
            count: run.count,
        };
        chunks.runs().iter().map(removed)
    }
}
