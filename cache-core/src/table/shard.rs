//! One shard: a store, its ghost, and the account of what it has taken from the budget.

use super::budget::{Budget, Room};
use super::entry::Entry;
use super::ghost::{Ghost, Gone};
use super::here;
use super::lock::{Bias, Lock};
use super::options::Cause;
use super::stamp::Stamp;
use super::store::Store;
use super::trash::Trash;
use super::weights::Weights;
use crate::sync::{AtomicU64, AtomicUsize, Ordering};
use std::hash::Hash;

/// A shard behind its lock, on lines of its own.
#[repr(align(128))]
pub(super) struct Slot<K, V> {
    pub(super) lock: Lock<Shard<K, V>>,
    /// Copies for those who ask without the lock.
    len: AtomicUsize,
    used: AtomicU64,
}

pub(super) struct Shard<K, V> {
    pub(super) store: Store<K, V>,
    pub(super) ghost: Ghost,
    weights: Option<Box<Weights>>,
    /// Units of the budget that belong to this shard.
    reserved: u64,
}

/// When a value is stored over one that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutWhen {
    /// Whatever is there.
    Always,
    /// Only where nothing live is.
    Absent,
}

/// What became of an insertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// The value is there.
    Stored,
    /// Something live is there, and [`PutWhen::Absent`] was asked for.
    Present,
    /// `admit` said no; no value was changed.
    Fenced,
    /// The pair weighs more than everything together may; an older value of the key is gone.
    TooHeavy,
    /// This thread is inside of the same shard, or found no room that nobody was just filling; the
    /// key is removed, now or as soon as the thread leaves.
    Busy,
}

/// A pair on its way in. The pair stays here until nothing can panic any more.
pub(super) struct Offer<K, V> {
    pub(super) hash: u64,
    pub(super) pair: Option<(K, V)>,
    pub(super) weight: u64,
    pub(super) stamp: Stamp,
    pub(super) when: PutWhen,
    pub(super) tick: u64,
}

pub(super) enum Step {
    Done(Inserted),
    /// So many units have to come from another shard or table.
    NeedRoom(u64),
}

impl<K, V> Slot<K, V> {
    /// All units that the shard holds, when its table is dropped.
    pub(super) fn reserved(&mut self) -> u64 {
        self.lock.get_mut().reserved
    }
}

impl<K: Hash + Eq + 'static, V: 'static> Slot<K, V> {
    pub(super) fn new(shard: Shard<K, V>, bias: Bias) -> Self {
        Slot { lock: Lock::new(shard, bias), len: AtomicUsize::new(0), used: AtomicU64::new(0) }
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Changes the shard; afterwards, also after a panic, the account agrees with the store.
    pub(super) fn write<R>(
        &self,
        budget: &Budget,
        f: impl FnOnce(&mut Shard<K, V>) -> R,
    ) -> Option<R> {
        self.lock.write(|shard| {
            let account = Account { shard, slot: self, budget };
            f(account.shard)
        })
    }
}

/// Settles when dropped.
struct Account<'a, K: Hash + Eq + 'static, V: 'static> {
    shard: &'a mut Shard<K, V>,
    slot: &'a Slot<K, V>,
    budget: &'a Budget,
}

impl<K: Hash + Eq + 'static, V: 'static> Drop for Account<'_, K, V> {
    #[inline]
    fn drop(&mut self) {
        let len = self.shard.store.len();
        let units = self.shard.units(len);
        if units != self.shard.reserved {
            debug_assert!(units <= self.shard.reserved, "an entry came without room");
            self.budget.release(self.shard.reserved.saturating_sub(units));
            self.shard.reserved = units;
        }
        self.slot.used.store(units, Ordering::Relaxed);
        self.slot.len.store(self.shard.store.len(), Ordering::Relaxed);
    }
}

impl<K: Hash + Eq + 'static, V: 'static> Shard<K, V> {
    pub(super) fn new(store: Store<K, V>, weighted: bool) -> Self {
        Shard { store, ghost: Ghost::default(), weights: weighted.then(Box::default), reserved: 0 }
    }

