//! A cache whose values count only under the revision of their region: the revision is a part of
//! each key behind it, so that an invalidation of everything costs nothing.

use crate::explain::{has_live, is_unknown, mark_invalidated, refused};
use crate::revisions::Revisions;
use crate::state::{RegionState, Room};
use cache_clients::encoded::both;
use cache_core::{
    Aim, Cache, CacheExt, Entry, Filled, Flights, Lease, Lookup, Near, PutWhen, Reach, Reason,
    Result, Shared, TierReport,
};
use serde::Serialize;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

/// A key as the tiers behind a region see it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct RevisedKey<K> {
    revision: u64,
    key: K,
}

impl<K> RevisedKey<K> {
    pub(crate) fn new(key: K, revision: u64) -> Self {
        RevisedKey { revision, key }
    }

    /// The key itself.
    ///
    /// ```
    /// use cache_regions::{Mirror, Region, RevisedKey};
    /// fn length(key: &RevisedKey<String>) -> usize {
    ///     key.key().len() // in a weigher, say
    /// }
    /// ```
    pub fn key(&self) -> &K {
        &self.key
    }
}

/// What a [`Mirror`](crate::Mirror) opens.
pub struct RevisedCache<K, V> {
    region: Arc<RegionState>,
    inner: Shared<RevisedKey<K>, V>,
    flights: Arc<Flights<K, V>>,
    reads: Reads,
    /// What is kept there outlives invalidations.
    lasts: bool,
    room: Option<Arc<dyn Room>>,
}

/// Which values are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    Current,
    /// Of earlier revisions, for as long as these may be served as stale.
    Earlier,
}

impl<K, V> Clone for RevisedCache<K, V> {
    fn clone(&self) -> Self {
        let (region, inner) = (self.region.clone(), self.inner.clone());
        let (flights, room) = (self.flights.clone(), self.room.clone());
        RevisedCache { region, inner, flights, reads: self.reads, lasts: self.lasts, room }
    }
}

impl<K, V> fmt::Debug for RevisedCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevisedCache")
            .field("region", &self.region)
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<K, V> RevisedCache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(region: Arc<RegionState>, inner: Shared<RevisedKey<K>, V>) -> Self {
        let (flights, reads) = (Arc::new(Flights::new()), Reads::Current);
        RevisedCache { region, inner, flights, reads, lasts: false, room: None }
    }

    /// The same for what outlives invalidations.
    pub(crate) fn lasting(self, lasts: bool) -> Self {
        RevisedCache { lasts, ..self }
    }

    /// The same for reading what was soft invalidated.
    pub(crate) fn earlier(&self) -> Self {
        RevisedCache { reads: Reads::Earlier, ..self.clone() }
    }

    /// The same with what hears of invalidations, for as long as there is a clone of it.
    pub(crate) fn with_room(self, room: Arc<dyn Room>) -> Self {
        RevisedCache { room: Some(room), ..self }
    }

    /// Does a change of keys under the revision that its keeper has while it is done. What is known of
    /// it will not do: what another process has stored since it invalidated the region would outlive the
    /// change. So it is done under the revision that is known, beside the question which it is, and where
    /// that is another one, once more.
    async fn change<T, F>(&self, change: impl Fn(Arc<Revisions>) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let settings = self.region.settings()?;
        let last = self.revisions().await?;
        // In a table of this process nothing lies under a revision that it has not heard of.
        if self.lasts || self.inner.reach() == Reach::Near {
            return change(last).await;
        }
        let asking = self.region.beside(&settings, last.now());
        match both(change(last.clone()), asking).await {
            (_, Some(holds)) if holds.now() != last.now() => change(holds).await,
            (changed, _) => changed,
        }
    }

    async fn revisions(&self) -> Result<Arc<Revisions>> {
        let settings = self.region.settings()?;
        if self.lasts {
            return Ok(Arc::new(Revisions::FIRST));
        }
        Ok(self.region.revisions(&settings).await)
    }

    /// Of each key the latest live value of an earlier revision.
    async fn before(&self, keys: &[K], revisions: &Revisions) -> Result<Vec<Lookup<V>>> {
        let earlier = revisions.before();
        let asked = keys.iter().flat_map(|key| earlier.iter().map(|old| revised(key, *old)));
        let asked: Vec<_> = asked.collect();
        let mut found = self.inner.lookup_many(&asked, Aim::Read).await?.into_iter();
        let latest = |_| {
            let mut own = found.by_ref().take(earlier.len());
            let live = own.by_ref().find_map(|known| match known {
                Lookup::Fresh { value, left, tags, .. }
                | Lookup::Stale { value, left, tags, .. } => Some((value, left, tags)),
                Lookup::Expired { .. } | Lookup::Missing { .. } => None,
            });
            own.for_each(drop);
            match live {
                Some((value, left, tags)) => Lookup::Fresh { value, left, refresh_in: None, tags },
                None => Lookup::Missing { reason: Reason::Never, lease: Lease::none() },
            }
        };
        Ok(keys.iter().map(latest).collect())
    }

    async fn explain_now(&self, key: &K, revisions: &Revisions) -> Vec<TierReport> {
        let mut reports = self.inner.explain(&revised(key, revisions.now())).await;
        for past in revisions.past() {
            if !reports.iter().any(is_unknown) {
                break;
            }
            mark_invalidated(&mut reports, &self.inner.explain(&revised(key, past)).await);
        }
        reports
    }

    /// What is told of the latest live value of an earlier revision; nothing, if there is none.
    async fn explain_before(&self, key: &K, revisions: &Revisions) -> Vec<TierReport> {
        for old in revisions.before() {
            let reports = self.inner.explain(&revised(key, *old)).await;
            if has_live(&reports) {
                return reports;
            }
        }
        Vec::new()
    }

    /// What is new in its place must not be followed by something older when it expires.
    async fn drop_before<'a>(&self, keys: impl Iterator<Item = &'a K>, revisions: &Revisions)
    where
        K: 'a,
    {
        if revisions.before().is_empty() {
            return;
        }
        let old = keys.flat_map(|key| revisions.before().iter().map(|old| revised(key, *old)));
        let old: Vec<_> = old.collect();
        // What cannot be removed is as stale as it was.
        let _ = self.inner.delete_many(&old).await;
    }
}

