//! Strict LRU: the order is exact, and so each read is a write.

use super::entry::Entry;
use super::ghost::Gone;
use lru::LruCache;
use std::hash::{BuildHasherDefault, Hasher};

/// Keys of the map are hashes already.
#[derive(Debug, Default)]
pub(super) struct Identity(u64);

impl Hasher for Identity {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

/// Found by the hash, compared by the key: two keys with one hash take each other's place.
pub(super) struct Lru<K, V> {
    entries: LruCache<u64, Entry<K, V>, BuildHasherDefault<Identity>>,
}

impl<K, V> Lru<K, V> {
    pub(super) fn new() -> Self {
        Lru { entries: LruCache::unbounded_with_hasher(BuildHasherDefault::default()) }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, hash: u64, eq: impl Fn(&K) -> bool) -> Option<&Entry<K, V>> {
        self.entries.peek(&hash).filter(|entry| eq(&entry.key))
    }

    pub(super) fn get_mut(
        &mut self,
        hash: u64,
        eq: impl Fn(&K) -> bool,
    ) -> Option<&mut Entry<K, V>> {
        self.entries.peek_mut(&hash).filter(|entry| eq(&entry.key))
    }

    pub(super) fn promote(&mut self, hash: u64) {
        self.entries.promote(&hash);
    }

    pub(super) fn push(&mut self, hash: u64, entry: Entry<K, V>) {
        self.entries.put(hash, entry);
    }

    pub(super) fn take(&mut self, hash: u64, eq: impl Fn(&K) -> bool) -> Option<Entry<K, V>> {
        self.get(hash, eq)?;
        self.entries.pop(&hash)
    }

    pub(super) fn take_dead(&mut self, hash: u64, limit: u64) -> Option<Entry<K, V>> {
        self.entries.peek(&hash).filter(|entry| !entry.is_live(limit))?;
        self.entries.pop(&hash)
    }

    pub(super) fn take_tagged(&mut self, hash: u64) -> Option<Entry<K, V>> {
        self.entries.peek(&hash).filter(|entry| entry.stamp().is_tagged())?;
        self.entries.pop(&hash)
    }

    pub(super) fn evict(&mut self, tick: u64) -> Option<(u64, Entry<K, V>, Gone)> {
        let (hash, entry) = self.entries.pop_lru()?;
        let gone = if entry.is_live(tick) { Gone::Old } else { Gone::Expired };
        Some((hash, entry, gone))
    }

    pub(super) fn hashes(&self, choose: impl Fn(&Entry<K, V>) -> bool) -> Vec<u64> {
        self.entries.iter().filter(|(_, entry)| choose(entry)).map(|(hash, _)| *hash).collect()
    }
}
