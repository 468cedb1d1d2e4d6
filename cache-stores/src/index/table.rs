//! The entries in memory: found by path and by copy, counted, in order. It changes by [`Change`]s alone.

use super::answers::Totals;
use super::change::Change;
use super::chunks::Chunks;
use super::order::{By, List};
use super::slab::Slab;
use super::slot::{Links, Marks, Slot};
use crate::object::CopyId;
use crate::policy::Order;
use hashbrown::HashTable;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use twox_hash::XxHash3_64;

#[derive(Debug)]
pub(super) struct Table {
    pub(super) slab: Slab,
    paths: HashTable<u32>,
    copies: HashTable<u32>,
    /// Hashes differ from process to process: nobody can prepare paths that collide.
    seed: u64,
    policy: Order,
    pub(super) order: List,
    ages: List,
    /// Whether the list of ages is sorted: many at once are added without.
    ages_in_order: bool,
    pub(super) totals: Totals,
    /// Chunks that are being put into local.
    pub(super) intents: HashMap<CopyId, Chunks>,
    /// Chunks that are being deleted from local.
    pub(super) leaving: HashMap<CopyId, Chunks>,
}

impl Table {
    pub(super) fn new(policy: Order) -> Self {
        Table {
            slab: Slab::new(),
            paths: HashTable::new(),
            copies: HashTable::new(),
            seed: RandomState::new().hash_one(0),
            policy,
            order: List::new(By::Order),
            ages: List::new(By::Age),
            ages_in_order: true,
            totals: Totals::default(),
            intents: HashMap::new(),
            leaving: HashMap::new(),
        }
    }

    /// Makes room for so many entries at once.
    pub(super) fn reserve(&mut self, entries: usize) {
        let (slab, seed) = (&self.slab, self.seed);
        self.paths.reserve(entries, |at| hash_path(slab.get(*at).path(), seed));
        self.copies.reserve(entries, |at| hash_copy(slab.get(*at).copy));
    }

    /// The visible copy of a path.
    pub(super) fn at_path(&self, path: &str) -> Option<u32> {
        let hash = hash_path(path, self.seed);
        self.paths.find(hash, |at| self.slab.get(*at).path() == path).copied()
    }

    pub(super) fn at_copy(&self, copy: CopyId) -> Option<u32> {
        self.copies.find(hash_copy(copy), |at| self.slab.get(*at).copy == copy).copied()
    }

    /// Whether local may have anything under this name.
    pub(super) fn knows(&self, copy: CopyId) -> bool {
        self.at_copy(copy).is_some()
            || self.intents.contains_key(&copy)
            || self.leaving.contains_key(&copy)
    }

    pub(super) fn policy(&self) -> Order {
        self.policy
    }

    /// The chunks that are being put into local.
    pub(super) fn open_intents(&self) -> Vec<(CopyId, u32)> {
        let all = self.intents.iter();
        all.flat_map(|(copy, chunks)| chunks.iter().map(|chunk| (*copy, chunk))).collect()
    }

    /// Whether a chunk is being deleted from local.
    pub(super) fn is_leaving(&self, copy: CopyId, chunk: u32) -> bool {
        self.leaving.get(&copy).is_some_and(|chunks| chunks.contains(chunk))
    }

