//! What tests of regions stand on: each kind of tier, by a clock in hand.
#![allow(dead_code, reason = "each test file uses another part")]

#[path = "../../../cache-clients/tests/shelf/mod.rs"]
pub(crate) mod shelf_of_bytes;

use cache_clients::encoded::{Encoded, EncodedOptions, Solo};
use cache_clients::server::AnyServer;
use cache_core::{BoxFuture, Clock, Error, Invalidation, ManualClock, Result};
use cache_regions::{
    InvalidationStrategy, Region, RegionPlan, Replace, Revisions, configure_plans,
};
use shelf_of_bytes::Shelf;
use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longer than a busy machine takes.
const LIMIT: Duration = Duration::from_secs(30);

/// A server in a map.
pub(crate) fn shelf(time: &ManualClock) -> Solo<Shelf> {
    Solo::new(Shelf::default()).with_clock(time.clock())
}

pub(crate) fn options(time: &ManualClock) -> EncodedOptions {
    EncodedOptions::new().with_clock(time.clock()).with_grace(Duration::from_secs(100_000))
}

/// A client of it, as in a process of its own.
pub(crate) fn bytes(server: &Solo<Shelf>, time: &ManualClock) -> Encoded<AnyServer> {
    Encoded::with_options(AnyServer::new(server.clone()), options(time)).unwrap()
}

/// A name that no other test of this process has.
pub(crate) fn fresh_name() -> &'static str {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Box::leak(format!("region-{}-{number}", std::process::id()).into_boxed_str())
}

/// A region that nobody has configured.
pub(crate) fn fresh_region() -> &'static Region {
    Box::leak(Box::new(Region::new(fresh_name())))
}

/// Where a region's values live in a test.
pub(crate) struct Stand {
    pub(crate) time: ManualClock,
    tiers: Box<dyn Fn(RegionPlan) -> RegionPlan>,
    _process: Box<dyn Any>,
}

impl Stand {
    fn new(
        time: ManualClock,
        process: impl Any,
        tiers: impl Fn(RegionPlan) -> RegionPlan + 'static,
    ) -> Self {
        Stand { time, tiers: Box::new(tiers), _process: Box::new(process) }
    }

    pub(crate) fn memory() -> Self {
        Stand::new(ManualClock::new(), (), |plan| plan.with_memory(1000))
    }

    pub(crate) fn memory_bytes() -> Self {
        let time = ManualClock::new();
        let store = cache_regions::MemoryBytes::new(1 << 20, time.clock());
        let server = Solo::new(store).with_clock(time.clock());
        Stand::over(time, (), AnyServer::new(server), |plan| plan)
    }

    /// Memory in front of bytes.
    pub(crate) fn tiers() -> Self {
        let time = ManualClock::new();
        let server = AnyServer::new(shelf(&time));
        Stand::over(time, (), server, |plan| plan.with_memory(1000))
    }

    #[cfg(feature = "files")]
    pub(crate) fn files() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = cache_clients::Files::open(folder.path()).unwrap();
        Stand::over(ManualClock::new(), folder, AnyServer::new(files), |plan| plan)
    }

    #[cfg(feature = "memcached")]
    pub(crate) fn memcached() -> Self {
        use cache_clients::memcached::{Memcached, MemcachedOptions};
        let process = larder_test_servers::Memcached::start();
        let options = MemcachedOptions::default()
            .with_connect_timeout(LIMIT)
            .with_answer_timeout(LIMIT)
            .with_deadline(LIMIT);
        let server = AnyServer::new(Memcached::with(process.address(), options).unwrap());
        Stand::over(ManualClock::new(), process, server, |plan| plan)
    }

    #[cfg(feature = "redis")]
    pub(crate) fn redis() -> Self {
        use cache_clients::redis::{Redis, RedisOptions};
        let process = larder_test_servers::Redis::start();
        let options = RedisOptions::new(process.url())
            .with_connect_timeout(LIMIT)
            .with_response_timeout(LIMIT)
            .with_deadline(LIMIT);
        let server = AnyServer::new(Redis::new(options).unwrap());
        Stand::over(ManualClock::new(), process, server, |plan| plan)
    }

    fn over(
        time: ManualClock,
        process: impl Any,
        server: AnyServer,
        front: impl Fn(RegionPlan) -> RegionPlan + 'static,
    ) -> Self {
        let options = options(&time);
        Stand::new(time, process, move |plan| {
            let client = Encoded::with_options(server.clone(), options.clone()).unwrap();
            front(plan).with_encoded(client)
        })
    }

    /// A plan over these tiers, as of a process of its own.
    pub(crate) fn plan(&self, name: &str) -> RegionPlan {
        (self.tiers)(RegionPlan::new(name).with_clock(self.time.clock()))
    }

    /// A region over these tiers.
    pub(crate) fn region(&self, plan: impl FnOnce(RegionPlan) -> RegionPlan) -> &'static Region {
        let region = fresh_region();
        configure_plans(vec![plan(self.plan(region.name()))], Replace::Refuse).unwrap();
        region
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.time.advance(Duration::from_secs(seconds));
    }
}

/// Revisions that several regions can see, as a record on a server that can be away.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) kept: Arc<Mutex<Revisions>>,
    pub(crate) away: Arc<AtomicBool>,
}

impl Record {
    fn reached(&self) -> Result<()> {
        match self.away.load(Ordering::SeqCst) {
            true => Err(Error::unreachable("the record", "it is away")),
            false => Ok(()),
        }
    }
}

impl InvalidationStrategy for Record {
    fn current(&self) -> BoxFuture<'_, Result<Revisions>> {
        Box::pin(async {
            self.reached()?;
            Ok(self.kept.lock().unwrap().clone())
        })
    }
    fn invalidate(&self, how: Invalidation) -> BoxFuture<'_, Result<Revisions>> {
        Box::pin(async move {
            self.reached()?;
            let mut kept = self.kept.lock().unwrap();
            *kept = kept.after(how, &Clock::system());
            Ok(kept.clone())
        })
    }
    fn is_shared(&self) -> bool {
        true
    }
}

/// Each of these tests over each kind of tiers.
#[macro_export]
macro_rules! everywhere {
    ($($test:ident)*) => {
        mod memory { $(#[test] fn $test() { super::$test(super::stand::Stand::memory()); })* }
        mod memory_bytes { $(#[test] fn $test() { super::$test(super::stand::Stand::memory_bytes()); })* }
        mod tiers { $(#[test] fn $test() { super::$test(super::stand::Stand::tiers()); })* }
        #[cfg(feature = "files")]
        mod files { $(#[test] fn $test() { super::$test(super::stand::Stand::files()); })* }
        #[cfg(feature = "memcached")]
        mod memcached { $(#[test] fn $test() { super::$test(super::stand::Stand::memcached()); })* }
        #[cfg(feature = "redis")]
        mod redis { $(#[test] fn $test() { super::$test(super::stand::Stand::redis()); })* }
    };
}
