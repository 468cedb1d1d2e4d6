//! What stands behind one cached function: a near table, perhaps far caches, policy, flights, counters.

use crate::aged::Aged;
use crate::backoff::Backoff;
use crate::client::{Cache, Reach};
use crate::clock::Clock;
use crate::entry::{Entry, PutWhen, Reason};
use crate::erased::Shared;
use crate::fenced::Fenced;
use crate::flight::{Flight, Flights};
use crate::gather::{self, Note};
use crate::key::View;
use crate::near::Near;
use crate::rules::Live;
use crate::stats::{Event, Recorder, Stats};
use crate::table::{Life, Look, Table, Touch};
use crate::tagged::TagRule;
use crate::tags::Tags;
use crate::wait;
use parking_lot::RwLock;
use std::any::Any;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A hook that sees what was computed.
pub(crate) type Hook<K, V> = Arc<dyn Fn(&K, &V) + Send + Sync>;

/// The cache of one cached function. Lives in a `static` that the attribute writes.
pub struct Memo<K, V> {
    pub(crate) name: Arc<str>,
    pub(crate) table: Option<Arc<Table<K, V>>>,
    pub(crate) near: Option<Near<K, V>>,
    pub(crate) far: Option<Shared<K, V>>,
    pub(crate) flights: Arc<Flights<K, V>>,
    pub(crate) rules: Live,
    /// The life of every value, where it is the same for all.
    pub(crate) life: Option<Life>,
    pub(crate) values: ValueRules<K, V>,
    pub(crate) stats: Recorder,
    pub(crate) backoff: Backoff,
    /// Whose last results were turned away, for functions with far tiers.
    pub(crate) fenced: Fenced,
    /// Expired values of far tiers, for grace.
    pub(crate) aged: Aged<K, V>,
    pub(crate) clock: Clock,
    pub(crate) hooks: RwLock<Vec<Hook<K, V>>>,
    pub(crate) hooked: AtomicBool,
    /// How keys are told to `tracing`; nobody is told of them unless asked to.
    #[cfg(feature = "tracing")]
    pub(crate) key_text: crate::observe::KeyText<K>,
    pub(crate) tags: Option<TagRule<K>>,
    /// Whether values depend on the function's own tags and TTL alone.
    pub(crate) isolated: bool,
}

/// What a function says about single values.
pub(crate) struct ValueRules<K, V> {
    pub(crate) wanted: Option<fn(&V) -> bool>,
    pub(crate) ttl_of: Option<fn(&V) -> Option<Duration>>,
    /// Results that are failures but are stored all the same, and for how long.
    pub(crate) failed: Option<(fn(&V) -> bool, Option<Duration>)>,
    pub(crate) key: std::marker::PhantomData<fn(&K)>,
}

/// What a read found, beyond the plain fresh hit.
pub(crate) enum Found<V> {
    Live {
        value: V,
        soft_passed: bool,
        left: Duration,
        tags: Tags,
    },
    /// Made stale by `expire`, or softly by a tag, within its TTL: may be served while it is being refreshed.
    Expiring(V),
    Missing(Reason),
}

