//! Expired values of the tiers behind, which stand in for computations that fail.

use crate::clock::Clock;
use crate::flight::Flight;
use crate::tags::{Tags, Validity};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Duration;

/// Expired values of far tiers whose computation is in progress or fails, for `grace`.
pub(crate) struct Aged<K, V>(Mutex<HashMap<u64, Old<K, V>>>);

pub(crate) struct Old<K, V> {
    pub(crate) key: K,
    pub(crate) value: V,
    pub(crate) tags: Tags,
    pub(crate) until: u64,
}

/// Values kept at a time; what comes beyond is not, unless the time of others is over.
const BOUND: usize = 1024;

impl<K, V> Default for Aged<K, V> {
    fn default() -> Self {
        Aged(Mutex::new(HashMap::new()))
    }
}

impl<K: Eq, V: Clone> Aged<K, V> {
    pub(crate) fn keep(&self, flight: &Flight<K, V>, old: Old<K, V>, now: u64) {
        let hash = flight.hash;
        let mut aged = self.0.lock();
        let full = aged.len() >= BOUND && !aged.contains_key(&hash);
        let over: Vec<_> = match full {
            true => aged.extract_if(|_, old| old.until <= now).collect(),
            false => Vec::new(),
        };
        // Under the lock: whoever changes the key fences first, and forgets then.
        let has_room = !full || !over.is_empty();
        let before =
            if has_room && !flight.is_fenced() { aged.insert(hash, old) } else { Some(old) };
        drop(aged);
        // The user's destructors, outside the lock.
        drop((before, over));
    }

    pub(crate) fn forget(&self, hash: u64) {
        let gone = self.0.lock().remove(&hash);
        drop(gone);
    }

    pub(crate) fn forget_all(&self) {
        let gone = std::mem::take(&mut *self.0.lock());
        drop(gone);
    }

    /// How long a value is still kept.
    pub(crate) fn left(&self, hash: u64, key: &K, now: u64) -> Option<Duration> {
        let aged = self.0.lock();
        let old = aged.get(&hash)?;
        let left = old.until.checked_sub(now).filter(|left| *left > 0 && old.key == *key)?;
        Some(Duration::from_nanos(left))
    }

    /// Not what a tag has made worthless, or may have.
    pub(crate) fn get(&self, hash: u64, key: &K, clock: &Clock) -> Option<(V, Tags)> {
        let aged = self.0.lock();
        let old = aged.get(&hash)?;
        let good = old.key == *key
            && clock.nanos() < old.until
            && old.tags.verdict(clock) <= Validity::Soft;
        good.then(|| (old.value.clone(), old.tags.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flight::{Flights, Joined};

    fn keep(aged: &Aged<usize, usize>, hash: u64, until: u64, now: u64) {
        let flights = Flights::default();
        let Joined::Lead(lead) = flights.join(hash, hash as usize) else {
            panic!("nobody is there")
        };
        let old = Old { key: hash as usize, value: 1, tags: Tags::default(), until };
        aged.keep(lead.flight(), old, now);
    }

    #[test]
    fn what_is_over_makes_room_and_what_is_not_stays() {
        let aged = Aged::default();
        (0..BOUND as u64).for_each(|hash| keep(&aged, hash, 10 + hash % 2, 0));
        let left = |hash: u64, now| aged.left(hash, &(hash as usize), now).is_some();
        keep(&aged, 5_000, 20, 9);
        assert!(!left(5_000, 9), "there is no room");
        keep(&aged, 5_000, 20, 10);
        assert!(left(5_000, 10), "the time of half of them is over");
        assert!(left(1, 10) && !left(0, 9));
        assert_eq!(aged.0.lock().len(), BOUND / 2 + 1);
    }
}
