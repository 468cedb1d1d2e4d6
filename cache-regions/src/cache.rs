//! The typed cache of a region: one table in front for its whole life, and behind it the stack of
//! tiers that the region's configuration wants at the moment.

use crate::explain::refused;
use crate::kept::{self, Kept};
use crate::look::{Looking, Ready};
use crate::revised::RevisedKey;
use crate::revisions::Revisions;
use crate::stack::{Front, Stack, stack};
use crate::state::{RegionState, Room as AnyRoom, Settings};
use cache_core::{
    Aim, Cache, CacheExt, Entry, Filled, Flights, Invalidation, Lease, Lookup, Namespace, Near,
    PolicyCell, PutWhen, Reach, Result, TagSource, TierReport,
};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

/// What a [`Region`](crate::Region) opens: a cache whose tiers may change while it is used.
///
/// What is near is read from one table for the cache's whole life, so that a hit costs what it costs
/// over an `Inproc`. Where the region has no memory tier, or has wrappers, that table stays empty.
/// Leases belong to the tiers that gave them: what is computed while the tiers are exchanged goes to
/// the old ones, and to nobody once these are gone.
pub struct RegionCache<K, V>(pub(crate) Arc<Room<K, V>>);

pub(crate) struct Room<K, V> {
    region: Arc<RegionState>,
    namespace: Namespace,
    front: Front<K, V>,
    stacks: Mutex<Stacks<K, V>>,
    pub(crate) kept: Kept,
}

struct Stacks<K, V> {
    current: Option<Arc<Stack<K, V>>>,
    /// Exchanged ones that somebody may still fill.
    retired: Vec<Arc<Stack<K, V>>>,
}

/// How many exchanged stacks are kept for those who still compute for them.
const RETIRED: usize = 4;

impl<K, V> Clone for RegionCache<K, V> {
    fn clone(&self) -> Self {
        RegionCache(self.0.clone())
    }
}

impl<K, V> fmt::Debug for RegionCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegionCache")
            .field("region", &self.0.region)
            .field("namespace", &self.0.namespace)
            .finish_non_exhaustive()
    }
}

impl<K, V> AnyRoom for Room<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn forget(&self, how: Invalidation) {
        if is_record(&self.namespace) {
            return;
        }
        match how {
            Invalidation::Hard => self.front.near.clear(),
            Invalidation::Soft => self.front.near.expire_all(),
        }
    }
    fn start_anew(&self) {
        self.kept.clear();
        if let Some(source) = self.namespace.get::<TagSource>() {
            source.reread();
        }
        self.front.near.clear();
    }
    fn believe(&self, lag: Duration) {
        if let Some(source) = self.namespace.get::<TagSource>() {
            source.set_lag(lag);
        }
    }
}

