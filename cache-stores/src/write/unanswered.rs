//! Writes past the journal that ended without an answer: the remote may still do what it was asked for, behind what it
//! is asked for next. So long as it may, each read of their paths asks the remote.

use super::queue::LATE;
use crate::index::Ticket;
use crate::runtime;
use crate::store::Inner;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// The doubts of so many stay open; those of others end with them, and the next read that asks is believed.
const MOST: usize = 1 << 12;

/// Their tickets.
#[derive(Debug, Default)]
pub(crate) struct Unanswered(Mutex<(u64, BTreeMap<u64, Vec<Ticket>>)>);

impl Unanswered {
    fn add(&self, tickets: Vec<Ticket>) -> Option<u64> {
        let (next, open) = &mut *self.0.lock();
        if open.len() >= MOST {
            return None;
        }
        *next += 1;
        open.insert(*next, tickets);
        Some(*next)
    }

    fn take(&self, number: u64) -> Option<Vec<Ticket>> {
        self.0.lock().1.remove(&number)
    }
}

impl Inner {
    /// Nobody knows how the writes of these ended.
    pub(super) fn not_answered(&self, tickets: Vec<Ticket>) {
        // Without an index a copy cannot be doubtful: then none is kept as long as the tickets are open.
        if !self.has_no_index() {
            tickets.iter().for_each(|ticket| self.index.linger(ticket));
        }
        let Some(number) = self.unanswered.add(tickets) else { return };
        // It does not keep the store alive.
        let (own, pause) = (self.own.clone(), self.clock.sleep(LATE));
        runtime::handle().spawn(async move {
            pause.await;
            let tickets = own.upgrade().and_then(|inner| inner.unanswered.take(number));
            drop(tickets);
        });
    }
}
