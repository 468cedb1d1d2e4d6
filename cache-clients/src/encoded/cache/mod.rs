//! The cache contract over a server of bytes: how values are read, stored and forgotten there.

mod change;
mod explain;
mod leased;
mod parcel;
mod question;
mod read;
mod renew;
mod store;
mod tags;

use super::client::Link;
use super::codec::Format;
use super::digest::{self, Digest};
use super::space::Space;
use crate::server::{Server, Stored};
use cache_core::{
    Aim, Cache, CacheExt, Entry, Filled, Flights, Lease, Lookup, Namespace, Near, PutWhen, Reach,
    Result, TagSource, TierReport,
};
use parcel::Seen;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

/// A typed, namespaced view of an [`Encoded`](super::Encoded) client.
pub struct EncodedCache<S, K, V>(Arc<Room<S, K, V>>);

struct Room<S, K, V> {
    link: Arc<Link<S>>,
    space: Arc<Space>,
    format: Format<V>,
    flights: Arc<Flights<K, V>>,
    /// Where the versions of tags are.
    source: Option<TagSource>,
    /// Of the namespace, for messages.
    name: Box<str>,
    /// Of the last value that was encoded, in bytes.
    length: AtomicUsize,
}

impl<S, K, V> EncodedCache<S, K, V> {
    pub(super) fn new(
        link: Arc<Link<S>>,
        space: Arc<Space>,
        format: Format<V>,
        flights: Arc<Flights<K, V>>,
        namespace: &Namespace,
    ) -> Self {
        let (name, length) = (namespace.name().into(), AtomicUsize::new(0));
        let source = namespace.get::<TagSource>().cloned();
        EncodedCache(Arc::new(Room { link, space, format, flights, source, name, length }))
    }
}

impl<S: Server, K: Serialize, V: Serialize + DeserializeOwned> EncodedCache<S, K, V> {
    /// What is done to a value on its way to the server and back, without the ways: for measurements,
    /// no part of the API.
    #[doc(hidden)]
    pub async fn there_and_back(&self, key: &K, entry: &Entry<V>) -> Result<Option<V>> {
        let digest = self.0.digest(key)?;
        let Some(parcel) = self.0.seal(&digest, entry, 0)? else { return Ok(None) };
        // Whoever reads begins with the key, too.
        let digest = self.0.digest(key)?;
        let stored = Stored { bytes: parcel.bytes, token: 0, stale: false };
        match self.0.unpack("", &digest, Some(&stored), None).await {
            Seen::Live { value, .. } | Seen::Expired { value, .. } => Ok(Some(value)),
            Seen::Nothing(_) => Ok(None),
        }
    }
}

impl<S: Server, K: Serialize, V: Serialize + DeserializeOwned> Room<S, K, V> {
    fn digest(&self, key: &K) -> Result<Digest> {
        digest::digest(key, self.format.print())
    }

    fn digests<'a>(&self, keys: impl IntoIterator<Item = &'a K>) -> Result<Vec<Digest>>
    where
        K: 'a,
    {
        keys.into_iter().map(|key| self.digest(key)).collect()
    }
}

impl<S, K, V> Clone for EncodedCache<S, K, V> {
    fn clone(&self) -> Self {
        EncodedCache(self.0.clone())
    }
}

impl<S: fmt::Debug, K, V> fmt::Debug for EncodedCache<S, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodedCache")
            .field("namespace", &self.0.name)
            .field("server", &self.0.link.server)
            .field("format", &self.0.format)
            .finish_non_exhaustive()
    }
}

fn last(changed: &[bool]) -> bool {
    changed.last().copied().unwrap_or(false)
}

