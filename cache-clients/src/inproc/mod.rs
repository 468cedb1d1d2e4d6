//! The in-process client: typed caches within one capacity.

mod options;
mod rooms;

pub use options::OpenOptions;

use cache_core::table::{Eviction, TableOptions};
use cache_core::{Client, Clock, IntoTtl, Namespace, Near};
use rooms::Rooms;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Values in this process, within one capacity that all caches opened from it share.
///
/// Clones share everything that is stored, so that an `Inproc` is passed around by value. Nothing is
/// allocated before the first cache is opened, so it can be a `static`. What one cache does not use,
/// another may: when the capacity is used up, newcomers take the room of others in proportion to
/// what these hold. A capacity of zero stores nothing, and everything still works.
///
/// ```
/// use cache_clients::Inproc;
///
/// static CACHES: Inproc = Inproc::new(10_000);
///
/// let prices = CACHES.open::<String, u64>("prices");
/// prices.put_for("bread".to_owned(), 250, 60);
/// assert_eq!(CACHES.open::<String, u64>("prices").get("bread"), Some(250));
/// assert_eq!((CACHES.used(), CACHES.capacity()), (1, 10_000));
/// ```
pub struct Inproc {
    capacity: u64,
    eviction: Eviction,
    clock: Option<Clock>,
    ttl: Option<Duration>,
    rooms: OnceLock<Arc<Rooms>>,
}

impl Inproc {
    /// Room for so many entries.
    ///
    /// ```
    /// use cache_clients::Inproc;
    /// static CACHES: Inproc = Inproc::new(10_000);
    /// assert_eq!(CACHES.capacity(), 10_000);
    /// ```
    #[must_use]
    pub const fn new(entries: usize) -> Self {
        Inproc::weighing(entries as u64)
    }

    /// Room for entries of this weight in all. What an entry weighs is said by the weigher of its
    /// cache; in a cache without one, each weighs one.
    ///
    /// ```
    /// use cache_clients::{Inproc, OpenOptions};
    ///
    /// let caches = Inproc::weighing(1_000_000);
    /// let by_length = OpenOptions::new().with_weigher(|_, page: &String| page.len() as u32);
    /// let pages = caches.open_with::<u64, String>("pages", by_length);
    /// pages.put(7, "x".repeat(1000));
    /// assert_eq!(caches.used(), 1000);
    /// ```
    #[must_use]
    pub const fn weighing(capacity: u64) -> Self {
        Inproc {
            capacity,
            eviction: Eviction::S3Fifo,
            clock: None,
            ttl: None,
            rooms: OnceLock::new(),
        }
    }

    /// With another eviction order, for the caches that are first opened through this handle.
    ///
    /// ```
    /// use cache_clients::Inproc;
    /// use cache_core::Eviction;
    /// static RECENT: Inproc = Inproc::new(100).with_eviction(Eviction::Lru);
    /// assert_eq!(RECENT.capacity(), 100);
    /// ```
    #[must_use]
    pub const fn with_eviction(mut self, eviction: Eviction) -> Self {
        self.eviction = eviction;
        self
    }

    /// With another clock, for the caches that are first opened through this handle.
    ///
    /// ```
    /// use cache_clients::Inproc;
    /// use cache_core::ManualClock;
    /// use std::time::Duration;
    ///
    /// let time = ManualClock::new();
    /// let cache = Inproc::new(100).with_clock(time.clock()).open::<u64, u64>("squares");
    /// cache.put_for(7, 49, 60);
    /// time.advance(Duration::from_secs(60));
    /// assert_eq!(cache.get(&7), None);
    /// ```
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// With a TTL for values that come without one, for the caches that are first opened through
    /// this handle.
    ///
    /// ```
    /// use cache_clients::Inproc;
    /// use std::time::Duration;
    ///
    /// let cache = Inproc::new(100).with_ttl(60).open::<u64, u64>("squares");
    /// cache.put(7, 49);
    /// assert!(cache.get_ttl(&7).unwrap().1 <= Duration::from_secs(60));
    /// ```
    #[must_use]
    pub fn with_ttl(mut self, ttl: impl IntoTtl) -> Self {
        self.ttl = ttl.into_ttl();
        self
    }

    fn rooms(&self) -> &Arc<Rooms> {
        self.rooms.get_or_init(|| Arc::new(Rooms::new(self.capacity)))
    }

