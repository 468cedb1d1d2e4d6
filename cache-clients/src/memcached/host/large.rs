//! Which keys have had large values: they are asked for on a connection of their own.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const SLOTS: usize = 4096;

/// A small table of prints: a key that is pushed out, or taken for another one, only goes the other
/// way.
#[derive(Debug)]
pub(super) struct Large {
    slots: Box<[AtomicU32]>,
    /// Whether any key was ever large: until then none is hashed.
    used: AtomicBool,
    hash: RandomState,
}

impl Default for Large {
    fn default() -> Self {
        let slots = (0..SLOTS).map(|_| AtomicU32::new(0)).collect();
        Large { slots, used: AtomicBool::new(false), hash: RandomState::new() }
    }
}

impl Large {
    fn slot(&self, key: &str) -> (&AtomicU32, u32) {
        let hash = self.hash.hash_one(key);
        let print = u32::try_from(hash >> 32).unwrap_or(0) | 1;
        (&self.slots[hash as usize % SLOTS], print)
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        if !self.used.load(Ordering::Relaxed) {
            return false;
        }
        let (slot, print) = self.slot(key);
        slot.load(Ordering::Relaxed) == print
    }

    pub(super) fn note(&self, key: &str, large: bool) {
        if large {
            self.used.store(true, Ordering::Relaxed);
        } else if !self.used.load(Ordering::Relaxed) {
            return;
        }
        let (slot, print) = self.slot(key);
        let was = slot.load(Ordering::Relaxed);
        if large && was != print {
            slot.store(print, Ordering::Relaxed);
        } else if !large && was == print {
            slot.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_large_as_long_as_its_value_is() {
        let large = Large::default();
        assert!(!large.contains("a"));
        large.note("a", true);
        assert!(large.contains("a"));
        assert!(!large.contains("b"));
        large.note("a", false);
        assert!(!large.contains("a"));
    }
}
