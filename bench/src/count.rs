//! What a pass did besides taking time: allocations and computations, counted per thread.
#![expect(unsafe_code, reason = "a global allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATED: Cell<u64> = const { Cell::new(0) };
    static COMPUTED: Cell<u64> = const { Cell::new(0) };
}

/// The system allocator with a plain counter per thread (half a nanosecond an allocation, the same for everyone).
#[derive(Debug)]
pub struct Counting;

// SAFETY: every call is handed to `System` unchanged; the counter is a constant-initialised thread-local
// without a destructor, so reading it neither allocates nor fails during thread exit.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.with(|c| c.set(c.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATED.with(|c| c.set(c.get() + 1));
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// Allocations and computations of this thread so far.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    pub allocated: u64,
    pub computed: u64,
}

impl Counts {
    pub fn now() -> Self {
        Counts { allocated: ALLOCATED.with(Cell::get), computed: COMPUTED.with(Cell::get) }
    }

    pub fn since(self, earlier: Counts) -> Counts {
        Counts {
            allocated: self.allocated - earlier.allocated,
            computed: self.computed - earlier.computed,
        }
    }
}

/// The computation of no cost that every system caches. Its result tells that the right value came back.
#[inline]
pub fn compute(key: u64) -> u64 {
    COMPUTED.with(|c| c.set(c.get() + 1));
    key.rotate_left(17) ^ 0x5bd1_e995
}

/// The same for a string of at least eight bytes.
#[inline]
pub fn compute_str(key: &str) -> u64 {
    let tail = key.as_bytes().last_chunk::<8>().map_or(0, |b| u64::from_le_bytes(*b));
    compute(tail)
}
