//! How a memcached client is set up.

use super::breaker::BreakerOptions;
use super::discover::Servers;
use super::ring::Placement;
#[cfg(feature = "tls")]
use super::tls::Tls;
use cache_core::{Clock, Error, Result};
use std::fmt;
use std::time::Duration;

/// Timeouts, bounds and identity of a [`Memcached`](super::Memcached).
///
/// ```
/// use cache_clients::memcached::{MemcachedOptions, ring::Placement};
/// use std::time::Duration;
///
/// let options = MemcachedOptions::default()
///     .with_connect_timeout(Duration::from_millis(200))
///     .with_answer_timeout(Duration::from_millis(200))
///     .with_placement(Placement::Ketama);
/// ```
#[derive(Clone)]
pub struct MemcachedOptions {
    pub(super) settings: Settings,
    pub(super) placement: Placement,
}

/// What servers and connections need to know.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) connect: Duration,
    pub(crate) answer: Duration,
    pub(crate) deadline: Duration,
    pub(crate) requests: usize,
    pub(crate) bytes: usize,
    pub(crate) large: usize,
    pub(crate) lanes: usize,
    pub(crate) value: usize,
    pub(crate) debts: usize,
    pub(crate) stand_in: Duration,
    pub(crate) login: Option<(String, String)>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
    pub(crate) breaker: BreakerOptions,
    pub(crate) clock: Clock,
}

impl Default for MemcachedOptions {
    fn default() -> Self {
        let settings = Settings {
            connect: Duration::from_millis(500),
            answer: Duration::from_millis(500),
            deadline: Duration::from_secs(1),
            requests: 16_384,
            bytes: 64 << 20,
            large: 64 << 10,
            lanes: 0,
            value: 1 << 20,
            debts: 10_000,
            stand_in: Duration::from_secs(10),
            login: None,
            #[cfg(feature = "tls")]
            tls: None,
            breaker: BreakerOptions::default(),
            clock: Clock::system(),
        };
        MemcachedOptions { settings, placement: Placement::default() }
    }
}

impl MemcachedOptions {
    /// How long connecting may take, with TLS, login and greeting (500 ms).
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect = timeout;
        self
    }

    /// How long the oldest request of a connection may wait for its answer (500 ms); then the connection
    /// is closed, and all that wait on it fail.
    #[must_use]
    pub fn with_answer_timeout(mut self, timeout: Duration) -> Self {
        self.settings.answer = timeout;
        self
    }

    /// How long a call may take in all (1 s).
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// How many requests may wait on a connection (16384); more are refused at once.
    #[must_use]
    pub fn with_queue(mut self, requests: usize) -> Self {
        self.settings.requests = requests.max(1);
        self
    }

    /// How many bytes may wait to be sent on a connection (64 MiB); more are refused at once.
    #[must_use]
    pub fn with_queue_bytes(mut self, bytes: usize) -> Self {
        self.settings.bytes = bytes.max(1);
        self
    }

    /// Values above so many bytes go over a second connection (64 KiB), so that small ones need not
    /// wait for them.
    #[must_use]
    pub fn with_large_above(mut self, bytes: usize) -> Self {
        self.settings.large = bytes;
        self
    }

    /// How many more connections each server gets for plain reads by tasks (none): one for each thread
    /// that asks, which a task of its tokio runtime reads, so that many tasks need not wait for another
    /// thread to be woken. As many as the runtime has threads are right; more threads share them.
    ///
    /// The runtimes of all tasks that ask must have I/O, as those of `#[tokio::main]` and of
    /// `enable_all` have: in one that has none a task of this client panics, once for each lane.
    #[must_use]
    pub fn with_lanes(mut self, lanes: usize) -> Self {
        self.settings.lanes = lanes;
        self
    }

    /// The servers' item limit (1 MiB), if it was changed by `-I`. A server that says it takes less
    /// is believed.
    #[must_use]
    pub fn with_item_limit(mut self, bytes: usize) -> Self {
        self.settings.value = bytes;
        self
    }

    /// How many changes are remembered for a server that is away (10000), to be made before it is
    /// trusted again. Beyond that everything on it is removed when it is back.
    #[must_use]
    pub fn with_owed(mut self, changes: usize) -> Self {
        self.settings.debts = changes;
        self
    }

    /// How long others keep values of a server that is away (10 s). Keys that were changed after its
    /// return could be read from them at its next absence: before this time is over, another absence
    /// leaves them unreachable.
    #[must_use]
    pub fn with_stand_in(mut self, keep: Duration) -> Self {
        self.settings.stand_in = keep.max(Duration::from_secs(1));
        self
    }

    /// The user and password that servers started with a password file (`-Y`) want.
    #[must_use]
    pub fn with_login(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.settings.login = Some((user.into(), password.into()));
        self
    }

    /// Speaks TLS with all servers, and with ElastiCache's configuration endpoints.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.settings.tls = Some(tls);
        self
    }

    /// How keys are placed on servers; all programs that share them must agree.
    #[must_use]
    pub fn with_placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// When a server is given up, and when it is tried again.
    #[must_use]
    pub fn with_breaker(mut self, breaker: BreakerOptions) -> Self {
        self.settings.breaker = breaker;
        self
    }

    /// Where the breaker and dates of expiry take their time from.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.settings.clock = clock;
        self
    }
}

impl fmt::Debug for MemcachedOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemcachedOptions")
            .field("settings", &self.settings)
            .field("placement", &self.placement)
            .finish()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Settings");
        shown
            .field("connect", &self.connect)
            .field("answer", &self.answer)
            .field("deadline", &self.deadline)
            // Never the password.
            .field("user", &self.login.as_ref().map(|(user, _)| user))
            .field("breaker", &self.breaker);
        #[cfg(feature = "tls")]
        shown.field("tls", &self.tls.is_some());
        shown.finish_non_exhaustive()
    }
}

/// What names servers: one text or several, in the form that [`Servers`] reads, or [`Servers`].
pub trait IntoServers {
    /// The servers; an error names the part that is wrong, and what would be right.
    fn into_servers(self) -> Result<Servers>;
}

impl IntoServers for Servers {
    fn into_servers(self) -> Result<Servers> {
        Ok(self)
    }
}

impl IntoServers for &str {
    fn into_servers(self) -> Result<Servers> {
        self.parse()
    }
}

impl IntoServers for String {
    fn into_servers(self) -> Result<Servers> {
        self.parse()
    }
}

impl IntoServers for &String {
    fn into_servers(self) -> Result<Servers> {
        self.parse()
    }
}

impl<S: AsRef<str>> IntoServers for &[S] {
    fn into_servers(self) -> Result<Servers> {
        let parts: Vec<&str> = self.iter().map(AsRef::as_ref).collect();
        if parts.len() > 1 && parts.iter().any(|part| part.trim().is_empty()) {
            return Err(Error::invalid("servers: a part of the list is empty; right is host:port"));
        }
        parts.join(",").parse()
    }
}

impl<S: AsRef<str>> IntoServers for Vec<S> {
    fn into_servers(self) -> Result<Servers> {
        self.as_slice().into_servers()
    }
}

impl<S: AsRef<str>, const N: usize> IntoServers for [S; N] {
    fn into_servers(self) -> Result<Servers> {
        self.as_slice().into_servers()
    }
}
