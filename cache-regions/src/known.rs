//! What a process knows of the revision of a region.

use crate::revisions::Revisions;
use cache_core::Invalidation;
use std::sync::Arc;

#[derive(Default)]
pub(crate) struct Known {
    pub(crate) revisions: Option<Arc<Revisions>>,
    /// Until when that is believed, in nanoseconds of the clock.
    pub(crate) until: u64,
    /// Counts what was learned: an answer to an older question does not count.
    pub(crate) changes: u64,
    pub(crate) doubts: Doubts,
}

impl Known {
    /// Says how the caches have to follow.
    pub(crate) fn learn(&mut self, found: Arc<Revisions>) -> Option<Invalidation> {
        let step = self.revisions.as_ref().and_then(|old| found.step_from(old));
        self.changes += u64::from(step.is_some());
        self.revisions = Some(found);
        step
    }
}

/// What the keeper of the revision has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// The one that is told.
    This,
    /// Another one; what is told was learned meanwhile, and may be earlier or later.
    Another,
    Nothing,
}

impl Said {
    /// `learned`: what was learned while it was asked.
    pub(crate) fn of(found: &Revisions, learned: Option<&Revisions>) -> Self {
        match learned.is_none_or(|learned| learned.now() == found.now()) {
            true => Said::This,
            false => Said::Another,
        }
    }
}

/// Changes of keys under a revision of which nobody could say whether it still held.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    under: Option<u64>,
    /// Under different ones.
    mixed: bool,
    /// Counts them: an answer to an older question says nothing about the latest.
    count: u64,
}

impl Doubts {
    pub(crate) fn add(&mut self, revision: u64) {
        self.mixed |= self.under.is_some_and(|under| under != revision);
        self.under = Some(revision);
        self.count += 1;
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn are_about_others_than(&self, revision: u64) -> bool {
        self.mixed || self.under.is_some_and(|under| under != revision)
    }

    /// All that there were at this count are settled.
    pub(crate) fn settle(&mut self, count: u64) {
        if self.count == count {
            (self.under, self.mixed) = (None, false);
        }
    }
}
