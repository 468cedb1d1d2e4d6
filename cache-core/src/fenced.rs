//! Which keys' last results were turned away by the fence, where no table remembers it: 8 bytes a key.

use crate::entry::Reason;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Hashes remembered: a later one takes the place of an earlier one. 4 KiB, from the first fenced
/// result of the function on.
const CELLS: usize = 512;

/// The fenced keys of one function with far tiers, by hash.
#[derive(Debug, Default)]
pub(crate) struct Fenced(OnceLock<Box<[AtomicU64]>>);

impl Fenced {
    pub(crate) fn note(&self, hash: u64) {
        let cells = self.0.get_or_init(|| (0..CELLS).map(|_| AtomicU64::new(0)).collect());
        cells[hash as usize % CELLS].store(hash, Ordering::Relaxed);
    }

    pub(crate) fn forget(&self, hash: u64) {
        if let Some(cells) = self.0.get() {
            let cell = &cells[hash as usize % CELLS];
            let _ = cell.compare_exchange(hash, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Why there is no value, where a tier can only tell that there is none.
    pub(crate) fn instead(&self, hash: u64, reason: Reason) -> Reason {
        let vague = matches!(reason, Reason::Never | Reason::Invalidated);
        if vague && self.holds(hash) { Reason::Fenced } else { reason }
    }

    fn holds(&self, hash: u64) -> bool {
        let cell = self.0.get().map(|cells| &cells[hash as usize % CELLS]);
        hash != 0 && cell.is_some_and(|cell| cell.load(Ordering::Relaxed) == hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fenced_key_is_told_of_until_it_is_stored() {
        let fenced = Fenced::default();
        assert_eq!(fenced.instead(7, Reason::Never), Reason::Never);
        fenced.note(7);
        assert_eq!(fenced.instead(7, Reason::Never), Reason::Fenced);
        assert_eq!(fenced.instead(7, Reason::Damaged), Reason::Damaged);
        assert_eq!(fenced.instead(8, Reason::Never), Reason::Never);
        fenced.forget(7);
        assert_eq!(fenced.instead(7, Reason::Never), Reason::Never);
    }
}
