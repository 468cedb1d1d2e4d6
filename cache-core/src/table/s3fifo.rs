//! S3-FIFO: newcomers prove themselves in a small queue, the others get second chances.
//!
//! The queues hold marks only (32 bits of the hash), so a hit touches nothing but the entry. A mark
//! whose entry is gone stays in its queue until it comes to the front or the queue is compacted;
//! two entries of one mark take each other's turn. Invariant: each entry's mark is in a queue,
//! except after a panic of the user's `Hash`; what is lost then is found when the queues run dry.

use super::entry::Entry;
use super::ghost::Gone;
use foldhash::fast::{RandomState, SeedableRandomState};
use hashbrown::HashTable;
use hashbrown::hash_table::OccupiedEntry;
use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, Hash};

pub(super) struct S3Fifo<K, V> {
    entries: HashTable<Entry<K, V>>,
    small: VecDeque<Mark>,
    main: VecDeque<Mark>,
    hasher: SeedableRandomState,
}

/// What a queue keeps of a hash: the seven bits that are an entry's tag in the table, and the lowest
/// 25, which choose the bucket in tables of up to [`MOST`] entries.
type Mark = u32;

const BUCKET_BITS: u32 = 25;

/// Entries that one shard may be asked to hold.
pub(super) const MOST: u64 = 1 << (BUCKET_BITS - 2);

#[inline]
fn mark(hash: u64) -> Mark {
    ((hash >> 57) as u32) << BUCKET_BITS | hash as u32 & ((1 << BUCKET_BITS) - 1)
}

/// A hash that leads to where the entries of this mark are.
#[inline]
fn lead(mark: Mark) -> u64 {
    u64::from(mark >> BUCKET_BITS) << 57 | u64::from(mark & ((1 << BUCKET_BITS) - 1))
}

/// The small queue's share of the entries.
const SMALL_SHARE: usize = 10;

impl<K: Hash + Eq, V> S3Fifo<K, V> {
    pub(super) fn new(hasher: SeedableRandomState) -> Self {
        S3Fifo { entries: HashTable::new(), small: VecDeque::new(), main: VecDeque::new(), hasher }
    }

