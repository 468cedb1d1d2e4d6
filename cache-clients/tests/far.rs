//! Caches that need I/O: the contract over one that only pretends to, and what computes goes on
//! where a client fails.

use cache_clients::Inproc;
use cache_core::conformance::{Ability, Harness};
use cache_core::{
    Aim, Cache, CacheExt, Entry, Error, Filled, Flights, Lease, Lookup, ManualClock, Near, PutWhen,
    Reach, Result, Shared, wait,
};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

/// Stores in an in-process cache, but answers late, shows no near cache, and fails on demand.
#[derive(Debug, Clone)]
struct Remote {
    server: Near<String, String>,
    flights: Arc<Flights<String, String>>,
    down: Arc<AtomicBool>,
}

impl Remote {
    fn new(server: Near<String, String>) -> Self {
        Remote { server, flights: Arc::default(), down: Arc::default() }
    }

    /// A round trip.
    async fn reached(&self) -> Result<()> {
        let mut turns = 2;
        poll_fn(|cx| {
            turns -= 1;
            cx.waker().wake_by_ref();
            if turns == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        match self.down.load(Ordering::Relaxed) {
            true => Err(Error::unreachable("the server of this test", "it is down")),
            false => Ok(()),
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl Cache<String, String> for Remote {
    fn near(&self) -> Option<&Near<String, String>> {
        None
    }
    fn reach(&self) -> Reach {
        Reach::Far
    }
    fn flights(&self) -> &Arc<Flights<String, String>> {
        &self.flights
    }
    async fn lookup(&self, key: &String, aim: Aim) -> Result<Lookup<String>> {
        self.reached().await?;
        Cache::lookup(&self.server, key, aim).await
    }
    async fn fill(&self, key: &String, entry: Entry<String>, lease: Lease) -> Result<Filled> {
        self.reached().await?;
        Cache::fill(&self.server, key, entry, lease).await
    }
    async fn release(&self, key: &String, lease: Lease) {
        Cache::release(&self.server, key, lease).await;
    }
    async fn put(&self, key: &String, entry: Entry<String>, when: PutWhen) -> Result<bool> {
        self.fence(key);
        self.reached().await?;
        Cache::put(&self.server, key, entry, when).await
    }
    async fn renew(&self, key: &String, ttl: Option<Duration>) -> Result<bool> {
        self.reached().await?;
        Cache::renew(&self.server, key, ttl).await
    }
    async fn expire(&self, key: &String) -> Result<bool> {
        self.fence(key);
        self.reached().await?;
        Cache::expire(&self.server, key).await
    }
    async fn delete(&self, key: &String) -> Result<bool> {
        self.fence(key);
        self.reached().await?;
        Cache::delete(&self.server, key).await
    }
    async fn lookup_many(&self, keys: &[String], aim: Aim) -> Result<Vec<Lookup<String>>> {
        self.reached().await?;
        Cache::lookup_many(&self.server, keys, aim).await
    }
    async fn fill_many(&self, fills: Vec<(String, Entry<String>, Lease)>) -> Result<Vec<Filled>> {
        self.reached().await?;
        Cache::fill_many(&self.server, fills).await
    }
    async fn put_many(&self, entries: Vec<(String, Entry<String>)>) -> Result<()> {
        entries.iter().for_each(|(key, _)| self.fence(key));
        self.reached().await?;
        Cache::put_many(&self.server, entries).await
    }
    async fn delete_many(&self, keys: &[String]) -> Result<()> {
        keys.iter().for_each(|key| self.fence(key));
        self.reached().await?;
        Cache::delete_many(&self.server, keys).await
    }
    async fn clear(&self) -> Result<()> {
        self.fence_all();
        self.reached().await?;
        Cache::clear(&self.server).await
    }
    async fn purge(&self, stale_for: Duration) -> Result<usize> {
        self.reached().await?;
        Cache::purge(&self.server, stale_for).await
    }
}

fn harness<C: cache_core::conformance::Subject>(
    wrap: impl Fn(Remote) -> C + Send + Sync + 'static,
) -> Harness<C> {
    let time = ManualClock::new();
    let client = Inproc::new(1000).with_clock(time.clock());
    let open = move |name: &str| wrap(Remote::new(client.open(name)));
    Harness::new(open, move |by| time.advance(by)).without(Ability::Usage)
}

mod plain {
    use super::*;
    cache_core::conformance_tests!(harness(|remote| remote));
}

mod shared {
    use super::*;
    cache_core::conformance_tests!(harness(Shared::new));
}

fn remote() -> Remote {
    Remote::new(Inproc::new(100).open("remote"))
}

fn key() -> String {
    "key".to_owned()
}

fn value() -> String {
    "value".to_owned()
}

#[test]
fn a_client_that_fails_fails_plain_reads_and_no_computation() {
    let cache = remote();
    cache.down.store(true, Ordering::Relaxed);
    assert!(wait(cache.get(&key())).unwrap_err().is_unreachable());
    assert!(wait(cache.put_for(&key(), value(), 10)).is_err());
    assert_eq!(wait(cache.get_or_compute(&key(), || async { value() })), value());
    let failed = wait(cache.try_get_or_compute(&key(), || async { Err("own error") }));
    assert_eq!(failed, Err("own error"));
    let asked = [key(), value(), key()];
    let many = cache.get_or_compute_many(&asked, |missing| async { missing });
    assert_eq!(wait(many), asked);
    assert!(cache.flights().is_empty());
}

#[test]
fn a_client_that_fails_between_lookup_and_fill_fails_no_computation() {
    let cache = remote();
    let down = cache.down.clone();
    let compute = move || async move {
        down.store(true, Ordering::Relaxed);
        value()
    };
    assert_eq!(wait(cache.get_or_compute(&key(), compute)), value());
    cache.down.store(false, Ordering::Relaxed);
    assert_eq!(wait(cache.get(&key())).unwrap(), None);
}

#[test]
fn a_stored_value_is_found_before_anything_is_computed() {
    let cache = remote();
    Near::put(&cache.server, key(), value());
    assert_eq!(wait(cache.get_or_compute(&key(), || async { unreachable!() })), value());
    let asked = [key(), value()];
    let many = cache.get_or_compute_many(&asked, |missing| async move {
        assert_eq!(missing, [value()]);
        missing
    });
    assert_eq!(wait(many), [value(), value()]);
}

#[test]
fn another_process_fences_through_the_lease() {
    let cache = remote();
    let server = cache.server.clone();
    let compute = move || async move {
        Near::delete(&server, &key());
        value()
    };
    assert_eq!(wait(cache.get_or_compute(&key(), compute)), value());
    assert_eq!(wait(cache.get(&key())).unwrap(), None);
}
