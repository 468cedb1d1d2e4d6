//! What a cache can be told when it is first opened.

use cache_core::table::{Cause, Listener, TableOptions, Weigher};
use cache_core::{IntoTtl, Near};
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

/// Options of one cache of an [`Inproc`](crate::Inproc).
///
/// ```
/// use cache_clients::{Inproc, OpenOptions};
///
/// let options = OpenOptions::new().with_ttl(60).with_weigher(|_: &u64, page: &String| page.len() as u32);
/// let pages = Inproc::weighing(1_000_000).open_with("pages", options);
/// pages.put(7, "x".repeat(1000));
/// assert_eq!(pages.used(), 1000);
/// ```
pub struct OpenOptions<K, V> {
    ttl: Option<Option<Duration>>,
    weigher: Option<Arc<Weigher<K, V>>>,
    listener: Option<Arc<Listener<K, V>>>,
}

impl<K, V> OpenOptions<K, V> {
    /// The TTL of the client, each entry weighs one, nobody listens.
    #[must_use]
    pub fn new() -> Self {
        OpenOptions { ttl: None, weigher: None, listener: None }
    }

    /// With a TTL of its own for values that come without one; `None::<Duration>` for no TTL.
    #[must_use]
    pub fn with_ttl(mut self, ttl: impl IntoTtl) -> Self {
        self.ttl = Some(ttl.into_ttl());
        self
    }

    /// With weights. Asked once for each value that is stored, outside of all locks; zero counts as one.
    #[must_use]
    pub fn with_weigher(mut self, weigher: impl Fn(&K, &V) -> u32 + Send + Sync + 'static) -> Self {
        self.weigher = Some(Arc::new(weigher));
        self
    }

    /// With somebody who hears of each entry that had to make room, once, outside of all locks. Not
    /// of those that are overwritten, deleted, cleared or purged.
    #[must_use]
    pub fn with_listener(
        mut self,
        listener: impl Fn(&K, &V, Cause) + Send + Sync + 'static,
    ) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }
}

impl<K, V> OpenOptions<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(super) fn make(self, table: TableOptions<K, V>, ttl: Option<Duration>) -> Near<K, V> {
        let table = match self.weigher {
            Some(weigher) => table.with_weigher(weigher),
            None => table,
        };
        let table = match self.listener {
            Some(listener) => table.with_listener(listener),
            None => table,
        };
        Near::new(table).with_ttl(self.ttl.unwrap_or(ttl))
    }
}

impl<K, V> Default for OpenOptions<K, V> {
    fn default() -> Self {
        OpenOptions::new()
    }
}

impl<K, V> fmt::Debug for OpenOptions<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenOptions")
            .field("ttl", &self.ttl)
            .field("weigher", &self.weigher.is_some())
            .field("listener", &self.listener.is_some())
            .finish()
    }
}
