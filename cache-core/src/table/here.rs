//! What this thread holds, and what it must do once it holds nothing.
//!
//! User code (`Eq`, `Hash`, `Clone`) runs under the table's locks and may call the cache again. So
//! a thread knows which locks it holds: it never waits for a second one, and what it cannot do now
//! it does later.

use super::record::Record;
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};

type Job = Box<dyn FnOnce(Effort)>;

/// How a job that was put off should do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// As asked, running user code again.
    Exact,
    /// Without user code, even if more is lost: what ran before only ever asked for more.
    Blunt,
}

/// Generations of jobs put off by jobs before the effort becomes blunt.
const PATIENCE: u32 = 16;

/// How deep slow guards can be nested; beyond that the cache answers that it holds nothing.
const DEPTH: usize = 8;

/// No field needs a destructor, so that this can still be used while the thread is ending.
pub(super) struct Here {
    pub(super) record: Cell<Option<&'static Record>>,
    /// The same for hits; none while their values are noted for a computation around them: then
    /// they take the way on which that is asked.
    pub(super) quick: Cell<Option<&'static Record>>,
    noted: Cell<bool>,
    /// The record has been given back.
    pub(super) closed: Cell<bool>,
    /// Addresses of locks held other than through their bias; the lowest bit says for writing.
    held: [Cell<usize>; DEPTH],
    depth: Cell<usize>,
    pub(super) pending: Cell<bool>,
    settling: Cell<bool>,
    jobs: RefCell<ManuallyDrop<Vec<Job>>>,
    random: Cell<u64>,
}

impl Here {
    const fn new() -> Self {
        Here {
            record: Cell::new(None),
            quick: Cell::new(None),
            noted: Cell::new(false),
            closed: Cell::new(false),
            held: [const { Cell::new(0) }; DEPTH],
            depth: Cell::new(0),
            pending: Cell::new(false),
            settling: Cell::new(false),
            jobs: RefCell::new(ManuallyDrop::new(Vec::new())),
            random: Cell::new(0),
        }
    }

    pub(super) fn set_record(&self, record: Option<&'static Record>) {
        self.record.set(record);
        self.quick.set(record.filter(|_| !self.noted.get()));
    }

    #[inline]
    fn is_idle(&self) -> bool {
        self.depth.get() == 0 && self.record.get().is_none_or(Record::is_idle)
    }

    #[cold]
    fn holds(&self, lock: usize) -> Holds {
        let held = &self.held[..self.depth.get()];
        if held.iter().any(|cell| cell.get() == lock | 1) {
            return Holds::Write;
        }
        let biased = self.record.get().is_some_and(|record| record.reads(lock));
        if biased || held.iter().any(|cell| cell.get() == lock) {
            Holds::Read
        } else {
            Holds::Nothing
        }
    }
}

#[cfg(not(loom))]
std::thread_local! { pub(super) static HERE: Here = const { Here::new() }; }
#[cfg(loom)]
loom::thread_local! { pub(super) static HERE: Here = Here::new(); }

#[inline(always)]
pub(super) fn with<R>(f: impl FnOnce(&Here) -> R) -> R {
    HERE.with(f)
}

/// How this thread holds a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Nothing,
    Read,
    Write,
}

/// How this thread holds a lock.
pub(super) fn standing(lock: usize) -> Holds {
    with(|here| here.holds(lock))
}

/// Whether this thread is inside of any table's lock: in an `Eq`, `Hash` or `Clone` that a table
/// runs.
///
/// Whoever waits for another thread there may wait for one that waits for the lock; so compute
/// rather than join a flight.
///
/// ```
/// assert!(!cache_core::table::is_inside());
/// ```
#[inline]
pub fn is_inside() -> bool {
    with(|here| !here.is_idle())
}

/// From now on this thread's hits are noted, or not any more.
pub(crate) fn note_hits(noted: bool) {
    with(|here| {
        here.noted.set(noted);
        here.set_record(here.record.get());
    });
}

/// Says that this thread holds a lock, until dropped. Declare it before the guard, so that it goes
/// after it.
pub(super) struct Hold(());

pub(super) fn enter(lock: usize, how: Holds) -> Option<Hold> {
    with(|here| {
        let depth = here.depth.get();
        here.held.get(depth)?.set(lock | usize::from(how == Holds::Write));
        here.depth.set(depth + 1);
        Some(Hold(()))
    })
}

/// The same for a thread that holds nothing; `None` if it does.
#[inline(always)]
pub(super) fn enter_first(lock: usize, how: Holds) -> Option<Hold> {
    with(|here| {
        if !here.is_idle() {
            return None;
        }
        here.held[0].set(lock | usize::from(how == Holds::Write));
        here.depth.set(1);
        Some(Hold(()))
    })
}

impl Drop for Hold {
    #[inline(always)]
    fn drop(&mut self) {
        let pending = with(|here| {
            here.depth.set(here.depth.get() - 1);
            here.pending.get()
        });
        if pending {
            settle();
        }
    }
}

/// Runs `job` as soon as this thread holds no lock: now, if it holds none.
pub(super) fn outside(job: impl FnOnce(Effort) + 'static) {
    if is_inside() { defer(Box::new(job)) } else { job(Effort::Exact) }
}

#[cold]
fn defer(job: Job) {
    with(|here| {
        here.jobs.borrow_mut().push(job);
        here.pending.set(true);
    });
}

/// Runs what was put off, if the outermost guard is gone.
#[cold]
#[inline(never)]
pub(super) fn settle() {
    // Jobs take locks and so come here again: what they put off is the next generation, not a
    // recursion.
    if is_inside() || with(|here| here.settling.replace(true)) {
        return;
    }
    for generation in 0.. {
        let jobs = with(|here| std::mem::take(&mut **here.jobs.borrow_mut()));
        if jobs.is_empty() {
            break;
        }
        let effort = if generation < PATIENCE { Effort::Exact } else { Effort::Blunt };
        for job in jobs {
            // This runs in a destructor, where a second panic would abort. Its hook has reported
            // it.
            let _ = catch_unwind(AssertUnwindSafe(|| job(effort)));
        }
    }
    with(|here| {
        here.pending.set(false);
        here.settling.set(false);
    });
}

/// A cheap random number, seeded by the thread's place in memory.
pub(super) fn random() -> u64 {
    with(|here| {
        let mut word = here.random.get();
        if word == 0 {
            word = (std::ptr::from_ref(here) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        }
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        here.random.set(word);
        word.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    })
}
