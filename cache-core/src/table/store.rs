//! The entries of one shard under one of the eviction orders.

use super::entry::Entry;
use super::ghost::Gone;
use super::lru::Lru;
use super::s3fifo::S3Fifo;
use std::hash::Hash;

pub(super) enum Store<K, V> {
    S3Fifo(S3Fifo<K, V>),
    Lru(Lru<K, V>),
}

/// Each arm is the same call.
macro_rules! each {
    ($self:expr, $store:ident => $call:expr) => {
        match $self {
            Store::S3Fifo($store) => $call,
            Store::Lru($store) => $call,
        }
    };
}

impl<K: Hash + Eq, V> Store<K, V> {
    #[inline]
    pub(super) fn len(&self) -> usize {
        each!(self, store => store.len())
    }

    #[inline]
    pub(super) fn get(&self, hash: u64, eq: impl Fn(&K) -> bool) -> Option<&Entry<K, V>> {
        each!(self, store => store.get(hash, eq))
    }

    pub(super) fn get_mut(
        &mut self,
        hash: u64,
        eq: impl Fn(&K) -> bool,
    ) -> Option<&mut Entry<K, V>> {
        each!(self, store => store.get_mut(hash, eq))
    }

    pub(super) fn take(&mut self, hash: u64, eq: impl Fn(&K) -> bool) -> Option<Entry<K, V>> {
        each!(self, store => store.take(hash, eq))
    }

    #[inline(always)]
    pub(super) fn evict(&mut self, tick: u64) -> Option<(u64, Entry<K, V>, Gone)> {
        each!(self, store => store.evict(tick))
    }

    /// What evicts soon may touch its victim now.
    #[inline]
    pub(super) fn foresee(&self) {
        if let Store::S3Fifo(store) = self {
            store.foresee();
        }
    }

    pub(super) fn hashes(&self, choose: impl Fn(&Entry<K, V>) -> bool) -> Vec<u64> {
        each!(self, store => store.hashes(choose))
    }

    /// Any entry with this hash, whatever its key.
    pub(super) fn take_hash(&mut self, hash: u64) -> Option<Entry<K, V>> {
        match self {
            Store::S3Fifo(store) => store.take_hash(hash),
            Store::Lru(store) => store.take(hash, |_| true),
        }
    }

    /// An entry with this hash that was dead at `limit`.
    pub(super) fn take_dead(&mut self, hash: u64, limit: u64) -> Option<Entry<K, V>> {
        match self {
            Store::S3Fifo(store) => store.take_dead(hash, limit),
            Store::Lru(store) => store.take_dead(hash, limit),
        }
    }

    /// The tagged entry of this hash.
    pub(super) fn take_tagged(&mut self, hash: u64) -> Option<Entry<K, V>> {
        each!(self, store => store.take_tagged(hash))
    }

    /// Makes room in memory for one more. May panic in the user's `Hash`.
    pub(super) fn reserve(&mut self) {
        if let Store::S3Fifo(store) = self {
            store.reserve();
        }
    }

    /// Whose place a new key with this hash takes, where there is one place for a hash.
    pub(super) fn displace(&mut self, hash: u64) -> Option<Entry<K, V>> {
        match self {
            Store::S3Fifo(_) => None,
            Store::Lru(store) => store.take(hash, |_| true),
        }
    }

    /// Stores an absent key, after [`reserve`](Store::reserve). Does not panic.
    pub(super) fn push(&mut self, hash: u64, entry: Entry<K, V>, proven: bool) {
        match self {
            Store::S3Fifo(store) => store.push(hash, entry, proven),
            Store::Lru(store) => store.push(hash, entry),
        }
    }

    /// Empties it; the entries are the caller's to drop.
    pub(super) fn clear(&mut self) -> Store<K, V> {
        let empty = match self {
            Store::S3Fifo(store) => Store::S3Fifo(store.fresh()),
            Store::Lru(_) => Store::Lru(Lru::new()),
        };
        std::mem::replace(self, empty)
    }

    #[cfg(all(test, not(loom)))]
    pub(super) fn validate(&self) {
        if let Store::S3Fifo(store) = self {
            store.validate();
        }
    }

    /// Where the order is kept on reads, and not by counting visits.
    pub(super) fn promote(&mut self, hash: u64) {
        if let Store::Lru(store) = self {
            store.promote(hash);
        }
    }
}
