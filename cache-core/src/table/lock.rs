//! The lock of a shard: readers announce themselves instead of counting, and never wait nested.
//!
//! While the lock is biased a reader stores the lock's address in its thread record, checks the
//! bias and reads: no shared line is written. A writer takes the inner lock, takes the bias away,
//! and waits for the readers it finds announced. Without the bias (there are many writes, or no
//! `membarrier` on this system) it is a plain readers-writer lock.
//!
//! A thread that holds any lock of this kind never waits for another: a nested access which would
//! have to wait is refused (`None`). So neither user code that calls back into a cache nor two
//! tables nested in opposite order can deadlock.
#![expect(
    unsafe_code,
    reason = "the data is reached through announcements which the compiler cannot follow"
)]

use super::gate::{Gate, Pass};
use super::here::{self, HERE, Hold, Holds};
use super::record::{self, Record};
use crate::sync::{AtomicBool, AtomicU32, AtomicUsize, Ordering, UnsafeCell, yield_now};

/// Slow reads since the last write that make it worth to be biased again: by then they have cost
/// about as much as the revocation the next writer will have to pay.
const REBIAS: u32 = if cfg!(loom) { 1 } else { 128 };

/// How often a writer looks before it lets others run.
const SPINS: u32 = if cfg!(loom) { 0 } else { 100 };

/// Whether readers may be biased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bias {
    /// Where the system can do it.
    Readers,
    /// Never: for data whose reads are writes.
    Never,
}

pub(super) struct Lock<T> {
    biased: AtomicBool,
    /// May it become biased again.
    biasable: bool,
    slow_reads: AtomicU32,
    inner: Gate,
    data: UnsafeCell<T>,
}

// SAFETY: `read` gives out `&T` on several threads (`Sync`), `write` gives out `&mut T` on any
// (`Send`), and the two exclude each other.
unsafe impl<T: Send + Sync> Sync for Lock<T> {}
// SAFETY: the lock owns its data.
unsafe impl<T: Send> Send for Lock<T> {}

/// Takes the announcement back.
struct Announced<'a>(&'a AtomicUsize);

impl Drop for Announced<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // Release: a writer that sees the slot empty sees all we did while it was not.
        self.0.store(0, Ordering::Release);
        if HERE.with(|here| here.pending.get()) {
            here::settle();
        }
    }
}

/// A biased read, until dropped.
pub(super) struct Reading<'a, T> {
    lock: &'a Lock<T>,
    _announced: Announced<'a>,
}

impl<T> Reading<'_, T> {
    #[inline(always)]
    pub(super) fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        // SAFETY: announced before the bias was seen, so a writer waits for us; see `revoke`.
        self.lock.data.with(|data| f(unsafe { &*data }))
    }
}

/// A read without the bias, until dropped: first the gate is opened, then the hold goes.
pub(super) struct SlowReading<'a, T> {
    lock: &'a Lock<T>,
    _pass: Pass<'a>,
    _hold: Hold,
}

impl<T> SlowReading<'_, T> {
    #[inline(always)]
    pub(super) fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        // SAFETY: a writer needs the inner lock, which we share.
        self.lock.data.with(|data| f(unsafe { &*data }))
    }
}

impl<T> Lock<T> {
    pub(super) fn new(data: T, bias: Bias) -> Self {
        let biasable = bias == Bias::Readers && record::is_asymmetric();
        Lock {
            biased: AtomicBool::new(biasable),
            biasable,
            slow_reads: AtomicU32::new(0),
            inner: Gate::new(),
            data: UnsafeCell::new(data),
        }
    }

