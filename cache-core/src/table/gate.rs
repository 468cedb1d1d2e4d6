//! The gate of a lock: one at a time, for one locked instruction each.
//!
//! Whoever leaves opens it with a plain store, and then looks whether somebody sleeps before it. A
//! sleeper says so first, and then makes all threads pass a barrier (as the revocation of a bias
//! does), so that either he finds the gate open, or whoever leaves finds him. Where there is no
//! such barrier, a readers-writer lock stands in its place.

use super::record;
use crate::sync::{AtomicBool, AtomicU32, Condvar, Mutex, Ordering, RwLock, wait_for, yield_now};
use crate::sync::{RwLockReadGuard, RwLockWriteGuard};

/// How often somebody looks before he lets others run, and how often then before he sleeps.
const SPINS: u32 = if cfg!(loom) { 0 } else { 100 };
const YIELDS: u32 = if cfg!(loom) { 0 } else { 4 };

pub(super) enum Gate {
    Single(Single),
    Shared(RwLock<()>),
}

#[derive(Default)]
pub(super) struct Single {
    closed: AtomicBool,
    sleepers: AtomicU32,
    bed: Mutex<()>,
    bell: Condvar,
}

/// The right to be inside, until dropped.
pub(super) enum Pass<'a> {
    Single(&'a Single),
    #[expect(dead_code, reason = "held to be dropped")]
    Reader(RwLockReadGuard<'a, ()>),
    #[expect(dead_code, reason = "held to be dropped")]
    Writer(RwLockWriteGuard<'a, ()>),
}

impl Gate {
    pub(super) fn new() -> Self {
        if record::is_asymmetric() { Gate::Single(Single::default()) } else { Gate::plain() }
    }

    pub(super) fn plain() -> Self {
        Gate::Shared(RwLock::new(()))
    }

    /// Keeps writers out.
    #[inline]
    pub(super) fn read(&self) -> Pass<'_> {
        match self {
            Gate::Single(gate) => gate.pass(),
            Gate::Shared(lock) => Pass::Reader(lock.read()),
        }
    }

    pub(super) fn try_read(&self) -> Option<Pass<'_>> {
        match self {
            Gate::Single(gate) => gate.try_pass(),
            Gate::Shared(lock) => lock.try_read().map(Pass::Reader),
        }
    }

    /// Keeps everybody out.
    #[inline]
    pub(super) fn write(&self) -> Pass<'_> {
        match self {
            Gate::Single(gate) => gate.pass(),
            Gate::Shared(lock) => Pass::Writer(lock.write()),
        }
    }

    pub(super) fn try_write(&self) -> Option<Pass<'_>> {
        match self {
            Gate::Single(gate) => gate.try_pass(),
            Gate::Shared(lock) => lock.try_write().map(Pass::Writer),
        }
    }
}

impl Single {
    #[inline]
    fn close(&self) -> bool {
        // Acquire: we see what was done inside before.
        self.closed.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[inline]
    fn try_pass(&self) -> Option<Pass<'_>> {
        // A pass that is made opens the gate when it goes: only who closed it may make one.
        self.close().then(|| Pass::Single(self))
    }

    #[inline]
    fn pass(&self) -> Pass<'_> {
        if !self.close() {
            self.wait();
        }
        Pass::Single(self)
    }

    #[cold]
    #[inline(never)]
    fn wait(&self) {
        for turn in 0..SPINS + YIELDS {
            if turn < SPINS {
                std::hint::spin_loop()
            } else {
                yield_now()
            }
            if !self.closed.load(Ordering::Relaxed) && self.close() {
                return;
            }
        }
        let mut bed = self.bed.lock();
        self.sleepers.fetch_add(1, Ordering::Relaxed);
        // Who leaves either leaves before this, and the gate is open, or sees the sleeper.
        record::heavy_fence();
        while !self.close() {
            bed = wait_for(&self.bell, bed);
        }
        self.sleepers.fetch_sub(1, Ordering::Relaxed);
    }

    #[inline(always)]
    fn open(&self) {
        // Release: who comes next sees what was done inside.
        self.closed.store(false, Ordering::Release);
        record::light_fence();
        if self.sleepers.load(Ordering::Relaxed) != 0 {
            self.ring();
        }
    }

    #[cold]
    #[inline(never)]
    fn ring(&self) {
        // A sleeper that found the gate closed is asleep once its bed can be had.
        drop(self.bed.lock());
        self.bell.notify_all();
    }
}

impl Drop for Pass<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Pass::Single(gate) = self {
            gate.open();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn who_tries_in_vain_leaves_the_gate_closed() {
        for gate in [Gate::Single(Single::default()), Gate::plain()] {
            let inside = gate.write();
            assert!(gate.try_write().is_none());
            assert!(gate.try_read().is_none());
            assert!(gate.try_write().is_none(), "an attempt has opened it");
            drop(inside);
            assert!(gate.try_write().is_some());
        }
    }
}
