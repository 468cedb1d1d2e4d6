//! A cache with wrappers around it: typed outside and inside, without types in between.

use crate::plan::{RegionPlan, WrapperPlan};
use crate::state::RegionState;
use crate::wrapper::{Act, AnyKey, AnyValue, Done, Last, Next, Operation};
use cache_core::{
    Aim, BoxFuture, Cache, CacheExt, Entry, Error, Filled, Flights, Lease, Lookup, Namespace, Near,
    PutWhen, Reach, Result, Shared, TierReport,
};
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct WrappedCache<K, V> {
    region: Arc<str>,
    namespace: Arc<str>,
    wrappers: Vec<WrapperPlan>,
    inner: Shared<K, V>,
    flights: Arc<Flights<K, V>>,
}

impl<K, V> WrappedCache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(
        region: &RegionState,
        plan: &RegionPlan,
        namespace: &Namespace,
        inner: Shared<K, V>,
    ) -> Self {
        let flights = inner.flights().clone();
        let (region, wrappers) = (region.name.clone(), plan.wrappers.clone());
        WrappedCache { region, namespace: namespace.name().into(), wrappers, inner, flights }
    }

    async fn run<'a>(&'a self, keys: impl Iterator<Item = &'a K>, act: Act) -> Result<Done> {
        let keys: Vec<&AnyKey> = keys.map(|key| key as &AnyKey).collect();
        let operation = Operation { region: &self.region, namespace: &self.namespace, keys, act };
        Next { wrappers: &self.wrappers, last: self }.run(operation).await
    }

    async fn changed(&self, key: &K, act: Act) -> Result<bool> {
        match self.run(std::iter::once(key), act).await? {
            Done::Changed(changed) => Ok(changed),
            other => Err(self.odd("something else than `Changed`", &other)),
        }
    }

    fn odd(&self, what: &str, done: &Done) -> Error {
        let names: Vec<&str> = self.wrappers.iter().map(|wrapper| &*wrapper.name).collect();
        Error::invalid(format!(
            "a wrapper of region `{}` ({}) gave {what}: {done:?}",
            self.region,
            names.join(", ")
        ))
    }

    fn typed(&self, value: AnyValue) -> Result<V> {
        let odd = || self.odd("a value of another type", &Done::Nothing);
        value.take().ok_or_else(odd)
    }

    fn typed_entry(&self, entry: Entry<AnyValue>) -> Result<Entry<V>> {
        let (entry, value) = parts(entry);
        Ok(with_value(entry, self.typed(value)?))
    }

    async fn last(&self, operation: Operation<'_>) -> Result<Done> {
        let keys: Vec<K> =
            operation.keys.iter().filter_map(|key| key.downcast_ref::<K>().cloned()).collect();
        if keys.len() != operation.keys.len() {
            return Err(self.odd("a key of another type", &Done::Nothing));
        }
        let one = || keys.first().ok_or_else(|| self.odd("no key", &Done::Nothing));
        let inner = &self.inner;
        Ok(match operation.act {
            Act::Lookup(aim) => {
                let found = inner.lookup_many(&keys, aim).await?.into_iter();
                Done::Found(
                    found
                        .map(|one| map_lookup(one, |v| Ok(AnyValue::new(v))))
                        .collect::<Result<_>>()?,
                )
            }
            Act::Fill(fills) => {
                let typed = keys.iter().zip(fills).map(|(key, (entry, lease))| {
                    Ok((key.clone(), self.typed_entry(entry)?, lease))
                });
                Done::Filled(inner.fill_many(typed.collect::<Result<_>>()?).await?)
            }
            Act::Release(lease) => {
                inner.release(one()?, lease).await;
                Done::Nothing
            }
            Act::Put(entry, when) => {
                Done::Changed(inner.put(one()?, self.typed_entry(entry)?, when).await?)
            }
            Act::PutMany(entries) => {
                let typed = keys.iter().zip(entries);
                let typed = typed.map(|(key, entry)| Ok((key.clone(), self.typed_entry(entry)?)));
                inner.put_many(typed.collect::<Result<_>>()?).await?;
                Done::Nothing
            }
            Act::Renew(ttl) => Done::Changed(inner.renew(one()?, ttl).await?),
            Act::Expire => Done::Changed(inner.expire(one()?).await?),
            Act::Delete => Done::Changed(inner.delete(one()?).await?),
            Act::DeleteMany => {
                inner.delete_many(&keys).await?;
                Done::Nothing
            }
            Act::Clear => {
                inner.clear().await?;
                Done::Nothing
            }
            Act::Purge(stale_for) => Done::Purged(inner.purge(stale_for).await?),
        })
    }
}

/// An entry without its value, and the value.
fn parts<V>(entry: Entry<V>) -> (Entry<()>, V) {
    let Entry { value, ttl, refresh_after, tags } = entry;
    (Entry { value: (), ttl, refresh_after, tags }, value)
}

