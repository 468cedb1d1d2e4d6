//! Reading, writing and asking.

use super::aged::{Aged, Seen};
use super::options::{Expiration, ReadOptions, Wanted};
use super::runner::Turns;
use super::stamped::{Metadata, Stamped};
use crate::cache::RegionCache;
use crate::region::Region;
use cache_core::{Cache, Clock, Namespace, PutWhen, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::LazyLock;
use std::time::Duration;

/// The least time for which a value is kept past its expiration, for those who are content with a
/// stale one.
const KEEP: Duration = Duration::from_secs(3600);

/// The region's own namespace for keys and values of some types.
pub(crate) struct Direct<K, V> {
    cache: RegionCache<K, Stamped<V>>,
    pub(crate) turns: Turns,
}

impl<K, V> Clone for Direct<K, V> {
    fn clone(&self) -> Self {
        Direct { cache: self.cache.clone(), turns: self.turns.clone() }
    }
}

/// The hash by which turns are known.
pub(crate) fn turn_hash<K: Hash>(key: &K) -> u64 {
    static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    SEED.hash_one(key)
}

impl Region {
    pub(crate) fn direct<K, V>(&self) -> Direct<K, V>
    where
        K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let state = self.state();
        state.named("", || {
            let cache = RegionCache::open(state, &Namespace::new(""));
            Direct { cache, turns: Turns::default() }
        })
    }

    pub(crate) fn aged<K, V>(
        &self,
        direct: &Direct<K, V>,
        expiration: Expiration,
        wanted: Option<Wanted<V>>,
    ) -> Result<Aged<K, V>> {
        let settings = self.state().settings()?;
        let (own, clock) = (settings.plan.policy.expiration.now(), settings.plan.clock.clone());
        let stale = settings.plan.policy.grace.unwrap_or_default();
        let keep = own.map(|own| own.saturating_add(own.max(KEEP).max(stale)));
        let (cache, expiration) = (direct.cache.clone(), expiration.or(own));
        Ok(Aged { cache, clock, expiration, keep, wanted })
    }

    async fn read<K, V>(
        &self,
        keys: &[K],
        options: ReadOptions,
    ) -> Result<(Clock, Vec<Option<Stamped<V>>>)>
    where
        K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let aged: Aged<K, V> = self.aged(&self.direct(), options.expiration, None)?;
        if keys.is_empty() {
            return Ok((aged.clock, Vec::new()));
        }
        let seen = aged.seen(keys).await?.into_iter().map(|seen| match seen {
            Seen::Young(value) => Some(value),
            Seen::Old(value) => options.ignores.then_some(value),
            Seen::Nothing => None,
        });
        let seen = seen.collect();
        Ok((aged.clock, seen))
    }

    /// The value of a key, unless there is none or it is too old.
    ///
    /// # Errors
    /// When the region is not configured; those of tiers that are told to fail.
    pub async fn get<K, V>(&self, key: &K) -> Result<Option<V>>
    where
        K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        self.get_with(key, ReadOptions::new()).await
    }

    /// [`get`](Region::get) with a wish of its own as to the age.
    ///
    /// # Errors
    /// As [`get`](Region::get).
    ///
    /// ```
    /// use cache_core::wait;
    /// use cache_regions::{ReadOptions, Region, RegionPlan, Replace, configure_plans};
    ///
    /// static NEWS: Region = Region::new("news");
    /// configure_plans(vec![RegionPlan::new("news").with_memory(100)], Replace::Refuse)?;
    /// wait(NEWS.put(&1_u8, 49_u64))?;
    /// let young = ReadOptions::new().with_expiration(5);
    /// assert_eq!(wait(NEWS.get_with::<u8, u64>(&1, young))?, Some(49));
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    pub async fn get_with<K, V>(&self, key: &K, options: ReadOptions) -> Result<Option<V>>
    where
        K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let (_, mut found) = self.read(std::slice::from_ref(key), options).await?;
        Ok(found.pop().flatten().map(|stamped: Stamped<V>| stamped.value))
    }

    /// The values of many keys, in their order; `None` for what there is not.
    ///
    /// # Errors
    /// As [`get`](Region::get).
    pub async fn get_many<K, V>(&self, keys: &[K]) -> Result<Vec<Option<V>>>
    where
        K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        self.get_many_with(keys, ReadOptions::new()).await
    }

    /// [`get_many`](Region::get_many) with a wish of its own as to the age.
    ///
    /// # Errors
    /// As [`get`](Region::get).
    pub async fn get_many_with<K, V>(
        &self,
        keys: &[K],
        options: ReadOptions,
    ) -> Result<Vec<Option<V>>>
    where
        K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let (_, found) = self.read(keys, options).await?;
        Ok(found.into_iter().map(|one: Option<Stamped<V>>| Some(one?.value)).collect())
    }

    /// When a value was made, and how old it is; as [`get_with`](Region::get_with) finds it.
    ///
    /// # Errors
    /// As [`get`](Region::get).
    pub async fn metadata<K, V>(&self, key: &K, options: ReadOptions) -> Result<Option<Metadata>>
    where
        K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let (clock, mut found) = self.read(std::slice::from_ref(key), options).await?;
        Ok(found.pop().flatten().map(|stamped: Stamped<V>| stamped.metadata(&clock)))
    }

    /// Stores a value; it wins over computations in progress.
    ///
    /// # Errors
    /// When the region is not configured; those of tiers that are told to fail.
    pub async fn put<K, V>(&self, key: &K, value: V) -> Result<()>
    where
        K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let aged = self.aged(&self.direct(), Expiration::OfRegion, None)?;
        let entry = aged.entry(aged.stamped(value));
        aged.put(key, entry, PutWhen::Always).await.map(drop)
    }

    /// Stores many values, all of the same age.
    ///
    /// # Errors
    /// As [`put`](Region::put).
    pub async fn put_many<K, V>(&self, pairs: impl IntoIterator<Item = (K, V)> + Send) -> Result<()>
    where
        K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let aged = self.aged(&self.direct(), Expiration::OfRegion, None)?;
        let mut entries = Vec::new();
        let mut created = None;
        for (key, value) in pairs {
            let mut stamped = aged.stamped(value);
            stamped.created = *created.get_or_insert(stamped.created);
            entries.push((key, aged.entry(stamped)));
        }
        if entries.is_empty() {
            return Ok(());
        }
        aged.put_many(entries).await
    }

    /// Removes a value of these types; nothing happens if there is none.
    ///
    /// # Errors
    /// As [`put`](Region::put).
    pub async fn delete<K, V>(&self, key: &K) -> Result<()>
    where
        K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let aged: Aged<K, V> = self.aged(&self.direct(), Expiration::OfRegion, None)?;
        aged.delete(key).await.map(drop)
    }

    /// Removes many values.
    ///
    /// # Errors
    /// As [`put`](Region::put).
    pub async fn delete_many<K, V>(&self, keys: &[K]) -> Result<()>
    where
        K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let aged: Aged<K, V> = self.aged(&self.direct(), Expiration::OfRegion, None)?;
        if keys.is_empty() {
            return Ok(());
        }
        aged.delete_many(keys).await
    }

    /// Whether the value of a key is being computed: in this process, or, where a tier is shared, in
    /// any that has the lease. Takes no lease for longer than it takes to see.
    ///
    /// # Errors
    /// When the region is not configured, or its farthest tier cannot be reached.
    pub async fn key_is_locked<K, V>(&self, key: &K) -> Result<bool>
    where
        K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        use cache_core::CacheExt;
        let direct: Direct<K, V> = self.direct();
        let aged = self.aged(&direct, Expiration::OfRegion, None)?;
        if direct.turns.is_taken(turn_hash(key)) || aged.is_computing(key) {
            return Ok(true);
        }
        direct.cache.is_locked(key).await
    }
}
