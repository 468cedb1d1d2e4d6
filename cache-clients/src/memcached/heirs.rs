//! Those who have taken somebody's place, as a client under other options does: what still happens over the earlier one,
//! they have to hear of.

use parking_lot::Mutex;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

/// Whoever has taken over is nobody's predecessor any more, so that no two have each other as heirs.
pub(super) struct Heirs<T> {
    all: Mutex<Vec<Weak<T>>>,
    any: AtomicBool,
}

impl<T> Default for Heirs<T> {
    fn default() -> Self {
        Heirs { all: Mutex::default(), any: AtomicBool::new(false) }
    }
}

impl<T> Heirs<T> {
    /// False: it is one already.
    pub(super) fn add(&self, heir: &Arc<T>) -> bool {
        let mut all = self.all.lock();
        all.retain(|one| one.strong_count() > 0);
        let is_new = all.iter().all(|one| !std::ptr::eq(one.as_ptr(), Arc::as_ptr(heir)));
        if is_new {
            all.push(Arc::downgrade(heir));
            self.any.store(true, Ordering::Release);
        }
        is_new
    }

    pub(super) fn clear(&self) {
        self.all.lock().clear();
        self.any.store(false, Ordering::Release);
    }

    pub(super) fn each(&self, tell: impl Fn(&T)) {
        if self.any.load(Ordering::Acquire) {
            let all = self.all.lock().clone();
            all.iter().filter_map(Weak::upgrade).for_each(|heir| tell(&heir));
        }
    }
}

impl<T> fmt::Debug for Heirs<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heirs").field("any", &self.any).finish_non_exhaustive()
    }
}
