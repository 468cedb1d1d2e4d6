//! The fault of the moment, and whom it must reach.

use super::Fault;
use super::connection::Ends;
use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

#[derive(Debug, Default)]
pub(super) struct Switch {
    state: Mutex<State>,
    changed: Condvar,
    pub(super) counts: Counts,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) connections: AtomicUsize,
    pub(super) asked: AtomicUsize,
    pub(super) answered: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    fault: Fault,
    /// Counts the changes of the fault: connections begin their counts anew.
    round: u64,
    /// The proxy is being dropped.
    closing: bool,
    /// There is no listener; at first there is one.
    deaf: bool,
    next: u64,
    open: HashMap<u64, Arc<Ends>>,
}

impl State {
    fn should_be_deaf(&self) -> bool {
        self.closing || self.fault == Fault::Refuse
    }
}

impl Switch {
    pub(super) fn fault(&self) -> (Fault, u64) {
        let state = self.state();
        (state.fault, state.round)
    }

    pub(super) fn set(&self, fault: Fault) {
        let mut state = self.state();
        state.fault = fault;
        state.round += 1;
        self.changed.notify_all();
    }

    pub(super) fn close(&self) {
        self.state().closing = true;
        self.changed.notify_all();
    }

    pub(super) fn cut(&self) {
        let mut state = self.state();
        for (_, ends) in state.open.drain() {
            ends.shut();
        }
        self.changed.notify_all();
    }

    pub(super) fn open(&self) -> usize {
        self.state().open.len()
    }

    /// Lets a connection be cut; returns under which number.
    pub(super) fn enter(&self, ends: &Arc<Ends>) -> u64 {
        let mut state = self.state();
        state.next += 1;
        let number = state.next;
        state.open.insert(number, Arc::clone(ends));
        if state.closing {
            ends.shut();
        }
        number
    }

    pub(super) fn leave(&self, number: u64) {
        self.state().open.remove(&number);
    }

    /// Waits while the connections hang; false if this one was closed meanwhile.
    pub(super) fn pass(&self, ends: &Ends) -> bool {
        let mut state = self.state();
        while state.fault == Fault::Hang && !state.closing && !ends.are_shut() {
            state = self.wait(state);
        }
        !state.closing && !ends.are_shut()
    }

    /// Waits until then, or until the fault changes or the connection is closed.
    pub(super) fn delay(&self, until: Instant, round: u64, ends: &Ends) {
        let mut state = self.state();
        while state.round == round && !state.closing && !ends.are_shut() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn listener_should_go(&self) -> bool {
        let state = self.state();
        state.should_be_deaf() && !state.deaf
    }

    pub(super) fn listener_is_gone(&self) {
        self.state().deaf = true;
        self.changed.notify_all();
    }

    pub(super) fn listener_is_back(&self) {
        self.state().deaf = false;
        self.changed.notify_all();
    }

    /// False if the proxy is being dropped.
    pub(super) fn wait_until_listening(&self) -> bool {
        let mut state = self.state();
        while state.should_be_deaf() && !state.closing {
            state = self.wait(state);
        }
        !state.closing
    }

    /// Until the listener is there, or gone, as the fault demands.
    pub(super) fn wait_for_listener(&self) {
        let mut state = self.state();
        while state.deaf != state.should_be_deaf() {
            state = self.wait(state);
        }
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
