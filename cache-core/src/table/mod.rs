//! The table: where the values of the in-process client live.
//!
//! A hit hashes the borrowed key, reads a coarse clock, announces itself to one shard's lock, finds
//! the entry and clones the value; it writes nothing that another thread reads, except an entry's
//! visit counter. Everything else (absent, dead, past its refresh point) is somebody else's cold
//! path.
//!
//! User code is held at arm's length: `Drop`, listener and weigher never run under a lock. `Eq`,
//! `Hash` and `Clone` must; there they may panic, or call any cache again: a thread that holds a
//! lock never waits for another one. Inside of a change to the same shard the table reads as empty,
//! and a change that cannot be made now is made as soon as the thread holds nothing.

mod budget;
mod change;
mod entry;
mod gate;
mod ghost;
mod here;
mod lock;
mod look;
mod lru;
mod options;
mod record;
mod s3fifo;
mod seed;
mod shard;
mod side;
mod stamp;
mod store;
mod tagged;
mod trash;
mod weights;

#[cfg(all(test, loom))]
mod loom_lock;
#[cfg(all(test, loom))]
mod loom_side;
#[cfg(all(test, not(loom)))]
mod tests;

pub use budget::Budget;
pub use change::Garbage;
pub use here::is_inside;
pub(crate) use here::note_hits;
pub(crate) use lock::Locked;
pub use look::{Look, Missing, Touch};
pub use options::{Cause, Eviction, Listener, TableOptions, Weigher};
pub use shard::{Inserted, PutWhen};
pub use stamp::Life;

use crate::clock::Clock;
use crate::gather;
use crate::sync::{AtomicU64, Ordering};
use foldhash::fast::{FoldHasher, SeedableRandomState};
use lock::Bias;
use s3fifo::S3Fifo;
use shard::{Shard, Slot};
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Arc, Weak};
use store::Store;

/// A typed map with deadlines and a bounded size, read by any number of threads.
///
/// Keys are found by a hash from [`hash`](Table::hash) or [`hash_with`](Table::hash_with) of *this*
/// table and a comparison, so borrowed forms need no owned key. About 62 bytes an entry for `u64`
/// to `u64` at a million entries.
///
/// ```
/// use cache_core::Clock;
/// use cache_core::table::{Budget, Inserted, Life, PutWhen, Table, TableOptions};
///
/// let table = Table::<String, u32>::new(TableOptions::new(Budget::entries(100), Clock::system()));
/// let hash = table.hash("bread");
/// let stored = table.insert(hash, "bread".to_owned(), 3, Life::FOREVER, PutWhen::Always, || true);
/// assert_eq!(stored, Inserted::Stored);
/// assert_eq!(table.fresh(hash, |key| key == "bread"), Some(3));
/// ```
pub struct Table<K, V> {
    slots: Box<[Slot<K, V>]>,
    hasher: SeedableRandomState,
    clock: Clock,
    eviction: Eviction,
    budget: Arc<Budget>,
    weigher: Option<Arc<Weigher<K, V>>>,
    listener: Option<Arc<Listener<K, V>>>,
    epoch: AtomicU64,
    /// For changes that have to wait until this thread holds no lock.
    this: Weak<Table<K, V>>,
}

/// Below this capacity a single shard keeps the eviction order exact.
const SHARDED_FROM: u64 = 1024;

