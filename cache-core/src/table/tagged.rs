//! What a shard does for the tags of its entries, which lie [beside](super::side) them.

use super::entry::Entry;
use super::ghost::Gone;
use super::shard::{Offer, Shard};
use super::stamp::Stamp;
use super::trash::Trash;
use crate::tags::{Tags, Validity};
use std::hash::Hash;

impl<K: Hash + Eq + 'static, V: 'static> Shard<K, V> {
    /// Takes out what has become invalid by its tags; says how much that was.
    pub(super) fn take_invalid(&mut self, tick: u64, trash: &mut Trash<K, V>) -> usize {
        let mut taken = 0;
        for hash in self.side.invalid(tick) {
            if let Some(entry) = self.store.take_tagged(hash) {
                self.bury(hash, entry, Gone::Tag, trash);
                taken += 1;
            }
        }
        taken
    }

    /// What the tags of an entry say.
    pub(super) fn judge(&self, hash: u64, stamp: Stamp, tick: u64) -> (Validity, Tags) {
        match stamp.is_tagged() {
            true => self.side.judge(hash, tick),
            false => (Validity::Valid, Tags::none()),
        }
    }

    /// Whether the entry may be served, by its times and by its tags.
    pub(super) fn is_live(&self, hash: u64, stamp: Stamp, tick: u64) -> bool {
        stamp.is_live(tick) && (!stamp.is_tagged() || self.side.allows(hash, tick))
    }

    /// Drops the tags of an entry that goes; says so if it is for them that it is worthless.
    #[inline]
    pub(super) fn untag(&mut self, hash: u64, entry: &Entry<K, V>, tick: u64) -> Option<Gone> {
        if !entry.stamp().is_tagged() {
            return None;
        }
        let (verdict, _) = self.side.judge(hash, tick);
        self.side.remove(hash);
        (verdict == Validity::Hard).then_some(Gone::Tag)
    }

    /// Before the pair is stored: the tagged entry of another key with this hash goes. May panic in
    /// the user's `Hash`.
    pub(super) fn make_way(
        &mut self,
        offer: &Offer<K, V>,
        old: Option<Stamp>,
        trash: &mut Trash<K, V>,
    ) {
        let hash = offer.hash;
        let own = old.is_some_and(Stamp::is_tagged);
        if offer.tags.is_empty() || own || !self.side.has(hash) {
            return;
        }
        match self.store.take_tagged(hash) {
            Some(entry) => drop(self.bury(hash, entry, Gone::Old, trash)),
            None => self.side.remove(hash),
        }
    }

    pub(super) fn tag(&mut self, hash: u64, offer: &mut Offer<K, V>) {
        if !offer.tags.is_empty() {
            self.side.put(hash, std::mem::take(&mut offer.tags));
        }
    }
}
