//! Makes the memo of a cached function from what its attribute says.

use crate::aged::Aged;
use crate::backoff::Backoff;
use crate::client::Client;
use crate::clock::Clock;
use crate::entry::Weigher;
use crate::fenced::Fenced;
use crate::memo::{AnyMemo, Memo, Opened, ValueRules};
use crate::near::Near;
use crate::policy::{IntoAsyncTtl, IntoTtl, Jitter};
use crate::registry;
use crate::stats::Recorder;
use crate::table::{Budget, Life, TableOptions};
use crate::tagged::TagRule;
use crate::tags::TagSource;
use crate::terms::Terms;
use parking_lot::{Mutex, RwLock};
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

/// Where the values of a function go.
enum Place<K, V> {
    /// The in-process cache that all functions without a client share.
    Default,
    /// One of its own.
    Own(usize),
    Client(Opened<K, V>),
}

/// What the attribute's arguments become. Call [`finish`](MemoBuilder::finish) in the end.
pub struct MemoBuilder<K, V> {
    terms: Terms,
    values: ValueRules<K, V>,
    weigher: Option<Weigher<K, V>>,
    listed: Option<fn() -> &'static dyn AnyMemo>,
    place: Place<K, V>,
    tags: Option<TagRule<K>>,
    isolated: bool,
}

// The settings ask nothing of the types: what is wrong with those is told where the call is made.
impl<K: 'static, V: 'static> MemoBuilder<K, V> {
    /// For the function of this path.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let values = ValueRules { wanted: None, ttl_of: None, failed: None, key: PhantomData };
        MemoBuilder {
            terms: Terms::new(name),
            values,
            weigher: None,
            listed: None,
            place: Place::Default,
            tags: None,
            isolated: false,
        }
    }

    /// Adds a type's name to the function's: for methods and generic functions.
    #[must_use]
    pub fn of<T: ?Sized>(mut self) -> Self {
        self.terms.of = Some(std::any::type_name::<T>());
        self
    }

    /// The absolute limit of a value's age.
    #[must_use]
    pub fn ttl(mut self, ttl: impl IntoTtl) -> Self {
        self.terms.policy = self.terms.policy.with_ttl(ttl);
        self
    }

    /// When to recompute in the background.
    #[must_use]
    pub fn async_ttl(mut self, when: impl IntoAsyncTtl) -> Self {
        self.terms.policy = self.terms.policy.with_async_ttl(when);
        self
    }

    /// By how much to shorten TTLs at random.
    #[must_use]
    pub fn jitter(mut self, jitter: impl Into<Jitter>) -> Self {
        self.terms.policy = self.terms.policy.with_jitter(jitter);
        self
    }

    /// For how long past its TTL a value may stand in for a computation that failed.
    #[must_use]
    pub fn grace(mut self, grace: impl IntoTtl) -> Self {
        self.terms.policy = self.terms.policy.with_grace(grace);
        self
    }

    /// The TTL of stored failures, and how to know them.
    #[must_use]
    pub fn err_ttl(mut self, ttl: impl IntoTtl, failed: fn(&V) -> bool) -> Self {
        self.values.failed = Some((failed, ttl.into_ttl()));
        self
    }

    /// An explicit namespace, used verbatim: functions of one namespace and type share values.
    #[must_use]
    pub fn namespace(mut self, name: impl Into<String>) -> Self {
        self.terms.namespace = Some(name.into());
        self
    }

    /// The raw client, without a namespace.
    #[must_use]
    pub fn no_namespace(self) -> Self {
        self.namespace("")
    }

    /// A version of what the function computes: another version never sees this one's values.
    #[must_use]
    pub fn version(mut self, version: impl fmt::Display) -> Self {
        self.terms.version = Some(version.to_string());
        self
    }

    /// Which values are stored.
    #[must_use]
    pub fn cache_if(mut self, wanted: fn(&V) -> bool) -> Self {
        self.values.wanted = Some(wanted);
        self
    }

    /// A TTL that comes with the value; the shorter one counts.
    #[must_use]
    pub fn ttl_of(mut self, ttl: fn(&V) -> Option<Duration>) -> Self {
        self.values.ttl_of = Some(ttl);
        self
    }

    /// What an entry weighs, for clients whose capacity is a weight.
    #[must_use]
    pub fn weight(mut self, weigh: fn(&K, &V) -> u32) -> Self {
        self.weigher = Some(Arc::new(weigh));
        self
    }

    /// What the values of a key are invalidated by, and where the versions of these names live. A
    /// client whose cache is opened under the same source can tell for values of other processes.
    #[must_use]
    pub fn tags(mut self, source: TagSource, names: fn(&K) -> Vec<String>) -> Self {
        self.tags = Some(TagRule { source, names });
        self
    }

    /// The source of the client that is to come, if it can be one: values that inherit tags from the
    /// functions that their computation calls are checked there.
    #[must_use]
    pub fn tag_source(self, source: Option<TagSource>) -> Self {
        match source {
            Some(source) => self.extra(source),
            None => self,
        }
    }

    /// Keeps the tags and the remaining TTL of cached functions that the body calls from counting
    /// for this function's values.
    #[must_use]
    pub fn isolate(mut self) -> Self {
        self.isolated = true;
        self
    }

    /// Keeps the values in a cache of the function's own, of this many entries.
    #[must_use]
    pub fn capacity(mut self, entries: usize) -> Self {
        self.place = Place::Own(entries);
        self
    }

    /// Something that the client may know what to do with, found by its type in the
    /// [`Namespace`](crate::Namespace) it is given.
    #[must_use]
    pub fn extra<T: Send + Sync + 'static>(mut self, extra: T) -> Self {
        self.terms.extras.push(Box::new(move |space| space.with(extra)));
        self
    }

    /// Puts the function on the list of all cached functions.
    #[must_use]
    pub fn listed(mut self, memo: fn() -> &'static dyn AnyMemo) -> Self {
        self.listed = Some(memo);
        self
    }
}

