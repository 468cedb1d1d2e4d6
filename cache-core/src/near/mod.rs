//! The in-process cache: a table, the flights over it, and the fence that ties them together.
//!
//! [`face`] is what callers use, [`single`] and [`batch`] compute what is missing, [`cache`] is the
//! client contract.

mod batch;
mod cache;
mod face;
mod single;
#[cfg(all(test, not(loom)))]
mod tests;
mod weak;

use crate::clock::Clock;
use crate::entry::{Entry, PutWhen};
use crate::error::Error;
use crate::flight::{Flight, Flights, Lone};
use crate::gather::{self, Note};
use crate::policy::IntoTtl;
use crate::table::{Inserted, Life, Look, Table, TableOptions, Touch};
use crate::tags::Validity;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

pub use weak::WeakNear;

pub(crate) use batch::{Distinct, wrong_count};

/// Stripes of the fence for leases; a power of two.
const STRIPES: usize = 256;
/// One change of a key; the lower half of a mark counts what was stored under leases.
const CHANGE: u64 = 1 << 32;

/// Cleared caches of more entries than this are dropped by the pool.
const MANY: usize = 1024;

/// A typed cache in this process. Every change of a key fences the computation of that key that is
/// in progress, so that its result is not stored over the change.
///
/// Lookups take borrowed forms of the key (`&str` for `String`). A hit costs about 10 ns and takes
/// no lock that other readers wait for; memory is about 62 bytes an entry for `u64` to `u64`.
/// Nothing here is async, and nothing waits, except for a computation of another caller. The
/// async face, with single flight for `async` computations, is [`CacheExt`](crate::CacheExt); where
/// that is in scope too, `cache.get(..)` still means this one.
///
/// A `Near` is a handle: clones are cheap, and share what is stored.
///
/// ```
/// use cache_core::{Budget, Clock, Near, TableOptions};
///
/// let sizes = Near::<String, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
/// sizes.put_for("bread".to_owned(), 750, 60);
/// assert_eq!(sizes.get("bread"), Some(750));
/// assert_eq!(sizes.get_or_compute("milk", || 1000), 1000);
/// assert!(sizes.delete("bread"));
/// ```
pub struct Near<K, V> {
    table: Arc<Table<K, V>>,
    flights: Arc<Flights<K, V>>,
    marks: Arc<Marks>,
    ttl: Option<Duration>,
    name: Arc<str>,
}

struct Marks {
    /// The fence of leases.
    stripes: [AtomicU64; STRIPES],
    /// Whether any value was ever stored with a refresh point: without, what is not fresh is dead.
    refreshes: AtomicBool,
    /// The longest TTL, in nanoseconds; `u64::MAX` is no limit.
    longest: AtomicU64,
}

impl<K, V> Clone for Near<K, V> {
    fn clone(&self) -> Self {
        Near {
            table: self.table.clone(),
            flights: self.flights.clone(),
            marks: self.marks.clone(),
            ttl: self.ttl,
            name: self.name.clone(),
        }
    }
}