impl<K, V> RegionCache<K, V>
where
    K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
    V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    pub(crate) fn open(region: &Arc<RegionState>, namespace: &Namespace) -> Self {
        if let Some(cell) = namespace.get::<PolicyCell>() {
            let region = region.clone();
            cell.follow(region.name.clone(), move || region.policy());
        }
        let name = match namespace.name() {
            "" => region.name.to_string(),
            name => format!("{}.{name}", region.name),
        };
        if namespace.is_private() {
            return RegionCache::new(region, namespace.renamed(name));
        }
        region.named(&name, || RegionCache::new(region, namespace.renamed(&*name)))
    }

    fn new(region: &Arc<RegionState>, namespace: Namespace) -> Self {
        let front = Front::new(region, &namespace);
        let stacks = Mutex::new(Stacks { current: None, retired: Vec::new() });
        let room = Arc::new(Room {
            region: region.clone(),
            namespace,
            front,
            stacks,
            kept: Kept::default(),
        });
        let any: Arc<dyn AnyRoom> = room.clone();
        region.enter(Arc::downgrade(&any));
        if let Ok(settings) = region.settings() {
            any.believe(settings.plan.belief());
        }
        RegionCache(room)
    }

    pub(crate) async fn ready(&self) -> Result<Ready<K, V>> {
        let settings = self.0.region.settings()?;
        let revisions = match is_record(&self.0.namespace) {
            true => Arc::new(Revisions::FIRST),
            false => self.0.region.revisions(&settings).await,
        };
        let stack = self.stack(&settings);
        Ok(Ready { settings, revisions, stack })
    }

    fn stack(&self, settings: &Settings) -> Arc<Stack<K, V>> {
        {
            let stacks = self.0.stacks.lock();
            if let Some(current) = stacks.current.as_ref().filter(|s| s.epoch >= settings.epoch) {
                return current.clone();
            }
        }
        // Outside of the lock; whoever comes second throws his away.
        let made = Arc::new(stack(&self.0.region, settings, &self.0.namespace, &self.0.front));
        let mut gone = Vec::new();
        let mut stacks = self.0.stacks.lock();
        match stacks.current.as_ref().filter(|current| current.epoch >= settings.epoch) {
            Some(current) => {
                gone.push(made);
                let current = current.clone();
                drop(stacks);
                drop(gone);
                current
            }
            None => {
                let old = stacks.current.replace(made.clone());
                stacks.retired.extend(old);
                gone.extend(stacks.retired.extract_if(.., |old| !old.is_awaited()));
                while stacks.retired.len() > RETIRED {
                    gone.push(stacks.retired.remove(0));
                }
                drop(stacks);
                drop(gone);
                made
            }
        }
    }

    /// The stack that gave a lease, while it is kept.
    fn stack_of(&self, epoch: u64) -> Option<Arc<Stack<K, V>>> {
        let stacks = self.0.stacks.lock();
        stacks.current.iter().chain(&stacks.retired).find(|stack| stack.epoch == epoch).cloned()
    }

    /// Drops exchanged stacks that nobody will fill any more.
    fn settle(&self, stack: &Stack<K, V>) {
        stack.take_back();
        let mut stacks = self.0.stacks.lock();
        let gone: Vec<_> = stacks.retired.extract_if(.., |old| !old.is_awaited()).collect();
        drop(stacks);
        drop(gone);
    }

    /// How an entry lives here, if it does not say so itself.
    fn bounded(&self, ready: &Ready<K, V>, mut entry: Entry<V>) -> Entry<V> {
        entry.ttl = entry.ttl.or_else(|| ready.settings.plan.policy.expiration.now());
        self.shortened(&ready.stack, entry)
    }

    fn shortened(&self, stack: &Stack<K, V>, mut entry: Entry<V>) -> Entry<V> {
        if let Some(longest) = stack.longest {
            entry.ttl = Some(entry.ttl.map_or(longest, |ttl| ttl.min(longest)));
        }
        entry
    }

    /// The end of a change. What lies in front and is no tier is nobody's business but that of a fallback: it has to go;
    /// and where no table fences by itself, nobody joins what began meanwhile.
    fn drop_front<'a>(&self, stack: &Stack<K, V>, keys: impl IntoIterator<Item = &'a K>) {
        let near = &self.0.front.near;
        if stack.uses_front {
            return;
        }
        for key in keys {
            self.fence(key);
            if !near.is_empty() {
                near.delete(key);
            }
        }
    }

    /// Whether a process has the lease to compute the value of a key, or this one computes it.
    pub(crate) async fn is_locked(&self, key: &K) -> Result<bool> {
        let ready = self.ready().await?;
        if self.is_computing(key) {
            return Ok(true);
        }
        match &ready.stack.farthest {
            Some(farthest) => {
                farthest.is_leased(&RevisedKey::new(key.clone(), ready.revisions.now())).await
            }
            None => Ok(false),
        }
    }
}

/// Whether larder keeps records of its own there, such as the versions of tags: these outlive
/// invalidations, or a soft one would be a hard one for everything that has a tag.
pub(crate) fn is_record(namespace: &Namespace) -> bool {
    namespace.name().rsplit('.').next().is_some_and(|name| name.starts_with('~'))
}

fn only<T>(many: Vec<T>) -> T {
    many.into_iter().next().expect("a batch of one has one answer")
}

