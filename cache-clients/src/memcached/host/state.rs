//! What is known of a server at the moment.

use super::debts::{Debts, Due};
use super::lanes::Lanes;
use super::session::Kind;
use super::{Open, chance};
use crate::memcached::breaker::Breaker;
use crate::memcached::connection::{Cause, Link};
use crate::memcached::options::Settings;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The first pause after a connection that could not be made; doubles up to a second.
const PAUSE: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct State {
    slots: [Slot; 2],
    lanes: Lanes,
    pub(super) debts: Debts,
    pub(super) breaker: Breaker,
    /// A task tries to get it back.
    pub(super) reviving: bool,
    /// Until when others may hold values of the present absence.
    pub(super) lent: Option<Instant>,
    /// Until when others may hold values of past absences.
    pub(super) foreign: Option<Instant>,
    /// Why the last connection ended or was not to be had.
    pub(super) last: Option<Cause>,
    pub(super) version: Option<String>,
    failures: u32,
    not_before: Option<Instant>,
}

#[derive(Debug, Default)]
struct Slot {
    opening: bool,
    open: Option<Open>,
}

/// What a caller who wants a connection has to do.
#[derive(Debug)]
pub(super) enum Way {
    /// Take it.
    Ready(Open),
    /// There is none for now.
    No(Cause),
    /// Wait for somebody who is at it.
    Wait,
    /// Start making one, and wait.
    Make,
    /// Start delivering this, which is owed, over these, and wait.
    Settle(Vec<Arc<Link>>, Due),
}

impl State {
    pub(super) fn new(settings: &Settings) -> Self {
        State {
            slots: Default::default(),
            lanes: Lanes::new(settings.lanes),
            debts: Debts::new(settings.debts),
            breaker: Breaker::new(settings.breaker, settings.clock.clone()),
            reviving: false,
            lent: None,
            foreign: None,
            last: None,
            version: None,
            failures: 0,
            not_before: None,
        }
    }

    /// The connection, if it may be trusted now.
    pub(super) fn ready(&self, kind: Kind) -> Option<Open> {
        let slot = &self.slots[kind as usize];
        let live = slot.open.as_ref().filter(|open| !slot.opening && !open.link.is_closed());
        live.filter(|_| self.debts.are_settled()).cloned()
    }

    /// The connection for a plain read by a task of this thread, if one may be trusted now; true if the
    /// caller is to make the thread's lane, for later.
    pub(super) fn ready_for(&mut self, thread: usize) -> Option<(Open, bool)> {
        let first = self.ready(Kind::Small)?;
        Some(match self.lanes.of(thread, &first) {
            Some(lane) => (lane, false),
            None => (first, self.lanes.begin(thread)),
        })
    }

    /// A lane has been made, or not.
    pub(super) fn made_lane(&mut self, thread: usize, made: Option<Open>) {
        let first = self.slots[Kind::Small as usize].open.as_ref();
        self.lanes.made(thread, made, first);
    }

    /// The way to a connection. `Make` and `Settle` are given to one caller only.
    pub(super) fn way(&mut self, kind: Kind) -> Way {
        let slot = &mut self.slots[kind as usize];
        if slot.opening {
            return Way::Wait;
        }
        let live = slot.open.as_ref().filter(|open| !open.link.is_closed());
        match live {
            Some(open) if self.debts.are_settled() => Way::Ready(open.clone()),
            Some(_) if self.debts.are_delivering() => Way::Wait,
            Some(open) => {
                let mut links = vec![open.link.clone()];
                // Changes that were given up may be on their way over the other one.
                links.extend(self.link(kind.other()).filter(|other| other.is_changing_any()));
                Way::Settle(links, self.debts.take())
            }
            None => match self.not_before.map(|at| at.saturating_duration_since(Instant::now())) {
                Some(pause) if pause > Duration::ZERO => {
                    Way::No(format!("{}; it is tried again in {pause:.1?}", self.cause()).into())
                }
                _ => {
                    slot.opening = true;
                    Way::Make
                }
            },
        }
    }

    /// A connection has been made, or not.
    pub(super) fn made(&mut self, kind: Kind, made: Option<Open>) {
        let slot = &mut self.slots[kind as usize];
        slot.opening = false;
        if made.is_none() {
            let pause = PAUSE.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
            self.failures = self.failures.saturating_add(1);
            self.not_before = Some(Instant::now() + pause.mul_f64(0.5 + chance() / 2.0));
        } else {
            self.failures = 0;
            self.not_before = None;
        }
        slot.open = made;
    }

    /// Lets the next attempt be made at once.
    pub(super) fn hurry(&mut self) {
        self.not_before = None;
    }

    pub(super) fn cause(&self) -> Cause {
        self.last.clone().unwrap_or_else(|| "it does not answer".into())
    }

    pub(super) fn is_open(&self) -> bool {
        self.slots.iter().flat_map(|slot| &slot.open).any(|open| !open.link.is_closed())
    }

    /// The connection, also one that may not be trusted now.
    pub(super) fn link(&self, kind: Kind) -> Option<Arc<Link>> {
        self.slots[kind as usize].open.as_ref().map(|open| open.link.clone())
    }

    pub(super) fn links(&self) -> Vec<Arc<Link>> {
        let opens = self.slots.iter().flat_map(|slot| &slot.open).chain(self.lanes.opens());
        opens.map(|open| open.link.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memcached::connection::to_nowhere;
    use crate::memcached::options::MemcachedOptions;

    #[test]
    fn what_is_owed_is_delivered_by_one_and_all_others_wait_for_that() {
        let settings = MemcachedOptions::default().settings;
        let mut state = State::new(&settings);
        let open = Open { link: to_nowhere(&settings), run: 0 };
        state.made(Kind::Small, Some(open));
        assert!(matches!(state.way(Kind::Small), Way::Ready(_)));
        state.debts.add("k");
        let first = state.way(Kind::Small);
        assert!(matches!(first, Way::Settle(..)), "{first:?}");
        let second = state.way(Kind::Small);
        assert!(matches!(second, Way::Wait), "{second:?} while the first is at it");
    }
}
