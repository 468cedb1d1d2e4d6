//! The complete answer about a key: what `fresh` does not say.

use super::Eviction;
use super::Table;
use super::entry::Entry;
use super::ghost::Gone;
use super::shard::Shard;
use super::stamp::NEVER;
use crate::clock::{Clock, TICK_SHIFT};
use crate::gather::{self, Note};
use crate::tags::{Tags, Validity};
use std::hash::Hash;
use std::time::Duration;

/// Whether a look counts as a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// It does: the entry stays longer.
    Visit,
    /// It does not.
    Leave,
}

/// What a table knows about a key.
///
/// ```
/// use cache_core::table::{Budget, Look, Missing, Table, TableOptions, Touch};
///
/// let options = TableOptions::new(Budget::entries(100), cache_core::Clock::system());
/// let table = Table::<u32, u32>::new(options);
/// let hash = table.hash(&1);
/// assert_eq!(table.look(hash, |key| *key == 1, Touch::Leave), Look::Missing(Missing::Never));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look<V> {
    /// It may be returned.
    Live {
        /// The value.
        value: V,
        /// It wants to be renewed.
        soft_passed: bool,
        /// How long it may still be returned; `Duration::MAX`: for ever.
        left: Duration,
        /// When its refresh threshold comes; `None`: it has passed, or there is none.
        refresh_in: Option<Duration>,
        /// One of its tags was softly invalidated, and nobody computes it anew.
        softened: bool,
        /// Its tags.
        tags: Tags,
    },
    /// It may not, but it is still there.
    Expired {
        /// The value.
        value: V,
        /// How long it has been dead.
        since: Duration,
        /// By [`Table::expire`], and not by its age.
        by_call: bool,
        /// Its TTL has passed, too: nobody may have it any more, but in the place of a failure.
        over: bool,
        /// Its tags.
        tags: Tags,
    },
    /// It is not there.
    Missing(Missing),
}

/// Why a key is not there, as far as is remembered (see [`Look`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Missing {
    /// It never was, or that is long forgotten.
    Never,
    /// Others needed the room.
    Evicted,
    /// It was removed.
    Invalidated,
    /// It was dropped when its time was over.
    Expired,
    /// It was computed, and kept out since something newer had happened to it meanwhile.
    Fenced,
    /// One of its tags was invalidated, or has to be asked for again where it is shared.
    Tag,
    /// It was dropped since its region was invalidated.
    Region,
}

impl<K, V> Table<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// What there is to know about a key. Inside of its own shard's change, nothing.
    #[cold]
    #[inline(never)]
    pub fn look(&self, hash: u64, eq: impl Fn(&K) -> bool, touch: Touch) -> Look<V> {
        let lock = &self.slot(hash).lock;
        let found = if self.eviction == Eviction::Lru && touch == Touch::Visit {
            lock.write(|shard| {
                let found = see(shard, hash, eq, &self.clock);
                shard.store.promote(hash);
                found
            })
        } else {
            lock.read(|shard| {
                if touch == Touch::Visit
                    && let Some(entry) = shard.store.get(hash, &eq)
                {
                    entry.visit();
                }
                see(shard, hash, eq, &self.clock)
            })
        };
        found.unwrap_or(Look::Missing(Missing::Never))
    }

    /// [`fresh`](Table::fresh), else [`look`](Table::look), under one lock and by one search.
    #[inline(always)]
    pub(crate) fn probe(
        &self,
        hash: u64,
        eq: impl Fn(&K) -> bool,
        tick: u64,
    ) -> Result<V, Look<V>> {
        let lock = &self.slot(hash).lock;
        if self.eviction == Eviction::S3Fifo {
            if let Some(reading) = lock.read_hit() {
                return reading.with(|shard| try_fresh(shard, hash, eq, tick, &self.clock));
            }
            if gather::is_gathering() {
                return self.probe_noted(hash, eq);
            }
            if let Some(reading) = lock.read_first() {
                return reading.with(|shard| try_fresh(shard, hash, eq, tick, &self.clock));
            }
        }
        self.probe_slow(hash, eq, tick)
    }

    /// Inside of a computation, which is to know what it has used.
    #[cold]
    #[inline(never)]
    pub(super) fn probe_noted(&self, hash: u64, eq: impl Fn(&K) -> bool) -> Result<V, Look<V>> {
        match self.look(hash, eq, Touch::Visit) {
            Look::Live { value, soft_passed: false, left, tags, .. } => {
                gather::hand(&Note::of(tags, left, &self.clock));
                Ok(value)
            }
            look => Err(look),
        }
    }

    #[cold]
    #[inline(never)]
    fn probe_slow(&self, hash: u64, eq: impl Fn(&K) -> bool, tick: u64) -> Result<V, Look<V>> {
        if gather::is_gathering() {
            return self.probe_noted(hash, eq);
        }
        let lock = &self.slot(hash).lock;
        let probed = if self.eviction == Eviction::Lru {
            lock.write(|shard| {
                let probed = try_fresh(shard, hash, eq, tick, &self.clock);
                shard.store.promote(hash);
                probed
            })
        } else {
            lock.read(|shard| try_fresh(shard, hash, eq, tick, &self.clock))
        };
        probed.unwrap_or(Err(Look::Missing(Missing::Never)))
    }
}

