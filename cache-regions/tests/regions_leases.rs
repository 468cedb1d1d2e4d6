//! Computations that take longer than their lease (D28), whose end is the servers' own.
#![cfg(all(feature = "memcached", feature = "redis", feature = "files"))]

use cache_clients::Files;
use cache_clients::encoded::{Encoded, EncodedOptions};
use cache_clients::memcached::{Memcached, MemcachedOptions};
use cache_clients::redis::{Redis, RedisOptions};
use cache_clients::server::AnyServer;
use cache_core::{Aim, Cache, CacheExt, Entry, Filled, Lease, wait};
use cache_regions::{Region, RegionCache, RegionPlan, Replace, configure_plans};
use larder_test_servers as servers;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Memcached counts in seconds.
const LEASE: Duration = Duration::from_secs(1);
/// Longer than a busy machine takes.
const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn d28_on_memcached_who_outlives_his_lease_gets_his_value_and_frees_nobody_else_s() {
    let process = servers::Memcached::start();
    let options = MemcachedOptions::default()
        .with_connect_timeout(LIMIT)
        .with_answer_timeout(LIMIT)
        .with_deadline(LIMIT);
    outlived("slow on memcached", || {
        AnyServer::new(Memcached::with(process.address(), options.clone()).unwrap())
    });
}

#[test]
fn d28_on_redis_who_outlives_his_lease_gets_his_value_and_frees_nobody_else_s() {
    let process = servers::Redis::start();
    let options = RedisOptions::new(process.url())
        .with_connect_timeout(LIMIT)
        .with_response_timeout(LIMIT)
        .with_deadline(LIMIT);
    outlived("slow on redis", || AnyServer::new(Redis::new(options.clone()).unwrap()));
}

#[test]
fn d28_on_files_who_outlives_his_lease_gets_his_value_and_frees_nobody_else_s() {
    let folder = tempfile::tempdir().unwrap();
    outlived("slow on files", || AnyServer::new(Files::open(folder.path()).unwrap()));
}

fn outlived(name: &'static str, server: impl Fn() -> AnyServer) {
    let region: &'static Region = Box::leak(Box::new(Region::new(name)));
    let plan = || {
        let options = EncodedOptions::new().with_lease(LEASE);
        let client = Encoded::with_options(server(), options).unwrap();
        RegionPlan::new(name).with_encoded(client).with_expiration(100)
    };
    configure_plans(vec![plan()], Replace::Refuse).unwrap();
    let cache = region.open::<u64, String>("f");
    let (others, (tell, told)) = (cache.clone(), mpsc::channel());
    // Another client of the same server, as in another process: leases of the first are not its own.
    let second = plan();
    let began = Instant::now();
    let computed = cache.get_or_compute(&1, move || async move {
        configure_plans(vec![second], Replace::Existing).unwrap();
        tell.send(lease_of(&others).await).unwrap();
        "computed".to_owned()
    });
    assert_eq!(wait(computed), "computed", "no error, though nothing is kept of it");
    assert!(began.elapsed() >= LEASE / 2, "it was the first one's until it was over");
    let lease = told.recv().unwrap();
    let entry = Entry::new("other's".to_owned()).with_ttl(60);
    assert_eq!(wait(cache.fill(&1, entry, lease)).unwrap(), Filled::Stored, "still the other's");
    assert_eq!(wait(cache.get(&1)).unwrap().as_deref(), Some("other's"));
}

/// A lease for the key 1, once the server has ended that of whoever computes: by its own clock.
async fn lease_of(cache: &RegionCache<u64, String>) -> Lease {
    let began = Instant::now();
    while began.elapsed() < LIMIT {
        let lease = cache.lookup(&1, Aim::Compute).await.unwrap().into_lease();
        if lease.is_some() {
            return lease;
        }
    }
    panic!("the lease of who computes does not end");
}
