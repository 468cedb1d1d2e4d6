//! What has happened with one server.

use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Whether a server is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerState {
    /// No connection: nothing has been asked yet, or one is being made.
    Idle,
    /// It is connected.
    Connected,
    /// The last attempt to connect has failed: calls fail at once until one succeeds.
    Away,
}

/// What has happened with one server since it became known: the one of the URL, the master that
/// sentinels name, or a member of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStats {
    /// Its address, or the master's name with the sentinels that know it.
    pub name: String,
    /// Whether it is there.
    pub state: ServerState,
    /// Where it was connected last: differs from the name under sentinels.
    pub address: Option<String>,
    /// Pipelines of commands that were sent.
    pub requests: u64,
    /// Pipelines that were not answered, or not sent.
    pub failures: u64,
    /// Connections that were made.
    pub connects: u64,
    /// Why the last connection ended or was not to be had.
    pub last_error: Option<String>,
}

/// Counts for one server.
#[derive(Debug, Default)]
pub(super) struct Counters {
    requests: AtomicU64,
    failures: AtomicU64,
    connects: AtomicU64,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    address: Option<String>,
    error: Option<Arc<str>>,
}

impl Counters {
    pub(super) fn sent(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn connected(&self, address: String) {
        self.connects.fetch_add(1, Ordering::Relaxed);
        self.last.lock().address = Some(address);
    }

    /// A connection has ended, or was not to be had.
    pub(super) fn lost(&self, error: impl Into<Arc<str>>) {
        self.last.lock().error = Some(error.into());
    }

    pub(super) fn stats(&self, name: String, state: ServerState) -> ServerStats {
        let last = self.last.lock();
        ServerStats {
            name,
            state,
            address: last.address.clone(),
            requests: self.requests.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            connects: self.connects.load(Ordering::Relaxed),
            last_error: last.error.as_deref().map(str::to_owned),
        }
    }
}
