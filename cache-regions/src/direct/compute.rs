//! Values that are computed where there are none.

use super::aged::{Aged, Seen};
use super::face::{Direct, turn_hash};
use super::options::ComputeOptions;
use super::runner::{Regeneration, Turn};
use crate::region::Region;
use cache_core::{CacheExt, Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

impl Region {
    /// The value of a key, computed if there is none.
    ///
    /// On a cold key one caller computes, however many there are, in whatever processes share the
    /// region's far tier. On a stale one (expired, or soft invalidated) one caller computes, and the
    /// others get the old value at once. A panic is that of the caller who computes.
    ///
    /// # Errors
    /// When the region is not configured, and when the computation asks for its own key. A tier that
    /// fails is no error: then the value is computed.
    ///
    /// ```
    /// use cache_core::wait;
    /// use cache_regions::{Region, RegionPlan, Replace, configure_plans};
    ///
    /// static SQUARES: Region = Region::new("squares");
    /// configure_plans(vec![RegionPlan::new("squares").with_memory(100)], Replace::Refuse)?;
    /// assert_eq!(wait(SQUARES.get_or_compute(&7_u64, || async { 49_u64 }))?, 49);
    /// assert_eq!(wait(SQUARES.get_or_compute(&7_u64, || async { 0_u64 }))?, 49);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    pub async fn get_or_compute<K, V, F, Fut>(&self, key: &K, creator: F) -> Result<V>
    where
        K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = V> + Send + 'static,
    {
        let creator = move || {
            let value = creator();
            async move { Ok::<V, Error>(value.await) }
        };
        self.try_get_or_compute_with(key, ComputeOptions::new(), creator).await
    }

    /// [`get_or_compute`](Region::get_or_compute) where the computation may fail, with wishes of its
    /// own. What fails is not stored, and the next caller tries.
    ///
    /// # Errors
    /// Those of the creator, and those of [`get_or_compute`](Region::get_or_compute).
    ///
    /// ```
    /// use cache_core::{Error, wait};
    /// use cache_regions::{ComputeOptions, Region, RegionPlan, Replace, configure_plans};
    ///
    /// static PAGES: Region = Region::new("pages");
    /// configure_plans(vec![RegionPlan::new("pages").with_memory(100)], Replace::Refuse)?;
    /// let options = ComputeOptions::new().with_should_cache(|page: &String| !page.is_empty());
    /// let empty = PAGES.try_get_or_compute_with(&7_u64, options, || async { Ok::<_, Error>(String::new()) });
    /// assert_eq!(wait(empty)?, "");
    /// assert_eq!(wait(PAGES.get::<u64, String>(&7))?, None);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    pub async fn try_get_or_compute_with<K, V, E, F, Fut>(
        &self,
        key: &K,
        options: ComputeOptions<V>,
        creator: F,
    ) -> Result<V, E>
    where
        K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
    {
        let direct: Direct<K, V> = self.direct();
        let aged = self.aged(&direct, options.expiration, options.wanted)?;
        // A tier that fails is as good as an empty one.
        let seen = aged.seen(std::slice::from_ref(key)).await.unwrap_or_default().pop();
        let old = match seen {
            Some(Seen::Young(found)) => return Ok(found.value),
            Some(Seen::Old(old)) => old,
            Some(Seen::Nothing) | None => return self.create(aged, key.clone(), creator).await,
        };
        let Some(turn) = direct.turns.take(turn_hash(key)) else { return Ok(old.value) };
        match options.runner {
            None => {
                let _turn = turn;
                self.create(aged, key.clone(), creator).await
            }
            Some(runner) => {
                runner.run(self.regeneration(aged, key, creator, turn));
                Ok(old.value)
            }
        }
    }

    fn create<K, V, E, F, Fut>(
        &self,
        aged: Aged<K, V>,
        key: K,
        creator: F,
    ) -> impl Future<Output = Result<V, E>> + Send + use<K, V, E, F, Fut>
    where
        K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
    {
        let (name, clock) = (self.name(), aged.clock.clone());
        async move {
            let stamped =
                move || async move { Ok(super::stamped::Stamped::new(creator().await?, &clock)) };
            match aged.compute_unless_circle(&key, stamped).await {
                Ok(stamped) => Ok(stamped.value),
                Err(Some(error)) => Err(error),
                Err(None) => Err(E::from(Error::recursion(name))),
            }
        }
    }

    fn regeneration<K, V, E, F, Fut>(
        &self,
        aged: Aged<K, V>,
        key: &K,
        creator: F,
        turn: Turn,
    ) -> Regeneration
    where
        K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
    {
        let created = self.create(aged, key.clone(), creator);
        let (region, key) = (self.state().name.clone(), Arc::new(key.clone()));
        let work = Box::pin(async move { drop(created.await) });
        Regeneration { region, key, work, turn }
    }

    /// The values of all keys, in their order, computed where there are none: by one call, which
    /// gets the missing keys, each once, and gives their values in the same order. Stale keys that
    /// others are just computing keep their old values.
    ///
    /// # Panics
    /// When the creator panics, asks for one of its own keys, or gives another number of values than
    /// it got keys.
    ///
    /// # Errors
    /// When the region is not configured.
    ///
    /// ```
    /// use cache_core::wait;
    /// use cache_regions::{ComputeOptions, Region, RegionPlan, Replace, configure_plans};
    ///
    /// static CUBES: Region = Region::new("cubes");
    /// configure_plans(vec![RegionPlan::new("cubes").with_memory(100)], Replace::Refuse)?;
    /// let cubes = CUBES.get_or_compute_many(&[3, 1, 3], ComputeOptions::new(), |missing: Vec<u64>| async move {
    ///     missing.into_iter().map(|n| n * n * n).collect::<Vec<u64>>()
    /// });
    /// assert_eq!(wait(cubes)?, [27, 1, 27]);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    pub async fn get_or_compute_many<K, V, F, Fut>(
        &self,
        keys: &[K],
        options: ComputeOptions<V>,
        creator: F,
    ) -> Result<Vec<V>>
    where
        K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
        F: Fn(Vec<K>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<V>> + Send + 'static,
    {
        let direct: Direct<K, V> = self.direct();
        let aged = self.aged(&direct, options.expiration, options.wanted)?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let seen = aged.seen(keys).await;
        let seen = seen.unwrap_or_else(|_| keys.iter().map(|_| Seen::Nothing).collect());
        let (mut values, mut missing, mut turns) = (Vec::new(), Vec::new(), Vec::new());
        let mut mine = HashSet::new();
        for (key, seen) in keys.iter().zip(seen) {
            let value = match seen {
                Seen::Young(found) => Some(found.value),
                Seen::Nothing => None,
                Seen::Old(_) if mine.contains(key) => None,
                Seen::Old(old) => match direct.turns.take(turn_hash(key)) {
                    Some(turn) => {
                        turns.push(turn);
                        mine.insert(key);
                        None
                    }
                    None => Some(old.value),
                },
            };
            if value.is_none() {
                missing.push(key.clone());
            }
            values.push(value);
        }
        let mut computed = compute_all(&aged, missing, creator).await.into_iter();
        drop(turns);
        Ok(values.into_iter().filter_map(|value| value.or_else(|| computed.next())).collect())
    }
}

async fn compute_all<K, V, F, Fut>(aged: &Aged<K, V>, missing: Vec<K>, creator: F) -> Vec<V>
where
    K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
    V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    F: Fn(Vec<K>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Vec<V>> + Send + 'static,
{
    if missing.is_empty() {
        return Vec::new();
    }
    let clock = aged.clock.clone();
    let stamped = move |keys: Vec<K>| {
        let (values, clock) = (creator(keys), clock.clone());
        async move {
            let values = values.await.into_iter();
            values.map(|value| super::stamped::Stamped::new(value, &clock)).collect()
        }
    };
    let computed = aged.get_or_compute_many(&missing, stamped).await;
    computed.into_iter().map(|stamped| stamped.value).collect()
}