#[deny(clippy::missing_trait_methods)]
impl<S, K, V> Cache<K, V> for EncodedCache<S, K, V>
where
    S: Server,
    K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
    V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    fn near(&self) -> Option<&Near<K, V>> {
        None
    }
    fn reach(&self) -> Reach {
        Reach::Far
    }
    fn flights(&self) -> &Arc<Flights<K, V>> {
        &self.0.flights
    }
    async fn lookup(&self, key: &K, aim: Aim) -> Result<Lookup<V>> {
        let digest = self.0.digest(key)?;
        self.0.look_one(&digest, aim).await
    }
    async fn fill(&self, key: &K, entry: Entry<V>, lease: Lease) -> Result<Filled> {
        let digest = self.0.digest(key)?;
        let filled = self.0.fill(vec![(digest, entry, lease)]).await?.pop();
        Ok(filled.unwrap_or(Filled::Refused))
    }
    async fn release(&self, key: &K, lease: Lease) {
        // A key that cannot be encoded never got a lease.
        if let Ok(digest) = self.0.digest(key) {
            self.0.release(&digest, &lease).await;
        }
    }
    async fn put(&self, key: &K, entry: Entry<V>, when: PutWhen) -> Result<bool> {
        self.fence(key);
        let digest = self.0.digest(key)?;
        let put = match when {
            PutWhen::Always => self.0.put(vec![(digest, entry)]).await.map(|put| last(&put)),
            PutWhen::Absent => self.0.add(digest, entry).await,
        };
        // Once more: what began meanwhile may have found what was there before.
        self.fence(key);
        put
    }
    async fn renew(&self, key: &K, ttl: Option<Duration>) -> Result<bool> {
        let digest = self.0.digest(key)?;
        self.0.renew(&digest, ttl).await
    }
    async fn expire(&self, key: &K) -> Result<bool> {
        self.fence(key);
        let digest = self.0.digest(key)?;
        let expired = self.0.expire(&digest).await;
        self.fence(key);
        expired
    }
    async fn delete(&self, key: &K) -> Result<bool> {
        self.fence(key);
        let digest = self.0.digest(key)?;
        let deleted = self.0.delete(&[digest]).await.map(|deleted| last(&deleted));
        self.fence(key);
        deleted
    }
    async fn lookup_many(&self, keys: &[K], aim: Aim) -> Result<Vec<Lookup<V>>> {
        let digests = self.0.digests(keys)?;
        self.0.look_each(&digests, aim).await
    }
    async fn fill_many(&self, fills: Vec<(K, Entry<V>, Lease)>) -> Result<Vec<Filled>> {
        let digests = self.0.digests(fills.iter().map(|(key, ..)| key))?;
        let fills = digests
            .into_iter()
            .zip(fills)
            .map(|(digest, (_, entry, lease))| (digest, entry, lease));
        self.0.fill(fills.collect()).await
    }
    async fn put_many(&self, entries: Vec<(K, Entry<V>)>) -> Result<()> {
        entries.iter().for_each(|(key, _)| self.fence(key));
        let digests = self.0.digests(entries.iter().map(|(key, _)| key))?;
        let (keys, entries): (Vec<K>, Vec<Entry<V>>) = entries.into_iter().unzip();
        let put = self.0.put(digests.into_iter().zip(entries).collect()).await.map(drop);
        keys.iter().for_each(|key| self.fence(key));
        put
    }
    async fn delete_many(&self, keys: &[K]) -> Result<()> {
        keys.iter().for_each(|key| self.fence(key));
        let digests = self.0.digests(keys)?;
        let deleted = self.0.delete(&digests).await.map(drop);
        keys.iter().for_each(|key| self.fence(key));
        deleted
    }
    async fn clear(&self) -> Result<()> {
        self.fence_all();
        let cleared = self.0.clear().await;
        self.fence_all();
        cleared
    }
    async fn explain(&self, key: &K) -> Vec<TierReport> {
        vec![self.0.explain(self.0.digest(key)).await]
    }
    async fn purge(&self, stale_for: Duration) -> Result<usize> {
        self.0.purge(stale_for).await
    }
}
