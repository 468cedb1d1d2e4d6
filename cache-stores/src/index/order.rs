//! Lists through the slots: which copy goes first, and which was fetched first.

use super::slab::Slab;
use super::slot::{Links, NONE, Slot};

/// Which of a slot's links a list uses.
#[derive(Debug, Clone, Copy)]
pub(super) enum By {
    /// Eviction.
    Order,
    /// The time at which the remote told of it.
    Age,
}

impl By {
    fn of(self, slot: &Slot) -> Links {
        match self {
            By::Order => slot.order,
            By::Age => slot.age,
        }
    }

    fn of_mut(self, slot: &mut Slot) -> &mut Links {
        match self {
            By::Order => &mut slot.order,
            By::Age => &mut slot.age,
        }
    }
}

/// How many neighbours are looked at before the whole list is sorted instead, later and at once.
const FAR: usize = 1000;

#[derive(Debug)]
pub(super) struct List {
    by: By,
    oldest: u32,
    newest: u32,
}

impl List {
    pub(super) fn new(by: By) -> Self {
        List { by, oldest: NONE, newest: NONE }
    }

    pub(super) fn oldest(&self) -> Option<u32> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    pub(super) fn is_newest(&self, at: u32) -> bool {
        self.newest == at
    }

    pub(super) fn after(&self, slab: &Slab, at: u32) -> Option<u32> {
        let newer = self.by.of(slab.get(at)).newer;
        (newer != NONE).then_some(newer)
    }

    pub(super) fn push(&mut self, slab: &mut Slab, at: u32) {
        self.link(slab, self.newest, at, NONE);
    }

    /// Puts it where its time belongs: nearly always at the end. False: that is too far from the end, or the
    /// list is not sorted anyway, and it is at the end.
    pub(super) fn push_by_time(&mut self, slab: &mut Slab, at: u32, sorted: bool) -> bool {
        let fetched = slab.get(at).fetched;
        let (mut older, mut newer) = (self.newest, NONE);
        for _ in 0..if sorted { FAR } else { 0 } {
            if older == NONE || slab.get(older).fetched <= fetched {
                self.link(slab, older, at, newer);
                return true;
            }
            newer = older;
            older = self.by.of(slab.get(older)).older;
        }
        self.push(slab, at);
        false
    }

    pub(super) fn remove(&mut self, slab: &mut Slab, at: u32) {
        let Links { older, newer } =
            std::mem::replace(self.by.of_mut(slab.get_mut(at)), Links::ALONE);
        self.set_newer(slab, older, newer);
        self.set_older(slab, newer, older);
    }

    /// Makes it the list of these, oldest first.
    pub(super) fn set(&mut self, slab: &mut Slab, all: &[u32]) {
        (self.oldest, self.newest) = (NONE, NONE);
        all.iter().for_each(|at| self.push(slab, *at));
    }

    pub(super) fn iter<'a>(&'a self, slab: &'a Slab) -> impl Iterator<Item = u32> + 'a {
        std::iter::successors(self.oldest(), |at| self.after(slab, *at))
    }

    fn link(&mut self, slab: &mut Slab, older: u32, at: u32, newer: u32) {
        *self.by.of_mut(slab.get_mut(at)) = Links { older, newer };
        self.set_newer(slab, older, at);
        self.set_older(slab, newer, at);
    }

    fn set_newer(&mut self, slab: &mut Slab, of: u32, newer: u32) {
        match of {
            NONE => self.oldest = newer,
            _ => self.by.of_mut(slab.get_mut(of)).newer = newer,
        }
    }

    fn set_older(&mut self, slab: &mut Slab, of: u32, older: u32) {
        match of {
            NONE => self.newest = older,
            _ => self.by.of_mut(slab.get_mut(of)).older = older,
        }
    }
}