    /// The value if it is there and wants no refresh.
    #[inline(always)]
    pub(super) fn fresh(&self, hash: u64, eq: impl Fn(&K) -> bool, tick: u64) -> Option<V>
    where
        V: Clone,
    {
        let Store::S3Fifo(store) = &self.store else { return None };
        store.get(hash, eq)?.fresh(tick).cloned()
    }

    #[cfg(all(test, not(loom)))]
    pub(super) fn validate(&self) {
        self.store.validate();
        let (len, units) = (self.store.len(), self.reserved);
        let weighed =
            self.weights.as_ref().map_or((len, len as u64), |all| (all.count(), all.total()));
        assert_eq!(weighed, (len, units), "the account is wrong");
    }

    /// What the entries weigh, from the store itself.
    #[inline]
    fn units(&mut self, len: usize) -> u64 {
        match &self.weights {
            None => len as u64,
            Some(weights) if weights.count() == len => weights.total(),
            Some(_) => self.start_again(),
        }
    }

    /// A panic of the user's `Hash` while the store grew has lost entries nobody can name any more;
    /// the weights of the others cannot be told from theirs, so all have to go.
    #[cold]
    fn start_again(&mut self) -> u64 {
        let lost = self.clear();
        here::outside(move |_| drop(lost));
        0
    }

    fn weight(&self, hash: u64) -> u64 {
        self.weights.as_ref().map_or(1, |weights| weights.weight(hash))
    }

    /// Books an entry out; its units go to `room`.
    fn book_out(&mut self, hash: u64, room: &mut Room<'_>) {
        let units = self.weights.as_mut().map_or(1, |weights| weights.remove(hash));
        self.reserved -= units;
        room.add(units);
    }

    fn book_in(&mut self, hash: u64, weight: u64, room: &mut Room<'_>) {
        if let Some(weights) = &mut self.weights {
            weights.add(hash, weight);
        }
        self.reserved += weight;
        room.spend(weight);
    }
}

impl<K: Hash + Eq + 'static, V: 'static> Shard<K, V> {
    /// Evicts one entry.
    #[inline]
    pub(super) fn evict(
        &mut self,
        tick: u64,
        room: &mut Room<'_>,
        trash: &mut Trash<K, V>,
    ) -> bool {
        let Some((hash, entry, gone)) = self.store.evict(tick) else { return false };
        self.book_out(hash, room);
        self.ghost.remember(hash, gone, self.store.len());
        let cause = if gone == Gone::Expired { Cause::Expired } else { Cause::Capacity };
        trash.overflow(entry.key, entry.value, cause);
        true
    }

    /// Takes the entry of a key out, for the reason given.
    pub(super) fn take(
        &mut self,
        hash: u64,
        eq: impl Fn(&K) -> bool,
        gone: Gone,
        trash: &mut Trash<K, V>,
    ) -> Option<Stamp> {
        let entry = self.store.take(hash, eq)?;
        Some(self.bury(hash, entry, gone, trash))
    }

    /// As [`take`](Shard::take), for all entries with this hash that `choose` picks.
    pub(super) fn take_hash(&mut self, hash: u64, gone: Gone, trash: &mut Trash<K, V>) -> usize {
        let mut taken = 0;
        while let Some(entry) = self.store.take_hash(hash) {
            self.bury(hash, entry, gone, trash);
            taken += 1;
        }
        taken
    }

    /// Takes one entry with this hash out that was dead at `limit`.
    pub(super) fn take_dead(&mut self, hash: u64, limit: u64, trash: &mut Trash<K, V>) -> bool {
        let Some(entry) = self.store.take_dead(hash, limit) else { return false };
        self.bury(hash, entry, Gone::Expired, trash);
        true
    }

    /// Forgets all, also what is gone; the account gives the room back.
    pub(super) fn clear(&mut self) -> Store<K, V> {
        self.ghost = Ghost::default();
        if let Some(weights) = &mut self.weights {
            **weights = Weights::default();
        }
        self.store.clear()
    }

    /// Evicts for others; says whether anything came of it.
    pub(super) fn give(
        &mut self,
        tick: u64,
        room: &mut Room<'_>,
        want: u64,
        trash: &mut Trash<K, V>,
    ) -> bool {
        let quota = self.store.len() / 4 + 1;
        let given =
            (0..quota).take_while(|_| room.units() < want && self.evict(tick, room, trash)).count();
        given > 0
    }