    /// An empty one with the same hashes.
    pub(super) fn fresh(&self) -> Self {
        S3Fifo::new(self.hasher.clone())
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    #[inline(always)]
    pub(super) fn get(&self, hash: u64, eq: impl Fn(&K) -> bool) -> Option<&Entry<K, V>> {
        self.entries.find(hash, |entry| eq(&entry.key))
    }

    pub(super) fn get_mut(
        &mut self,
        hash: u64,
        eq: impl Fn(&K) -> bool,
    ) -> Option<&mut Entry<K, V>> {
        self.entries.find_mut(hash, |entry| eq(&entry.key))
    }

    /// Makes room for one more. The only place that runs `Hash` of many keys, apart from
    /// [`compact`](S3Fifo::compact): a panic there loses entries at most, and nobody counts on
    /// their number.
    pub(super) fn reserve(&mut self) {
        let hasher = &self.hasher;
        self.entries.reserve(1, |entry| hasher.hash_one(&entry.key));
    }

    /// Stores an absent key, after [`reserve`](S3Fifo::reserve).
    pub(super) fn push(&mut self, hash: u64, entry: Entry<K, V>, proven: bool) {
        if proven {
            self.main.push_back(mark(hash));
        } else {
            self.small.push_back(mark(hash));
        }
        let hasher = &self.hasher;
        self.entries.insert_unique(hash, entry, |entry| hasher.hash_one(&entry.key));
    }

    pub(super) fn take(&mut self, hash: u64, eq: impl Fn(&K) -> bool) -> Option<Entry<K, V>> {
        self.take_if(hash, |entry, _| eq(&entry.key))
    }

    /// Takes out any entry with this hash, whatever its key.
    pub(super) fn take_hash(&mut self, hash: u64) -> Option<Entry<K, V>> {
        self.take_if(hash, |entry, hasher| hasher.hash_one(&entry.key) == hash)
    }

    /// As [`take_hash`](S3Fifo::take_hash), of those that were dead at `limit`.
    pub(super) fn take_dead(&mut self, hash: u64, limit: u64) -> Option<Entry<K, V>> {
        self.take_if(hash, |entry, hasher| {
            !entry.is_live(limit) && hasher.hash_one(&entry.key) == hash
        })
    }

    /// The tagged entry of this hash, of which there is one at most.
    pub(super) fn take_tagged(&mut self, hash: u64) -> Option<Entry<K, V>> {
        self.take_if(hash, |entry, hasher| {
            entry.stamp().is_tagged() && hasher.hash_one(&entry.key) == hash
        })
    }

    fn take_if(
        &mut self,
        hash: u64,
        which: impl Fn(&Entry<K, V>, &SeedableRandomState) -> bool,
    ) -> Option<Entry<K, V>> {
        // First, since it may panic.
        if self.small.len() + self.main.len() > self.entries.len() + self.entries.len() / 2 + 64 {
            self.compact();
        }
        let hasher = &self.hasher;
        Some(self.entries.find_entry(hash, |entry| which(entry, hasher)).ok()?.remove().0)
    }

    /// Takes out the entry that matters least, with its hash, and says which queue it leaves.
    #[inline(always)]
    pub(super) fn evict(&mut self, tick: u64) -> Option<(u64, Entry<K, V>, Gone)> {
        while !self.entries.is_empty() {
            let target = (self.entries.len() / SMALL_SHARE).max(1);
            let found = if self.small.len() >= target || self.main.is_empty() {
                self.step_small(tick)
            } else {
                self.step_main(tick)
            };
            if found.is_some() {
                return found;
            }
            if self.small.is_empty() && self.main.is_empty() {
                self.requeue();
            }
        }
        None
    }

    /// Fetches the entry that is likely to go next into the processor's cache, while a look waits
    /// for other memory anyway. Finds it by its mark alone, so it may be another one.
    #[inline]
    pub(super) fn foresee(&self) {
        let target = (self.entries.len() / SMALL_SHARE).max(1);
        let queue = if self.small.len() >= target { &self.small } else { &self.main };
        if let Some(next) = queue.front() {
            let found = self.entries.find(lead(*next), |_| true);
            std::hint::black_box(found.map(Entry::stamp));
        }
    }

    #[inline(always)]
    fn step_small(&mut self, tick: u64) -> Option<(u64, Entry<K, V>, Gone)> {
        let (hash, mut found) = next(&mut self.small, &mut self.entries, &self.hasher)?;
        let entry = found.get_mut();
        let stamp = entry.stamp();
        if !stamp.is_live(tick) {
            return Some((hash, found.remove().0, Gone::Expired));
        }
        if stamp.visits() == 0 {
            return Some((hash, found.remove().0, Gone::Young));
        }
        entry.set_stamp(stamp.with_visits(0));
        self.main.push_back(mark(hash));
        None
    }

    #[inline(always)]
    fn step_main(&mut self, tick: u64) -> Option<(u64, Entry<K, V>, Gone)> {
        let (hash, mut found) = next(&mut self.main, &mut self.entries, &self.hasher)?;
        let entry = found.get_mut();
        let stamp = entry.stamp();
        if !stamp.is_live(tick) {
            return Some((hash, found.remove().0, Gone::Expired));
        }
        if stamp.visits() == 0 {
            return Some((hash, found.remove().0, Gone::Old));
        }
        entry.set_stamp(stamp.with_visits(stamp.visits() - 1));
        self.main.push_back(mark(hash));
        None
    }

    /// Queues what no queue knows any more.
    #[cold]
    fn requeue(&mut self) {
        let hasher = &self.hasher;
        self.main = self.entries.iter().map(|entry| mark(hasher.hash_one(&entry.key))).collect();
    }

    /// Drops stale marks, and all but the newest of equal ones.
    #[cold]
    fn compact(&mut self) {
        let (entries, hasher) = (&self.entries, &self.hasher);
        let mut seen = HashSet::with_capacity_and_hasher(entries.len(), RandomState::default());
        let mut kept = |queue: &VecDeque<Mark>| {
            let mut kept: VecDeque<Mark> = VecDeque::with_capacity(entries.len().min(queue.len()));
            for &known in queue.iter().rev() {
                let same = |entry: &Entry<K, V>| mark(hasher.hash_one(&entry.key)) == known;
                if entries.find(lead(known), same).is_some() && seen.insert(known) {
                    kept.push_front(known);
                }
            }
            kept
        };
        // Both are made before either is replaced: `Hash` may panic.
        let (small, main) = (kept(&self.small), kept(&self.main));
        (self.small, self.main) = (small, main);
    }

    /// The hashes of all entries that `choose` picks.
    pub(super) fn hashes(&self, choose: impl Fn(&Entry<K, V>) -> bool) -> Vec<u64> {
        let hasher = &self.hasher;
        self.entries
            .iter()
            .filter(|entry| choose(entry))
            .map(|entry| hasher.hash_one(&entry.key))
            .collect()
    }

    #[cfg(all(test, not(loom)))]
    pub(super) fn validate(&self) {
        let queued: HashSet<Mark> = self.small.iter().chain(&self.main).copied().collect();
        for entry in &self.entries {
            let known = mark(self.hasher.hash_one(&entry.key));
            assert!(queued.contains(&known), "an entry is in no queue");
        }
        let bound = self.entries.len() + self.entries.len() / 2 + 64;
        assert!(self.small.len() + self.main.len() <= bound, "the queues outgrow the entries");
    }
}

/// The entry at the front of a queue, with its hash.
#[inline]
fn next<'a, K: Hash, V>(
    queue: &mut VecDeque<Mark>,
    entries: &'a mut HashTable<Entry<K, V>>,
    hasher: &SeedableRandomState,
) -> Option<(u64, OccupiedEntry<'a, Entry<K, V>>)> {
    let known = pop(queue)?;
    let mut hash = 0;
    let same = |entry: &Entry<K, V>| {
        hash = hasher.hash_one(&entry.key);
        mark(hash) == known
    };
    let found = entries.find_entry(lead(known), same).ok()?;
    Some((hash, found))
}

/// Takes from the front, and gives memory back when a queue has become much shorter than it was.
#[inline]
fn pop(queue: &mut VecDeque<Mark>) -> Option<Mark> {
    let known = queue.pop_front();
    // Once in a while is often enough.
    if known.is_none_or(|known| known & 0xff == 0) && queue.capacity() > 4 * queue.len() + 64 {
        queue.shrink_to(2 * queue.len());
    }
    known
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_mark_leads_to_the_bucket_and_the_tag_of_its_hash() {
        for hash in [0, u64::MAX, 0x9e37_79b9_7f4a_7c15, 0x0123_4567_89ab_cdef] {
            let led = lead(mark(hash));
            assert_eq!((led >> 57, led & 0x1ff_ffff), (hash >> 57, hash & 0x1ff_ffff));
            assert_eq!(mark(led), mark(hash));
        }
    }
}
