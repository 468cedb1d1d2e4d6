//! Invalidations that did not reach the server: bounded, and delivered before its next answer counts.

use super::digest::Digest;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// After a failed delivery only keys that are read are tried again, for that long.
const REST: u64 = 1_000_000_000;

/// The keys of one namespace that a server may still have, and must not be believed about.
#[derive(Debug)]
pub(super) struct Pending {
    state: Mutex<State>,
    /// How many there are, so that nobody takes the lock while all is well.
    count: AtomicUsize,
    bound: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    /// Each with the moment of its last invalidation.
    keys: HashMap<Digest, u64>,
    /// Everything is to be forgotten.
    clear: Option<u64>,
    /// Counts up with each invalidation.
    moment: u64,
    /// When all of them are tried again, in nanoseconds of the clock.
    rested: u64,
}

/// Keys with the moments of their invalidations.
pub(super) type Batch = Vec<(Digest, u64)>;

impl Pending {
    pub(super) fn new(bound: usize) -> Self {
        Pending { state: Mutex::default(), count: AtomicUsize::new(0), bound: bound.into() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let changed = change(&mut state);
        let count = state.keys.len() + usize::from(state.clear.is_some());
        self.count.store(count, Ordering::Release);
        changed
    }

    /// How many keys may wait from now on.
    pub(super) fn set_bound(&self, bound: usize) {
        self.bound.store(bound, Ordering::Relaxed);
    }

    /// Notes what waits elsewhere.
    pub(super) fn copy(&self, other: &Pending) {
        let (keys, clear) = {
            let state = other.state.lock();
            (state.keys.keys().copied().collect::<Vec<_>>(), state.clear.is_some())
        };
        if clear {
            self.note_clear();
        } else if !keys.is_empty() {
            self.note(&keys);
        }
    }

    /// Keeps these for later; more than there is room for are a clear.
    pub(super) fn note(&self, digests: &[Digest]) {
        self.change(|state| {
            state.moment += 1;
            // A clear that is to come takes them along.
            if state.clear.is_some() {
                state.clear = Some(state.moment);
                return;
            }
            let moment = state.moment;
            state.keys.extend(digests.iter().map(|digest| (*digest, moment)));
            if state.keys.len() > self.bound.load(Ordering::Relaxed) {
                state.keys = HashMap::new();
                state.clear = Some(moment);
            }
        });
    }

    pub(super) fn note_clear(&self) -> u64 {
        self.change(|state| {
            state.moment += 1;
            state.keys = HashMap::new();
            state.clear = Some(state.moment);
            state.moment
        })
    }

    /// The moment of the clear that is to be delivered.
    pub(super) fn clear(&self) -> Option<u64> {
        if self.is_empty() { None } else { self.state.lock().clear }
    }

    /// A clear of this moment has been delivered.
    pub(super) fn cleared(&self, moment: u64) {
        self.change(|state| {
            if state.clear.is_some_and(|clear| clear <= moment) {
                state.clear = None;
            }
        });
    }

    pub(super) fn holds(&self, digest: &Digest) -> bool {
        if self.is_empty() {
            return false;
        }
        let state = self.state.lock();
        state.clear.is_some() || state.keys.contains_key(digest)
    }

    /// What is to be delivered now: all of it, or what of these is waiting.
    pub(super) fn due(&self, asked: &[Digest], now: u64) -> Batch {
        let state = self.state.lock();
        if now >= state.rested {
            return state.keys.iter().map(|(digest, moment)| (*digest, *moment)).collect();
        }
        asked.iter().filter_map(|digest| Some((*digest, *state.keys.get(digest)?))).collect()
    }

    /// These have been delivered. What was invalidated once more since then stays.
    pub(super) fn delivered(&self, batch: &[(Digest, u64)]) {
        self.change(|state| {
            for (digest, moment) in batch {
                if state.keys.get(digest).is_some_and(|latest| latest <= moment) {
                    state.keys.remove(digest);
                }
            }
        });
    }

    pub(super) fn rest(&self, now: u64) {
        self.state.lock().rested = now.saturating_add(REST);
    }

    /// Begins a change of these keys: unless it is [settled](Unsettled::settle), also if its future
    /// is dropped on the way, they are noted.
    pub(super) fn begin<'a>(&'a self, digests: &'a [Digest]) -> Unsettled<'a> {
        let moment = if self.is_empty() { 0 } else { self.state.lock().moment };
        Unsettled { pending: self, digests, moment, settled: Vec::new() }
    }
}

/// A change on its way.
pub(super) struct Unsettled<'a> {
    pending: &'a Pending,
    digests: &'a [Digest],
    /// What was noted until then, the change makes up for.
    moment: u64,
    settled: Vec<bool>,
}

impl Unsettled<'_> {
    /// Which of them have reached the server, in the order of the keys.
    pub(super) fn settle(mut self, reached: Vec<bool>) {
        self.settled = reached;
    }
}

impl Drop for Unsettled<'_> {
    fn drop(&mut self) {
        let reached = |n: &usize| self.settled.get(*n).copied().unwrap_or(false);
        let (done, lost): (Vec<usize>, Vec<usize>) = (0..self.digests.len()).partition(reached);
        if !lost.is_empty() {
            self.pending.note(&lost.iter().map(|n| self.digests[*n]).collect::<Vec<_>>());
        }
        if !done.is_empty() && !self.pending.is_empty() {
            let batch: Batch = done.iter().map(|n| (self.digests[*n], self.moment)).collect();
            self.pending.delivered(&batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: u8) -> Digest {
        [n; 16]
    }

    #[test]
    fn what_is_dropped_on_the_way_is_noted() {
        let pending = Pending::new(10);
        let keys = [digest(1), digest(2)];
        drop(pending.begin(&keys));
        assert!(pending.holds(&digest(1)) && pending.len() == 2);
        pending.begin(&keys).settle(vec![true, false]);
        assert!(!pending.holds(&digest(1)) && pending.holds(&digest(2)));
    }

    #[test]
    fn an_invalidation_after_the_delivery_began_stays() {
        let pending = Pending::new(10);
        pending.note(&[digest(1)]);
        let batch = pending.due(&[], 0);
        pending.note(&[digest(1)]);
        pending.delivered(&batch);
        assert!(pending.holds(&digest(1)));
        pending.delivered(&pending.due(&[], 0));
        assert!(pending.is_empty());
    }

    #[test]
    fn too_many_are_a_clear() {
        let pending = Pending::new(3);
        (0..4).for_each(|n| pending.note(&[digest(n)]));
        assert!(pending.holds(&digest(99)) && pending.len() == 1);
        let moment = pending.clear().unwrap();
        pending.note(&[digest(7)]);
        pending.cleared(moment);
        assert!(pending.clear().is_some(), "what came later would be lost");
        pending.cleared(pending.clear().unwrap());
        assert!(pending.is_empty());
    }

    #[test]
    fn after_a_failure_only_what_is_asked_for_is_tried() {
        let pending = Pending::new(10);
        pending.note(&[digest(1), digest(2)]);
        pending.rest(5);
        assert_eq!(pending.due(&[digest(2), digest(3)], 6).len(), 1);
        assert_eq!(pending.due(&[], 5 + REST).len(), 2);
    }
}