    #[inline(always)]
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// The fast way in, for callers that have another way: keeps what they hold in registers, which
    /// handing one closure to both ways does not. Closed while this thread's hits are noted.
    #[inline(always)]
    pub(super) fn read_hit(&self) -> Option<Reading<'_, T>> {
        self.read_biased(record::quick)
    }

    #[inline(always)]
    fn read_biased(
        &self,
        record: impl FnOnce() -> Option<&'static Record>,
    ) -> Option<Reading<'_, T>> {
        // Only a hint, to spare the announcement: the look that counts comes after it.
        if !self.biased.load(Ordering::Relaxed) {
            return None;
        }
        let record = record()?;
        if record.slots[0].load(Ordering::Relaxed) != 0 {
            return None;
        }
        let announced = self.announce(&record.slots[0])?;
        Some(Reading { lock: self, _announced: announced })
    }

    /// Reads together with other readers. `None` when this thread writes the lock, or would have to
    /// wait while it holds another.
    #[inline(always)]
    pub(super) fn read<R>(&self, f: impl FnOnce(&T) -> R) -> Option<R> {
        match self.read_biased(record::current) {
            Some(reading) => Some(reading.with(f)),
            None => self.read_slow(f),
        }
    }

    /// Announces this thread as a reader, if the lock is biased.
    #[inline(always)]
    fn announce<'a>(&self, slot: &'a AtomicUsize) -> Option<Announced<'a>> {
        // Release: a writer may see this value instead of the zero before it, and must then see as
        // much.
        slot.store(self.address(), Ordering::Release);
        record::light_fence();
        let announced = Announced(slot);
        // Acquire: pairs with the store that set the bias, after the last write.
        self.biased.load(Ordering::Acquire).then_some(announced)
    }

    /// The way in without the bias, for callers that have another way when this thread holds
    /// something: as [`read_hit`](Lock::read_hit), it hands no closure on.
    #[inline(always)]
    pub(super) fn read_first(&self) -> Option<SlowReading<'_, T>> {
        let hold = here::enter_first(self.address(), Holds::Read)?;
        let pass = self.inner.read();
        self.count_slow_read();
        Some(SlowReading { lock: self, _pass: pass, _hold: hold })
    }

    #[cold]
    #[inline(never)]
    fn read_slow<R>(&self, f: impl FnOnce(&T) -> R) -> Option<R> {
        match self.read_first() {
            Some(reading) => Some(reading.with(f)),
            None => self.read_inside(f),
        }
    }

    /// For a thread that holds something.
    #[cold]
    #[inline(never)]
    fn read_inside<R>(&self, f: impl FnOnce(&T) -> R) -> Option<R> {
        match here::standing(self.address()) {
            Holds::Write => None,
            // SAFETY: this thread holds a read guard further out, which keeps writers away.
            Holds::Read => Some(self.data.with(|data| f(unsafe { &*data }))),
            Holds::Nothing => self.read_nested(f),
        }
    }

    fn read_nested<R>(&self, f: impl FnOnce(&T) -> R) -> Option<R> {
        if let Some(record) = record::current()
            && let Some(slot) = record.slots.iter().find(|slot| slot.load(Ordering::Relaxed) == 0)
            && let Some(_announced) = self.announce(slot)
        {
            // SAFETY: as in `read`.
            return Some(self.data.with(|data| f(unsafe { &*data })));
        }
        let _hold = here::enter(self.address(), Holds::Read)?;
        let _guard = self.inner.try_read()?;
        // SAFETY: a writer needs the inner lock, which we share.
        Some(self.data.with(|data| f(unsafe { &*data })))
    }

    /// Called under the inner lock, so no writer is about.
    #[inline(always)]
    fn count_slow_read(&self) {
        if !self.biasable {
            return;
        }
        // Not exact when readers race, and need not be.
        let count = self.slow_reads.load(Ordering::Relaxed) + 1;
        if count < REBIAS {
            self.slow_reads.store(count, Ordering::Relaxed);
        } else if record::is_asymmetric() {
            self.slow_reads.store(0, Ordering::Relaxed);
            self.biased.store(true, Ordering::Release);
        }
    }

    /// Writes alone. `None` when this thread holds the lock, or would have to wait while it holds
    /// another.
    pub(super) fn write<R>(&self, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        let first = here::enter_first(self.address(), Holds::Write);
        let nested = first.is_none();
        let (_hold, _guard) = match first {
            Some(hold) => (hold, self.inner.write()),
            None => self.enter_nested()?,
        };
        if self.biased.load(Ordering::Relaxed) && !self.revoke(nested) {
            return None;
        }
        self.slow_reads.store(0, Ordering::Relaxed);
        // SAFETY: slow readers and writers need the inner lock, which we hold alone. A biased
        // reader either announced itself before our fence, and `revoke` waited for it, or sees that
        // the bias is gone.
        Some(self.data.with_mut(|data| f(unsafe { &mut *data })))
    }

    #[cold]
    #[inline(never)]
    fn enter_nested(&self) -> Option<(Hold, Pass<'_>)> {
        if here::standing(self.address()) != Holds::Nothing {
            return None;
        }
        Some((here::enter(self.address(), Holds::Write)?, self.inner.try_write()?))
    }

    /// Takes the bias away and waits for those who had it; a nested writer gives up instead of
    /// waiting.
    #[cold]
    fn revoke(&self, nested: bool) -> bool {
        self.biased.store(false, Ordering::Relaxed);
        record::heavy_fence();
        let patient = record::all().all(|record| {
            record.slots.iter().all(|slot| {
                let mut spins = 0;
                // Acquire: what the reader did comes before what we will do.
                while slot.load(Ordering::Acquire) == self.address() {
                    spins += 1;
                    match spins {
                        _ if spins < SPINS => std::hint::spin_loop(),
                        _ if nested => return false,
                        _ => yield_now(),
                    }
                }
                true
            })
        });
        if !patient {
            // The next writer must look again: the bias says that there may be announced readers.
            self.biased.store(true, Ordering::Release);
        }
        patient
    }

    #[cfg(test)]
    pub(super) fn is_biased(&self) -> bool {
        self.biased.load(Ordering::Relaxed)
    }

    pub(super) fn get_mut(&mut self) -> &mut T {
        // SAFETY: borrowed exclusively, so there is neither reader nor writer.
        self.data.with_mut(|data| unsafe { &mut *data })
    }
}

/// A value behind a gate, for short work that is larder's own: unlike a [`Lock`] it may be waited
/// for by a thread that holds others, so no user code may run inside.
pub(crate) struct Locked<T> {
    gate: Gate,
    data: UnsafeCell<T>,
}

// SAFETY: one thread at a time gets at the data.
unsafe impl<T: Send> Sync for Locked<T> {}
// SAFETY: the lock owns its data.
unsafe impl<T: Send> Send for Locked<T> {}

impl<T> Locked<T> {
    pub(crate) fn new(data: T) -> Self {
        Locked { gate: Gate::new(), data: UnsafeCell::new(data) }
    }

    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        let _pass = self.gate.write();
        // SAFETY: the pass keeps everybody else out, and `f` never comes here again.
        self.data.with_mut(|data| f(unsafe { &mut *data }))
    }
}
