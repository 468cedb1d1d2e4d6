//! A client that stores in this process, but answers late, shows no near cache, and fails on demand:
//! for what is above a network, by a clock in hand. Real servers have tests of their own.

use cache_clients::Inproc;
use cache_core::{
    Aim, Cache, CacheExt, Client, Clock, Entry, Error, Filled, Flights, Lease, Lookup, Namespace,
    Near, PutWhen, Reach, Result, TierReport, TierState,
};
use std::future::poll_fn;
use std::hash::Hash;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

/// How it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "not every test file needs all of it")]
pub(crate) enum Fault {
    None,
    /// At once.
    Away,
    /// Not before the fault is gone.
    Hang,
    /// Changes are made, and answered not before the fault is gone.
    Silent,
}

/// The client: clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    server: Inproc,
    line: Arc<Line>,
}

#[derive(Default)]
struct Line(Mutex<State>);

#[derive(Default)]
struct State {
    fault: Option<Fault>,
    hanging: Vec<Waker>,
    after_lookup: Option<Box<dyn FnOnce() + Send>>,
    before_change: Option<Box<dyn FnOnce() + Send>>,
    after_change: Option<Box<dyn FnOnce() + Send>>,
    released: usize,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Line")
    }
}

#[allow(dead_code, reason = "not every test file needs all of it")]
impl Remote {
    pub(crate) fn new(clock: &Clock) -> Self {
        Remote { server: Inproc::new(10_000).with_clock(clock.clone()), line: Arc::default() }
    }

    pub(crate) fn set(&self, fault: Fault) {
        let hanging = {
            let mut state = self.line.0.lock().unwrap();
            state.fault = Some(fault);
            std::mem::take(&mut state.hanging)
        };
        hanging.into_iter().for_each(Waker::wake);
    }

    /// Whether somebody hangs.
    pub(crate) fn is_asked(&self) -> bool {
        !self.line.0.lock().unwrap().hanging.is_empty()
    }

    /// How many leases were given back.
    pub(crate) fn released(&self) -> usize {
        self.line.0.lock().unwrap().released
    }

    /// Does this after the server has answered the next lookup, and before its caller sees it.
    pub(crate) fn after_next_lookup(&self, act: impl FnOnce() + Send + 'static) {
        self.line.0.lock().unwrap().after_lookup = Some(Box::new(act));
    }

    /// Does this when the next change has been asked for, and before the server has made it.
    pub(crate) fn before_next_change(&self, act: impl FnOnce() + Send + 'static) {
        self.line.0.lock().unwrap().before_change = Some(Box::new(act));
    }

    /// Does this after the server has made the next change, and before its caller hears of it.
    pub(crate) fn after_next_change(&self, act: impl FnOnce() + Send + 'static) {
        self.line.0.lock().unwrap().after_change = Some(Box::new(act));
    }
}

impl Line {
    /// A round trip.
    async fn reached(&self) -> Result<()> {
        let mut first = true;
        poll_fn(|cx| {
            let mut state = self.0.lock().unwrap();
            match state.fault {
                Some(Fault::Hang) => {
                    state.hanging.push(cx.waker().clone());
                    Poll::Pending
                }
                Some(Fault::Away) => Poll::Ready(Err(away())),
                _ if std::mem::take(&mut first) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                _ => Poll::Ready(Ok(())),
            }
        })
        .await
    }

    fn before_change(&self) {
        let act = self.0.lock().unwrap().before_change.take();
        if let Some(act) = act {
            act();
        }
    }

