//! The contract over two caches, written once for many keys; one key is a batch of one.

use super::Options;
use super::changes::{Changes, Changing};
use super::misses::{Misses, Writing};
use super::read::{age, is_enough};
use crate::elapsed::{self, Laps};
use cache_core::{
    Aim, Cache, CacheExt, Entry, Filled, Flights, Lease, Lookup, Namespace, Near, PutWhen, Reach,
    Reason, Result, TagRecords, TierReport,
};
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// What [`Tiered`](super::Tiered) opens.
///
/// ```
/// use cache_clients::{Inproc, Tiered};
/// use cache_core::{CacheExt, wait};
///
/// let scores = Tiered::new(Inproc::new(100), Inproc::new(100)).open::<u64, f64>("scores");
/// wait(scores.put_for(&7, 0.5, 60)).unwrap();
/// assert_eq!(wait(scores.get(&7)).unwrap(), Some(0.5));
/// ```
pub struct TieredCache<K, V, N, F>(pub(super) Arc<Inner<K, V, N, F>>);

pub(super) struct Inner<K, V, N, F> {
    pub(super) namespace: Arc<str>,
    pub(super) near: N,
    pub(super) far: F,
    pub(super) options: Options,
    pub(super) misses: Option<Arc<Misses>>,
    pub(super) changes: Arc<Changes>,
    /// Of the versions of tags nothing is kept in front: only the last tier has the truth.
    pub(super) is_far_only: bool,
    types: PhantomData<fn(K) -> V>,
}

impl<K, V, N, F> TieredCache<K, V, N, F> {
    pub(super) fn new(
        namespace: &Namespace,
        (near, far): (N, F),
        options: Options,
        (misses, changes): (Option<Arc<Misses>>, Arc<Changes>),
    ) -> Self {
        TieredCache(Arc::new(Inner {
            namespace: namespace.name().into(),
            near,
            far,
            options,
            misses,
            changes,
            is_far_only: namespace.get::<TagRecords>().is_some(),
            types: PhantomData,
        }))
    }

    /// The near tier alone: what is done to it concerns no other.
    #[must_use]
    pub fn near_tier(&self) -> &N {
        &self.0.near
    }

    /// The far tier alone.
    #[must_use]
    pub fn far_tier(&self) -> &F {
        &self.0.far
    }
}

impl<K, V, N, F> TieredCache<K, V, N, F>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    N: Cache<K, V>,
    F: Cache<K, V>,
{
    /// The value and what is left of its TTL, from the nearest tier where that is `least` at least;
    /// where no tier has so much, from the one that has most.
    ///
    /// # Errors
    /// Those of a strict far client.
    ///
    /// ```
    /// use cache_clients::{Inproc, Tiered};
    /// use cache_core::{CacheExt, wait};
    /// use std::time::Duration;
    ///
    /// let scores = Tiered::new(Inproc::new(100), Inproc::new(100)).open::<u64, f64>("scores");
    /// scores.near_tier().put_for(7, 0.1, 2);
    /// scores.far_tier().put_for(7, 0.2, 10);
    /// let found = wait(scores.get_outliving(&7, Duration::from_secs(5))).unwrap();
    /// assert_eq!(found.unwrap().0, 0.2);
    /// ```
    pub async fn get_outliving(&self, key: &K, least: Duration) -> Result<Option<(V, Duration)>> {
        Ok(self.lookup(key, Aim::Least(least)).await?.live())
    }

    /// [`get_outliving`](TieredCache::get_outliving) of many keys, in their order; `None` where no
    /// tier has so much left.
    ///
    /// # Errors
    /// Those of a strict far client.
    pub async fn get_many_outliving(&self, keys: &[K], least: Duration) -> Result<Vec<Option<V>>> {
        let found = self.lookup_many(keys, Aim::Least(least)).await?.into_iter();
        let lasting = found.map(|known| known.live().filter(|(_, left)| *left >= least));
        Ok(lasting.map(|live| live.map(|(value, _)| value)).collect())
    }

    /// Held while something is written to the far tier.
    fn writing<'a>(&self, keys: impl IntoIterator<Item = &'a K>) -> Option<Writing> {
        self.0.misses.as_ref().map(|misses| misses.writing(keys))
    }

    /// Under the near leases, after the far tier has taken so much of the values' lives. Says where the near tier turned
    /// the value away.
    async fn fill_near(
        &self,
        fills: &[(K, Entry<V>, Lease)],
        took: Duration,
        done: &mut [Filled],
    ) -> Vec<bool> {
        let (mut places, mut near) = (Vec::new(), Vec::new());
        for (at, (key, entry, lease)) in fills.iter().enumerate() {
            if done[at] == Filled::Fenced {
                self.0.near.release(key, lease.near()).await;
                continue;
            }
            let value = entry.value.clone();
            let entry = self.near_entry(value, entry.ttl, entry.refresh_after, entry.tags.clone());
            places.push(at);
            near.push((key.clone(), elapsed::entry(entry, took), lease.near()));
        }
        let filled = self.0.near.fill_many(near).await.unwrap_or_default();
        let mut fenced = vec![false; fills.len()];
        for (at, filled) in places.into_iter().zip(filled) {
            fenced[at] = filled == Filled::Fenced;
            if done[at] == Filled::Refused {
                done[at] = filled;
            }
        }
        fenced
    }
}

