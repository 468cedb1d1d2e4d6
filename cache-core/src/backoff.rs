//! Which computations fail, how often in a row, and until when they are left alone.

use crate::policy::Policy;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Keys remembered; beyond that the one whose pause ends first is forgotten.
const BOUND: usize = 1024;

/// The failing keys of one function, by hash: two keys of one hash share a pause, no more.
#[derive(Default)]
pub(crate) struct Backoff {
    failing: Mutex<HashMap<u64, Failing>>,
    /// How many there are, so that those who never fail take no lock.
    count: AtomicUsize,
}

#[derive(Clone, Copy)]
struct Failing {
    failures: u32,
    until: u64,
}

impl Backoff {
    pub(crate) fn is_pausing(&self, hash: u64, now: u64) -> bool {
        self.count.load(Ordering::Acquire) > 0
            && self.failing.lock().get(&hash).is_some_and(|failing| now < failing.until)
    }

    /// How often in a row it has failed, and how long it is still left alone.
    pub(crate) fn pause(&self, hash: u64, now: u64) -> Option<(u32, Duration)> {
        let failing = *self.failing.lock().get(&hash)?;
        let left = failing.until.checked_sub(now).filter(|left| *left > 0)?;
        Some((failing.failures, Duration::from_nanos(left)))
    }

    /// Notes a failure: the pause doubles with each in a row.
    pub(crate) fn note(&self, hash: u64, now: u64, policy: &Policy) {
        let mut failing = self.failing.lock();
        if failing.len() >= BOUND && !failing.contains_key(&hash) {
            let first = failing.iter().min_by_key(|(_, f)| f.until).map(|(hash, _)| *hash);
            if let Some(first) = first {
                failing.remove(&first);
            }
        }
        let entry = failing.entry(hash).or_insert(Failing { failures: 0, until: 0 });
        entry.failures = entry.failures.saturating_add(1);
        let pause = policy.pause(entry.failures).as_nanos();
        entry.until = now.saturating_add(u64::try_from(pause).unwrap_or(u64::MAX));
        self.count.store(failing.len(), Ordering::Release);
    }

    /// A success, or a value from elsewhere, ends the pause.
    pub(crate) fn forget(&self, hash: u64) {
        if self.count.load(Ordering::Acquire) > 0 {
            let mut failing = self.failing.lock();
            failing.remove(&hash);
            self.count.store(failing.len(), Ordering::Release);
        }
    }

    pub(crate) fn forget_all(&self) {
        let mut failing = self.failing.lock();
        failing.clear();
        self.count.store(0, Ordering::Release);
    }
}

impl fmt::Debug for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backoff").field("failing", &self.count).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_forgotten() {
        let (backoff, policy) = (Backoff::default(), Policy::new().with_ttl(100_u64));
        backoff.note(1, 0, &policy);
        assert!(backoff.is_pausing(1, 999_999_999) && !backoff.is_pausing(1, 1_000_000_000));
        backoff.note(1, 0, &policy);
        assert!(backoff.is_pausing(1, 1_999_999_999));
        backoff.forget(1);
        assert!(!backoff.is_pausing(1, 0));
    }

    #[test]
    fn the_number_of_failing_keys_is_bounded() {
        let (backoff, policy) = (Backoff::default(), Policy::new());
        (0..5000).for_each(|hash| backoff.note(hash, hash, &policy));
        assert!(backoff.failing.lock().len() <= BOUND);
    }
}