fn revised<K: Clone>(key: &K, revision: u64) -> RevisedKey<K> {
    RevisedKey { revision, key: key.clone() }
}

fn under(revision: u64, lease: Lease) -> Lease {
    if lease.is_some() { Lease::new(revision).over(lease) } else { lease }
}

fn only<T>(many: Vec<T>) -> T {
    many.into_iter().next().expect("a batch of one has one answer")
}

#[deny(clippy::missing_trait_methods)]
impl<K, V> Cache<K, V> for RevisedCache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn near(&self) -> Option<&Near<K, V>> {
        None
    }
    fn reach(&self) -> Reach {
        Reach::Far
    }
    fn flights(&self) -> &Arc<Flights<K, V>> {
        &self.flights
    }
    async fn lookup(&self, key: &K, aim: Aim) -> Result<Lookup<V>> {
        Ok(only(self.lookup_many(std::slice::from_ref(key), aim).await?))
    }
    async fn fill(&self, key: &K, entry: Entry<V>, lease: Lease) -> Result<Filled> {
        Ok(only(self.fill_many(vec![(key.clone(), entry, lease)]).await?))
    }
    async fn release(&self, key: &K, lease: Lease) {
        if let Some(revision) = lease.mark() {
            self.inner.release(&revised(key, revision), lease.behind()).await;
        }
    }
    async fn put(&self, key: &K, entry: Entry<V>, when: PutWhen) -> Result<bool> {
        self.fence(key);
        let put = self.change(|revisions| {
            let entry = entry.clone();
            async move {
                let put = self.inner.put(&revised(key, revisions.now()), entry, when).await?;
                self.drop_before(std::iter::once(key), &revisions).await;
                Ok(put)
            }
        });
        let put = put.await;
        // Once more: what began meanwhile may have found what was there before.
        self.fence(key);
        put
    }
    async fn renew(&self, key: &K, ttl: Option<Duration>) -> Result<bool> {
        let revisions = self.revisions().await?;
        self.inner.renew(&revised(key, revisions.now()), ttl).await
    }
    async fn expire(&self, key: &K) -> Result<bool> {
        self.fence(key);
        let expire = |revisions: Arc<Revisions>| async move {
            self.inner.expire(&revised(key, revisions.now())).await
        };
        let expired = self.change(expire).await;
        self.fence(key);
        expired
    }
    async fn delete(&self, key: &K) -> Result<bool> {
        self.fence(key);
        let deleted = self.change(|revisions| async move {
            let deleted = self.inner.delete(&revised(key, revisions.now())).await;
            self.drop_before(std::iter::once(key), &revisions).await;
            deleted
        });
        let deleted = deleted.await;
        self.fence(key);
        deleted
    }
    async fn lookup_many(&self, keys: &[K], aim: Aim) -> Result<Vec<Lookup<V>>> {
        let revisions = self.revisions().await?;
        if self.reads == Reads::Earlier {
            return self.before(keys, &revisions).await;
        }
        let revision = revisions.now();
        let keys: Vec<_> = keys.iter().map(|key| revised(key, revision)).collect();
        let mut found = self.inner.lookup_many(&keys, aim).await?;
        for known in &mut found {
            if let Lookup::Stale { lease, .. }
            | Lookup::Expired { lease, .. }
            | Lookup::Missing { lease, .. } = known
            {
                *lease = under(revision, std::mem::replace(lease, Lease::none()));
            }
        }
        Ok(found)
    }
    async fn fill_many(&self, fills: Vec<(K, Entry<V>, Lease)>) -> Result<Vec<Filled>> {
        let revisions = self.revisions().await?;
        let mut done = vec![Filled::Refused; fills.len()];
        let (mut places, mut behind, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for (at, (key, entry, lease)) in fills.into_iter().enumerate() {
            match lease.mark() {
                None => {}
                Some(revision) if revision == revisions.now() => {
                    places.push(at);
                    behind.push((revised(&key, revision), entry, lease.behind()));
                    keys.push(key);
                }
                Some(revision) => {
                    done[at] = Filled::Fenced;
                    self.inner.release(&revised(&key, revision), lease.behind()).await;
                }
            }
        }
        if !behind.is_empty() {
            let filled = self.inner.fill_many(behind).await?;
            self.drop_before(keys.iter(), &revisions).await;
            for (at, filled) in places.into_iter().zip(filled) {
                done[at] = filled;
            }
        }
        Ok(done)
    }
    async fn put_many(&self, entries: Vec<(K, Entry<V>)>) -> Result<()> {
        entries.iter().for_each(|(key, _)| self.fence(key));
        let entries = &entries;
        let put = self.change(|revisions| async move {
            let own = |(key, entry): &(K, Entry<V>)| (revised(key, revisions.now()), entry.clone());
            self.inner.put_many(entries.iter().map(own).collect()).await?;
            self.drop_before(entries.iter().map(|(key, _)| key), &revisions).await;
            Ok(())
        });
        let put = put.await;
        entries.iter().for_each(|(key, _)| self.fence(key));
        put
    }
    async fn delete_many(&self, keys: &[K]) -> Result<()> {
        keys.iter().for_each(|key| self.fence(key));
        let deleted = self.change(|revisions| async move {
            let now: Vec<_> = keys.iter().map(|key| revised(key, revisions.now())).collect();
            let deleted = self.inner.delete_many(&now).await;
            self.drop_before(keys.iter(), &revisions).await;
            deleted
        });
        let deleted = deleted.await;
        keys.iter().for_each(|key| self.fence(key));
        deleted
    }
    async fn clear(&self) -> Result<()> {
        self.fence_all();
        let cleared = self.inner.clear().await;
        self.fence_all();
        cleared
    }
    async fn explain(&self, key: &K) -> Vec<TierReport> {
        let revisions = match self.revisions().await {
            Ok(revisions) => revisions,
            Err(error) => return refused(&self.region.name, &error),
        };
        match self.reads {
            Reads::Current => self.explain_now(key, &revisions).await,
            Reads::Earlier => self.explain_before(key, &revisions).await,
        }
    }
    async fn purge(&self, stale_for: Duration) -> Result<usize> {
        self.inner.purge(stale_for).await
    }
}