    pub(super) fn is_intended(&self, copy: CopyId, chunk: u32) -> bool {
        self.intents.get(&copy).is_some_and(|chunks| chunks.contains(chunk))
    }

    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Admit { copy, chunk_size, fetched, marks, text } => {
                self.admit(copy, chunk_size, fetched, marks, text);
            }
            Change::Describe { copy, fetched, marks, text } => {
                self.describe(copy, fetched, marks, text);
            }
            Change::Renew { copy, fetched } => self.renew(copy, fetched),
            Change::Mark { copy, marks } => self.mark(copy, marks),
            Change::Use { copy } => self.used(copy),
            Change::Intend { copy, chunk } => {
                take(&mut self.leaving, copy, chunk);
                self.intents.entry(copy).or_insert_with(Chunks::none).put(chunk, 0);
            }
            Change::Keep { copy, first, count, bytes } => {
                chunks_of(first, count).for_each(|chunk| self.keep(copy, chunk, bytes));
            }
            Change::Shed { copy, first, count } => {
                chunks_of(first, count).for_each(|chunk| self.shed(copy, chunk));
            }
            Change::Leave { copy } => self.leave(copy),
            Change::Removed { copy, first, count } => {
                chunks_of(first, count).for_each(|chunk| take(&mut self.leaving, copy, chunk));
            }
        }
    }

    fn admit(
        &mut self,
        copy: CopyId,
        chunk_size: u32,
        fetched: u64,
        marks: Marks,
        text: Box<[u8]>,
    ) {
        self.leave(copy);
        let slot = Slot {
            text,
            copy,
            fetched,
            kept: Chunks::none(),
            order: Links::ALONE,
            age: Links::ALONE,
            chunk_size,
            marks: Marks(marks.0 | Marks::STAGED),
        };
        let at = self.slab.insert(slot);
        let slab = &self.slab;
        self.copies.insert_unique(hash_copy(copy), at, |at| hash_copy(slab.get(*at).copy));
        if !marks.has(Marks::STAGED) {
            self.reveal(at, marks);
        }
    }

    /// Makes a staged copy the one of its path.
    fn reveal(&mut self, at: u32, marks: Marks) {
        let path = self.slab.get(at).path();
        let hash = hash_path(path, self.seed);
        if let Some(old) = self.at_path(path) {
            self.leave(self.slab.get(old).copy);
        }
        let (slab, seed) = (&self.slab, self.seed);
        self.paths.insert_unique(hash, at, |at| hash_path(slab.get(*at).path(), seed));
        self.totals.objects += 1;
        self.slab.get_mut(at).marks = marks;
        if marks.can_go() {
            self.order.push(&mut self.slab, at);
            self.ages_in_order &= self.ages.push_by_time(&mut self.slab, at, self.ages_in_order);
        }
    }

    fn describe(&mut self, copy: CopyId, fetched: u64, marks: Marks, text: Box<[u8]>) {
        let Some(at) = self.at_copy(copy) else { return };
        // Out of everything that depends on text and marks, and into it again.
        let visible = !self.slab.get(at).marks.has(Marks::STAGED);
        if visible {
            self.hide(at);
        }
        let slot = self.slab.get_mut(at);
        (slot.text, slot.fetched) = (text, fetched);
        self.reveal(at, marks);
    }

    /// The opposite of `reveal`.
    fn hide(&mut self, at: u32) {
        let hash = hash_path(self.slab.get(at).path(), self.seed);
        if let Ok(entry) = self.paths.find_entry(hash, |other| *other == at) {
            entry.remove();
        }
        self.totals.objects -= 1;
        if self.slab.get(at).marks.can_go() {
            self.order.remove(&mut self.slab, at);
            self.ages.remove(&mut self.slab, at);
        }
    }

    fn renew(&mut self, copy: CopyId, fetched: u64) {
        let Some(at) = self.at_copy(copy) else { return };
        let slot = self.slab.get_mut(at);
        slot.fetched = fetched;
        slot.marks = Marks(slot.marks.0 & !Marks::DOUBT);
        if slot.marks.can_go() {
            self.ages.remove(&mut self.slab, at);
            self.ages_in_order &= self.ages.push_by_time(&mut self.slab, at, self.ages_in_order);
        }
    }

    fn mark(&mut self, copy: CopyId, marks: Marks) {
        let Some(at) = self.at_copy(copy) else { return };
        let slot = self.slab.get_mut(at);
        let (could, can) = (slot.marks.can_go(), marks.can_go());
        slot.marks = marks;
        match (could, can) {
            (true, false) => {
                self.order.remove(&mut self.slab, at);
                self.ages.remove(&mut self.slab, at);
            }
            (false, true) => {
                self.order.push(&mut self.slab, at);
                self.ages_in_order &=
                    self.ages.push_by_time(&mut self.slab, at, self.ages_in_order);
            }
            (true, true) | (false, false) => {}
        }
    }

    /// Whether a use would change the order.
    pub(super) fn moves(&self, at: u32) -> bool {
        self.policy == Order::Use && self.slab.get(at).marks.can_go() && !self.order.is_newest(at)
    }

    fn used(&mut self, copy: CopyId) {
        if let Some(at) = self.at_copy(copy)
            && self.moves(at)
        {
            self.order.remove(&mut self.slab, at);
            self.order.push(&mut self.slab, at);
        }
    }

    fn keep(&mut self, copy: CopyId, chunk: u32, bytes: u32) {
        take(&mut self.intents, copy, chunk);
        if let Some(at) = self.at_copy(copy) {
            take(&mut self.leaving, copy, chunk);
            self.drop_chunk(at, chunk);
            self.slab.get_mut(at).kept.put(chunk, bytes);
            self.totals.chunks += 1;
            self.totals.bytes += u64::from(bytes);
        }
    }

    fn shed(&mut self, copy: CopyId, chunk: u32) {
        take(&mut self.intents, copy, chunk);
        if let Some(at) = self.at_copy(copy) {
            self.drop_chunk(at, chunk);
        }
        self.leaving.entry(copy).or_insert_with(Chunks::none).put(chunk, 0);
    }

    fn drop_chunk(&mut self, at: u32, chunk: u32) {
        if let Some(bytes) = self.slab.get_mut(at).kept.take(chunk) {
            self.totals.chunks -= 1;
            self.totals.bytes -= bytes;
        }
    }

    fn leave(&mut self, copy: CopyId) {
        let Some(at) = self.at_copy(copy) else { return };
        if !self.slab.get(at).marks.has(Marks::STAGED) {
            self.hide(at);
        }
        if let Ok(entry) = self.copies.find_entry(hash_copy(copy), |other| *other == at) {
            entry.remove();
        }
        let slot = self.slab.remove(at);
        self.totals.chunks -= slot.kept.len();
        self.totals.bytes -= slot.kept.bytes();
        if !slot.kept.is_empty() {
            let leaving = self.leaving.entry(copy).or_insert_with(Chunks::none);
            match leaving.is_empty() {
                true => *leaving = slot.kept,
                false => slot.kept.iter().for_each(|chunk| leaving.put(chunk, 0)),
            }
        }
    }

    /// The copies that may go, those that the remote told of longest ago first.
    pub(super) fn by_age(&mut self) -> impl Iterator<Item = &Slot> {
        if !self.ages_in_order {
            let all = self.sorted();
            self.ages.set(&mut self.slab, &all);
            self.ages_in_order = true;
        }
        self.ages.iter(&self.slab).map(|at| self.slab.get(at))
    }

    /// The order is that of the times at which the copies were fetched.
    pub(super) fn order_by_age(&mut self) {
        let all = self.sorted();
        self.order.set(&mut self.slab, &all);
    }

    fn sorted(&self) -> Vec<u32> {
        let mut all: Vec<(u64, CopyId, u32)> = Vec::with_capacity(self.totals.objects as usize);
        all.extend(self.order.iter(&self.slab).map(|at| {
            let slot = self.slab.get(at);
            (slot.fetched, slot.copy, at)
        }));
        all.sort_unstable();
        all.into_iter().map(|(_, _, at)| at).collect()
    }
}