impl<K, V> Near<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// An empty cache, whose values live until they are evicted.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let near = Near::<u64, f64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// assert_eq!(near.len(), 0);
    /// ```
    #[must_use]
    pub fn new(options: TableOptions<K, V>) -> Self {
        Near {
            table: Table::new(options),
            flights: Arc::new(Flights::new()),
            marks: Arc::new(Marks {
                stripes: [const { AtomicU64::new(0) }; STRIPES],
                refreshes: AtomicBool::new(false),
                longest: AtomicU64::new(u64::MAX),
            }),
            ttl: None,
            name: "".into(),
        }
    }

    /// With a TTL for values that come without one.
    ///
    /// ```
    /// use cache_core::{Budget, Near, ManualClock, TableOptions};
    /// use std::time::Duration;
    ///
    /// let time = ManualClock::new();
    /// let options = TableOptions::new(Budget::entries(100), time.clock());
    /// let near = Near::<u64, &str>::new(options).with_ttl(60);
    /// near.put(1, "bread");
    /// time.advance(Duration::from_secs(60));
    /// assert_eq!(near.get(&1), None);
    /// ```
    #[must_use]
    pub fn with_ttl(mut self, ttl: impl IntoTtl) -> Self {
        self.ttl = ttl.into_ttl();
        self
    }

    /// Lets no value that is stored from now on live longer than this, whatever its TTL, in all
    /// handles of this cache; `None` lifts the limit.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// use std::time::Duration;
    /// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// near.limit_ttl(Some(Duration::from_secs(5)));
    /// near.put(7, 49);
    /// assert!(near.get_ttl(&7).unwrap().1 <= Duration::from_secs(5));
    /// ```
    pub fn limit_ttl(&self, longest: Option<Duration>) {
        let nanos = longest.map(|longest| u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX));
        self.marks.longest.store(nanos.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// With a name, for messages.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// let near = Near::<u64, f64>::new(options).with_name("scores");
    /// assert_eq!(near.name(), "scores");
    /// ```
    #[must_use]
    pub fn with_name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// The TTL of values that come without one.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// let near = Near::<u64, f64>::new(options).with_ttl(60);
    /// assert_eq!(near.ttl().unwrap().as_secs(), 60);
    /// ```
    #[must_use]
    pub fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    pub(crate) fn table(&self) -> &Arc<Table<K, V>> {
        &self.table
    }

    /// The computations in progress.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// let near = Near::<u64, usize>::new(options);
    /// assert_eq!(near.get_or_compute(&7, || near.flights().len()), 1);
    /// assert!(near.flights().is_empty());
    /// ```
    #[must_use]
    pub fn flights(&self) -> &Arc<Flights<K, V>> {
        &self.flights
    }

    /// Where it takes its time from.
    ///
    /// ```
    /// use cache_core::{Budget, ManualClock, Near, TableOptions};
    /// let time = ManualClock::new();
    /// let near = Near::<u64, f64>::new(TableOptions::new(Budget::entries(100), time.clock()));
    /// time.advance(std::time::Duration::from_nanos(7));
    /// assert_eq!(near.clock().nanos(), 7);
    /// ```
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.table.clock()
    }

    fn stripe(&self, hash: u64) -> &AtomicU64 {
        &self.marks.stripes[(hash >> 8) as usize % STRIPES]
    }

    /// Fences the computation of a key. For a removal: first the fence, then the change, then the fence again: what
    /// begins in between may have found what goes, and is not to be joined by who comes later.
    pub(crate) fn fence(&self, hash: u64, eq: impl Fn(&K) -> bool) -> Option<Arc<Flight<K, V>>> {
        self.stripe(hash).fetch_add(CHANGE, Ordering::AcqRel);
        self.flights.fence(hash, eq)
    }

    pub(crate) fn fence_all(&self) {
        for stripe in &self.marks.stripes {
            stripe.fetch_add(CHANGE, Ordering::AcqRel);
        }
        self.flights.fence_all();
    }

    /// Fences by the hash alone: for use under the table's lock, where no user code should run.
    fn fence_hash(&self, hash: u64, fenced: &mut Vec<Arc<Flight<K, V>>>) {
        self.stripe(hash).fetch_add(CHANGE, Ordering::AcqRel);
        fenced.extend(self.flights.fence_hash(hash));
    }

    /// Stores a value. A new value fences at the very moment it is stored, so that neither a
    /// computation that began before it, nor one that found nothing yet, is stored over it.
    pub(crate) fn put_hashed(&self, hash: u64, key: K, entry: Entry<V>, when: PutWhen) -> Inserted {
        let life = self.note(Life { ttl: entry.ttl, refresh_after: entry.refresh_after });
        let queued = match when {
            PutWhen::Always => self.flights.find(hash, |k| *k == key),
            PutWhen::Absent => None,
        };
        let queued = queued.map(|flight| (flight, self.note_of(&entry), entry.value.clone()));
        let mut fenced = Vec::new();
        let (value, tags) = (entry.value, entry.tags);
        let inserted = self.table.insert_tagged(hash, key, value, life, tags, when, || {
            self.fence_hash(hash, &mut fenced);
            true
        });
        if inserted == Inserted::Busy {
            self.fence_hash(hash, &mut fenced);
        }
        if let Some((flight, note, value)) = queued {
            self.flights.preempt(&flight, &note, || value);
        }
        inserted
    }

    /// Stores what a flight computed, unless the flight has been fenced.
    pub(crate) fn commit(&self, flight: &Flight<K, V>, entry: Entry<V>) -> Inserted {
        let key = flight.key.clone();
        self.insert(flight.hash, key, entry, || !flight.is_fenced())
    }

    /// The same for a computation that may have no flight. Closes it at the moment of storing.
    pub(crate) fn commit_lone(&self, lone: &mut Lone<'_, K, V>, entry: Entry<V>) -> Inserted {
        let Some(key) = lone.give_key() else { return Inserted::Fenced };
        self.insert(lone.hash(), key, entry, || lone.close())
    }

    /// Stores what was computed. What a tag has made worthless meanwhile could never be served.
    fn insert(&self, hash: u64, key: K, entry: Entry<V>, admit: impl FnOnce() -> bool) -> Inserted {
        let Entry { value, ttl, refresh_after, tags } = entry;
        let life = self.note(Life { ttl, refresh_after });
        let outdated = !tags.is_empty() && tags.verdict(self.clock()) == Validity::Hard;
        let admit = || admit() && !outdated;
        self.table.insert_tagged(hash, key, value, life, tags, PutWhen::Always, admit)
    }

    /// What a computation that uses this entry is to know.
    pub(crate) fn note_of<T>(&self, entry: &Entry<T>) -> Note {
        Note::of(entry.tags.clone(), entry.ttl.unwrap_or(Duration::MAX), self.clock())
    }

    pub(crate) fn remove_hashed(&self, hash: u64, key: &K) -> bool {
        self.remove_where(hash, |k| k == key)
    }

    fn remove_where(&self, hash: u64, eq: impl Fn(&K) -> bool) -> bool {
        self.fence(hash, &eq);
        let removed = self.table.remove(hash, &eq);
        self.fence(hash, eq);
        removed
    }

    pub(crate) fn expire_hashed(&self, hash: u64, key: &K) -> bool {
        self.expire_where(hash, |k| k == key)
    }

    fn expire_where(&self, hash: u64, eq: impl Fn(&K) -> bool) -> bool {
        self.fence(hash, &eq);
        let expired = self.table.expire(hash, &eq);
        self.fence(hash, eq);
        expired
    }

    /// Every value that is stored passes here before, so that who finds it finds the note too, and
    /// none lives longer than it may.
    fn note(&self, mut life: Life) -> Life {
        let longest = self.marks.longest.load(Ordering::Relaxed);
        if longest != u64::MAX {
            let longest = Duration::from_nanos(longest);
            life.ttl = Some(life.ttl.map_or(longest, |ttl| ttl.min(longest)));
        }
        if life.refresh_after.is_some() && !self.marks.refreshes.load(Ordering::Relaxed) {
            self.marks.refreshes.store(true, Ordering::Release);
        }
        life
    }

    /// A live value, counted as used.
    #[inline]
    pub(crate) fn find(&self, hash: u64, eq: impl Fn(&K) -> bool) -> Option<V> {
        let found = self.table.fresh(hash, &eq);
        if found.is_some() || !self.marks.refreshes.load(Ordering::Acquire) {
            return found;
        }
        self.live(hash, eq, Touch::Visit).map(|(value, _)| value)
    }

    /// A live value and what is left of its TTL.
    pub(crate) fn live(
        &self,
        hash: u64,
        eq: impl Fn(&K) -> bool,
        touch: Touch,
    ) -> Option<(V, Duration)> {
        match self.table.look(hash, eq, touch) {
            // Made stale by its tags: as by `expire`.
            Look::Live { softened: true, .. } | Look::Expired { .. } | Look::Missing(_) => None,
            Look::Live { value, left, tags, .. } => {
                if gather::is_gathering() {
                    gather::hand(&Note::of(tags, left, self.clock()));
                }
                Some((value, left))
            }
        }
    }

    /// What a flight that ended between a look and a lead has left, with what it was made from.
    pub(crate) fn left_behind(&self, hash: u64, key: &K) -> Option<(V, Note)> {
        match self.table.look(hash, |k| k == key, Touch::Visit) {
            Look::Live { softened: true, .. } | Look::Expired { .. } | Look::Missing(_) => None,
            Look::Live { value, left, tags, .. } => {
                let note = Note::of(tags, left, self.clock());
                gather::hand(&note);
                Some((value, note))
            }
        }
    }

    /// The entry of a value that was computed from what is noted.
    pub(crate) fn entry<T>(&self, value: T, ttl: Option<Duration>, note: &Note) -> Entry<T> {
        let left = note.left(self.clock());
        let ttl = match (ttl, left) {
            (Some(ttl), Some(left)) => Some(ttl.min(left)),
            (ttl, left) => ttl.or(left),
        };
        Entry { value, ttl, refresh_after: None, tags: note.tags.clone() }
    }

    pub(crate) fn panic_in_circle(&self) -> ! {
        panic_in_circle::<K, V>(&self.name)
    }
}

/// A computation that waits for itself would wait for ever.
pub(crate) fn panic_in_circle<K, V>(name: &str) -> ! {
    if name.is_empty() {
        let types = format!("{} -> {}", std::any::type_name::<K>(), std::any::type_name::<V>());
        panic!("{}", Error::recursion(&types));
    }
    panic!("{}", Error::recursion(name))
}

impl<K, V> Near<K, V> {
    /// Its name; empty unless it was given one.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<K, V> fmt::Debug for Near<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Near")
            .field("name", &self.name)
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}
