//! What has happened with one server.

use super::state::State;
use std::sync::atomic::{AtomicU64, Ordering};

/// Whether a server is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerState {
    /// No connection: nothing has been asked yet, or the last one has ended.
    Idle,
    /// It is connected.
    Connected,
    /// It has failed too often; its keys are with the others until it answers again.
    Away,
}

/// What has happened with one server since the client was made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStats {
    /// Its name in the list.
    pub name: String,
    /// Whether it is there.
    pub state: ServerState,
    /// Its version, as it said when it was connected last.
    pub version: Option<String>,
    /// Pipelines of requests that were sent.
    pub requests: u64,
    /// Pipelines that were not answered, or not sent.
    pub failures: u64,
    /// Connections that were made.
    pub connects: u64,
    /// Changes that it has missed, and gets before it is trusted again.
    pub owed: usize,
    /// Why the last connection ended or was not to be had.
    pub last_error: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) requests: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) connects: AtomicU64,
}

impl Counters {
    pub(super) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn stats(&self, name: &str, shown: ServerState, state: &State) -> ServerStats {
        ServerStats {
            name: name.to_owned(),
            state: shown,
            version: state.version.clone(),
            requests: self.requests.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            connects: self.connects.load(Ordering::Relaxed),
            owed: state.debts.len(),
            last_error: state.last.as_deref().map(str::to_owned),
        }
    }
}