    fn bury(
        &mut self,
        hash: u64,
        entry: Entry<K, V>,
        gone: Gone,
        trash: &mut Trash<K, V>,
    ) -> Stamp {
        // `reserved` stays: the account gives the difference back.
        if let Some(weights) = &mut self.weights {
            weights.remove(hash);
        }
        self.ghost.remember(hash, gone, self.store.len());
        let stamp = entry.stamp();
        trash.silent(entry.key, entry.value);
        stamp
    }

    /// `alone`: no other shard or table has room to give.
    pub(super) fn insert(
        &mut self,
        offer: &mut Offer<K, V>,
        room: &mut Room<'_>,
        trash: &mut Trash<K, V>,
        alone: bool,
        admit: &mut impl FnMut() -> bool,
    ) -> Step {
        let Some((key, _)) = &offer.pair else { return Step::Done(Inserted::Stored) };
        let (hash, tick) = (offer.hash, offer.tick);
        let mut old = self.store.get(hash, |k| k == key).map(Entry::stamp);
        if offer.when == PutWhen::Absent && old.is_some_and(|stamp| stamp.is_live(tick)) {
            return Step::Done(Inserted::Present);
        }
        let mut admitted = false;
        loop {
            let there = if old.is_some() { self.weight(hash) } else { 0 };
            let missing = offer.weight.saturating_sub(there).saturating_sub(room.units());
            if missing == 0 || room.reserve(missing) {
                break;
            }
            // A shard that would have to give a good part of what it holds is not the one to pay.
            if !(alone || missing <= self.reserved / 4) {
                return Step::NeedRoom(missing);
            }
            // One eviction will do: from here on only a panic keeps the value out. The lock that
            // `admit` takes waits for the stores before it, so it comes before those of the eviction.
            if !admitted && self.weights.is_none() && self.store.len() > 0 {
                admitted = admit();
                if !admitted {
                    return self.turned_away(hash, old);
                }
            }
            if !self.evict(tick, room, trash) {
                return Step::NeedRoom(missing);
            }
            if old.is_some() {
                old = self.store.get(hash, |k| k == key).map(Entry::stamp);
            }
        }
        if old.is_none() {
            self.store.reserve();
        }
        if !admitted && !admit() {
            return self.turned_away(hash, old);
        }
        match old {
            Some(_) => self.replace(offer, room),
            None => self.add(offer, room, trash),
        }
        Step::Done(Inserted::Stored)
    }

    /// Remembers why the key has no value, where it has none.
    #[cold]
    fn turned_away(&mut self, hash: u64, old: Option<Stamp>) -> Step {
        if old.is_none() {
            self.ghost.remember(hash, Gone::Fenced, self.store.len());
        }
        Step::Done(Inserted::Fenced)
    }

    /// The old value stays in the offer, with the new key: both are dropped outside.
    fn replace(&mut self, offer: &mut Offer<K, V>, room: &mut Room<'_>) {
        let hash = offer.hash;
        let Some((key, value)) = &mut offer.pair else { return };
        let Some(entry) = self.store.get_mut(hash, |k| k == key) else { return };
        std::mem::swap(&mut entry.value, value);
        entry.set_stamp(offer.stamp.with_visits(entry.stamp().visits()));
        self.store.promote(hash);
        if self.weights.is_some() {
            self.book_out(hash, room);
            self.book_in(hash, offer.weight, room);
        }
    }

    fn add(&mut self, offer: &mut Offer<K, V>, room: &mut Room<'_>, trash: &mut Trash<K, V>) {
        let hash = offer.hash;
        if let Some(entry) = self.store.displace(hash) {
            self.bury(hash, entry, Gone::Old, trash);
        }
        let Some((key, value)) = offer.pair.take() else { return };
        let proven = self.ghost.forget(hash) == Some(Gone::Young);
        self.book_in(hash, offer.weight, room);
        self.store.push(hash, Entry::new(key, value, offer.stamp), proven);
    }
}
