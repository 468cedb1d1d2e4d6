//! The table as a list that is searched: what the real one is compared with.

use crate::index::Limits;
use crate::index::answers::Totals;
use crate::object::CopyId;
use crate::policy::Order;
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
pub(super) struct Copy {
    pub(super) id: CopyId,
    pub(super) path: String,
    pub(super) fetched: u64,
    pub(super) chunks: BTreeMap<u32, u64>,
    pub(super) unsent: bool,
}

/// The chunks that had to go, as `(copy, chunk)`.
pub(super) type Gone = Vec<(CopyId, u32)>;

#[derive(Debug)]
pub(super) struct Naive {
    pub(super) limits: Limits,
    /// In the order in which they go.
    pub(super) copies: Vec<Copy>,
    evicted_objects: u64,
    evicted_bytes: u64,
}

impl Naive {
    pub(super) fn new(limits: Limits) -> Self {
        Naive { limits, copies: Vec::new(), evicted_objects: 0, evicted_bytes: 0 }
    }

    pub(super) fn admit(&mut self, id: CopyId, path: &str, now: u64, unsent: bool) -> Gone {
        let mut gone = self.forget(path);
        let (path, chunks) = (path.to_owned(), BTreeMap::new());
        self.copies.push(Copy { id, path, fetched: now, chunks, unsent });
        if !unsent {
            gone.extend(self.make_room(id, now));
        }
        gone
    }

    pub(super) fn forget(&mut self, path: &str) -> Gone {
        let at = self.copies.iter().position(|copy| copy.path == path);
        at.map_or(Vec::new(), |at| gone(&self.copies.remove(at)))
    }

    pub(super) fn find(&mut self, path: &str) -> Option<Copy> {
        let at = self.copies.iter().position(|copy| copy.path == path)?;
        if self.limits.order == Order::Use {
            let copy = self.copies.remove(at);
            self.copies.push(copy);
        }
        self.copies.iter().find(|copy| copy.path == path).cloned()
    }

    /// `None`: the copy is gone.
    pub(super) fn keep(&mut self, id: CopyId, chunk: u32, bytes: u64, now: u64) -> Option<Gone> {
        self.at(id)?.chunks.insert(chunk, bytes);
        Some(self.make_room(id, now))
    }

    pub(super) fn lose(&mut self, id: CopyId, chunk: u32) {
        if let Some(copy) = self.at(id) {
            copy.chunks.remove(&chunk);
        }
    }

    pub(super) fn renew(&mut self, path: &str, now: u64) {
        let copy = self.copies.iter_mut().find(|copy| copy.path == path);
        copy.unwrap().fetched = now;
    }

    pub(super) fn sent(&mut self, id: CopyId, now: u64) -> Gone {
        let at = self.copies.iter().position(|copy| copy.id == id).unwrap();
        let copy = self.copies.remove(at);
        self.copies.push(Copy { unsent: false, fetched: now, ..copy });
        self.make_room(id, now)
    }

    pub(super) fn at(&mut self, id: CopyId) -> Option<&mut Copy> {
        self.copies.iter_mut().find(|copy| copy.id == id)
    }

    pub(super) fn totals(&self) -> Totals {
        let sizes = self.copies.iter().flat_map(|copy| copy.chunks.values());
        Totals {
            objects: self.copies.len() as u64,
            bytes: sizes.clone().sum(),
            chunks: sizes.count() as u64,
            evicted_objects: self.evicted_objects,
            evicted_bytes: self.evicted_bytes,
        }
    }

    pub(super) fn expired(&mut self, now: u64) -> Gone {
        let mut all = Vec::new();
        while let Some(at) = self.oldest(now, None) {
            all.extend(self.evict(at));
        }
        all
    }

    fn oldest(&self, now: u64, spared: Option<CopyId>) -> Option<usize> {
        let lasts = self.limits.ttl? + self.limits.grace.unwrap_or_default();
        let ends = now.checked_sub(lasts.as_nanos() as u64)?;
        let old =
            self.copies.iter().enumerate().filter(|(_, copy)| {
                !copy.unsent && Some(copy.id) != spared && copy.fetched <= ends
            });
        old.min_by_key(|(_, copy)| copy.fetched).map(|(at, _)| at)
    }

    fn make_room(&mut self, adding: CopyId, now: u64) -> Gone {
        let mut all = Vec::new();
        while self.is_over() {
            let first = || self.copies.iter().position(|copy| !copy.unsent && copy.id != adding);
            let Some(at) = self.oldest(now, Some(adding)).or_else(first) else { break };
            all.extend(self.evict(at));
        }
        while self.limits.bytes.is_some_and(|most| self.totals().bytes > most) {
            let Some(copy) = self.at(adding).filter(|copy| !copy.unsent) else { break };
            let Some((chunk, bytes)) = copy.chunks.pop_first() else { break };
            self.evicted_bytes += bytes;
            all.push((adding, chunk));
        }
        all
    }

    fn is_over(&self) -> bool {
        let totals = self.totals();
        self.limits.objects.is_some_and(|most| totals.objects > most as u64)
            || self.limits.bytes.is_some_and(|most| totals.bytes > most)
    }

    fn evict(&mut self, at: usize) -> Gone {
        let copy = self.copies.remove(at);
        self.evicted_objects += 1;
        self.evicted_bytes += copy.chunks.values().sum::<u64>();
        gone(&copy)
    }
}

fn gone(copy: &Copy) -> Gone {
    copy.chunks.keys().map(|chunk| (copy.id, *chunk)).collect()
}
