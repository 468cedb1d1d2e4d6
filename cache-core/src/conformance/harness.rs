//! How the suite reaches a client: how to open its caches, and how to let time pass.

use crate::client::Cache;
use crate::wait;
use parking_lot::Mutex;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What can be put to the test: a cache from text to text.
pub trait Subject: Cache<String, String> + Clone {}
impl<C: Cache<String, String> + Clone> Subject for C {}

/// What a client may be unable of without breaking the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ability {
    /// Tells through its near cache how many entries it holds, and how many it can hold.
    Usage,
    /// Keeps values past their TTL, for grace, until they are purged.
    Grace,
    /// Keeps TTLs below one second.
    Milliseconds,
    /// Keeps refresh points.
    Refresh,
    /// Keeps and checks tags. The suite uses those of this process: caches of values as bytes are to
    /// be opened with [`Namespace::with`](crate::Namespace::with) and
    /// [`TagSource::local`](crate::TagSource::local).
    Tags,
}

/// A client under test.
///
/// ```
/// use cache_core::conformance::{Ability, Harness};
/// use cache_core::{Budget, ManualClock, Near, TableOptions};
/// use std::sync::Arc;
///
/// let time = ManualClock::new();
/// let clock = time.clock();
/// let open = move |_: &str| {
///     Near::<String, String>::new(TableOptions::new(Budget::entries(100), clock.clone()))
/// };
/// let harness = Harness::new(open, move |by| time.advance(by)).without(Ability::Usage);
/// assert!(!harness.can(Ability::Usage));
/// ```
pub struct Harness<C> {
    open: Box<dyn Fn(&str) -> C + Send + Sync>,
    advance: Box<dyn Fn(Duration) + Send + Sync>,
    unable: Vec<Ability>,
    lag: Duration,
    opened: Mutex<Vec<C>>,
    next: AtomicUsize,
}

impl<C: Subject> Harness<C> {
    /// `open` gives the cache of a name; one name is one cache, and the empty one the raw client. On
    /// a server that outlives the test it must add something of its own to the names. `advance` lets
    /// at least so much time pass, by hand or by waiting.
    pub fn new(
        open: impl Fn(&str) -> C + Send + Sync + 'static,
        advance: impl Fn(Duration) + Send + Sync + 'static,
    ) -> Self {
        Harness {
            open: Box::new(open),
            advance: Box::new(advance),
            unable: Vec::new(),
            lag: Duration::ZERO,
            opened: Mutex::new(Vec::new()),
            next: AtomicUsize::new(0),
        }
    }

    /// Passes over behaviours that need this.
    #[must_use]
    pub fn without(mut self, ability: Ability) -> Self {
        self.unable.push(ability);
        self
    }

    /// Other handles may see a change that much later.
    #[must_use]
    pub fn with_lag(mut self, lag: Duration) -> Self {
        self.lag = lag;
        self
    }

    /// Whether the client is able of something.
    #[must_use]
    pub fn can(&self, ability: Ability) -> bool {
        !self.unable.contains(&ability)
    }

    /// Clears all that was opened, between two behaviours.
    pub fn tidy(&self) {
        for cache in self.opened.lock().drain(..) {
            wait(cache.clear()).expect("the client could not be cleared");
        }
    }

    pub(super) fn open(&self, name: &str) -> C {
        let cache = (self.open)(name);
        self.opened.lock().push(cache.clone());
        cache
    }

    /// A name that no other behaviour uses.
    pub(super) fn name(&self) -> String {
        format!("conformance-{}", self.next.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn fresh(&self) -> C {
        self.open(&self.name())
    }

    pub(super) fn advance(&self, by: Duration) {
        (self.advance)(by);
    }

    pub(super) fn advance_secs(&self, by: u64) {
        self.advance(Duration::from_secs(by));
    }

    /// Until other handles see what was changed.
    pub(super) fn settle(&self) {
        if self.lag > Duration::ZERO {
            self.advance(self.lag);
        }
    }
}

impl<C> fmt::Debug for Harness<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Harness").field("unable", &self.unable).finish_non_exhaustive()
    }
}

/// Text from a number; not plain ASCII, since no client may care.
pub(super) fn key(n: u32) -> String {
    format!("clé {n}")
}

pub(super) fn text(value: &str) -> String {
    value.to_owned()
}
