//! Requests that ended without an answer: the remote may still do what it was asked for, behind what it is asked for
//! next.

use object_store::path::Path;
use std::collections::HashMap;
use std::time::Duration;

/// So long after a write it is looked whether an earlier request has come behind it; and so long after such a request
/// nothing goes past the journal. Nobody can tell how long a network keeps one. See DESIGN.md.
pub(in crate::write) const LATE: Duration = Duration::from_secs(30);
/// Of so many paths this is known.
const MOST: usize = 1 << 16;

/// It outlives the wait of a path: the same bytes may have been sent again, and the first attempt still be on its way.
#[derive(Debug, Default)]
pub(crate) struct Late(HashMap<Path, Attempts>);

#[derive(Debug, Clone, Copy)]
struct Attempts {
    /// Their first and last number.
    numbers: (u64, u64),
    /// As far as is known none of them comes after this.
    until: u64,
}

impl Late {
    /// An attempt to send the write of this number has ended so.
    pub(crate) fn add(&mut self, path: &Path, seq: u64, now: u64) {
        if self.0.len() >= MOST
            && !self.0.contains_key(path)
            && let Some(other) = self.0.keys().next().cloned()
        {
            self.0.remove(&other);
        }
        let late = u64::try_from(LATE.as_nanos()).unwrap_or(u64::MAX);
        let until = now.saturating_add(late);
        let attempts = Attempts { numbers: (seq, seq), until };
        let attempts = self.0.entry(path.clone()).or_insert(attempts);
        (attempts.numbers.1, attempts.until) = (seq, until);
    }

    /// Whether an older write of the path may come behind this one.
    pub(crate) fn is_before(&self, path: &Path, seq: u64) -> bool {
        // No number is above this one.
        self.0.get(path).is_some_and(|attempts| attempts.numbers.0 != seq)
    }

    /// It was looked whether an earlier one has come behind this; an attempt of its own may come behind the next.
    pub(crate) fn looked(&mut self, path: &Path, seq: u64) {
        match self.0.get_mut(path) {
            Some(Attempts { numbers: (first, last), .. }) if *last == seq => *first = seq,
            _ => _ = self.0.remove(path),
        }
    }

    /// When nothing of the path is to be expected any more.
    pub(crate) fn until(&self, path: &Path) -> Option<u64> {
        self.0.get(path).map(|attempts| attempts.until)
    }
}
