//! What callers do with any cache: conveniences over [`Cache`], with single flight.

mod batch;
mod single;
mod task;

use crate::client::Cache;
use crate::entry::{Aim, Entry, PutWhen};
use crate::error::Result as CacheResult;
use crate::near::Near;
use crate::policy::IntoTtl;
use std::convert::Infallible;
use std::future::Future;
use std::hash::Hash;
use std::time::Duration;

/// Conveniences for every [`Cache`]. Where a client fails, the plain ones give its error; those that
/// compute go on as if nothing had been found.
///
/// ```
/// use cache_core::{Budget, CacheExt, Clock, Near, Shared, TableOptions, wait};
///
/// let options = TableOptions::new(Budget::entries(100), Clock::system());
/// let cache = Shared::new(Near::<u64, String>::new(options));
/// let value = wait(cache.get_or_compute(&7, || async { "seven".to_owned() }));
/// assert_eq!(value, "seven");
/// assert_eq!(wait(cache.get(&7)).unwrap(), Some(value));
/// ```
pub trait CacheExt<K, V>: Cache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The live value of a key.
    ///
    /// ```
    /// # use cache_core::{Budget, CacheExt, Clock, Near, Shared, TableOptions, wait};
    /// # let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// # let cache = Shared::new(Near::<u64, u64>::new(options));
    /// assert_eq!(wait(cache.get(&7)).unwrap(), None);
    /// ```
    fn get(&self, key: &K) -> impl Future<Output = CacheResult<Option<V>>> + Send {
        async move { Ok(self.lookup(key, Aim::Read).await?.live().map(|(value, _)| value)) }
    }

    /// The live value and what is left of its TTL; `Duration::MAX` without one.
    ///
    /// ```
    /// # use cache_core::{Budget, CacheExt, Clock, Near, Shared, TableOptions, wait};
    /// # let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// # let cache = Shared::new(Near::<u64, u64>::new(options));
    /// wait(cache.put_for(&7, 49, 60)).unwrap();
    /// let (value, left) = wait(cache.get_ttl(&7)).unwrap().unwrap();
    /// assert!(value == 49 && left.as_secs() <= 60);
    /// ```
    fn get_ttl(&self, key: &K) -> impl Future<Output = CacheResult<Option<(V, Duration)>>> + Send {
        async move { Ok(self.lookup(key, Aim::Read).await?.live()) }
    }

    /// Whether there is a live value.
    ///
    /// ```
    /// # use cache_core::{Budget, CacheExt, Clock, Near, Shared, TableOptions, wait};
    /// # let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// # let cache = Shared::new(Near::<u64, u64>::new(options));
    /// assert!(!wait(cache.contains(&7)).unwrap());
    /// ```
    fn contains(&self, key: &K) -> impl Future<Output = CacheResult<bool>> + Send {
        async move { Ok(self.lookup(key, Aim::Read).await?.live().is_some()) }
    }

    /// Stores a value for a time; false if there is no room for it.
    ///
    /// ```
    /// # use cache_core::{Budget, CacheExt, Clock, Near, Shared, TableOptions, wait};
    /// # let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// # let cache = Shared::new(Near::<u64, u64>::new(options));
    /// assert!(wait(cache.put_for(&7, 49, 60)).unwrap());
    /// ```
    fn put_for(
        &self,
        key: &K,
        value: V,
        ttl: impl IntoTtl,
    ) -> impl Future<Output = CacheResult<bool>> + Send {
        self.put(key, Entry::new(value).with_ttl(ttl), PutWhen::Always)
    }

    /// Stores a value for a time, unless there is a live one. True if it was stored.
    ///
    /// ```
    /// # use cache_core::{Budget, CacheExt, Clock, Near, Shared, TableOptions, wait};
    /// # let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// # let cache = Shared::new(Near::<u64, u64>::new(options));
    /// assert!(wait(cache.add(&7, 49, 60)).unwrap());
    /// assert!(!wait(cache.add(&7, 50, 60)).unwrap());
    /// ```
    fn add(
        &self,
        key: &K,
        value: V,
        ttl: impl IntoTtl,
    ) -> impl Future<Output = CacheResult<bool>> + Send {
        self.put(key, Entry::new(value).with_ttl(ttl), PutWhen::Absent)
    }

    /// [`get`](CacheExt::get) of many keys, in their order.
    ///
    /// ```
    /// # use cache_core::{Budget, CacheExt, Clock, Near, Shared, TableOptions, wait};
    /// # let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// # let cache = Shared::new(Near::<u64, u64>::new(options));
    /// wait(cache.put_for(&4, 10, 60)).unwrap();
    /// assert_eq!(wait(cache.get_many(&[3, 4, 5])).unwrap(), [None, Some(10), None]);
    /// ```
    fn get_many(&self, keys: &[K]) -> impl Future<Output = CacheResult<Vec<Option<V>>>> + Send {
        async move {
            let found = self.lookup_many(keys, Aim::Read).await?;
            Ok(found.into_iter().map(|known| known.live().map(|(value, _)| value)).collect())
        }
    }

    /// The value, computed if there is none and nobody else is computing it. It lives as long as the
    /// cache's own default says.
    ///
    /// Callers of one key, tasks and threads alike, share one computation, which any of them drives:
    /// dropping this future neither cancels nor restarts it. If it panics, it does so in the caller
    /// that began it, and the next of those who waited computes. If the key is put, deleted, expired
    /// or cleared meanwhile, those who waited get the result, and it is not stored.
    ///
    /// # Panics
    /// When the computation asks for the key that it is computing, also in a roundabout way; and
    /// when it panics.
    ///
    /// ```
    /// # use cache_core::{Budget, CacheExt, Clock, Near, Shared, TableOptions, wait};
    /// # let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// # let cache = Shared::new(Near::<u64, u64>::new(options));
    /// assert_eq!(wait(cache.get_or_compute(&7, || async { 49 })), 49);
    /// ```
    fn get_or_compute<F, Fut>(&self, key: &K, compute: F) -> impl Future<Output = V> + Send
    where
        Self: Clone,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = V> + Send + 'static,
    {
        async move {
            let compute = move || async move { Ok::<V, Infallible>(compute().await) };
            match single::single(self, key, single::own_ttl(self), compute).await {
                Ok(value) => value,
            }
        }
    }

    /// [`get_or_compute`](CacheExt::get_or_compute) with a TTL for the value, if it is computed.
    ///
    /// ```
    /// # use cache_core::{Budget, CacheExt, Clock, Near, Shared, TableOptions, wait};
    /// # let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// # let cache = Shared::new(Near::<u64, u64>::new(options));
    /// assert_eq!(wait(cache.get_or_compute_for(&7, 60, || async { 49 })), 49);
    /// assert!(wait(cache.get_ttl(&7)).unwrap().unwrap().1.as_secs() <= 60);
    /// ```
    fn get_or_compute_for<F, Fut>(
        &self,
        key: &K,
        ttl: impl IntoTtl,
        compute: F,
    ) -> impl Future<Output = V> + Send
    where
        Self: Clone,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = V> + Send + 'static,
    {
        let ttl = ttl.into_ttl();
        async move {
            let compute = move || async move { Ok::<V, Infallible>(compute().await) };
            match single::single(self, key, ttl, compute).await {
                Ok(value) => value,
            }
        }
    }

    /// [`get_or_compute`](CacheExt::get_or_compute) where the computation may fail. The error is for
    /// the caller that began it; it is not stored, and the next of those who waited computes: never
    /// two at a time.
    ///
    /// ```
    /// # use cache_core::{Budget, CacheExt, Clock, Near, Shared, TableOptions, wait};
    /// # let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// # let cache = Shared::new(Near::<u64, u64>::new(options));
    /// let failed = wait(cache.try_get_or_compute(&7, || async { Err("no") }));
    /// assert_eq!(failed, Err("no"));
    /// let done = wait(cache.try_get_or_compute(&7, || async { Ok::<_, ()>(49) }));
    /// assert_eq!(done, Ok(49));
    /// ```
    fn try_get_or_compute<E, F, Fut>(
        &self,
        key: &K,
        compute: F,
    ) -> impl Future<Output = Result<V, E>> + Send
    where
        Self: Clone,
        E: Send + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
    {
        single::single(self, key, single::own_ttl(self), compute)
    }

    /// [`try_get_or_compute`](CacheExt::try_get_or_compute) that gives no error instead of a panic
    /// when the computation asks for the key that it is computing.
    #[doc(hidden)]
    fn compute_unless_circle<E, F, Fut>(
        &self,
        key: &K,
        compute: F,
    ) -> impl Future<Output = Result<V, Option<E>>> + Send
    where
        Self: Clone,
        E: Send + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
    {
        single::unless_circle(self, key, single::own_ttl(self), compute)
    }

    /// The values of all keys, in their order. What is missing is computed by one call, which gets
    /// the missing keys, each once, and gives their values in the same order.
    ///
    /// Keys that somebody else is computing are waited for, after the own ones are stored; only if
    /// that computation fails is `compute` called again, for those.
    ///
    /// # Panics
    /// As [`get_or_compute`](CacheExt::get_or_compute); and when `compute` gives another number of
    /// values than it got keys.
    ///
    /// ```
    /// # use cache_core::{Budget, CacheExt, Clock, Near, Shared, TableOptions, wait};
    /// # let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// # let cache = Shared::new(Near::<u64, u64>::new(options));
    /// let squares = cache.get_or_compute_many(&[1, 2, 1], |missing: Vec<u64>| async move {
    ///     missing.iter().map(|n| n * n).collect()
    /// });
    /// assert_eq!(wait(squares), [1, 4, 1]);
    /// ```
    fn get_or_compute_many<F, Fut>(
        &self,
        keys: &[K],
        compute: F,
    ) -> impl Future<Output = Vec<V>> + Send
    where
        Self: Clone,
        F: Fn(Vec<K>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<V>> + Send + 'static,
    {
        async move {
            let compute = move |missing| {
                let values = compute(missing);
                async move { values.await.into_iter().map(Some).collect() }
            };
            batch::batch(self, keys, compute).await.into_iter().flatten().collect()
        }
    }

    /// [`get_or_compute_many`](CacheExt::get_or_compute_many) where single keys may fail: their value
    /// is `None`, which is not stored, and others who wait for such a key compute it themselves.
    ///
    /// ```
    /// # use cache_core::{Budget, CacheExt, Clock, Near, Shared, TableOptions, wait};
    /// # let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// # let cache = Shared::new(Near::<u64, u64>::new(options));
    /// let halves = cache.try_get_or_compute_many(&[1, 2], |missing: Vec<u64>| async move {
    ///     missing.iter().map(|n| (n % 2 == 0).then_some(n / 2)).collect()
    /// });
    /// assert_eq!(wait(halves), [None, Some(1)]);
    /// ```
    fn try_get_or_compute_many<F, Fut>(
        &self,
        keys: &[K],
        compute: F,
    ) -> impl Future<Output = Vec<Option<V>>> + Send
    where
        Self: Clone,
        F: Fn(Vec<K>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<Option<V>>> + Send + 'static,
    {
        batch::batch(self, keys, compute)
    }

    /// Whether somebody in this process is computing the value of a key.
    ///
    /// ```
    /// # use cache_core::{Budget, CacheExt, Clock, Near, Shared, TableOptions, wait};
    /// # let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// # let cache = Shared::new(Near::<u64, bool>::new(options));
    /// let inside = cache.clone();
    /// assert!(wait(cache.get_or_compute(&7, move || async move { inside.is_computing(&7) })));
    /// assert!(!cache.is_computing(&7));
    /// ```
    fn is_computing(&self, key: &K) -> bool {
        let hash = task::hash_of(self, key);
        self.flights().find(hash, |k| k == key).is_some()
    }

    /// Fences the computation of a key that is in progress: those who wait already get its result,
    /// which is not stored through the near cache, and whoever asks from now on starts afresh.
    ///
    /// For those who write a client: `put`, `expire` and `delete` have to do this before they change
    /// what is stored, and, where that takes a while, once more when it is changed: what begins in
    /// between may have found what was there before. An [`Near`](crate::Near) does so by itself.
    ///
    /// ```
    /// # use cache_core::{Budget, CacheExt, Clock, Near, Shared, TableOptions, wait};
    /// # let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// # let cache = Shared::new(Near::<u64, u64>::new(options));
    /// let source = cache.clone();
    /// let computed = wait(cache.get_or_compute(&7, move || async move {
    ///     source.fence(&7);
    ///     49
    /// }));
    /// assert_eq!((computed, wait(cache.get(&7)).unwrap()), (49, None));
    /// ```
    fn fence(&self, key: &K) {
        let hash = task::hash_of(self, key);
        if let Some(near) = self.near() {
            drop(Near::fence(near, hash, |k| k == key));
        }
        drop(self.flights().fence(hash, |k| k == key));
    }

    /// [`fence`](CacheExt::fence) of all keys, for `clear`: before it and after it.
    ///
    /// ```
    /// # use cache_core::{Budget, CacheExt, Clock, Near, Shared, TableOptions, wait};
    /// # let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// # let cache = Shared::new(Near::<u64, u64>::new(options));
    /// let source = cache.clone();
    /// let computed = wait(cache.get_or_compute(&7, move || async move {
    ///     source.fence_all();
    ///     49
    /// }));
    /// assert_eq!((computed, wait(cache.get(&7)).unwrap()), (49, None));
    /// ```
    fn fence_all(&self) {
        if let Some(near) = self.near() {
            Near::fence_all(near);
        }
        self.flights().fence_all();
    }
}

impl<K, V, C: Cache<K, V>> CacheExt<K, V> for C
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
}