fn with_value<V>(entry: Entry<()>, value: V) -> Entry<V> {
    let Entry { ttl, refresh_after, tags, .. } = entry;
    Entry { value, ttl, refresh_after, tags }
}

fn erased<V: Send + Sync + 'static>(entry: Entry<V>) -> Entry<AnyValue> {
    let (entry, value) = parts(entry);
    with_value(entry, AnyValue::new(value))
}

/// The same answer with another value.
pub(crate) fn map_lookup<V, W>(
    lookup: Lookup<V>,
    map: impl FnOnce(V) -> Result<W>,
) -> Result<Lookup<W>> {
    Ok(match lookup {
        Lookup::Fresh { value, left, refresh_in, tags } => {
            Lookup::Fresh { value: map(value)?, left, refresh_in, tags }
        }
        Lookup::Stale { value, left, tags, lease } => {
            Lookup::Stale { value: map(value)?, left, tags, lease }
        }
        Lookup::Expired { value, since, by_call, tags, lease } => {
            Lookup::Expired { value: map(value)?, since, by_call, tags, lease }
        }
        Lookup::Missing { reason, lease } => Lookup::Missing { reason, lease },
    })
}

impl<K, V> Last for WrappedCache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn run<'a>(&'a self, operation: Operation<'a>) -> BoxFuture<'a, Result<Done>> {
        Box::pin(self.last(operation))
    }
}

impl<K, V> fmt::Debug for WrappedCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappedCache")
            .field("wrappers", &self.wrappers)
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<K, V> Cache<K, V> for WrappedCache<K, V>
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
        let mut found = self.lookup_many(std::slice::from_ref(key), aim).await?;
        found.pop().ok_or_else(|| self.odd("no answer", &Done::Nothing))
    }
    async fn fill(&self, key: &K, entry: Entry<V>, lease: Lease) -> Result<Filled> {
        let filled = self.fill_many(vec![(key.clone(), entry, lease)]).await?;
        Ok(filled.first().copied().unwrap_or(Filled::Refused))
    }
    async fn release(&self, key: &K, lease: Lease) {
        // A wrapper that loses a lease makes others wait for its end.
        drop(self.run(std::iter::once(key), Act::Release(lease)).await);
    }
    async fn put(&self, key: &K, entry: Entry<V>, when: PutWhen) -> Result<bool> {
        self.fence(key);
        self.changed(key, Act::Put(erased(entry), when)).await
    }
    async fn renew(&self, key: &K, ttl: Option<Duration>) -> Result<bool> {
        self.changed(key, Act::Renew(ttl)).await
    }
    async fn expire(&self, key: &K) -> Result<bool> {
        self.fence(key);
        self.changed(key, Act::Expire).await
    }
    async fn delete(&self, key: &K) -> Result<bool> {
        self.fence(key);
        self.changed(key, Act::Delete).await
    }
    async fn lookup_many(&self, keys: &[K], aim: Aim) -> Result<Vec<Lookup<V>>> {
        match self.run(keys.iter(), Act::Lookup(aim)).await? {
            Done::Found(found) if found.len() == keys.len() => {
                found.into_iter().map(|one| map_lookup(one, |value| self.typed(value))).collect()
            }
            other => Err(self.odd("not one answer for each key", &other)),
        }
    }
    async fn fill_many(&self, fills: Vec<(K, Entry<V>, Lease)>) -> Result<Vec<Filled>> {
        let (mut keys, mut entries) = (Vec::new(), Vec::new());
        for (key, entry, lease) in fills {
            keys.push(key);
            entries.push((erased(entry), lease));
        }
        match self.run(keys.iter(), Act::Fill(entries)).await? {
            Done::Filled(filled) if filled.len() == keys.len() => Ok(filled),
            other => Err(self.odd("not one answer for each key", &other)),
        }
    }
    async fn put_many(&self, entries: Vec<(K, Entry<V>)>) -> Result<()> {
        entries.iter().for_each(|(key, _)| self.fence(key));
        let (keys, entries): (Vec<K>, Vec<_>) =
            entries.into_iter().map(|(key, entry)| (key, erased(entry))).unzip();
        self.run(keys.iter(), Act::PutMany(entries)).await.map(drop)
    }
    async fn delete_many(&self, keys: &[K]) -> Result<()> {
        keys.iter().for_each(|key| self.fence(key));
        self.run(keys.iter(), Act::DeleteMany).await.map(drop)
    }
    async fn clear(&self) -> Result<()> {
        self.fence_all();
        self.run(std::iter::empty(), Act::Clear).await.map(drop)
    }
    async fn explain(&self, key: &K) -> Vec<TierReport> {
        // It is no operation: nothing is done that a wrapper could have a say in.
        self.inner.explain(key).await
    }
    async fn purge(&self, stale_for: Duration) -> Result<usize> {
        match self.run(std::iter::empty(), Act::Purge(stale_for)).await? {
            Done::Purged(purged) => Ok(purged),
            other => Err(self.odd("something else than `Purged`", &other)),
        }
    }
}