impl<K, V> Memo<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The hash that the near table uses for this call.
    #[inline]
    pub(crate) fn hash<Q: View<Key = K>>(&self, view: &Q) -> u64 {
        match &self.table {
            Some(table) => table.hash_with(|state| view.hash(state)),
            None => hash_far(view),
        }
    }

    /// THE hit: a fresh value of the near table, counted.
    #[inline]
    pub(crate) fn fresh(&self, hash: u64, eq: impl Fn(&K) -> bool) -> Option<V> {
        let value = self.table.as_ref()?.fresh(hash, eq)?;
        self.stats.count(Event::Hit);
        Some(value)
    }

    /// The same for those who go on with [`probe`](Memo::probe).
    #[inline]
    pub(crate) fn fresh_at_once(&self, hash: u64, eq: impl Fn(&K) -> bool) -> Result<V, u64> {
        let Some(table) = &self.table else { return Err(0) };
        let value = table.fresh_at_once(hash, eq)?;
        self.stats.count(Event::Hit);
        Ok(value)
    }

    /// A fresh value, counted, else all that the near table knows, by one search.
    #[inline]
    pub(crate) fn probe(
        &self,
        hash: u64,
        eq: impl Fn(&K) -> bool,
        tick: u64,
    ) -> Result<V, Found<V>> {
        let Some(table) = &self.table else { return Err(Found::Missing(Reason::Never)) };
        match table.probe(hash, eq, tick) {
            Ok(value) => {
                self.stats.count(Event::Hit);
                Ok(value)
            }
            Err(look) => Err(self.found(look)),
        }
    }

    /// Everything that the near table knows of a key; counts nothing.
    pub(crate) fn look(&self, hash: u64, eq: impl Fn(&K) -> bool, touch: Touch) -> Found<V> {
        let Some(table) = &self.table else { return Found::Missing(Reason::Never) };
        self.found(table.look(hash, eq, touch))
    }

    #[inline]
    fn found(&self, look: Look<V>) -> Found<V> {
        match look {
            Look::Live { value, left, softened: true, tags, .. } => {
                if !self.refreshes() {
                    return Found::Missing(Reason::Tag);
                }
                self.hand(&tags, left);
                Found::Expiring(value)
            }
            Look::Live { value, soft_passed, left, tags, .. } => {
                self.hand(&tags, left);
                Found::Live { value, soft_passed, left, tags }
            }
            Look::Expired { value, by_call: true, over: false, tags, .. } if self.refreshes() => {
                self.hand(&tags, Duration::ZERO);
                Found::Expiring(value)
            }
            Look::Expired { .. } => Found::Missing(Reason::Expired),
            Look::Missing(missing) => Found::Missing(missing.into()),
        }
    }

    /// Tells the computation that gets a value of this function what that depends on.
    #[inline]
    pub(crate) fn hand(&self, tags: &Tags, left: Duration) {
        if gather::is_gathering() {
            gather::hand(&Note::of(tags.clone(), left, &self.clock));
        }
    }

    pub(crate) fn count_miss(&self, reason: Reason) {
        self.stats.count(match reason {
            Reason::Never => Event::MissNever,
            Reason::Expired => Event::MissExpired,
            Reason::Evicted => Event::MissEvicted,
            Reason::Invalidated => Event::MissInvalidated,
            Reason::Tag => Event::MissTag,
            Reason::Region => Event::MissRegion,
            Reason::Fenced => Event::MissFenced,
            Reason::Unreachable => Event::MissUnreachable,
            Reason::Schema => Event::MissSchema,
            Reason::Damaged => Event::MissDamaged,
        });
    }

    /// How this value is to live.
    #[inline]
    pub(crate) fn life_of(&self, value: &V, longest: Option<Duration>) -> Life {
        match self.life {
            Some(life) if longest.is_none() => life,
            _ => self.own_life(value, longest),
        }
    }

    fn own_life(&self, value: &V, longest: Option<Duration>) -> Life {
        let mut own = self.values.ttl_of.and_then(|ttl| ttl(value));
        own = longest.map_or(own, |longest| Some(own.map_or(longest, |own| own.min(longest))));
        if let Some((failed, Some(ttl))) = &self.values.failed
            && failed(value)
        {
            own = Some(own.map_or(*ttl, |own| own.min(*ttl)));
        }
        self.policy().life(own)
    }

    pub(crate) fn is_wanted(&self, value: &V) -> bool {
        self.values.wanted.is_none_or(|wanted| wanted(value))
    }

    // ---- what callers do to a key, near first for the fence, far in the given way

    pub(crate) fn fence(&self, hash: u64, key: &K) -> Option<Arc<Flight<K, V>>> {
        match &self.near {
            Some(near) => near.fence(hash, |k| k == key),
            None => self.flights.fence(hash, |k| k == key),
        }
    }

    pub(crate) fn put_near(&self, hash: u64, key: K, entry: Entry<V>) {
        self.backoff.forget(hash);
        self.fenced.forget(hash);
        match &self.near {
            Some(near) => drop(near.put_hashed(hash, key, entry, PutWhen::Always)),
            None => {
                if let Some(flight) = self.fence(hash, &key) {
                    let note = self.note_of(&entry, &Note::default());
                    self.flights.preempt(&flight, &note, || entry.value.clone());
                }
            }
        }
    }

    pub(crate) async fn put(&self, hash: u64, key: K, value: V) {
        self.rules.require();
        let note = self.capture(&key).await;
        if note.unknown {
            // What could not be invalidated is not stored; nor may the old value stay.
            self.stats.count(Event::Unstored);
            self.invalidate(hash, key).await;
            return;
        }
        let entry = self.entry(value, &note);
        let Some(far) = &self.far else { return self.put_near(hash, key, entry) };
        self.fence(hash, &key);
        // Far to near, so that nobody reads the old value from behind after the near one is new.
        let done = far.put(&key, entry.clone(), PutWhen::Always).await;
        // A cache with a near table has put it there itself, for as long as it may live there.
        if self.near.is_none() || done.is_err() {
            self.put_near(hash, key, entry);
        }
        self.backoff.forget(hash);
        self.fenced.forget(hash);
        self.aged.forget(hash);
    }

    pub(crate) async fn invalidate(&self, hash: u64, key: K) -> bool {
        self.rules.require();
        self.backoff.forget(hash);
        self.fence(hash, &key);
        let was_near = self.is_near(hash, &key);
        let far = match &self.far {
            Some(far) => far.delete(&key).await.unwrap_or(false),
            None => false,
        };
        let near = self.near.as_ref().is_some_and(|near| near.remove_hashed(hash, &key));
        self.fence_behind(hash, &key);
        was_near || near || far
    }

    pub(crate) async fn expire(&self, hash: u64, key: K) -> bool {
        self.rules.require();
        self.fence(hash, &key);
        let was_near = self.is_near(hash, &key);
        let far = match &self.far {
            Some(far) => far.expire(&key).await.unwrap_or(false),
            None => false,
        };
        let near = self.near.as_ref().is_some_and(|near| near.expire_hashed(hash, &key));
        self.fence_behind(hash, &key);
        was_near || near || far
    }

    /// Whether a far cache that changes its near tier too, and may then fail, had a value there.
    fn is_near(&self, hash: u64, key: &K) -> bool {
        self.far.is_some()
            && self.table.as_ref().is_some_and(|table| {
                let look = table.look(hash, |k| k == key, Touch::Leave);
                matches!(look, Look::Live { softened: false, .. })
            })
    }

    pub(crate) async fn clear(&self) {
        self.rules.require();
        self.backoff.forget_all();
        self.flights.fence_all();
        if let Some(far) = &self.far {
            let _ = far.clear().await;
        }
        match &self.near {
            Some(near) => near.clear(),
            None => self.flights.fence_all(),
        }
        self.aged.forget_all();
    }

    /// Tells the hooks; one that panics does not harm the caller.
    pub(crate) fn tell(&self, key: &K, value: &V) {
        if !self.has_hooks() {
            return;
        }
        let hooks = self.hooks.read().clone();
        for hook in hooks {
            // What a hook asks for is no part of a computation around it.
            let tell = || gather::isolate(|| hook(key, value));
            let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(tell));
            drop(told);
        }
    }

    pub(crate) fn has_hooks(&self) -> bool {
        self.hooked.load(Ordering::Acquire)
    }

    /// Calls `hook` after each computation, in the thread that computed.
    pub fn on_value(&self, hook: impl Fn(&K, &V) + Send + Sync + 'static) {
        self.hooks.write().push(Arc::new(hook));
        self.hooked.store(true, Ordering::Release);
    }

    /// The counters so far.
    pub fn stats(&self) -> Stats {
        self.stats.snapshot()
    }
}