impl<K, V, N, F> Inner<K, V, N, F>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    N: Cache<K, V>,
    F: Cache<K, V>,
{
    /// Fills the far tier, so long after the near one had the values, or has `fenced` them.
    async fn fill_behind(
        &self,
        fills: Vec<(K, Entry<V>, Lease)>,
        took: Duration,
        fenced: Vec<bool>,
    ) {
        let keys: Vec<K> = fills.iter().map(|(key, ..)| key.clone()).collect();
        let aged = |(key, entry, lease)| (key, elapsed::entry(entry, took), lease);
        let fills = fills.into_iter().map(aged).collect();
        let filled = self.far.fill_many(fills).await.unwrap_or_default();
        let gone: Vec<K> = older(keys, filled, fenced).collect();
        if !gone.is_empty() {
            let _ = self.near.delete_many(&gone).await;
        }
    }
}

/// The keys of which something older may be in front: where the far tier has turned the value away there is something newer,
/// and where the near one has, though the far one did not, it may be for the sake of another key.
fn older<K>(keys: Vec<K>, behind: Vec<Filled>, near: Vec<bool>) -> impl Iterator<Item = K> {
    let all = keys.into_iter().zip(behind.into_iter().zip(near));
    all.filter_map(|(key, (behind, fenced))| match behind {
        Filled::Fenced => Some(key),
        Filled::Stored => fenced.then_some(key),
        Filled::Refused => None,
    })
}

fn only<T>(many: Vec<T>) -> T {
    many.into_iter().next().expect("a batch of one has one answer")
}

