//! One value from the caller's own closure, computed once however many ask for it at a time.

use super::Near;
use crate::flight::{Follow, JoinedLone, Landed, Landing, Lone};
use crate::gather::{self, Gather, Note};
use crate::policy::IntoTtl;
use crate::tags::epoch;
use crate::wait;
use std::borrow::Borrow;
use std::convert::Infallible;
use std::hash::Hash;
use std::time::Duration;

impl<K, V> Near<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The value, computed in this thread if there is none and nobody else is computing it.
    ///
    /// Callers of one key, threads and tasks alike, share one computation. If it panics, it does so
    /// in the caller that ran it, and the next of those who waited computes. If the key is put,
    /// deleted, expired or cleared meanwhile, those who waited get the result, and it is not stored.
    ///
    /// # Panics
    /// When `compute` asks for the key that it is computing, also in a roundabout way; and when
    /// `compute` panics.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let near = Near::<String, usize>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// assert_eq!(near.get_or_compute("bread", || "bread".len()), 5);
    /// assert_eq!(near.get_or_compute("bread", || unreachable!()), 5);
    /// ```
    #[inline]
    pub fn get_or_compute<Q>(&self, key: &Q, compute: impl FnOnce() -> V) -> V
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.compute(key, self.ttl, || Ok(compute()))
            .unwrap_or_else(|never: Infallible| match never {})
    }

    /// [`get_or_compute`](Near::get_or_compute) with a TTL for the value, if it is computed.
    ///
    /// ```
    /// use cache_core::{Budget, Near, ManualClock, TableOptions};
    /// use std::time::Duration;
    ///
    /// let time = ManualClock::new();
    /// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), time.clock()));
    /// assert_eq!(near.get_or_compute_for(&7, 60, || 1), 1);
    /// time.advance(Duration::from_secs(60));
    /// assert_eq!(near.get_or_compute_for(&7, 60, || 2), 2);
    /// ```
    pub fn get_or_compute_for<Q>(
        &self,
        key: &Q,
        ttl: impl IntoTtl,
        compute: impl FnOnce() -> V,
    ) -> V
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.compute(key, ttl.into_ttl(), || Ok(compute()))
            .unwrap_or_else(|never: Infallible| match never {})
    }

    /// [`get_or_compute`](Near::get_or_compute) where the computation may fail. The error is for the
    /// caller that ran it; it is not stored, and the next of those who waited computes: never two at
    /// a time.
    ///
    /// # Errors
    /// Those of `compute`.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let near = Near::<String, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// assert!(near.try_get_or_compute("many", || "many".parse()).is_err());
    /// assert_eq!(near.try_get_or_compute("12", || "12".parse()), Ok(12));
    /// ```
    pub fn try_get_or_compute<Q, E>(
        &self,
        key: &Q,
        compute: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.compute(key, self.ttl, compute)
    }

    #[inline]
    fn compute<Q, E>(
        &self,
        key: &Q,
        ttl: Option<Duration>,
        compute: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let hash = self.table.hash(key);
        if let Some(value) = self.find(hash, |k| k.borrow() == key) {
            return Ok(value);
        }
        self.join(hash, key.to_owned(), ttl, compute)
    }

    #[cold]
    fn join<E>(
        &self,
        hash: u64,
        mut key: K,
        ttl: Option<Duration>,
        compute: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        let called = epoch();
        loop {
            match self.flights.join_lone(hash, key) {
                JoinedLone::Lead(lone) => return self.lead(lone, ttl, compute),
                JoinedLone::Follow(flight, again) => {
                    // Still in the pool's queue: no need to wait for a thread.
                    flight.run_job();
                    match wait(Follow::new(flight, called)) {
                        Landed::Value(value) => return Ok(value),
                        Landed::Circle => self.panic_in_circle(),
                        Landed::Sole(_) | Landed::Shared(_) | Landed::Gone => key = again,
                    }
                }
            }
        }
    }

    /// Dropped on the way out of a panic or an error, the lead goes to the next who waits.
    fn lead<E>(
        &self,
        mut lone: Lone<'_, K, V>,
        ttl: Option<Duration>,
        compute: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        // What a flight that ended between the look and the join has left.
        let found = lone.key().and_then(|key| self.left_behind(lone.hash(), key));
        if let Some((value, note)) = found {
            lone.land_noted(|| note, || Landing::Value(value.clone()));
            return Ok(value);
        }
        let (computed, used) = {
            let _inside = lone.enter();
            let gather = Gather::begin(Note::default());
            let computed = compute();
            (computed, gather.end())
        };
        let value = computed.inspect_err(|_| gather::hand(&used))?;
        let shell = self.entry((), ttl, &used);
        // Mostly nobody asks, and the time costs something.
        let note = || self.note_of(&shell).made_from(&used);
        if gather::is_gathering() {
            gather::hand(&note());
        }
        if !used.unknown {
            self.commit_lone(&mut lone, shell.clone().with_value(value.clone()));
        }
        lone.land_noted(note, || Landing::Value(value.clone()));
        Ok(value)
    }
}