#[inline(always)]
fn try_fresh<K: Hash + Eq + 'static, V: Clone + 'static>(
    shard: &Shard<K, V>,
    hash: u64,
    eq: impl Fn(&K) -> bool,
    tick: u64,
    clock: &Clock,
) -> Result<V, Look<V>> {
    let Some(entry) = shard.store.get(hash, eq) else {
        shard.store.foresee();
        return Err(missing(shard, hash));
    };
    match entry.fresh(tick, || shard.side.allows(hash, tick)) {
        Some(value) => Ok(value.clone()),
        None => {
            entry.visit();
            Err(read(shard, hash, entry, clock))
        }
    }
}

fn see<K: Hash + Eq + 'static, V: Clone + 'static>(
    shard: &Shard<K, V>,
    hash: u64,
    eq: impl Fn(&K) -> bool,
    clock: &Clock,
) -> Look<V> {
    match shard.store.get(hash, eq) {
        Some(entry) => read(shard, hash, entry, clock),
        None => missing(shard, hash),
    }
}

#[inline]
fn missing<K: Hash + Eq, V>(shard: &Shard<K, V>, hash: u64) -> Look<V> {
    Look::Missing(match shard.ghost.recall(hash) {
        None => Missing::Never,
        Some(Gone::Young | Gone::Old) => Missing::Evicted,
        Some(Gone::Invalidated) => Missing::Invalidated,
        Some(Gone::Expired) => Missing::Expired,
        Some(Gone::Fenced) => Missing::Fenced,
        Some(Gone::Tag) => Missing::Tag,
        Some(Gone::Region) => Missing::Region,
    })
}

#[cold]
#[inline(never)]
fn read<K: Hash + Eq + 'static, V: Clone + 'static>(
    shard: &Shard<K, V>,
    hash: u64,
    entry: &Entry<K, V>,
    clock: &Clock,
) -> Look<V> {
    // The coarse clock may run a step ahead of the precise one; both must agree with the hit path.
    let nanos = clock.nanos().max(clock.tick() << TICK_SHIFT);
    let (stamp, tick) = (entry.stamp(), nanos >> TICK_SHIFT);
    let (verdict, tags) = shard.judge(hash, stamp, tick);
    if verdict >= Validity::Unknown {
        return Look::Missing(Missing::Tag);
    }
    let (softened, value) = (verdict == Validity::Soft, entry.value.clone());
    if stamp.is_live(tick) {
        let left = match stamp.hard() {
            NEVER => Duration::MAX,
            hard => Duration::from_nanos((hard << TICK_SHIFT) - nanos),
        };
        let (soft, hard) = (stamp.soft(), stamp.hard());
        let refresh_in = (tick < soft && soft < hard)
            .then(|| Duration::from_nanos((soft << TICK_SHIFT).saturating_sub(nanos)));
        let soft_passed = softened || soft <= tick;
        return Look::Live { value, soft_passed, left, refresh_in, softened, tags };
    }
    let since = Duration::from_nanos(nanos - (stamp.end() << TICK_SHIFT));
    let (by_call, over) = (stamp.is_expired_by_call(), stamp.hard() <= tick);
    Look::Expired { value, since, by_call, over, tags }
}