#[deny(clippy::missing_trait_methods)]
impl<K, V, N, F> Cache<K, V> for TieredCache<K, V, N, F>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    N: Cache<K, V>,
    F: Cache<K, V>,
{
    fn near(&self) -> Option<&Near<K, V>> {
        self.0.near.near()
    }
    fn reach(&self) -> Reach {
        // Even where both tiers are in this process, the near table does not know everything.
        Reach::Far
    }
    fn flights(&self) -> &Arc<Flights<K, V>> {
        self.0.near.flights()
    }
    async fn lookup(&self, key: &K, aim: Aim) -> Result<Lookup<V>> {
        Ok(only(self.lookup_many(std::slice::from_ref(key), aim).await?))
    }
    async fn fill(&self, key: &K, entry: Entry<V>, lease: Lease) -> Result<Filled> {
        Ok(only(self.fill_many(vec![(key.clone(), entry, lease)]).await?))
    }
    async fn release(&self, key: &K, lease: Lease) {
        self.0.far.release(key, lease.far()).await;
        self.0.near.release(key, lease.near()).await;
    }
    async fn put(&self, key: &K, entry: Entry<V>, when: PutWhen) -> Result<bool> {
        let look = when == PutWhen::Absent && !self.0.is_far_only;
        if look && self.0.near.lookup(key, Aim::Read).await?.live().is_some() {
            return Ok(false);
        }
        self.fence(key);
        let _writing = self.writing([key]);
        if self.0.is_far_only {
            return self.0.far.put(key, entry, when).await;
        }
        let changing = Changing::begin(&self.0, std::slice::from_ref(key));
        let near = self.near_entry(
            entry.value.clone(),
            entry.ttl,
            entry.refresh_after,
            entry.tags.clone(),
        );
        let mut laps = Laps::begin(&self.0.options.clock);
        let far = self.0.far.put(key, entry, when).await;
        if when == PutWhen::Absent && !matches!(far, Ok(true)) {
            changing.none();
            return far;
        }
        let near = elapsed::entry(near, laps.lap());
        let near = self.0.near.put(key, near, PutWhen::Always).await;
        changing.end().await?;
        Ok(far? | near?)
    }
    async fn renew(&self, key: &K, ttl: Option<Duration>) -> Result<bool> {
        let renewed = self.0.far.renew(key, ttl).await?;
        // The copy may be older than what was renewed, and is not lengthened: within its bound it is fetched again, and
        // without one now.
        if renewed && self.0.options.near_ttl.is_none() {
            drop(self.lookup(key, Aim::Least(Duration::MAX)).await);
        }
        Ok(renewed)
    }
    async fn expire(&self, key: &K) -> Result<bool> {
        self.fence(key);
        let changing = Changing::begin(&self.0, std::slice::from_ref(key));
        let far = self.0.far.expire(key).await;
        let near = self.0.near.expire(key).await;
        changing.end().await?;
        Ok(far? | near?)
    }
    async fn delete(&self, key: &K) -> Result<bool> {
        self.fence(key);
        let changing = Changing::begin(&self.0, std::slice::from_ref(key));
        let far = self.0.far.delete(key).await;
        let near = self.0.near.delete(key).await;
        changing.end().await?;
        Ok(far? | near?)
    }
    async fn lookup_many(&self, keys: &[K], aim: Aim) -> Result<Vec<Lookup<V>>> {
        if aim == Aim::Peek && self.0.options.peek_tiers == 1 {
            return self.0.near.lookup_many(keys, aim).await;
        }
        if aim == Aim::Farthest || self.0.is_far_only {
            return self.ask_far(keys.to_vec(), aim).await;
        }
        let mut known = self.ask_near(keys, aim).await?;
        let mut open: Vec<_> = (0..keys.len()).filter(|at| !is_enough(&known[*at], aim)).collect();
        let looks = aim.is_look();
        let unknown = self.leave_out_misses(keys, &mut open, looks);
        if !open.is_empty() {
            let asked: Vec<K> = open.iter().map(|at| keys[*at].clone()).collect();
            let mut laps = Laps::begin(&self.0.options.clock);
            let found = self.ask_far(asked, aim).await?;
            age(&mut known, laps.lap());
            self.remember_misses(unknown, &found);
            let mut promotions = Vec::new();
            for (at, far) in open.into_iter().zip(found) {
                let nothing = Lookup::Missing { reason: Reason::Never, lease: Lease::none() };
                let near = std::mem::replace(&mut known[at], nothing);
                known[at] = self.join(&keys[at], near, far, &mut promotions);
            }
            self.promote(promotions).await;
            age(&mut known, laps.lap());
        }
        if looks {
            self.drop_leases(keys, &mut known).await;
        }
        Ok(known)
    }
    async fn fill_many(&self, fills: Vec<(K, Entry<V>, Lease)>) -> Result<Vec<Filled>> {
        let mut done = vec![Filled::Refused; fills.len()];
        let (mut places, mut behind) = (Vec::new(), Vec::new());
        for (at, (key, entry, lease)) in fills.iter().enumerate() {
            let lease = lease.far();
            if lease.is_some() {
                places.push(at);
                behind.push((key.clone(), entry.clone(), lease));
            }
        }
        let writing = self.writing(fills.iter().map(|(key, ..)| key));
        let keys: Vec<K> = fills.iter().map(|(key, ..)| key.clone()).collect();
        let turn = self.0.changes.begin(&keys);
        let mut laps = Laps::begin(&self.0.options.clock);
        let place = (!behind.is_empty()).then(|| self.0.options.background_place()).flatten();
        if let Some(place) = place {
            let fenced = self.fill_near(&fills, Duration::ZERO, &mut done).await;
            let fenced = places.into_iter().map(|at| fenced[at]).collect();
            let tiers = self.0.clone();
            place.run(async move {
                tiers.fill_behind(behind, laps.lap(), fenced).await;
                drop((writing, turn));
            });
            return Ok(done);
        }
        if !behind.is_empty() {
            let filled = self.0.far.fill_many(behind).await.unwrap_or_default();
            for (at, filled) in places.into_iter().zip(filled) {
                done[at] = filled;
            }
        }
        let behind = done.clone();
        let fenced = self.fill_near(&fills, laps.lap(), &mut done).await;
        let mut gone = turn.met(&keys);
        gone.extend(older(keys, behind, fenced));
        if !gone.is_empty() {
            self.0.near.delete_many(&gone).await?;
        }
        Ok(done)
    }
    async fn put_many(&self, entries: Vec<(K, Entry<V>)>) -> Result<()> {
        entries.iter().for_each(|(key, _)| self.fence(key));
        let near = entries.iter().map(|(key, entry)| {
            (
                key.clone(),
                self.near_entry(
                    entry.value.clone(),
                    entry.ttl,
                    entry.refresh_after,
                    entry.tags.clone(),
                ),
            )
        });
        let near = if self.0.is_far_only { Vec::new() } else { near.collect() };
        let _writing = self.writing(entries.iter().map(|(key, _)| key));
        let keys: Vec<K> = entries.iter().map(|(key, _)| key.clone()).collect();
        let changing = Changing::begin(&self.0, &keys);
        let mut laps = Laps::begin(&self.0.options.clock);
        let far = self.0.far.put_many(entries).await;
        let took = laps.lap();
        let near = near.into_iter().map(|(key, near)| (key, elapsed::entry(near, took))).collect();
        self.0.near.put_many(near).await?;
        changing.end().await?;
        far
    }
    async fn delete_many(&self, keys: &[K]) -> Result<()> {
        keys.iter().for_each(|key| self.fence(key));
        let changing = Changing::begin(&self.0, keys);
        let far = self.0.far.delete_many(keys).await;
        self.0.near.delete_many(keys).await?;
        changing.end().await?;
        far
    }
    async fn clear(&self) -> Result<()> {
        self.fence_all();
        let changing = Changing::begin_clear(&self.0);
        let far = self.0.far.clear().await;
        self.0.near.clear().await?;
        changing.end().await?;
        far
    }
    async fn explain(&self, key: &K) -> Vec<TierReport> {
        let mut tiers = self.0.near.explain(key).await;
        tiers.extend(self.explain_far(key).await);
        tiers
    }
    async fn purge(&self, stale_for: Duration) -> Result<usize> {
        self.0.misses.iter().for_each(|misses| misses.purge());
        let far = self.0.far.purge(stale_for).await;
        let near = self.0.near.purge(stale_for).await?;
        Ok(far? + near)
    }
}

impl<K, V, N, F> Clone for TieredCache<K, V, N, F> {
    fn clone(&self) -> Self {
        TieredCache(self.0.clone())
    }
}

impl<K, V, N: fmt::Debug, F: fmt::Debug> fmt::Debug for TieredCache<K, V, N, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TieredCache")
            .field("namespace", &self.0.namespace)
            .field("near", &self.0.near)
            .field("far", &self.0.far)
            .finish()
    }
}
