//! One stored pair with its stamp: 24 bytes for a pair of `u64`.

use super::stamp::{self, Stamp};
use crate::sync::{AtomicU64, Ordering};

pub(super) struct Entry<K, V> {
    pub(super) key: K,
    pub(super) value: V,
    /// A [`Stamp`]. Readers add visits, relaxed, and may lose some; all else changes under the
    /// write lock.
    word: AtomicU64,
}

impl<K, V> Entry<K, V> {
    pub(super) fn new(key: K, value: V, stamp: Stamp) -> Self {
        Entry { key, value, word: AtomicU64::new(stamp.0) }
    }

    #[inline(always)]
    pub(super) fn stamp(&self) -> Stamp {
        Stamp(self.word.load(Ordering::Relaxed))
    }

    /// The value if it is fresh, counting the visit; `tags` is asked where there are any.
    #[inline(always)]
    pub(super) fn fresh(&self, tick: u64, tags: impl FnOnce() -> bool) -> Option<&V> {
        let word = self.word.load(Ordering::Relaxed);
        if !(stamp::is_fresh(word, tick) || stamp::is_ahead(word, tick) && tags()) {
            return None;
        }
        self.count(word);
        Some(&self.value)
    }

    pub(super) fn visit(&self) {
        self.count(self.word.load(Ordering::Relaxed));
    }

    #[inline(always)]
    fn count(&self, word: u64) {
        if let Some(more) = stamp::visited(word) {
            self.word.store(more, Ordering::Relaxed);
        }
    }

    /// Changes the stamp beside other readers. One of several who want the same change makes it;
    /// a reader that counts a visit at the same moment may undo it.
    pub(super) fn try_change(&self, change: impl Fn(Stamp) -> Option<Stamp>) -> bool {
        let change = |word| change(Stamp(word)).map(|stamp| stamp.0);
        self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change).is_ok()
    }

    /// Needs the entry alone: a reader that counts a visit meanwhile would undo it.
    pub(super) fn set_stamp(&mut self, stamp: Stamp) {
        self.word.store(stamp.0, Ordering::Relaxed);
    }

    /// By its times alone.
    pub(super) fn is_live(&self, tick: u64) -> bool {
        self.stamp().is_live(tick)
    }
}
