//! Several futures that one thread waits for: all of them are to ask before one waits for answers.

use std::cell::Cell;

thread_local! { static GATHERING: Cell<bool> = const { Cell::new(false) }; }

/// Whether whoever polls has more to ask, so that a thread that waits must not wait here already. He
/// polls again at once.
#[cfg(feature = "memcached")]
pub(crate) fn is_gathering() -> bool {
    GATHERING.with(Cell::get)
}

/// Polls one of several futures for the first time.
pub(crate) fn gathering<T>(poll: impl FnOnce() -> T) -> T {
    let _before = Before(GATHERING.replace(true));
    poll()
}

/// What it was before, also after a panic.
struct Before(bool);

impl Drop for Before {
    fn drop(&mut self) {
        GATHERING.set(self.0);
    }
}
