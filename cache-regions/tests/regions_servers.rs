//! The client contract over regions on servers: a directory, memcached and redis, plain, boxed, and
//! under a memory tier. The envelope's times count, by a clock in hand.
#![cfg(all(feature = "files", feature = "memcached", feature = "redis"))]

use cache_clients::encoded::{Encoded, EncodedOptions};
use cache_clients::memcached::{Memcached, MemcachedOptions};
use cache_clients::redis::{Redis, RedisOptions};
use cache_clients::server::AnyServer;
use cache_clients::{Files, FilesOptions};
use cache_core::conformance::{Ability, Harness, Subject};
use cache_core::{Client, Clock, ManualClock, Namespace, Shared, TagSource};
use cache_regions::{Region, RegionCache, RegionPlan, Replace, configure_plans};
use larder_test_servers as servers;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

type Plain = RegionCache<String, String>;

/// Longer than a busy machine takes.
const LIMIT: Duration = Duration::from_secs(30);

/// All tests share a server of each kind: their regions have names of their own.
fn memcached() -> AnyServer {
    static SERVER: LazyLock<servers::Memcached> = LazyLock::new(servers::Memcached::start);
    let options = MemcachedOptions::default()
        .with_connect_timeout(LIMIT)
        .with_answer_timeout(LIMIT)
        .with_deadline(LIMIT);
    AnyServer::new(Memcached::with(SERVER.address(), options).unwrap())
}

fn redis() -> AnyServer {
    static SERVER: LazyLock<servers::Redis> = LazyLock::new(servers::Redis::start);
    let options = RedisOptions::new(SERVER.url())
        .with_connect_timeout(LIMIT)
        .with_response_timeout(LIMIT)
        .with_deadline(LIMIT);
    AnyServer::new(Redis::new(options).unwrap())
}

fn files() -> AnyServer {
    static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
    let options = FilesOptions::new().with_deadline(LIMIT);
    AnyServer::new(Files::open_with(FOLDER.path(), options).unwrap())
}

fn client(server: AnyServer, clock: Clock) -> Encoded<AnyServer> {
    let options = EncodedOptions::new().with_clock(clock).with_grace(Duration::from_secs(100_000));
    Encoded::with_options(server, options).unwrap()
}

fn harness<C: Subject>(
    server: AnyServer,
    front: impl FnOnce(RegionPlan) -> RegionPlan,
    wrap: impl Fn(Plain) -> C + Send + Sync + 'static,
) -> Harness<C> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("on servers {}", NEXT.fetch_add(1, Ordering::Relaxed));
    let region: &'static Region = Box::leak(Box::new(Region::new(name.leak())));
    let time = ManualClock::new();
    let plan = front(RegionPlan::new(region.name()).with_clock(time.clock()));
    let plan = plan.with_encoded(client(server, time.clock()));
    configure_plans(vec![plan], Replace::Refuse).unwrap();
    let open = move |name: &str| {
        // It checks the tags of this process.
        let space = Namespace::new(name).with(TagSource::local());
        wrap(Client::open(region, &space))
    };
    Harness::new(open, move |by| time.advance(by)).without(Ability::Usage)
}

macro_rules! configurations {
    ($($name:ident: $server:expr, $front:expr, $wrap:expr;)*) => {$(
        mod $name {
            use super::*;
            cache_core::conformance_tests!(harness($server, $front, $wrap));
        }
    )*};
}

configurations! {
    on_files: files(), |plan| plan, |cache| cache;
    on_files_boxed: files(), |plan| plan, Shared::new;
    on_files_under_memory: files(), |plan| plan.with_memory(1000), |cache| cache;
    on_memcached: memcached(), |plan| plan, |cache| cache;
    on_memcached_boxed: memcached(), |plan| plan, Shared::new;
    on_memcached_under_memory: memcached(), |plan| plan.with_memory(1000), |cache| cache;
    on_redis: redis(), |plan| plan, |cache| cache;
    on_redis_boxed: redis(), |plan| plan, Shared::new;
    on_redis_under_memory: redis(), |plan| plan.with_memory(1000), |cache| cache;
}
