//! What each entry of a shard weighs, as it was told: a weigher need not say the same twice.

use super::lru::Identity;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasherDefault;

/// By hash. Keys with one hash share a slot, and each counts for an even part of it.
#[derive(Default)]
pub(super) struct Weights {
    slots: HashMap<u64, Slot, BuildHasherDefault<Identity>>,
    total: u64,
    count: usize,
}

struct Slot {
    weight: u64,
    keys: u32,
}

impl Weights {
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn weight(&self, hash: u64) -> u64 {
        self.slots.get(&hash).map_or(0, |slot| slot.weight / u64::from(slot.keys))
    }

    pub(super) fn add(&mut self, hash: u64, weight: u64) {
        let slot = self.slots.entry(hash).or_insert(Slot { weight: 0, keys: 0 });
        slot.weight += weight;
        slot.keys += 1;
        self.total += weight;
        self.count += 1;
    }

    /// Says what is freed.
    pub(super) fn remove(&mut self, hash: u64) -> u64 {
        let Entry::Occupied(mut found) = self.slots.entry(hash) else { return 0 };
        let slot = found.get_mut();
        let weight = slot.weight / u64::from(slot.keys);
        slot.weight -= weight;
        slot.keys -= 1;
        if slot.keys == 0 {
            found.remove();
        }
        self.total -= weight;
        self.count -= 1;
        weight
    }
}
