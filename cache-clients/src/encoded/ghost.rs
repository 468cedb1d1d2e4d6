//! What became of keys that this process saw on a server, for those it does not find there any more.

use super::digest::Digest;
use cache_core::Reason;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use twox_hash::XxHash3_64;

/// What is remembered of a key. Times are nanoseconds of the client's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was there, and may live until then.
    Lives(u64),
    /// It was removed from here.
    Removed(u64),
    /// It was computed, and the server turned it away.
    Fenced(u64),
}

const KIND: u32 = 62;
const TIME: u64 = (1 << KIND) - 1;
/// The end of what has no end.
pub(super) const ENDLESS: u64 = TIME;

/// Sixteen bytes a key, none before the first is remembered. A later key takes the place of an
/// earlier one.
pub(super) struct Ghost {
    cells: OnceLock<Box<[Cell]>>,
    size: usize,
}

/// Written and read without a lock: a cell of which one half is of another key fits neither.
#[derive(Default)]
struct Cell {
    /// The print of the key, combined with the fate.
    check: AtomicU64,
    fate: AtomicU64,
}

impl Ghost {
    /// For so many keys, rounded up to a power of two; none: it remembers nothing.
    pub(super) fn new(keys: usize) -> Self {
        let size = if keys == 0 { 0 } else { keys.next_power_of_two() };
        Ghost { cells: OnceLock::new(), size }
    }

    /// A key in one generation of its namespace: a clear makes the ghost forget.
    pub(super) fn print(generation: u64, digest: &Digest) -> u64 {
        // Digests of short keys differ in few bits, and the last bits of a print choose its cell.
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(digest);
        bytes[16..].copy_from_slice(&generation.to_le_bytes());
        XxHash3_64::oneshot(&bytes)
    }

    #[inline]
    pub(super) fn note(&self, print: u64, fate: Fate) {
        if self.size == 0 {
            return;
        }
        let cells = self.cells.get_or_init(|| (0..self.size).map(|_| Cell::default()).collect());
        let fate = match fate {
            Fate::Lives(until) => 1 << KIND | until.min(TIME),
            Fate::Removed(at) => 2 << KIND | at.min(TIME),
            Fate::Fenced(at) => 3 << KIND | at.min(TIME),
        };
        let cell = &cells[print as usize & (self.size - 1)];
        cell.fate.store(fate, Ordering::Relaxed);
        cell.check.store(print ^ fate, Ordering::Relaxed);
    }

    /// Of this key nothing is known any more.
    pub(super) fn forget(&self, print: u64) {
        if self.read(print).is_some()
            && let Some(cells) = self.cells.get()
        {
            // Without a fate it fits no key.
            cells[print as usize & (self.size - 1)].fate.store(0, Ordering::Relaxed);
        }
    }

    fn read(&self, print: u64) -> Option<Fate> {
        let cell = &self.cells.get()?[print as usize & (self.size - 1)];
        let (check, fate) = (cell.check.load(Ordering::Relaxed), cell.fate.load(Ordering::Relaxed));
        let time = fate & TIME;
        match (check ^ fate == print, fate >> KIND) {
            (true, 1) => Some(Fate::Lives(time)),
            (true, 2) => Some(Fate::Removed(time)),
            (true, 3) => Some(Fate::Fenced(time)),
            _ => None,
        }
    }

    /// Why a key is not there, and since when.
    pub(super) fn why(&self, print: u64, now: u64) -> (Reason, Option<Duration>) {
        let ago = |then| Some(Duration::from_nanos(now.saturating_sub(then)));
        match self.read(print) {
            Some(Fate::Lives(until)) if until <= now => (Reason::Expired, ago(until)),
            Some(Fate::Lives(_)) => (Reason::Evicted, None),
            Some(Fate::Removed(at)) => (Reason::Invalidated, ago(at)),
            Some(Fate::Fenced(at)) => (Reason::Fenced, ago(at)),
            None => (Reason::Never, None),
        }
    }
}

impl fmt::Debug for Ghost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ghost").field("size", &self.size).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::digest::digest;
    use super::*;

    #[test]
    fn every_fate_is_told() {
        let ghost = Ghost::new(100);
        assert_eq!(ghost.why(7, 50), (Reason::Never, None));
        ghost.note(7, Fate::Lives(60));
        assert_eq!(ghost.why(7, 50), (Reason::Evicted, None));
        let since = |nanos| Some(Duration::from_nanos(nanos));
        assert_eq!(ghost.why(7, 72), (Reason::Expired, since(12)));
        ghost.note(7, Fate::Removed(70));
        assert_eq!(ghost.why(7, 75), (Reason::Invalidated, since(5)));
        ghost.note(7, Fate::Fenced(71));
        assert_eq!(ghost.why(7, 75), (Reason::Fenced, since(4)));
        ghost.note(7, Fate::Lives(ENDLESS));
        assert_eq!(ghost.why(7, u64::MAX >> 3), (Reason::Evicted, None));
    }

    #[test]
    fn what_is_forgotten_is_not_known_and_its_neighbour_is() {
        let ghost = Ghost::new(2);
        ghost.forget(7);
        ghost.note(7, Fate::Lives(60));
        ghost.forget(9);
        assert_eq!(ghost.why(7, 50), (Reason::Evicted, None), "its cell is of another key");
        ghost.forget(7);
        assert_eq!(ghost.why(7, 50), (Reason::Never, None));
    }

    #[test]
    fn it_is_as_large_as_it_was_made() {
        let ghost = Ghost::new(100);
        assert!(ghost.cells.get().is_none(), "nothing before it is used");
        (0..10_000).for_each(|print| ghost.note(print, Fate::Lives(1)));
        let known = (0..10_000).filter(|print| ghost.why(*print, 0).0 != Reason::Never).count();
        assert_eq!((known, ghost.cells.get().unwrap().len()), (128, 128));
        assert_eq!(size_of::<Cell>(), 16);
    }

    #[test]
    fn a_ghost_of_no_size_remembers_nothing() {
        let ghost = Ghost::new(0);
        ghost.note(7, Fate::Lives(60));
        assert_eq!(ghost.why(7, 50), (Reason::Never, None));
    }

    #[test]
    fn short_keys_have_cells_of_their_own() {
        let ghost = Ghost::new(4096);
        let prints: Vec<u64> = (0..200_u32)
            .map(|n| Ghost::print(1, &digest(&format!("{n:05}"), 7).unwrap()))
            .collect();
        prints.iter().for_each(|print| ghost.note(*print, Fate::Lives(ENDLESS)));
        let known = prints.iter().filter(|print| ghost.read(**print).is_some()).count();
        assert!(known > 180, "{known} of 200 keys are remembered in 4096 cells");
    }

    #[test]
    fn another_generation_is_another_key() {
        let digest = [7; 16];
        assert_ne!(Ghost::print(1, &digest), Ghost::print(2, &digest));
    }
}