    async fn after_change(&self) {
        let act = self.0.lock().unwrap().after_change.take();
        if let Some(act) = act {
            act();
        }
        poll_fn(|cx| {
            let mut state = self.0.lock().unwrap();
            if state.fault != Some(Fault::Silent) {
                return Poll::Ready(());
            }
            state.hanging.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn after_lookup(&self) {
        let act = self.0.lock().unwrap().after_lookup.take();
        if let Some(act) = act {
            act();
        }
    }
}

fn away() -> Error {
    Error::unreachable("the server of this test", "it is away")
}

/// What it opens.
#[derive(Clone)]
pub(crate) struct RemoteCache<K, V> {
    pub(crate) server: Near<K, V>,
    flights: Arc<Flights<K, V>>,
    line: Arc<Line>,
}

impl<K, V> std::fmt::Debug for RemoteCache<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RemoteCache")
    }
}

impl<K, V> Client<K, V> for Remote
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Cache = RemoteCache<K, V>;
    fn open(&self, namespace: &Namespace) -> RemoteCache<K, V> {
        let server = Client::<K, V>::open(&self.server, namespace);
        // As with a real one, whoever opens the same cache again has flights of his own.
        RemoteCache { server, flights: Arc::new(Flights::new()), line: self.line.clone() }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<K, V> Cache<K, V> for RemoteCache<K, V>
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
        self.line.reached().await?;
        let answer = Cache::lookup(&self.server, key, aim).await;
        self.line.after_lookup();
        answer
    }
    async fn fill(&self, key: &K, entry: Entry<V>, lease: Lease) -> Result<Filled> {
        self.line.reached().await?;
        self.line.before_change();
        let done = Cache::fill(&self.server, key, entry, lease).await;
        self.line.after_change().await;
        done
    }
    async fn release(&self, key: &K, lease: Lease) {
        self.line.0.lock().unwrap().released += 1;
        Cache::release(&self.server, key, lease).await;
    }
    async fn put(&self, key: &K, entry: Entry<V>, when: PutWhen) -> Result<bool> {
        self.fence(key);
        self.line.reached().await?;
        self.line.before_change();
        let done = Cache::put(&self.server, key, entry, when).await;
        self.line.after_change().await;
        done
    }
    async fn renew(&self, key: &K, ttl: Option<Duration>) -> Result<bool> {
        self.line.reached().await?;
        let done = Cache::renew(&self.server, key, ttl).await;
        self.line.after_change().await;
        done
    }
    async fn expire(&self, key: &K) -> Result<bool> {
        self.fence(key);
        self.line.reached().await?;
        self.line.before_change();
        let done = Cache::expire(&self.server, key).await;
        self.line.after_change().await;
        done
    }
    async fn delete(&self, key: &K) -> Result<bool> {
        self.fence(key);
        self.line.reached().await?;
        self.line.before_change();
        let done = Cache::delete(&self.server, key).await;
        self.line.after_change().await;
        done
    }
    async fn lookup_many(&self, keys: &[K], aim: Aim) -> Result<Vec<Lookup<V>>> {
        self.line.reached().await?;
        let answers = Cache::lookup_many(&self.server, keys, aim).await;
        self.line.after_lookup();
        answers
    }
    async fn fill_many(&self, fills: Vec<(K, Entry<V>, Lease)>) -> Result<Vec<Filled>> {
        self.line.reached().await?;
        self.line.before_change();
        let done = Cache::fill_many(&self.server, fills).await;
        self.line.after_change().await;
        done
    }
    async fn put_many(&self, entries: Vec<(K, Entry<V>)>) -> Result<()> {
        entries.iter().for_each(|(key, _)| self.fence(key));
        self.line.reached().await?;
        self.line.before_change();
        let done = Cache::put_many(&self.server, entries).await;
        self.line.after_change().await;
        done
    }
    async fn delete_many(&self, keys: &[K]) -> Result<()> {
        keys.iter().for_each(|key| self.fence(key));
        self.line.reached().await?;
        self.line.before_change();
        let done = Cache::delete_many(&self.server, keys).await;
        self.line.after_change().await;
        done
    }
    async fn clear(&self) -> Result<()> {
        self.fence_all();
        self.line.reached().await?;
        self.line.before_change();
        let done = Cache::clear(&self.server).await;
        self.line.after_change().await;
        done
    }
    async fn explain(&self, key: &K) -> Vec<TierReport> {
        match self.line.reached().await {
            Ok(()) => {
                let told = Cache::explain(&self.server, key).await.into_iter();
                told.map(|tier| TierReport::new("remote", tier.state)).collect()
            }
            Err(error) => {
                let state = TierState::Unreachable { cause: error.to_string() };
                vec![TierReport::new("remote", state)]
            }
        }
    }
    async fn purge(&self, stale_for: Duration) -> Result<usize> {
        self.line.reached().await?;
        Cache::purge(&self.server, stale_for).await
    }
}