/// The hash where there is no near table: it only finds flights.
pub(crate) fn hash_far<Q: View>(view: &Q) -> u64 {
    use std::hash::{BuildHasher, Hasher};
    static SEED: std::sync::LazyLock<foldhash::fast::RandomState> =
        std::sync::LazyLock::new(foldhash::fast::RandomState::default);
    let mut state = SEED.build_hasher();
    view.hash(&mut state);
    state.finish()
}

/// The parts of a memo's cache that the builder found.
pub(crate) struct Opened<K, V> {
    pub(crate) near: Option<Near<K, V>>,
    pub(crate) far: Option<Shared<K, V>>,
    pub(crate) flights: Arc<Flights<K, V>>,
}

impl<K, V> Opened<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn near(near: Near<K, V>) -> Self {
        Opened { flights: near.flights().clone(), near: Some(near), far: None }
    }

    pub(crate) fn cache<C: Cache<K, V>>(cache: C) -> Self {
        Opened {
            near: cache.near().cloned(),
            flights: cache.flights().clone(),
            far: (cache.reach() == Reach::Far).then(|| Shared::new(cache)),
        }
    }
}

impl<K, V> fmt::Debug for Memo<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo")
            .field("name", &self.name)
            .field("rules", &self.rules)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

/// A cached function as a value without its types: for dashboards and registries.
pub trait AnyMemo: Send + Sync {
    /// The function's path, and its types where it is generic.
    fn name(&self) -> String;
    /// The region that its values live in, if it is one.
    fn region(&self) -> Option<String>;
    /// The counters so far.
    fn stats(&self) -> Stats;
    /// Forgets everything, in a time that does not depend on how much that is.
    fn clear(&self);
    /// Calls `hook` with each value that is computed from now on.
    fn on_any_value(&self, hook: Arc<dyn Fn(&dyn Any) + Send + Sync>);
    /// How many values it holds in this process.
    fn len(&self) -> usize;
    /// Whether it holds none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K, V> AnyMemo for Memo<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn name(&self) -> String {
        self.name.to_string()
    }
    fn region(&self) -> Option<String> {
        self.rules.region().map(|region| region.to_string())
    }
    fn stats(&self) -> Stats {
        self.stats.snapshot()
    }
    fn clear(&self) {
        wait(Memo::clear(self));
    }
    fn on_any_value(&self, hook: Arc<dyn Fn(&dyn Any) + Send + Sync>) {
        self.on_value(move |_, value| hook(value));
    }
    fn len(&self) -> usize {
        self.table.as_ref().map_or(0, |table| table.len())
    }
}
