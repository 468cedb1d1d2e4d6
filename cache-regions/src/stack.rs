//! The tiers of one cache, as one configuration of its region wants them.

use crate::cache::is_record;
use crate::plan::TierPlan;
use crate::revised::{RevisedCache, RevisedKey};
use crate::state::{RegionState, Settings};
use crate::wrapped::WrappedCache;
use cache_clients::encoded::EncodedCache;
use cache_clients::server::AnyServer;
use cache_clients::{NullCache, Tiered};
use cache_core::{Cache, Client, Clock, Eviction, Namespace, Near, Shared, TableOptions, Weigher};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A cache of a region under one configuration.
pub(crate) struct Stack<K, V> {
    pub(crate) epoch: u64,
    pub(crate) cache: Shared<K, V>,
    /// What was soft invalidated behind the front.
    pub(crate) earlier: Option<Shared<K, V>>,
    pub(crate) farthest: Option<EncodedCache<AnyServer, RevisedKey<K>, V>>,
    /// Whether the table in front is one of its tiers.
    pub(crate) uses_front: bool,
    /// The farthest tier keeps nothing for longer.
    pub(crate) longest: Option<Duration>,
    leases: AtomicUsize,
}

impl<K, V> Stack<K, V> {
    pub(crate) fn give(&self) {
        self.leases.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn take_back(&self) {
        let less = |leases: usize| leases.checked_sub(1);
        let _ = self.leases.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Whether somebody may still fill it.
    pub(crate) fn is_awaited(&self) -> bool {
        self.leases.load(Ordering::Relaxed) > 0
    }
}

/// The table in front of a cache, for its whole life.
pub(crate) struct Front<K, V> {
    pub(crate) near: Near<K, V>,
    eviction: Eviction,
}

impl<K, V> Front<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Of the kind that the region wants at the moment, if it is configured.
    pub(crate) fn new(region: &RegionState, namespace: &Namespace) -> Self {
        let settings = region.settings().ok();
        let plan = settings.as_ref().map(|settings| &settings.plan);
        let eviction = plan.and_then(|plan| plan.front()).map(|memory| memory.eviction);
        let eviction = eviction.unwrap_or_default();
        let clock = plan.map_or_else(Clock::system, |plan| plan.clock.clone());
        let mut options = TableOptions::new(region.front().clone(), clock).with_eviction(eviction);
        if let Some(weigher) = namespace.weigher::<K, V>() {
            options = options.with_weigher(weigher);
        }
        Front { near: Near::new(options).with_name(region.name.clone()), eviction }
    }

    fn fits(&self, settings: &Settings) -> bool {
        settings.plan.front().is_some_and(|memory| memory.eviction == self.eviction)
            && self.near.clock().is_same(&settings.plan.clock)
    }
}

/// A client that gives a cache that is there.
struct Given<C>(C);

impl<K, V, C: Cache<K, V> + Clone> Client<K, V> for Given<C> {
    type Cache = C;
    fn open(&self, _namespace: &Namespace) -> C {
        self.0.clone()
    }
}

/// Puts tiers behind each other.
struct Builder<'a, K, V> {
    settings: &'a Settings,
    namespace: &'a Namespace,
    types: PhantomData<fn(K) -> V>,
}

pub(crate) fn stack<K, V>(
    region: &Arc<RegionState>,
    settings: &Settings,
    namespace: &Namespace,
    front: &Front<K, V>,
) -> Stack<K, V>
where
    K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
    V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    let builder = Builder { settings, namespace, types: PhantomData };
    let tiers = &settings.plan.tiers;
    let uses_front = front.fits(settings);
    let memory = settings.plan.front().filter(|_| uses_front);
    front.near.limit_ttl(memory.and_then(|memory| memory.ttl));
    let behind = builder
        .chain(usize::from(uses_front))
        .map(|chain| RevisedCache::new(region.clone(), chain).lasting(is_record(namespace)));
    let cache = match (uses_front, &behind) {
        (true, None) => Shared::new(front.near.clone()),
        (true, Some(behind)) => {
            builder.join(front.near.clone(), memory.and_then(|memory| memory.ttl), behind.clone())
        }
        (false, Some(behind)) => Shared::new(behind.clone()),
        (false, None) => Shared::new(NullCache::new()),
    };
    let wrap = |cache| match settings.plan.wrappers.is_empty() {
        true => cache,
        false => Shared::new(WrappedCache::new(region, &settings.plan, namespace, cache)),
    };
    let (cache, earlier) = (wrap(cache), behind.map(|behind| wrap(Shared::new(behind.earlier()))));
    let farthest = tiers.iter().rev().find_map(|tier| match tier {
        TierPlan::Bytes(bytes) => Some(Client::open(&bytes.client, namespace)),
        TierPlan::Memory(_) | TierPlan::Null => None,
    });
    let longest = tiers.last().and_then(|tier| match tier {
        TierPlan::Memory(memory) => memory.ttl,
        TierPlan::Bytes(bytes) => bytes.ttl,
        TierPlan::Null => None,
    });
    let (epoch, leases) = (settings.epoch, AtomicUsize::new(0));
    Stack { epoch, cache, earlier, farthest, uses_front, longest, leases }
}

impl<K, V> Builder<'_, K, V>
where
    K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
    V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    /// The tiers from this one on.
    fn chain(&self, from: usize) -> Option<Shared<RevisedKey<K>, V>> {
        let tiers = self.settings.plan.tiers.iter().enumerate().skip(from).rev();
        tiers.fold(None, |far, (at, tier)| {
            let (near, ttl) = match tier {
                TierPlan::Memory(memory) => (self.memory(at, memory.eviction), memory.ttl),
                TierPlan::Bytes(bytes) => {
                    (Shared::new(Client::open(&bytes.client, self.namespace)), bytes.ttl)
                }
                TierPlan::Null => (Shared::new(NullCache::new()), None),
            };
            Some(match far {
                None => near,
                Some(far) => self.join(near, ttl, far),
            })
        })
    }

    fn memory(&self, at: usize, eviction: Eviction) -> Shared<RevisedKey<K>, V> {
        let Some(budget) = self.settings.budgets.get(at).cloned().flatten() else {
            return Shared::new(NullCache::new());
        };
        let clock = self.settings.plan.clock.clone();
        let mut options = TableOptions::new(budget, clock).with_eviction(eviction);
        if let Some(weigher) = self.namespace.weigher::<K, V>() {
            let weigher: Weigher<RevisedKey<K>, V> =
                Arc::new(move |key: &RevisedKey<K>, value: &V| weigher(key.key(), value));
            options = options.with_weigher(weigher);
        }
        Shared::new(Near::new(options))
    }

    fn join<Q, N, F>(&self, near: N, ttl: Option<Duration>, far: F) -> Shared<Q, V>
    where
        Q: Hash + Eq + Clone + Send + Sync + 'static,
        N: Cache<Q, V> + Clone,
        F: Cache<Q, V> + Clone,
    {
        let clock = self.settings.plan.clock.clone();
        let tiers = Tiered::new(Given(near), Given(far)).with_clock(clock);
        let tiers = match ttl {
            Some(ttl) => tiers.with_near_ttl(ttl),
            None => tiers,
        };
        Shared::new(Client::<Q, V>::open(&tiers, self.namespace))
    }
}
