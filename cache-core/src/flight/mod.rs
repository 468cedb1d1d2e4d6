//! Single flight: at most one computation of a key at a time, joined by threads and tasks alike.
//!
//! A [`Flight`] is found by its key in [`Flights`] for as long as it may be joined. Whoever starts
//! it holds the [`Lead`]; everybody else gets a [`Follow`]. Who computes in his own thread has no
//! flight before a second caller comes: he holds a [`Lone`] lead. The work of an `async fn` lies in the
//! flight itself, so that whoever waits can drive it: a leader that is alive but not polled stops
//! nobody. A fence takes a flight out of the registry, so that later callers start afresh, and
//! keeps its result from being stored.

mod follow;
mod kept;
mod lead;
mod lone;
mod registry;
mod seat;
mod work;

#[cfg(all(test, loom))]
mod loom_flight;
#[cfg(all(test, loom))]
mod loom_lone;
#[cfg(all(test, not(loom)))]
mod tests;

pub(crate) use follow::{Follow, Landed};
pub(crate) use kept::KeptLead;
pub(crate) use lead::Lead;
pub(crate) use lone::Lone;
pub use registry::Flights;
pub(crate) use registry::{Joined, JoinedLone};
pub(crate) use work::Work;

use crate::gather::Note;
use crate::sync::{AtomicBool, Mutex, Ordering};
use crate::tags::Tags;
use crate::task::Home;
use crate::trail::Inside;
use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::task::Waker;

/// One computation in progress.
pub(crate) struct Flight<K, V> {
    pub(crate) id: u64,
    pub(crate) hash: u64,
    pub(crate) key: K,
    /// The moment at which it began, as [`epoch`](crate::tags::epoch) counts.
    began: u64,
    fenced: AtomicBool,
    landed: OnceLock<Landing<V>>,
    waiters: Mutex<Waiters>,
    work: Mutex<Option<Work>>,
    /// Whether the work is a future to poll.
    polled: AtomicBool,
    adoption: Adoption,
    /// Where the future is at home.
    home: OnceLock<Home>,
    /// The tags that were captured before the computation.
    captured: OnceLock<Tags>,
    /// What its value was made from.
    note: OnceLock<Note>,
}

/// Whether a task of its own polls the flight's future.
#[derive(Default)]
struct Adoption {
    /// Somebody relies on it who does not poll the flight himself.
    wanted: AtomicBool,
    done: AtomicBool,
}

#[derive(Default)]
struct Waiters {
    wakers: Vec<(u64, Waker)>,
    next: u64,
}

/// How a flight ended.
pub(crate) enum Landing<V> {
    Value(V),
    /// A failure: for one waiter itself, for the others a copy if there can be one.
    Failed {
        sole: Mutex<Option<Failure>>,
        shared: Option<Arc<dyn Any + Send + Sync>>,
    },
}

/// What a computation left instead of a value.
pub(crate) enum Failure {
    /// A result that is not to be stored, as its own type.
    Result(Box<dyn Any + Send>),
    Panic(Box<dyn Any + Send>),
}

impl<V> Landing<V> {
    /// Nothing to report: the next one may try.
    pub(crate) fn gone() -> Self {
        Landing::Failed { sole: Mutex::new(None), shared: None }
    }

    pub(crate) fn sole(failure: Failure) -> Self {
        Landing::Failed { sole: Mutex::new(Some(failure)), shared: None }
    }

    pub(crate) fn shared(failure: Arc<dyn Any + Send + Sync>) -> Self {
        Landing::Failed { sole: Mutex::new(None), shared: Some(failure) }
    }
}

impl<K, V> Flight<K, V> {
    fn new(id: u64, hash: u64, key: K, began: u64) -> Self {
        Flight {
            id,
            hash,
            key,
            began,
            fenced: AtomicBool::new(false),
            landed: OnceLock::new(),
            waiters: Mutex::new(Waiters::default()),
            work: Mutex::new(None),
            polled: AtomicBool::new(false),
            adoption: Adoption::default(),
            home: OnceLock::new(),
            captured: OnceLock::new(),
            note: OnceLock::new(),
        }
    }

    /// Marks this thread as computing this flight, until dropped.
    pub(crate) fn enter(&self) -> Inside {
        Inside::enter(&[], self.id)
    }

    /// Whether something happened to the key after this computation began.
    pub(crate) fn is_fenced(&self) -> bool {
        self.fenced.load(Ordering::Acquire)
    }

    /// Says under which tags the computation begins.
    pub(crate) fn begin_under(&self, tags: &Tags) {
        if !tags.is_empty() {
            let _ = self.captured.set(tags.clone());
        }
    }

    /// Whether a tag was invalidated since: then whoever comes now is to have a newer value. Who
    /// reads the tags of a computation a moment too early learns of it when that lands.
    fn is_outdated(&self) -> bool {
        self.captured.get().is_some_and(|tags| tags.were_invalidated())
    }

    /// Says what the value was made from, before it lands.
    pub(crate) fn annotate(&self, note: &Note) {
        if !note.is_blank() {
            let _ = self.note.set(note.clone());
        }
    }

    pub(crate) fn has_landed(&self) -> bool {
        self.landed.get().is_some()
    }

    /// Ends the flight and wakes everybody; only the first landing counts.
    pub(crate) fn land(&self, landing: Landing<V>) -> bool {
        let first = self.landed.set(landing).is_ok();
        if first {
            self.wake_all();
        }
        first
    }

    /// Wakes outside the lock: a waker is foreign code.
    pub(crate) fn wake_all(&self) {
        let wakers = std::mem::take(&mut self.waiters.lock().wakers);
        for (_, waker) in wakers {
            waker.wake();
        }
    }

    pub(crate) fn has_waiters(&self) -> bool {
        !self.waiters.lock().wakers.is_empty()
    }
}

impl<K, V> fmt::Debug for Flight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight")
            .field("id", &self.id)
            .field("landed", &self.has_landed())
            .field("fenced", &self.fenced)
            .finish_non_exhaustive()
    }
}
