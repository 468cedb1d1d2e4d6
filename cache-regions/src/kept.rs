//! What this process knows to have been kept under which revision: why a key is missing now.

use parking_lot::Mutex;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::LazyLock;
use std::time::Duration;

/// Keys that one cache remembers at most, in 24 bytes each; a later one takes the place of an
/// earlier one.
const MOST: usize = 4096;
const FEWEST: usize = 64;

/// The keys that one cache of a region stored or read, by hash.
#[derive(Default)]
pub(crate) struct Kept(Mutex<Cells>);

#[derive(Default)]
struct Cells {
    cells: Box<[Cell]>,
    used: usize,
}

/// A hash of 0 is nobody's.
#[derive(Clone, Copy, Default)]
struct Cell {
    hash: u64,
    revision: u64,
    /// When it expires, in nanoseconds of the region's clock.
    until: u64,
}

pub(crate) fn hash<K: Hash>(key: &K) -> u64 {
    static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    SEED.hash_one(key)
}

impl Kept {
    /// A value lives from `now` on for this long.
    pub(crate) fn note(&self, hash: u64, revision: u64, now: u64, left: Option<Duration>) {
        let left = left.and_then(|left| u64::try_from(left.as_nanos()).ok()).unwrap_or(u64::MAX);
        self.0.lock().note(Cell { hash, revision, until: now.saturating_add(left) });
    }

    /// Whether the value would still be there, had the region not been invalidated.
    pub(crate) fn is_lost(&self, hash: u64, revision: u64, now: u64) -> bool {
        let cells = self.0.lock();
        let cell = cells.cells.get(cells.place(hash));
        cell.is_some_and(|cell| cell.hash == hash && cell.revision != revision && now < cell.until)
    }

    /// It is gone for another reason.
    pub(crate) fn forget(&self, hash: u64) {
        let mut cells = self.0.lock();
        let at = cells.place(hash);
        if cells.cells.get(at).is_some_and(|cell| cell.hash == hash) {
            cells.cells[at] = Cell::default();
            cells.used -= 1;
        }
    }

    pub(crate) fn clear(&self) {
        *self.0.lock() = Cells::default();
    }
}

impl Cells {
    fn place(&self, hash: u64) -> usize {
        hash as usize & self.cells.len().wrapping_sub(1)
    }

    fn note(&mut self, cell: Cell) {
        if cell.hash == 0 {
            return;
        }
        if self.used * 2 >= self.cells.len() && self.cells.len() < MOST {
            self.widen();
        }
        let at = self.place(cell.hash);
        self.used += usize::from(self.cells[at].hash == 0);
        self.cells[at] = cell;
    }

    #[cold]
    fn widen(&mut self) {
        let wider = vec![Cell::default(); (self.cells.len() * 2).max(FEWEST)];
        let old = std::mem::replace(&mut self.cells, wider.into());
        self.used = 0;
        for cell in old.iter().filter(|cell| cell.hash != 0) {
            let at = self.place(cell.hash);
            self.used += usize::from(self.cells[at].hash == 0);
            self.cells[at] = *cell;
        }
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("keys", &self.0.lock().used).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Option<Duration> = Some(Duration::from_secs(3600));

    #[test]
    fn a_key_is_lost_by_another_revision_until_it_would_have_expired() {
        let kept = Kept::default();
        kept.note(7, 1, 0, Some(Duration::from_nanos(100)));
        assert!(!kept.is_lost(7, 1, 50), "it counts");
        assert!(kept.is_lost(7, 2, 50));
        assert!(!kept.is_lost(7, 2, 100), "it has expired");
        assert!(!kept.is_lost(8, 2, 50));
        kept.note(7, 2, 0, None);
        assert!(!kept.is_lost(7, 2, u64::MAX - 1) && kept.is_lost(7, 3, u64::MAX - 1));
        kept.forget(7);
        assert!(!kept.is_lost(7, 3, 50));
    }

    #[test]
    fn it_grows_up_to_its_bound_and_keeps_what_it_knows_until_then() {
        let kept = Kept::default();
        (1..=1000).for_each(|hash| kept.note(hash, 1, 0, HOUR));
        assert!((1..=1000).all(|hash| kept.is_lost(hash, 2, 0)));
        (1..=100_000).for_each(|hash| kept.note(hash, 1, 0, HOUR));
        assert_eq!(kept.0.lock().cells.len(), MOST);
        assert!(kept.is_lost(100_000, 2, 0) && !kept.is_lost(1, 2, 0));
        kept.clear();
        assert!(!kept.is_lost(100_000, 2, 0));
    }
}
