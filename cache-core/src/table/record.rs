//! Thread records: what each thread reads now, and the barrier that makes a writer see it.
//!
//! A record is a cache line of its own, reachable from every thread and never freed: it is taken
//! over by the next thread when its owner ends. A reader writes the address of the lock it reads
//! into a slot of its record with a plain store; the one who needs to know pays for the fence on
//! both sides (`membarrier`).
#![expect(
    unsafe_code,
    reason = "records outlive the threads they are lent to; membarrier is a raw system call"
)]

use super::here::{self, HERE};
use crate::sync::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

/// Nested reads that can be fast. Deeper ones take the lock.
pub(super) const SLOTS: usize = 4;

#[repr(align(128))]
pub(super) struct Record {
    /// Addresses of the locks this thread reads through their bias; zero is free.
    pub(super) slots: [AtomicUsize; SLOTS],
    taken: AtomicBool,
    /// Set before the record is published, and never again.
    next: Option<&'static Record>,
}

/// Gives the record back when its thread ends.
struct Lent(&'static Record);

impl Drop for Lent {
    fn drop(&mut self) {
        // From here on this thread reads without a record: destructors of other thread locals still
        // may.
        let _ = HERE.try_with(|here| {
            here.set_record(None);
            here.closed.set(true);
        });
        self.0.taken.store(false, Ordering::Release);
    }
}

#[cfg(not(loom))]
mod statics {
    use super::{AtomicPtr, Lent, Record};
    use std::cell::Cell;

    static HEAD: AtomicPtr<Record> = AtomicPtr::new(std::ptr::null_mut());
    std::thread_local! { pub(super) static LENT: Cell<Option<Lent>> = const { Cell::new(None) }; }

    pub(super) fn head() -> &'static AtomicPtr<Record> {
        &HEAD
    }
}

#[cfg(loom)]
mod statics {
    use super::{AtomicPtr, Lent, Record};
    use std::cell::Cell;

    loom::lazy_static! {
        static ref HEAD: AtomicPtr<Record> = AtomicPtr::new(std::ptr::null_mut());
    }
    loom::thread_local! { pub(super) static LENT: Cell<Option<Lent>> = Cell::new(None); }

    pub(super) fn head() -> &'static AtomicPtr<Record> {
        &HEAD
    }
}

/// The record of this thread; `None` when the thread is ending.
#[inline(always)]
pub(super) fn current() -> Option<&'static Record> {
    match HERE.with(|here| here.record.get()) {
        Some(record) => Some(record),
        None => borrow(),
    }
}

/// The same for a hit: `None` also while this thread's hits are noted.
#[inline(always)]
pub(super) fn quick() -> Option<&'static Record> {
    match HERE.with(|here| here.quick.get()) {
        Some(record) => Some(record),
        None => borrow_quick(),
    }
}

/// Once a thread, and for each hit that is noted.
#[cold]
#[inline(never)]
fn borrow_quick() -> Option<&'static Record> {
    current();
    here::with(|here| here.quick.get())
}

#[cold]
#[inline(never)]
fn borrow() -> Option<&'static Record> {
    if here::with(|here| here.closed.get()) {
        return None;
    }
    // Without a destructor to give it back the record would be lost.
    statics::LENT.try_with(|_| ()).ok()?;
    let record = all().find(|record| record.take()).unwrap_or_else(publish);
    here::with(|here| here.set_record(Some(record)));
    statics::LENT.with(|lent| lent.set(Some(Lent(record))));
    Some(record)
}

impl Record {
    fn take(&self) -> bool {
        self.taken.compare_exchange(false, true, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    pub(super) fn reads(&self, lock: usize) -> bool {
        self.slots.iter().any(|slot| slot.load(Ordering::Relaxed) == lock)
    }

    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        // Without branches: this is asked before each write.
        self.slots.iter().fold(0, |any, slot| any | slot.load(Ordering::Relaxed)) == 0
    }
}

fn publish() -> &'static Record {
    let record = Box::into_raw(Box::new(Record {
        slots: std::array::from_fn(|_| AtomicUsize::new(0)),
        taken: AtomicBool::new(true),
        next: None,
    }));
    let mut head = statics::head().load(Ordering::Acquire);
    loop {
        // SAFETY: `head` is null or a published record, and those are never freed.
        let next = unsafe { head.as_ref() };
        // SAFETY: `record` is ours alone until the exchange below succeeds.
        unsafe { (*record).next = next };
        match statics::head().compare_exchange(head, record, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: it came from a box that is never freed, and is only shared from now on.
            Ok(_) => return unsafe { &*record },
            Err(now) => head = now,
        }
    }
}

/// All records ever made.
pub(super) fn all() -> impl Iterator<Item = &'static Record> {
    let head = statics::head().load(Ordering::Acquire);
    // SAFETY: null or a published record, and those are never freed.
    std::iter::successors(unsafe { head.as_ref() }, |record: &&'static Record| record.next)
}

/// The reader's side of the barrier: keeps the compiler from moving the check before the
/// announcement.
#[inline(always)]
pub(super) fn light_fence() {
    #[cfg(not(loom))]
    crate::sync::compiler_fence(Ordering::SeqCst);
    // loom does not know membarrier: there each side has a fence of its own.
    #[cfg(loom)]
    crate::sync::fence(Ordering::SeqCst);
}

/// The writer's side: afterwards every thread has passed a full fence.
pub(super) fn heavy_fence() {
    #[cfg(loom)]
    crate::sync::fence(Ordering::SeqCst);
    #[cfg(not(loom))]
    barrier::heavy();
}

/// Whether locks may be biased: chosen once, at the first question.
pub(super) fn is_asymmetric() -> bool {
    #[cfg(loom)]
    return true;
    #[cfg(not(loom))]
    barrier::is_available()
}

#[cfg(all(not(loom), target_os = "linux"))]
mod barrier {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering, fence};
    use std::time::Duration;

    const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
    const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

    static LOST: AtomicBool = AtomicBool::new(false);

    fn call(command: libc::c_int) -> bool {
        // SAFETY: the call takes two integers and touches no memory of ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }

    pub(super) fn is_available() -> bool {
        static CHOICE: OnceLock<bool> = OnceLock::new();
        let chosen = *CHOICE.get_or_init(|| {
            let refused = std::env::var_os("LARDER_MEMBARRIER").is_some_and(|value| value == "0");
            !refused && call(REGISTER_PRIVATE_EXPEDITED) && call(PRIVATE_EXPEDITED)
        });
        chosen && !LOST.load(Ordering::Relaxed)
    }

    pub(super) fn heavy() {
        fence(Ordering::SeqCst);
        if call(PRIVATE_EXPEDITED) || (call(REGISTER_PRIVATE_EXPEDITED) && call(PRIVATE_EXPEDITED))
        {
            return;
        }
        // The process gave the call away after it had started (seccomp). No lock is biased again,
        // and the readers of those that were have this long to drain their store buffers, which
        // takes them nanoseconds.
        LOST.store(true, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(20));
        fence(Ordering::SeqCst);
    }
}

#[cfg(all(not(loom), not(target_os = "linux")))]
mod barrier {
    pub(super) fn is_available() -> bool {
        false
    }

    pub(super) fn heavy() {
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
    }
}