#[deny(clippy::missing_trait_methods)]
impl<K, V> Cache<K, V> for RegionCache<K, V>
where
    K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
    V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    fn near(&self) -> Option<&Near<K, V>> {
        Some(&self.0.front.near)
    }
    fn reach(&self) -> Reach {
        // What lies behind may change.
        Reach::Far
    }
    fn flights(&self) -> &Arc<Flights<K, V>> {
        self.0.front.near.flights()
    }
    async fn lookup(&self, key: &K, aim: Aim) -> Result<Lookup<V>> {
        Ok(only(self.lookup_many(std::slice::from_ref(key), aim).await?))
    }
    async fn fill(&self, key: &K, entry: Entry<V>, lease: Lease) -> Result<Filled> {
        Ok(only(self.fill_many(vec![(key.clone(), entry, lease)]).await?))
    }
    async fn release(&self, key: &K, lease: Lease) {
        if let Some(stack) = lease.mark().and_then(|epoch| self.stack_of(epoch)) {
            stack.cache.release(key, lease.behind()).await;
            self.settle(&stack);
        }
    }
    async fn put(&self, key: &K, entry: Entry<V>, when: PutWhen) -> Result<bool> {
        self.fence(key);
        let ready = self.ready().await?;
        let entry = self.bounded(&ready, entry);
        let ttl = entry.ttl;
        let put = ready.stack.cache.put(key, entry, when).await;
        if matches!(put, Ok(true)) {
            self.note(&ready, kept::hash(key), ttl);
        }
        self.drop_front(&ready.stack, [key]);
        put
    }
    async fn renew(&self, key: &K, ttl: Option<Duration>) -> Result<bool> {
        let stack = self.ready().await?.stack;
        let ttl = match (ttl, stack.longest) {
            (Some(ttl), Some(longest)) => Some(ttl.min(longest)),
            (ttl, longest) => ttl.or(longest),
        };
        stack.cache.renew(key, ttl).await
    }
    async fn expire(&self, key: &K) -> Result<bool> {
        self.fence(key);
        self.0.kept.forget(kept::hash(key));
        let stack = self.ready().await?.stack;
        let expired = stack.cache.expire(key).await;
        self.drop_front(&stack, [key]);
        expired
    }
    async fn delete(&self, key: &K) -> Result<bool> {
        self.fence(key);
        self.0.kept.forget(kept::hash(key));
        let stack = self.ready().await?.stack;
        let deleted = stack.cache.delete(key).await;
        self.drop_front(&stack, [key]);
        deleted
    }
    async fn lookup_many(&self, keys: &[K], aim: Aim) -> Result<Vec<Lookup<V>>> {
        let ready = self.ready().await?;
        let mut found = Looking::new(&ready).look(keys, aim).await?;
        for (key, known) in keys.iter().zip(&mut found) {
            self.learn(&ready, key, known);
            if let Lookup::Stale { lease, .. }
            | Lookup::Expired { lease, .. }
            | Lookup::Missing { lease, .. } = known
                && lease.is_some()
            {
                let own = std::mem::replace(lease, Lease::none());
                *lease = Lease::new(ready.stack.epoch).over(own);
                if !aim.is_look() {
                    ready.stack.give();
                }
            }
        }
        Ok(found)
    }
    async fn fill_many(&self, fills: Vec<(K, Entry<V>, Lease)>) -> Result<Vec<Filled>> {
        let settings = self.0.region.settings()?;
        let mut done = vec![Filled::Refused; fills.len()];
        let mut by_epoch: Vec<(u64, Vec<usize>, Vec<(K, Entry<V>, Lease)>)> = Vec::new();
        let mut kept = Vec::with_capacity(fills.len());
        for (at, (key, mut entry, lease)) in fills.into_iter().enumerate() {
            entry.ttl = entry.ttl.or_else(|| settings.plan.policy.expiration.now());
            kept.push((kept::hash(&key), entry.ttl));
            let Some(epoch) = lease.mark() else { continue };
            let fill = (key, entry, lease.behind());
            match by_epoch.iter_mut().find(|(one, ..)| *one == epoch) {
                Some((_, places, fills)) => {
                    places.push(at);
                    fills.push(fill);
                }
                None => by_epoch.push((epoch, vec![at], vec![fill])),
            }
        }
        for (epoch, places, fills) in by_epoch {
            let Some(stack) = self.stack_of(epoch) else {
                places.into_iter().for_each(|at| done[at] = Filled::Fenced);
                continue;
            };
            let fills = fills
                .into_iter()
                .map(|(key, entry, lease)| (key, self.shortened(&stack, entry), lease));
            let filled = stack.cache.fill_many(fills.collect()).await;
            places.iter().for_each(|_| self.settle(&stack));
            for (at, filled) in places.into_iter().zip(filled?) {
                done[at] = filled;
            }
        }
        let (revision, now) = (self.0.region.revision(), settings.plan.clock.nanos());
        for ((hash, ttl), _) in kept.into_iter().zip(&done).filter(|(_, f)| **f == Filled::Stored) {
            self.0.kept.note(hash, revision, now, ttl);
        }
        Ok(done)
    }
    async fn put_many(&self, entries: Vec<(K, Entry<V>)>) -> Result<()> {
        entries.iter().for_each(|(key, _)| self.fence(key));
        let ready = self.ready().await?;
        let keys: Vec<K> = entries.iter().map(|(key, _)| key.clone()).collect();
        let bounded = |(key, entry)| (key, self.bounded(&ready, entry));
        let entries: Vec<_> = entries.into_iter().map(bounded).collect();
        let kept: Vec<_> = entries.iter().map(|(key, e)| (kept::hash(key), e.ttl)).collect();
        let put = ready.stack.cache.put_many(entries).await;
        if put.is_ok() {
            kept.into_iter().for_each(|(hash, ttl)| self.note(&ready, hash, ttl));
        }
        self.drop_front(&ready.stack, &keys);
        put
    }
    async fn delete_many(&self, keys: &[K]) -> Result<()> {
        keys.iter().for_each(|key| self.fence(key));
        keys.iter().for_each(|key| self.0.kept.forget(kept::hash(key)));
        let stack = self.ready().await?.stack;
        let deleted = stack.cache.delete_many(keys).await;
        self.drop_front(&stack, keys);
        deleted
    }
    async fn clear(&self) -> Result<()> {
        self.fence_all();
        self.0.kept.clear();
        let stack = self.ready().await?.stack;
        let cleared = stack.cache.clear().await;
        // Which fences, too.
        self.0.front.near.clear();
        cleared
    }
    async fn explain(&self, key: &K) -> Vec<TierReport> {
        match self.ready().await {
            Ok(ready) => self.explained(&ready, key).await,
            Err(error) => refused(&self.0.region.name, &error),
        }
    }
    async fn purge(&self, stale_for: Duration) -> Result<usize> {
        self.ready().await?.stack.cache.purge(stale_for).await
    }
}