#[cfg(test)]
impl Table {
    /// Everything agrees with everything.
    pub(super) fn validate(&mut self) {
        let copies = || self.slab.iter();
        let visible = || copies().filter(|slot| !slot.marks.has(Marks::STAGED));
        assert_eq!(self.copies.len(), copies().count());
        assert_eq!(self.paths.len(), visible().count());
        assert_eq!(self.totals.objects, visible().count() as u64);
        assert_eq!(self.totals.chunks, copies().map(|slot| slot.kept.len()).sum::<u64>());
        assert_eq!(self.totals.bytes, copies().map(|slot| slot.kept.bytes()).sum::<u64>());
        for slot in copies() {
            let at = self.at_copy(slot.copy).expect("found by its name");
            assert_eq!(self.slab.get(at).copy, slot.copy);
            let apart = |chunk| !self.is_leaving(slot.copy, chunk);
            assert!(slot.kept.iter().all(apart), "a chunk is kept and being deleted");
        }
        for slot in visible() {
            let at = self.at_path(slot.path()).expect("found by its path");
            assert_eq!(self.slab.get(at).copy, slot.copy);
        }
        let can_go = copies().filter(|slot| slot.marks.can_go()).count();
        assert_eq!(self.order.iter(&self.slab).count(), can_go);
        let ages: Vec<u64> = self.by_age().map(|slot| slot.fetched).collect();
        assert!(ages.is_sorted() && ages.len() == can_go);
    }
}

fn hash_path(path: &str, seed: u64) -> u64 {
    XxHash3_64::oneshot_with_seed(seed, path.as_bytes())
}

/// The names are random already; the table wants the upper bits to differ from the lower.
fn hash_copy(copy: CopyId) -> u64 {
    copy.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn chunks_of(first: u32, count: u32) -> Range<u32> {
    first..first.saturating_add(count)
}

fn take(of: &mut HashMap<CopyId, Chunks>, copy: CopyId, chunk: u32) {
    if let Some(chunks) = of.get_mut(&copy) {
        chunks.take(chunk);
        if chunks.is_empty() {
            of.remove(&copy);
        }
    }
}
