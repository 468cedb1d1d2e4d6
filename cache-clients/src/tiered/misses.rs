//! What the far tier had nothing of, remembered near for a short time.

use cache_core::Clock;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Duration;

/// Misses of one half; when it is full, or its time is over, it becomes the older half.
const HALF: usize = 8192;
/// Keys of one stripe share the count of their writes.
const STRIPES: usize = 256;

/// Stands for a key. Two hashes with secrets of their own: should two keys have the same all the same,
/// one of them is a miss for a while, which it may be anyway.
type Print = (u64, u64);

/// The misses of one namespace.
pub(super) struct Misses {
    clock: Clock,
    keep: u64,
    hashers: (RandomState, RandomState),
    state: Mutex<State>,
}

struct State {
    /// Each with its end, in nanoseconds of the clock.
    young: HashMap<Print, u64>,
    old: HashMap<Print, u64>,
    turned: u64,
    /// Own writes so far, by stripe.
    writes: Box<[u64]>,
}

/// A key that the far tier is about to be asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    print: Print,
    writes: u64,
}

impl Misses {
    pub(super) fn new(clock: Clock, keep: Duration) -> Self {
        let state = State {
            young: HashMap::new(),
            old: HashMap::new(),
            turned: clock.nanos(),
            writes: vec![0; STRIPES].into(),
        };
        let keep = u64::try_from(keep.as_nanos()).unwrap_or(u64::MAX);
        Misses { clock, keep, hashers: Default::default(), state: Mutex::new(state) }
    }

    fn print(&self, key: &impl Hash) -> Print {
        (self.hashers.0.hash_one(key), self.hashers.1.hash_one(key))
    }

    /// `None`: it is known that there is nothing.
    pub(super) fn ask(&self, key: &impl Hash) -> Option<Asked> {
        let (print, now) = (self.print(key), self.clock.nanos());
        let state = self.state.lock();
        let until = state.young.get(&print).or_else(|| state.old.get(&print));
        if until.is_some_and(|until| now < *until) {
            return None;
        }
        Some(Asked { print, writes: state.writes[stripe(&print)] })
    }

    /// There was nothing; not remembered if something was written meanwhile.
    pub(super) fn remember(&self, asked: Asked) {
        let now = self.clock.nanos();
        let mut state = self.state.lock();
        if state.writes[stripe(&asked.print)] != asked.writes {
            return;
        }
        let over = now.saturating_sub(state.turned) >= self.keep;
        if over || state.young.len() >= HALF {
            state.turned = now;
            state.old = std::mem::take(&mut state.young);
        }
        state.young.insert(asked.print, now.saturating_add(self.keep));
    }

    /// While these keys are written, and afterwards, nothing is remembered of before.
    pub(super) fn writing<'a, K: Hash + 'a>(
        self: &std::sync::Arc<Self>,
        keys: impl IntoIterator<Item = &'a K>,
    ) -> Writing {
        let prints = keys.into_iter().map(|key| self.print(key)).collect();
        let writing = Writing { misses: self.clone(), prints };
        self.forget(&writing.prints);
        writing
    }

    fn forget(&self, prints: &[Print]) {
        let mut state = self.state.lock();
        for print in prints {
            state.writes[stripe(print)] += 1;
            state.young.remove(print);
            state.old.remove(print);
        }
    }

    pub(super) fn purge(&self) {
        let mut state = self.state.lock();
        state.writes.iter_mut().for_each(|writes| *writes += 1);
        state.young = HashMap::new();
        state.old = HashMap::new();
    }
}

fn stripe(print: &Print) -> usize {
    print.0 as usize % STRIPES
}

impl fmt::Debug for Misses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Misses").finish_non_exhaustive()
    }
}

/// A write of some keys, until it has arrived or was given up.
pub(super) struct Writing {
    misses: std::sync::Arc<Misses>,
    prints: Vec<Print>,
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.misses.forget(&self.prints);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cache_core::ManualClock;
    use std::sync::Arc;

    fn misses() -> (ManualClock, Arc<Misses>) {
        let time = ManualClock::new();
        let misses = Arc::new(Misses::new(time.clock(), Duration::from_secs(5)));
        (time, misses)
    }

    #[test]
    fn a_miss_is_remembered_for_its_time() {
        let (time, misses) = misses();
        misses.remember(misses.ask(&1).unwrap());
        time.advance(Duration::from_millis(4999));
        assert!(misses.ask(&1).is_none() && misses.ask(&2).is_some());
        time.advance(Duration::from_millis(1));
        assert!(misses.ask(&1).is_some());
    }

    #[test]
    fn a_write_between_question_and_answer_is_not_hidden() {
        let (_time, misses) = misses();
        let before = misses.ask(&1).unwrap();
        let writing = misses.writing([&1]);
        let during = misses.ask(&1).unwrap();
        drop(writing);
        misses.remember(before);
        misses.remember(during);
        assert!(misses.ask(&1).is_some());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (time, misses) = misses();
        for key in 0..100_000 {
            misses.remember(misses.ask(&key).unwrap());
            let state = misses.state.lock();
            assert!(state.young.len() + state.old.len() <= 2 * HALF);
        }
        assert!(misses.ask(&99_999).is_none(), "the latest are there");
        time.advance(Duration::from_secs(5));
        misses.remember(misses.ask(&0).unwrap());
        assert!(misses.ask(&99_999).is_some());
    }
}