impl<K, V> MemoBuilder<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Keeps the values in this client. Opens it under the name, version, TTL, weights and extras
    /// given so far: say those before.
    #[must_use]
    pub fn client<C: Client<K, V> + ?Sized>(mut self, client: &C) -> Self {
        let space = self.terms.open();
        let space = match &self.weigher {
            Some(weigher) => space.with_weigher(weigher.clone()),
            None => space,
        };
        self.place = Place::Client(Opened::cache(client.open(&space)));
        self
    }

    /// The same with [tags](MemoBuilder::tags), whose versions are kept by the client as well: in its
    /// namespace `~tags`, or in this process if its values are.
    #[must_use]
    pub fn tagged_client<C>(self, client: &C, names: fn(&K) -> Vec<String>) -> Self
    where
        C: Client<K, V> + Client<String, u64> + ?Sized,
    {
        let source = TagSource::of(client);
        self.tags(source.clone(), names).extra(source).client(client)
    }

    /// The memo.
    ///
    /// # Panics
    /// When the arguments contradict each other, with a message that names the function.
    #[must_use]
    pub fn finish(self) -> Memo<K, V> {
        let name = self.terms.checked_name();
        let life = self.fixed_life();
        let MemoBuilder { terms, values, weigher, listed, place, tags, isolated } = self;
        let opened = match place {
            Place::Client(opened) => opened,
            Place::Default => Opened::near(match &terms.namespace {
                Some(_) => named_cache(terms.space().name(), weigher),
                None => own_cache(default_budget(), weigher),
            }),
            Place::Own(entries) => Opened::near(own_cache(Budget::entries(entries), weigher)),
        };
        if let Some(listed) = listed {
            registry::list(listed);
        }
        let clock = opened.near.as_ref().map_or_else(Clock::system, |near| near.clock().clone());
        Memo {
            name: name.into(),
            table: opened.near.as_ref().map(|near| near.table().clone()),
            near: opened.near,
            far: opened.far,
            flights: opened.flights,
            life,
            rules: terms.rules(),
            values,
            stats: Recorder::new(),
            backoff: Backoff::default(),
            fenced: Fenced::default(),
            aged: Aged::default(),
            clock,
            hooks: RwLock::new(Vec::new()),
            hooked: AtomicBool::new(false),
            #[cfg(feature = "tracing")]
            key_text: RwLock::new(None),
            tags,
            isolated,
        }
    }

    fn fixed_life(&self) -> Option<Life> {
        let policy = &self.terms.policy;
        let is_fixed = policy.jitter().is_none()
            && !self.terms.cell.is_followed()
            && self.values.ttl_of.is_none()
            && self.values.failed.is_none();
        is_fixed.then(|| policy.life(None))
    }
}

/// The capacity that functions without a client share: 100 000 entries, or `LARDER_CAPACITY`.
fn default_budget() -> Arc<Budget> {
    static BUDGET: OnceLock<Arc<Budget>> = OnceLock::new();
    BUDGET.get_or_init(|| Budget::entries(crate::env::number("LARDER_CAPACITY", 100_000))).clone()
}

/// The cache of an explicit namespace in the default client: the same for all who name it with the
/// same types.
fn named_cache<K, V>(name: &str, weigher: Option<Weigher<K, V>>) -> Near<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    let made = own_cache(default_budget(), weigher);
    let named = known_by_name(TypeId::of::<(K, V)>(), name, Arc::new(made.clone()));
    named.downcast_ref::<Near<K, V>>().cloned().unwrap_or(made)
}

/// What was stored first for this type and name; without its type, so that it is compiled once.
fn known_by_name(
    id: TypeId,
    name: &str,
    made: Arc<dyn Any + Send + Sync>,
) -> Arc<dyn Any + Send + Sync> {
    type Named = HashMap<(TypeId, Box<str>), Arc<dyn Any + Send + Sync>>;
    static NAMED: LazyLock<Mutex<Named>> = LazyLock::new(Mutex::default);
    NAMED.lock().entry((id, Box::from(name))).or_insert(made).clone()
}

fn own_cache<K, V>(budget: Arc<Budget>, weigher: Option<Weigher<K, V>>) -> Near<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    let mut options = TableOptions::new(budget, Clock::system());
    if let Some(weigher) = weigher {
        options = options.with_weigher(weigher);
    }
    Near::new(options)
}

impl<K, V> fmt::Debug for MemoBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoBuilder").field("name", &self.terms.name).finish_non_exhaustive()
    }
}