    /// The cache of this name and these types: the same one each time, also from clones. The empty
    /// name is the raw client. Caches that differ in name or types have nothing in common but the
    /// capacity.
    ///
    /// ```
    /// use cache_clients::Inproc;
    ///
    /// let caches = Inproc::new(100);
    /// caches.open::<u64, u64>("squares").put(7, 49);
    /// assert_eq!(caches.clone().open::<u64, u64>("squares").get(&7), Some(49));
    /// assert_eq!(caches.open::<u64, u64>("cubes").get(&7), None);
    /// assert_eq!(caches.open::<u64, String>("squares").get(&7), None);
    /// ```
    pub fn open<K, V>(&self, name: &str) -> Near<K, V>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        self.open_with(name, OpenOptions::new())
    }

    /// [`open`](Inproc::open) with options, which count for whoever opens the cache first.
    ///
    /// ```
    /// use cache_clients::{Inproc, OpenOptions};
    /// use std::sync::mpsc::channel;
    ///
    /// let (sender, evicted) = channel();
    /// let tell = OpenOptions::new().with_listener(move |key: &u64, _: &u64, _| drop(sender.send(*key)));
    /// let cache = Inproc::new(1).open_with("squares", tell.with_ttl(60));
    /// cache.put_many([(1, 1), (2, 4)]);
    /// assert!(evicted.recv().is_ok());
    /// ```
    pub fn open_with<K, V>(&self, name: &str, options: OpenOptions<K, V>) -> Near<K, V>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        self.rooms().named(name, || self.make(name, options))
    }

    fn make<K, V>(&self, name: &str, options: OpenOptions<K, V>) -> Near<K, V>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        let clock = self.clock.clone().unwrap_or_default();
        let table = TableOptions::new(self.rooms().budget().clone(), clock);
        options.make(table.with_eviction(self.eviction), self.ttl).with_name(name)
    }

    /// Drops what has been expired for longer than `stale_for`, in all caches; says how much.
    ///
    /// ```
    /// use cache_clients::Inproc;
    /// use std::time::Duration;
    ///
    /// let caches = Inproc::new(100);
    /// let squares = caches.open::<u64, u64>("squares");
    /// squares.put(7, 49);
    /// squares.expire(&7);
    /// assert_eq!(caches.purge(Duration::ZERO), 1);
    /// ```
    pub fn purge(&self, stale_for: Duration) -> usize {
        self.rooms().all().iter().map(|cache| cache.purge(stale_for)).sum()
    }

    /// Forgets everything in all caches.
    ///
    /// ```
    /// use cache_clients::Inproc;
    /// let caches = Inproc::new(100);
    /// caches.open::<u64, u64>("squares").put(7, 49);
    /// caches.clear();
    /// assert_eq!(caches.used(), 0);
    /// ```
    pub fn clear(&self) {
        for cache in self.rooms().all() {
            cache.clear();
        }
    }

    /// What fits in all, in entries or in weight.
    ///
    /// ```
    /// assert_eq!(cache_clients::Inproc::new(100).capacity(), 100);
    /// ```
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// What is taken of the capacity, by all caches.
    ///
    /// ```
    /// let caches = cache_clients::Inproc::new(100);
    /// caches.open::<u64, u64>("squares").put(7, 49);
    /// assert_eq!(caches.used(), 1);
    /// ```
    #[must_use]
    pub fn used(&self) -> u64 {
        self.rooms.get().map_or(0, |rooms| rooms.budget().used())
    }
}

/// Shares everything that is stored.
impl Clone for Inproc {
    fn clone(&self) -> Self {
        Inproc {
            capacity: self.capacity,
            eviction: self.eviction,
            clock: self.clock.clone(),
            ttl: self.ttl,
            rooms: OnceLock::from(self.rooms().clone()),
        }
    }
}

impl fmt::Debug for Inproc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inproc")
            .field("capacity", &self.capacity)
            .field("used", &self.used())
            .field("eviction", &self.eviction)
            .finish_non_exhaustive()
    }
}

impl<K, V> Client<K, V> for Inproc
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Cache = Near<K, V>;

    fn open(&self, namespace: &Namespace) -> Near<K, V> {
        let mut options = OpenOptions::new();
        if let Some(weigher) = namespace.weigher::<K, V>() {
            options = options.with_weigher(move |key, value| weigher(key, value));
        }
        if namespace.is_private() {
            return self.rooms().private(self.make(namespace.name(), options));
        }
        self.open_with(namespace.name(), options)
    }
}
