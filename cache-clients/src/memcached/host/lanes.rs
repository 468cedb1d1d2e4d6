//! More connections to a server, for plain reads: one for each thread whose tasks ask, read by a task of
//! their own runtime, so that no other thread has to be woken.
//!
//! A lane is never needed: where there is none, the first connection takes its reads. Whatever changes
//! something, and each lease, goes over the others (`Kind`), so that the order of changes is theirs.

use super::Open;
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// So long nothing more is tried after a lane that was not to be had: maybe the server takes no more
/// connections.
const PAUSE: Duration = Duration::from_secs(5);

/// The lanes beside the first connection.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    slots: Vec<Slot>,
    not_before: Option<Instant>,
}

#[derive(Debug, Default)]
struct Slot {
    opening: bool,
    open: Option<Open>,
}

impl Lanes {
    pub(super) fn new(lanes: usize) -> Self {
        Lanes { slots: (0..lanes).map(|_| Slot::default()).collect(), not_before: None }
    }

    /// The lane of the n-th thread, which leads to the same run of the server as the first connection.
    pub(super) fn of(&self, thread: usize, first: &Open) -> Option<Open> {
        let open = self.slots.get(self.at(thread)?)?.open.as_ref()?;
        (open.run == first.run && open.link.is_at_hand()).then(|| open.clone())
    }

    /// Whether the caller is to make this thread's lane; [`made`](Lanes::made) must follow.
    pub(super) fn begin(&mut self, thread: usize) -> bool {
        let Some(at) = self.at(thread) else { return false };
        if self.slots[at].opening || self.not_before.is_some_and(|not| Instant::now() < not) {
            return false;
        }
        self.slots[at].opening = true;
        true
    }

    /// It has been made, or not. `first`: another run of the server is none of its lanes' business.
    pub(super) fn made(&mut self, thread: usize, made: Option<Open>, first: Option<&Open>) {
        let Some(at) = self.at(thread) else { return };
        let (same, other): (Vec<_>, Vec<_>) =
            made.into_iter().partition(|made| first.is_some_and(|first| first.run == made.run));
        let before = self.slots[at].open.take();
        before.iter().chain(&other).for_each(|open| open.link.retire());
        let open = same.into_iter().next();
        self.not_before = open.is_none().then(|| Instant::now() + PAUSE);
        self.slots[at] = Slot { opening: false, open };
    }

    pub(super) fn opens(&self) -> impl Iterator<Item = &Open> {
        self.slots.iter().filter_map(|slot| slot.open.as_ref())
    }

    fn at(&self, thread: usize) -> Option<usize> {
        thread.checked_rem(self.slots.len())
    }
}

/// The number of this thread: two that begin to ask one after the other have different lanes.
pub(super) fn this_thread() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! { static NUMBER: Cell<Option<usize>> = const { Cell::new(None) }; }
    NUMBER.with(|number| {
        let known = number.get();
        known.unwrap_or_else(|| {
            let next = THREADS.fetch_add(1, Ordering::Relaxed);
            number.set(Some(next));
            next
        })
    })
}
