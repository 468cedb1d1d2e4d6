//! The one door to locks, atomics, time and threads for what loom explores: the real ones, or loom's.

#[cfg(not(loom))]
mod real {
    pub(crate) use crate::gather::is_gathering;
    pub(crate) use cache_core::is_patient;
    pub(crate) use parking_lot::Mutex;
    pub(crate) use std::sync::atomic::{AtomicBool, Ordering};

    pub(crate) fn now() -> std::time::Instant {
        std::time::Instant::now()
    }

    /// Tells threads apart.
    pub(crate) fn this_thread() -> usize {
        thread_local! { static HERE: u8 = const { 0 }; }
        HERE.with(|here| std::ptr::from_ref(here).addr())
    }
}

#[cfg(loom)]
mod real {
    pub(crate) use loom::sync::MutexGuard;
    pub(crate) use loom::sync::atomic::{AtomicBool, Ordering};
    use std::cell::Cell;
    use std::sync::{OnceLock, PoisonError};
    use std::time::{Duration, Instant};

    loom::thread_local! {
        static PASSED: Cell<Duration> = Cell::new(Duration::ZERO);
        static PATIENT: Cell<bool> = Cell::new(false);
        static GATHERING: Cell<bool> = Cell::new(false);
        static HERE: Cell<usize> = Cell::new(0);
    }

    /// Time stands still but for the thread that passes it.
    pub(crate) fn now() -> Instant {
        static BEGAN: OnceLock<Instant> = OnceLock::new();
        *BEGAN.get_or_init(Instant::now) + PASSED.with(Cell::get)
    }

    pub(crate) fn pass(time: Duration) {
        PASSED.with(|passed| passed.set(passed.get() + time));
    }

    /// Whether this thread waits for nothing else.
    pub(crate) fn is_patient() -> bool {
        PATIENT.with(Cell::get)
    }

    pub(crate) fn be_patient() {
        PATIENT.with(|patient| patient.set(true));
    }

    /// Whether this thread has more to ask.
    pub(crate) fn is_gathering() -> bool {
        GATHERING.with(Cell::get)
    }

    pub(crate) fn gather(gathering: bool) {
        GATHERING.with(|now| now.set(gathering));
    }

    /// Tells threads apart, by what a model calls them.
    pub(crate) fn this_thread() -> usize {
        HERE.with(Cell::get)
    }

    pub(crate) fn call_this_thread(name: usize) {
        HERE.with(|here| here.set(name));
    }

    /// loom's mutex with parking_lot's face: no poisoning.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);
    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Mutex(loom::sync::Mutex::new(value))
        }
        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
        pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            self.0.try_lock().ok()
        }
    }
}

pub(crate) use real::*;
