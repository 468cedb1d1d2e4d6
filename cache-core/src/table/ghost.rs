//! The ghost: what is remembered of entries that are gone. Four bytes a cell, never the key.

/// Why an entry is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gone {
    /// Pushed out of the small queue before it was asked for again: coming back, it goes to the
    /// main queue.
    Young,
    /// Pushed out of the main queue, or by strict LRU.
    Old,
    /// Removed by call.
    Invalidated,
    /// Dropped when its time was over.
    Expired,
    /// Computed, and kept out by the fence.
    Fenced,
    /// Dropped since one of its tags was invalidated.
    Tag,
    /// Dropped since its region was invalidated.
    Region,
}

const GONE: [Gone; 8] = [
    Gone::Young,
    Gone::Old,
    Gone::Invalidated,
    Gone::Expired,
    Gone::Fenced,
    Gone::Tag,
    Gone::Region,
    // Seven reasons in three bits; this one is never written.
    Gone::Old,
];

/// Cells of `16 bits fingerprint | 3 bits reason | 13 bits age`; zero is empty.
///
/// Ages advance with the young ones only: they are as many as the main queue is long, and what else
/// is remembered (for the statistics) must not push them out.
#[derive(Debug, Default)]
pub(super) struct Ghost {
    cells: Box<[u32]>,
    count: u32,
    /// How many counts make an age, as a power of two.
    shift: u32,
}

const AGE_BITS: u32 = 13;
const AGE: u32 = (1 << AGE_BITS) - 1;
/// A memory is as long as `STEPS` steps of the age.
const STEPS: u32 = 16;
const SMALLEST: usize = 64;

impl Ghost {
    /// Remembers; `len` is how many entries there are, and so how long the memory should be.
    #[inline]
    pub(super) fn remember(&mut self, hash: u64, gone: Gone, len: usize) {
        if self.cells.len() < len.max(1) {
            self.widen(len);
        }
        let at = self.index(hash);
        if gone == Gone::Young {
            self.count = self.count.wrapping_add(1);
        } else if matches!(self.read(self.cells[at]), Some((print, Gone::Young)) if print != fingerprint(hash))
        {
            return;
        }
        self.cells[at] = fingerprint(hash) << 16 | (gone as u32) << AGE_BITS | self.age();
    }

    /// What became of the key with this hash, as far as is remembered.
    #[inline]
    pub(super) fn recall(&self, hash: u64) -> Option<Gone> {
        let cell = *self.cells.get(self.index(hash))?;
        self.read(cell).filter(|(print, _)| *print == fingerprint(hash)).map(|(_, gone)| gone)
    }

    /// As [`recall`](Ghost::recall), and forgets it: the key is back.
    #[inline]
    pub(super) fn forget(&mut self, hash: u64) -> Option<Gone> {
        let gone = self.recall(hash)?;
        let at = self.index(hash);
        self.cells[at] = 0;
        Some(gone)
    }

    fn read(&self, cell: u32) -> Option<(u32, Gone)> {
        let young = self.age().wrapping_sub(cell) & AGE <= STEPS;
        let gone = GONE[(cell >> AGE_BITS & 7) as usize];
        (cell != 0 && young).then_some((cell >> 16, gone))
    }

    #[inline]
    fn index(&self, hash: u64) -> usize {
        hash as usize & self.cells.len().wrapping_sub(1)
    }

    fn age(&self) -> u32 {
        self.count >> self.shift & AGE
    }

    /// Grows to a power of two; each cell is copied to both places its hash may now have.
    #[cold]
    fn widen(&mut self, len: usize) {
        let size = len.next_power_of_two().max(SMALLEST);
        let age = self.age();
        let cells: Box<[u32]> = match self.cells.len() {
            0 => vec![0; size].into(),
            old => (0..size).map(|at| self.cells[at & (old - 1)]).collect(),
        };
        self.cells = cells;
        // The step grows with the size: go on with the age the cells were written with.
        self.shift = (size as u32 / STEPS).trailing_zeros();
        self.count = age << self.shift;
    }
}

/// Bits that choose neither the shard nor the cell.
fn fingerprint(hash: u64) -> u32 {
    (hash >> 48) as u32
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn hash(n: u64) -> u64 {
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ n << 50
    }

    #[test]
    fn it_remembers_as_many_as_it_is_long_and_then_forgets() {
        let mut ghost = Ghost::default();
        for n in 0..1000 {
            ghost.remember(hash(n), Gone::Young, 64);
        }
        assert_eq!(ghost.recall(hash(999)), Some(Gone::Young));
        assert!((0..900).all(|n| ghost.recall(hash(n)).is_none()));
        assert_eq!(ghost.forget(hash(999)), Some(Gone::Young));
        assert_eq!(ghost.recall(hash(999)), None);
    }

    #[test]
    fn statistics_do_not_push_out_the_young() {
        let mut ghost = Ghost::default();
        ghost.remember(hash(1), Gone::Young, 64);
        ghost.remember(hash(1) ^ 1 << 60, Gone::Invalidated, 64);
        ghost.remember(hash(2), Gone::Expired, 64);
        assert_eq!(ghost.recall(hash(1)), Some(Gone::Young));
        assert_eq!(ghost.recall(hash(2)), Some(Gone::Expired));
    }

    #[test]
    fn every_reason_comes_back_as_it_was_written() {
        let mut ghost = Ghost::default();
        for (at, gone) in GONE.into_iter().enumerate() {
            let hash = (at as u64) | (at as u64 + 1) << 48;
            ghost.remember(hash, gone, 64);
            assert_eq!(ghost.recall(hash), Some(gone));
        }
    }

    #[test]
    fn a_young_one_that_is_kept_out_was_fenced_and_not_evicted() {
        let mut ghost = Ghost::default();
        ghost.remember(hash(1), Gone::Young, 64);
        ghost.remember(hash(1), Gone::Fenced, 64);
        assert_eq!(ghost.recall(hash(1)), Some(Gone::Fenced));
    }

    #[test]
    fn growing_keeps_what_is_remembered() {
        let mut ghost = Ghost::default();
        ghost.remember(hash(7), Gone::Invalidated, 64);
        ghost.remember(hash(8), Gone::Young, 5000);
        assert_eq!(ghost.recall(hash(7)), Some(Gone::Invalidated));
        assert_eq!(ghost.recall(hash(8)), Some(Gone::Young));
    }
}
