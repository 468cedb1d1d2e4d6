//! The tags of a shard's tagged entries, beside the entries: untagged ones pay for a bit in their
//! stamp, and no memory.
//!
//! Found by the entry's hash. There is at most one tagged entry of a hash in a shard, so that the
//! hash says whose tags they are: a second one takes the first one's place.

use crate::sync::{AtomicU64, Ordering};
use crate::tags::{Tag, Tags, Validity};
use hashbrown::HashTable;

pub(super) struct Side {
    of: HashTable<Tagged>,
}

struct Tagged {
    hash: u64,
    /// The first of the tags again: mostly there is no other, and to follow the list takes time.
    first: Tag,
    tags: Tags,
    /// Until this tick somebody computes anew what was softly invalidated.
    held: AtomicU64,
}

impl Side {
    pub(super) fn new() -> Self {
        Side { of: HashTable::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.of.len()
    }

    #[inline(always)]
    fn find(&self, hash: u64) -> Option<&Tagged> {
        self.of.find(hash, |tagged| tagged.hash == hash)
    }

    /// The hit's question about a tagged entry: nothing has happened to its tags.
    #[inline]
    pub(super) fn allows(&self, hash: u64, tick: u64) -> bool {
        let Some(tagged) = self.find(hash) else { return false };
        tagged.are_valid(tick) || tagged.is_held(tick)
    }

    /// The same as a verdict, with the tags.
    pub(super) fn judge(&self, hash: u64, tick: u64) -> (Validity, Tags) {
        let Some(tagged) = self.find(hash) else { return (Validity::Hard, Tags::none()) };
        let verdict = match tagged.tags.verdict_at(tick) {
            Validity::Soft if tagged.is_held(tick) => Validity::Valid,
            verdict => verdict,
        };
        (verdict, tagged.tags.clone())
    }

    /// Lets one caller compute what was softly invalidated; the others are served meanwhile.
    pub(super) fn hold(&self, hash: u64, tick: u64, until: u64) -> bool {
        let Some(tagged) = self.find(hash) else { return false };
        let change = |held| (held <= tick).then_some(until);
        tagged.tags.verdict_at(tick) == Validity::Soft
            && tagged.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, change).is_ok()
    }

    pub(super) fn has(&self, hash: u64) -> bool {
        self.find(hash).is_some()
    }

    pub(super) fn put(&mut self, hash: u64, tags: Tags) {
        self.remove(hash);
        let Some(first) = tags.as_slice().first().cloned() else { return };
        let tagged = Tagged { hash, first, tags, held: AtomicU64::new(0) };
        self.of.insert_unique(hash, tagged, |tagged| tagged.hash);
    }

    pub(super) fn remove(&mut self, hash: u64) {
        if let Ok(found) = self.of.find_entry(hash, |tagged| tagged.hash == hash) {
            found.remove();
        }
    }

    /// The hashes of what nobody may have any more.
    pub(super) fn invalid(&self, tick: u64) -> Vec<u64> {
        let invalid = |tagged: &&Tagged| tagged.tags.verdict_at(tick) == Validity::Hard;
        self.of.iter().filter(invalid).map(|tagged| tagged.hash).collect()
    }
}

impl Tagged {
    #[inline(always)]
    fn are_valid(&self, tick: u64) -> bool {
        self.first.is_valid(tick) && (self.tags.len() == 1 || self.tags.are_valid(tick))
    }

    #[cold]
    fn is_held(&self, tick: u64) -> bool {
        let until = self.held.load(Ordering::Acquire);
        until > tick && self.tags.verdict_at(tick) <= Validity::Soft
    }
}
