//! Slots in pages, so that growing copies nothing and wastes no half.

use super::chunks::Chunks;
use super::slot::{Links, Marks, NONE, Slot};
use crate::object::CopyId;

const PAGE: usize = 1024;

#[derive(Debug)]
pub(super) struct Slab {
    pages: Vec<Vec<Slot>>,
    /// The first free slot; each knows the next as its `order.newer`.
    free: u32,
}

impl Slab {
    pub(super) fn new() -> Self {
        Slab { pages: Vec::new(), free: NONE }
    }

    pub(super) fn get(&self, at: u32) -> &Slot {
        &self.pages[at as usize / PAGE][at as usize % PAGE]
    }

    pub(super) fn get_mut(&mut self, at: u32) -> &mut Slot {
        &mut self.pages[at as usize / PAGE][at as usize % PAGE]
    }

    pub(super) fn insert(&mut self, slot: Slot) -> u32 {
        if self.free != NONE {
            let at = self.free;
            let free = self.get_mut(at);
            let next = free.order.newer;
            *free = slot;
            self.free = next;
            return at;
        }
        if self.pages.last().is_none_or(|page| page.len() == PAGE) {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        let page = self.pages.len() - 1;
        let last = &mut self.pages[page];
        last.push(slot);
        (page * PAGE + last.len() - 1) as u32
    }

    pub(super) fn remove(&mut self, at: u32) -> Slot {
        let free = Slot {
            text: Box::default(),
            copy: CopyId(0),
            fetched: 0,
            kept: Chunks::none(),
            order: Links { older: NONE, newer: self.free },
            age: Links::ALONE,
            chunk_size: 0,
            marks: Marks::default(),
        };
        self.free = at;
        std::mem::replace(self.get_mut(at), free)
    }

    /// The slots that are taken, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.pages.iter().flatten().filter(|slot| !slot.text.is_empty())
    }
}