impl<K, V> Table<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// An empty table, joined to the budget of its options.
    #[must_use]
    pub fn new(options: TableOptions<K, V>) -> Arc<Self> {
        let TableOptions { budget, eviction, clock, weigher, listener } = options;
        let hasher = seed::state();
        let shard = || match eviction {
            Eviction::Lru => (Store::Lru(lru::Lru::new()), Bias::Never),
            Eviction::S3Fifo => (Store::S3Fifo(S3Fifo::new(hasher.clone())), Bias::Readers),
        };
        let slots = (0..shards(eviction, budget.capacity()))
            .map(|_| {
                let (store, bias) = shard();
                Slot::new(Shard::new(store, weigher.is_some()), bias)
            })
            .collect();
        let table = Arc::new_cyclic(|this: &Weak<Table<K, V>>| Table {
            slots,
            hasher,
            clock,
            eviction,
            budget,
            weigher,
            listener,
            epoch: AtomicU64::new(0),
            this: this.clone(),
        });
        let (budget, member) = (table.budget.clone(), table.this.clone());
        here::outside(move |_| budget.join(member));
        table
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The hash of a key in this table; a borrowed form must hash as the key does.
    #[inline]
    pub fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The hash of a key that is fed to the hasher by hand.
    #[inline]
    pub fn hash_with(&self, feed: impl FnOnce(&mut FoldHasher<'_>)) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        feed(&mut hasher);
        hasher.finish()
    }

    /// The value, if it is there and wants no refresh. The hit path: about 10 ns with a `u64` key.
    ///
    /// With [`Eviction::Lru`] this excludes all other access to the table.
    #[inline]
    pub fn fresh(&self, hash: u64, eq: impl Fn(&K) -> bool) -> Option<V> {
        let tick = self.clock.tick();
        match self.slot(hash).lock.read_hit() {
            Some(reading) => reading.with(|shard| shard.fresh(hash, eq, tick)),
            None => self.fresh_slow(hash, eq, tick),
        }
    }

    /// [`fresh`](Table::fresh) for those who go on with [`probe`](Table::probe) if it gives nothing,
    /// at the tick that this gives then: without the lock's bias, or where hits are noted, it does
    /// not even try.
    #[inline]
    pub(crate) fn fresh_at_once(&self, hash: u64, eq: impl Fn(&K) -> bool) -> Result<V, u64> {
        let tick = self.clock.tick();
        let Some(reading) = self.slot(hash).lock.read_hit() else { return Err(tick) };
        reading.with(|shard| shard.fresh(hash, eq, tick)).ok_or(tick)
    }

    /// Without the bias: writers are about, or reading is writing, or a computation is to know what
    /// it has used.
    #[cold]
    #[inline(never)]
    fn fresh_slow(&self, hash: u64, eq: impl Fn(&K) -> bool, tick: u64) -> Option<V> {
        if gather::is_gathering() {
            return self.probe_noted(hash, eq).ok();
        }
        let slot = self.slot(hash);
        if self.eviction != Eviction::Lru {
            return slot.lock.read(|shard| shard.fresh(hash, eq, tick))?;
        }
        slot.lock.write(|shard| {
            let entry = shard.store.get(hash, eq)?;
            let value = entry.fresh(tick, || shard.side.allows(hash, tick))?.clone();
            shard.store.promote(hash);
            Some(value)
        })?
    }

    /// How often everything was forgotten.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Entries there are, dead ones included.
    pub fn len(&self) -> usize {
        self.slots.iter().map(Slot::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the budget holds in all, shared with its other tables.
    pub fn capacity(&self) -> u64 {
        self.budget.capacity()
    }

    /// What the entries of this table take of it.
    pub fn used(&self) -> u64 {
        self.slots.iter().map(Slot::used).sum()
    }

    #[inline(always)]
    fn slot(&self, hash: u64) -> &Slot<K, V> {
        // The lowest bits choose the bucket, the highest seven are the bucket's tag.
        &self.slots[(hash >> 32) as usize & (self.slots.len() - 1)]
    }
}

/// A power of two, so that a mask chooses.
fn shards(eviction: Eviction, capacity: u64) -> usize {
    if eviction == Eviction::Lru || capacity < SHARDED_FROM {
        return 1;
    }
    let cores = std::thread::available_parallelism().map_or(4, usize::from);
    let filled = usize::try_from(capacity.min(1 << 40) / s3fifo::MOST).unwrap_or(1);
    (4 * cores).max(16).max(filled).next_power_of_two()
}

impl<K, V> Drop for Table<K, V> {
    fn drop(&mut self) {
        let reserved = self.slots.iter_mut().map(Slot::reserved).sum();
        self.budget.release(reserved);
    }
}

impl<K, V> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("eviction", &self.eviction)
            .field("shards", &self.slots.len())
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}
