//! Room: what has expired goes first, then what the policy names.

use super::answers::Victim;
use super::change::Change;
use super::chunks::Chunks;
use super::{Index, State, nanos};
use crate::object::CopyId;
use std::time::Duration;

impl Index {
    /// The copies whose TTL has passed leave, and the time for which they may stand in for the remote.
    pub(crate) fn expired(&self) -> Vec<Victim> {
        let now = self.now();
        self.run(|state| {
            let mut victims = Vec::new();
            while let Some(copy) = state.oldest_expired(now, None) {
                victims.extend(state.evict(copy));
            }
            victims
        })
    }
}

impl State {
    /// The chunks that are to be deleted from local.
    pub(super) fn leaving(&self) -> Vec<Victim> {
        let leaving = self.table.leaving.iter();
        leaving.map(|(copy, chunks)| Victim { copy: *copy, chunks: chunks.clone() }).collect()
    }

    /// Evicts until the limits hold; the copy that is being added to goes last, and then chunk by chunk.
    pub(super) fn make_room(&mut self, adding: CopyId, now: Duration) -> Vec<Victim> {
        let mut victims = Vec::new();
        while self.is_over() {
            let expired = self.oldest_expired(now, Some(adding));
            let Some(copy) = expired.or_else(|| self.first_to_go(adding)) else { break };
            victims.extend(self.evict(copy));
        }
        victims.extend(self.shed(adding));
        victims
    }

    fn is_over(&self) -> bool {
        let (limits, totals) = (&self.limits, &self.table.totals);
        limits.objects.is_some_and(|most| totals.objects > most as u64)
            || limits.bytes.is_some_and(|most| totals.bytes > most)
    }

    fn first_to_go(&self, spared: CopyId) -> Option<CopyId> {
        let table = &self.table;
        let mut copies = table.order.iter(&table.slab).map(|at| table.slab.get(at).copy);
        copies.find(|copy| *copy != spared)
    }

    fn oldest_expired(&mut self, now: Duration, spared: Option<CopyId>) -> Option<CopyId> {
        let lasts = self.limits.ttl? + self.limits.grace.unwrap_or_default();
        let ends = nanos(now.checked_sub(lasts)?);
        let mut old = self.table.by_age().take_while(|slot| slot.fetched <= ends);
        old.find(|slot| Some(slot.copy) != spared).map(|slot| slot.copy)
    }

    fn evict(&mut self, copy: CopyId) -> Option<Victim> {
        let victim = self.leave(copy);
        let totals = &mut self.table.totals;
        totals.evicted_objects += 1;
        totals.evicted_bytes += victim.as_ref().map_or(0, |victim| victim.chunks.bytes());
        victim
    }

    /// The lowest chunks of a copy go until it fits: it alone is larger than everything may be.
    fn shed(&mut self, copy: CopyId) -> Option<Victim> {
        let mut chunks = Chunks::none();
        let at = self.table.at_copy(copy)?;
        while self.limits.bytes.is_some_and(|most| self.table.totals.bytes > most) {
            let slot = self.table.slab.get(at);
            if !slot.marks.can_go() {
                break;
            }
            let Some(chunk) = slot.kept.first() else { break };
            let bytes = slot.kept.bytes_of(chunk).unwrap_or_default();
            self.make(Change::Shed { copy, first: chunk, count: 1 });
            self.table.totals.evicted_bytes += bytes;
            chunks.put(chunk, u32::try_from(bytes).unwrap_or_default());
        }
        (!chunks.is_empty()).then_some(Victim { copy, chunks })
    }
}
