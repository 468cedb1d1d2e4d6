//! Which computations this thread is inside of, so that waiting for oneself is an error, not a deadlock.

use parking_lot::Mutex;
use std::cell::{Cell, RefCell};

#[cfg(not(loom))]
thread_local! {
    static TRAIL: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    static IDS: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}
#[cfg(loom)]
loom::thread_local! {
    static TRAIL: RefCell<Vec<u64>> = RefCell::new(Vec::new());
    static IDS: Cell<(u64, u64)> = Cell::new((0, 0));
}

/// A number that no other flight of this process has, mostly without touching shared memory.
pub(crate) fn next_id() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static BLOCKS: AtomicU64 = AtomicU64::new(1);
    const BLOCK: u64 = 1 << 16;
    IDS.try_with(|ids| {
        let (next, end) = ids.get();
        let (next, end) = if next < end {
            (next, end)
        } else {
            let start = BLOCKS.fetch_add(BLOCK, Ordering::Relaxed);
            (start, start + BLOCK)
        };
        ids.set((next + 1, end));
        next
    })
    .unwrap_or_else(|_| BLOCKS.fetch_add(1, Ordering::Relaxed))
}

/// Marks this thread as computing, until dropped.
#[derive(Debug)]
pub(crate) struct Inside {
    before: usize,
}

impl Inside {
    /// Enters flight `id`, and those `others` that one computation serves together with it.
    #[inline]
    pub(crate) fn enter(others: &[u64], id: u64) -> Self {
        let before = TRAIL.try_with(|trail| {
            let mut trail = trail.borrow_mut();
            let before = trail.len();
            if !others.is_empty() {
                trail.extend_from_slice(others);
            }
            trail.push(id);
            before
        });
        Inside { before: before.unwrap_or(0) }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = TRAIL.try_with(|trail| trail.borrow_mut().truncate(self.before));
    }
}

/// Whether this thread is inside of a computation.
pub(crate) fn is_inside() -> bool {
    TRAIL.try_with(|trail| !trail.borrow().is_empty()).unwrap_or(false)
}

/// The flights that this thread is inside of, outermost first.
fn inside() -> Box<[u64]> {
    TRAIL.try_with(|trail| trail.borrow().as_slice().into()).unwrap_or_default()
}

/// Who waits for whom, among computations that wait. Only nested waits come here, so one lock does.
static WAITS: Mutex<Vec<(u64, u64)>> = Mutex::new(Vec::new());

/// A wait from inside a computation, until dropped.
#[derive(Debug)]
pub(crate) struct Waiting(Option<(Box<[u64]>, u64)>);

impl Waiting {
    /// Notes that this thread's computations wait for flight `on`; `None` if that closes a circle.
    pub(crate) fn begin(on: u64) -> Option<Self> {
        let inside = inside();
        if inside.is_empty() {
            return Some(Waiting(None));
        }
        let mut waits = WAITS.lock();
        if reaches(&waits, on, &inside) {
            return None;
        }
        waits.extend(inside.iter().map(|id| (*id, on)));
        Some(Waiting(Some((inside, on))))
    }
}

/// Whether waiting for `from` is, at some remove, waiting for one of `inside`.
fn reaches(waits: &[(u64, u64)], from: u64, inside: &[u64]) -> bool {
    let (mut open, mut seen) = (vec![from], Vec::new());
    while let Some(id) = open.pop() {
        if inside.contains(&id) {
            return true;
        }
        if !seen.contains(&id) {
            seen.push(id);
            open.extend(waits.iter().filter(|(who, _)| *who == id).map(|(_, on)| *on));
        }
    }
    false
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some((inside, on)) = self.0.take() else { return };
        let mut waits = WAITS.lock();
        for id in &inside {
            if let Some(at) = waits.iter().position(|wait| *wait == (*id, on)) {
                waits.swap_remove(at);
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_an_enclosing_computation_is_refused() {
        let (outer, inner) = (next_id(), next_id());
        let _outer = Inside::enter(&[], outer);
        let _inner = Inside::enter(&[], inner);
        assert!(Waiting::begin(outer).is_none());
        assert!(Waiting::begin(next_id()).is_some());
    }

    #[test]
    fn a_circle_over_two_threads_is_refused() {
        let (a, b) = (next_id(), next_id());
        let _a = Inside::enter(&[], a);
        let wait = Waiting::begin(b).unwrap();
        let closed = std::thread::spawn(move || {
            let _b = Inside::enter(&[], b);
            Waiting::begin(a).is_none()
        });
        assert!(closed.join().unwrap());
        drop(wait);
        let open = std::thread::spawn(move || {
            let _b = Inside::enter(&[], b);
            Waiting::begin(a).is_some()
        });
        assert!(open.join().unwrap());
    }
}
