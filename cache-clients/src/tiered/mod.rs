//! Tiers: a near client in front of a far one, to any depth.
//!
//! Reads go from near to far, and what is found behind is promoted: kept in front for what is left
//! of its TTL, under a lease that was taken before the far tier was asked, so that an invalidation
//! in between wins. Changes go from far to near; of two at a time neither leaves anything near.

mod background;
mod cache;
mod changes;
mod hooks;
mod misses;
mod read;

pub use background::Overflow;
pub use cache::TieredCache;

use background::Background;
use cache_core::{Cache, Client, Clock, Namespace};
use changes::Changes;
use hooks::Hook;
use misses::Misses;
use parking_lot::Mutex;
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Two clients as one: `near` answers first, `far` is asked for what it does not have. Three tiers
/// are a `Tiered` whose far client is a `Tiered`.
///
/// A far tier that is slow or away fails no read that the near one can answer; where it alone could
/// answer, the read is a miss.
///
/// ```
/// use cache_clients::{Inproc, Tiered};
/// use cache_core::{CacheExt, Namespace, Client, wait};
///
/// let (near, far) = (Inproc::new(100), Inproc::new(10_000));
/// let tiers = Tiered::new(near.clone(), far.clone());
/// let scores = tiers.open::<u64, f64>("scores");
/// far.open::<u64, f64>("scores").put_for(7, 0.5, 60);
///
/// assert_eq!(wait(scores.get(&7)).unwrap(), Some(0.5)); // found behind
/// assert_eq!(near.open::<u64, f64>("scores").get(&7), Some(0.5)); // and promoted
/// ```
pub struct Tiered<N, F> {
    near: N,
    far: F,
    options: Options,
}

/// What all caches of one tiered client have in common.
#[derive(Clone)]
pub(crate) struct Options {
    fraction: f64,
    near_ttl: Option<Duration>,
    far_deadline: Option<Duration>,
    peek_tiers: usize,
    background: Option<Overflow>,
    hooks: Vec<Hook>,
    clock: Clock,
    writing: Arc<Background>,
    miss_memory: Option<Duration>,
    misses: Shared<Misses>,
    changes: Shared<Changes>,
}

/// Something of each namespace, for as long as anybody has a cache of it: two handles of one namespace see each
/// other's writes.
type Shared<T> = Arc<Mutex<HashMap<(TypeId, Box<str>), Weak<T>>>>;

fn shared<K: 'static, V: 'static, T>(all: &Shared<T>, namespace: &Namespace, made: T) -> Arc<T> {
    let made = Arc::new(made);
    if namespace.is_private() {
        return made;
    }
    let mut all = all.lock();
    if all.len() == all.capacity() {
        all.retain(|_, one| one.strong_count() > 0);
    }
    let one = all.entry((TypeId::of::<(K, V)>(), namespace.name().into())).or_default();
    let shared = one.upgrade().unwrap_or(made);
    *one = Arc::downgrade(&shared);
    shared
}

impl Options {
    fn misses<K: 'static, V: 'static>(&self, namespace: &Namespace) -> Option<Arc<Misses>> {
        let made = Misses::new(self.clock.clone(), self.miss_memory?);
        Some(shared::<K, V, _>(&self.misses, namespace, made))
    }
}

impl<N, F> Tiered<N, F> {
    /// `near` in front of `far`.
    pub fn new(near: N, far: F) -> Self {
        let options = Options {
            fraction: 1.0,
            near_ttl: None,
            far_deadline: None,
            peek_tiers: usize::MAX,
            background: None,
            hooks: Vec::new(),
            clock: Clock::system(),
            writing: Arc::default(),
            miss_memory: None,
            misses: Arc::default(),
            changes: Arc::default(),
        };
        Tiered { near, far, options }
    }

