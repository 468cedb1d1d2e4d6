//! The index of the local side: which copies there are, how far each can be believed, and which goes first.
//!
//! Everything is under one lock, which is held for memory and for one append to a file, never for the stores:
//! there is no order of two atomics or two locks that could go wrong, hence nothing for loom to try. Whoever
//! puts a chunk into local says so before (`intend`) and after (`keep`); whoever is told that chunks must go
//! deletes them and says so (`removed`, or `undeleted` if local refuses). A victim is handed to one alone, and nothing is
//! put where a deletion may still come. A process that is killed in between leaves chunks whose state nobody
//! knows; opening the index names them.

mod admit;
mod answers;
mod boot;
mod bytes;
mod change;
mod chunks;
mod compact;
mod evict;
mod fence;
mod files;
mod found;
mod frame;
mod keep;
mod lock;
mod log;
mod lookup;
mod open;
mod order;
#[cfg(feature = "config")]
mod peek;
mod reading;
mod record;
mod slab;
mod slot;
mod snapshot;
mod status;
mod table;
#[cfg(test)]
mod tests;
mod undeleted;

pub(crate) use answers::{Admitted, Found, Kept, Limits, Opened, Piece, Victim};
pub(crate) use chunks::Chunks;
pub(crate) use fence::Ticket;
pub use status::Status;

use cache_core::Clock;
use change::Change;
use fence::Fences;
use log::Log;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use table::Table;
use undeleted::Undeleted;

/// A cheap handle; all of one index see the same.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    time: Time,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limits: Limits,
    table: Table,
    fences: Fences,
    undeleted: Undeleted,
    /// `None`: it is in memory only.
    log: Option<Log>,
}

impl Index {
    /// An index that lives as long as the process. What lies in local already is told with
    /// [`add_found`](Index::add_found) and [`found_all`](Index::found_all).
    pub(crate) fn in_memory(limits: Limits, clock: Clock) -> Self {
        Index::of(clock, State::new(limits, Table::new(limits.order), None))
    }

    /// How much is kept, and for how long.
    pub(crate) fn limits(&self) -> Limits {
        self.look_at(|state| state.limits)
    }

    /// Other limits from now on; the victims are what they leave no room for. Which goes first stays as it was.
    #[cfg(any(feature = "config", test))]
    pub(crate) fn limit(&self, limits: Limits) -> Vec<Victim> {
        let now = self.now();
        self.run(|state| {
            state.limits = Limits { order: state.limits.order, ..limits };
            // No copy is being added to.
            state.make_room(crate::object::CopyId(0), now)
        })
    }

    /// The time since 1970 by which copies age. It never goes back while the index is open.
    pub(crate) fn now(&self) -> Duration {
        self.shared.time.now()
    }

    fn of(clock: Clock, state: State) -> Self {
        Index { shared: Arc::new(Shared { time: Time::new(clock), state: state.into() }) }
    }

    /// Runs one operation; what it changes is in the log when it returns.
    fn run<T>(&self, operation: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.shared.state.lock();
        let result = operation(&mut state);
        let State { table, log, .. } = &mut *state;
        if let Some(log) = log {
            log.write(table);
        }
        result
    }

    /// Runs one operation that changes nothing but the order.
    fn look_at<T>(&self, operation: impl FnOnce(&mut State) -> T) -> T {
        operation(&mut self.shared.state.lock())
    }
}

impl State {
    fn new(limits: Limits, table: Table, log: Option<Log>) -> Self {
        State { limits, table, fences: Fences::default(), undeleted: Undeleted::default(), log }
    }

    /// Makes a change.
    fn make(&mut self, change: Change) {
        if let Some(log) = &mut self.log {
            log.add(&change);
        }
        self.table.apply(change);
    }

    fn write_uses(&mut self) {
        if let Some(log) = &mut self.log {
            log.write_uses(&self.table);
        }
    }
}

/// The clock of a system, which may be set back, held against one that only goes forward.
#[derive(Debug)]
struct Time {
    clock: Clock,
    opened: Duration,
    began: u64,
}

impl Time {
    fn new(clock: Clock) -> Self {
        Time { opened: clock.unix(), began: clock.nanos(), clock }
    }

    fn now(&self) -> Duration {
        let passed = Duration::from_nanos(self.clock.nanos().saturating_sub(self.began));
        self.clock.unix().max(self.opened + passed)
    }
}

/// Nanoseconds for a slot: they last until the year 2554.
fn nanos(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap_or(u64::MAX)
}