    /// The near tier keeps a value for this part of its TTL, or of what is left of it: 0 to 1.
    ///
    /// # Panics
    /// When it is no such part.
    ///
    /// ```
    /// use cache_clients::{Inproc, Tiered};
    /// use cache_core::{CacheExt, wait};
    /// use std::time::Duration;
    ///
    /// let tiers = Tiered::new(Inproc::new(100), Inproc::new(100)).with_fraction(0.1);
    /// let scores = tiers.open::<u64, f64>("scores");
    /// wait(scores.put_for(&7, 0.5, 600)).unwrap();
    /// assert!(scores.near_tier().get_ttl(&7).unwrap().1 <= Duration::from_secs(60));
    /// assert!(scores.far_tier().get_ttl(&7).unwrap().1 > Duration::from_secs(500));
    /// ```
    #[must_use]
    pub fn with_fraction(mut self, fraction: f64) -> Self {
        assert!(
            (0.0..=1.0).contains(&fraction),
            "larder: the near tier's fraction of the TTL is {fraction}, but must be from 0 to 1"
        );
        self.options.fraction = fraction;
        self
    }

    /// The near tier keeps no value for longer than this, also if it is renewed behind: a bound of its
    /// staleness where other processes change the far tier.
    ///
    /// ```
    /// use cache_clients::{Inproc, Tiered};
    /// use std::time::Duration;
    /// let tiers = Tiered::new(Inproc::new(100), Inproc::new(100))
    ///     .with_near_ttl(Duration::from_secs(5));
    /// ```
    #[must_use]
    pub fn with_near_ttl(mut self, longest: Duration) -> Self {
        self.options.near_ttl = Some(longest);
        self
    }

    /// How long the far tier is waited for; after that a read goes on as if it were away. Changes
    /// are not cut short: whether they arrived could not be told.
    ///
    /// ```
    /// use cache_clients::{Inproc, Tiered};
    /// use std::time::Duration;
    /// let tiers = Tiered::new(Inproc::new(100), Inproc::new(100))
    ///     .with_far_deadline(Duration::from_millis(50));
    /// ```
    #[must_use]
    pub fn with_far_deadline(mut self, deadline: Duration) -> Self {
        self.options.far_deadline = Some(deadline);
        self
    }

    /// `peek` looks into so many tiers only, counted from the near one. For the third tier and
    /// beyond, say it to the far client.
    ///
    /// # Panics
    /// When it is zero.
    ///
    /// ```
    /// use cache_clients::{Inproc, Tiered};
    /// let tiers = Tiered::new(Inproc::new(100), Inproc::new(100)).with_peek_tiers(1);
    /// ```
    #[must_use]
    pub fn with_peek_tiers(mut self, tiers: usize) -> Self {
        assert!(tiers > 0, "larder: a peek must look into one tier at least");
        self.options.peek_tiers = tiers;
        self
    }

    /// Computed values go to the far tier in the background; the caller does not wait for it. Their
    /// lease fences them as ever: what the far tier turns away leaves the near one, too. At most 1024 are under way; beyond that the caller waits, unless an
    /// [overflow](Tiered::with_overflow) is chosen. Puts and invalidations are never in the background.
    ///
    /// ```
    /// use cache_clients::{Inproc, Tiered};
    /// let tiers = Tiered::new(Inproc::new(100), Inproc::new(100)).with_background_writes();
    /// ```
    #[must_use]
    pub fn with_background_writes(mut self) -> Self {
        self.options.background = Some(self.options.background.unwrap_or_default());
        self
    }

    /// What to do when too many [background writes](Tiered::with_background_writes) are under way;
    /// turns them on.
    ///
    /// ```
    /// use cache_clients::{Inproc, Overflow, Tiered};
    /// let tiers = Tiered::new(Inproc::new(100), Inproc::new(100))
    ///     .with_overflow(Overflow::DropOldest);
    /// assert_eq!(tiers.dropped_writes(), 0);
    /// ```
    #[must_use]
    pub fn with_overflow(mut self, overflow: Overflow) -> Self {
        self.options.background = Some(overflow);
        self
    }

    /// Background writes that were given up so far, for [`Overflow::DropOldest`].
    #[must_use]
    pub fn dropped_writes(&self) -> u64 {
        self.options.writing.dropped()
    }

    /// Reads remember for so long that the far tier had nothing, and do not ask it again: what other
    /// processes write meanwhile is not seen by them until then, or until a `purge`. Own writes are
    /// seen at once. Whoever computes what is missing asks every time, since the leave to compute is
    /// the far tier's to give. Up to 16 384 misses of each namespace are remembered, some 30 bytes
    /// each.
    ///
    /// ```
    /// use cache_clients::{Inproc, Tiered};
    /// use cache_core::{CacheExt, wait};
    /// use std::time::Duration;
    ///
    /// let far = Inproc::new(100);
    /// let tiers = Tiered::new(Inproc::new(100), far.clone())
    ///     .with_miss_memory(Duration::from_secs(2));
    /// let scores = tiers.open::<u64, f64>("scores");
    /// assert_eq!(wait(scores.get(&7)).unwrap(), None);
    /// far.open::<u64, f64>("scores").put_for(7, 0.5, 60); // another process
    /// assert_eq!(wait(scores.get(&7)).unwrap(), None); // not asked for two seconds
    /// wait(scores.put_for(&7, 0.6, 60)).unwrap();
    /// assert_eq!(wait(scores.get(&7)).unwrap(), Some(0.6));
    /// ```
    #[must_use]
    pub fn with_miss_memory(mut self, keep: Duration) -> Self {
        self.options.miss_memory = Some(keep);
        self
    }

    /// With another clock, for the far deadline, the memory of misses, and the time that a tier takes of a value's life.
    ///
    /// ```
    /// use cache_clients::{Inproc, Tiered};
    /// use cache_core::ManualClock;
    /// let time = ManualClock::new();
    /// let tiers = Tiered::new(Inproc::new(100), Inproc::new(100)).with_clock(time.clock());
    /// ```
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.options.clock = clock;
        self
    }

    /// Calls `hook` with the namespace, key and value of each promotion from the far tier.
    ///
    /// ```
    /// use cache_clients::{Inproc, Tiered};
    ///
    /// let tiers = Tiered::new(Inproc::new(100), Inproc::new(100)).with_promote_hook(
    ///     |namespace, key, _value| {
    ///         if let Some(user) = key.downcast_ref::<u64>() {
    ///             println!("{namespace}: {user} came from behind");
    ///         }
    ///     },
    /// );
    /// ```
    #[must_use]
    pub fn with_promote_hook(
        mut self,
        hook: impl Fn(&str, &(dyn Any + Send + Sync), &(dyn Any + Send + Sync)) + Send + Sync + 'static,
    ) -> Self {
        self.options.hooks.push(Arc::new(hook));
        self
    }

    /// The typed cache of a namespace.
    ///
    /// ```
    /// use cache_clients::{Inproc, Tiered};
    /// let tiers = Tiered::new(Inproc::new(100), Inproc::new(100));
    /// let scores = tiers.open::<u64, f64>("scores");
    /// ```
    pub fn open<K, V>(
        &self,
        namespace: impl Into<Namespace>,
    ) -> TieredCache<K, V, N::Cache, F::Cache>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
        N: Client<K, V>,
        F: Client<K, V>,
        N::Cache: Cache<K, V>,
        F::Cache: Cache<K, V>,
    {
        Client::open(self, &namespace.into())
    }
}

impl<K, V, N, F> Client<K, V> for Tiered<N, F>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    N: Client<K, V>,
    F: Client<K, V>,
{
    type Cache = TieredCache<K, V, N::Cache, F::Cache>;
    fn open(&self, namespace: &Namespace) -> Self::Cache {
        let (near, far) = (self.near.open(namespace), self.far.open(namespace));
        let misses = self.options.misses::<K, V>(namespace);
        let changes = shared::<K, V, _>(&self.options.changes, namespace, Changes::default());
        TieredCache::new(namespace, (near, far), self.options.clone(), (misses, changes))
    }
}

impl<N: Clone, F: Clone> Clone for Tiered<N, F> {
    fn clone(&self) -> Self {
        Tiered { near: self.near.clone(), far: self.far.clone(), options: self.options.clone() }
    }
}

impl<N: fmt::Debug, F: fmt::Debug> fmt::Debug for Tiered<N, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tiered").field("near", &self.near).field("far", &self.far).finish()
    }
}
