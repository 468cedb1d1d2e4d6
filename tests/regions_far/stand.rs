//! A region over each kind of tiers, by a clock in hand.

use larder::encoded::{Encoded, EncodedOptions};
use larder::memcached::{BreakerOptions, Memcached, MemcachedOptions};
use larder::server::AnyServer;
use larder::{
    CacheExt, Files, Invalidation, ManualClock, Redis, RedisOptions, Region, RegionPlan, Replace,
    TagSource, configure_plans, wait,
};
use larder_test_servers::{self as servers, Fault, Proxy};
use std::sync::Arc;
use std::time::Duration;

/// How long a call may take: longer than a busy machine needs.
const DEADLINE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Memory,
    /// Memory in front of memcached.
    Tiers,
    Files,
    Memcached,
    Redis,
}

enum Server {
    None,
    Files(#[expect(dead_code, reason = "dropped with the stand")] tempfile::TempDir),
    Memcached(#[expect(dead_code, reason = "dropped with the stand")] servers::Memcached),
    Redis(#[expect(dead_code, reason = "dropped with the stand")] servers::Redis),
}

pub(crate) struct Stand {
    pub(crate) region: Region,
    pub(crate) time: ManualClock,
    proxy: Option<Proxy>,
    _server: Server,
    /// That of the region's functions: it is known as long as somebody has it.
    source: TagSource,
}

impl Stand {
    /// A region of this name, whose values live for five minutes, and whose tags are read at each hit.
    pub(crate) fn new(name: &'static str, kind: Kind) -> Arc<Self> {
        let (region, time) = (Region::new(name), ManualClock::new());
        let plan = RegionPlan::new(name).with_clock(time.clock()).with_expiration(300);
        let plan = plan.with_tag_lag(Duration::ZERO);
        let far = |server| {
            let options = EncodedOptions::new().with_clock(time.clock());
            Encoded::with_options(AnyServer::clone(&server), options).unwrap()
        };
        let (plan, server, proxy) = match kind {
            Kind::Memory => (plan.with_memory(1000), Server::None, None),
            Kind::Files => {
                let folder = tempfile::tempdir().unwrap();
                let files = AnyServer::new(Files::open(folder.path()).unwrap());
                (plan.with_encoded(far(files)), Server::Files(folder), None)
            }
            Kind::Tiers | Kind::Memcached => {
                let server = servers::Memcached::start();
                let proxy = Proxy::before(&server.address());
                let client = far(memcached(&proxy));
                let plan = match kind {
                    Kind::Tiers => plan.with_memory(1000),
                    _ => plan,
                };
                (plan.with_encoded(client), Server::Memcached(server), Some(proxy))
            }
            Kind::Redis => {
                let server = servers::Redis::start();
                let proxy = Proxy::before(&server.address());
                let client = far(redis(&proxy));
                (plan.with_encoded(client), Server::Redis(server), Some(proxy))
            }
        };
        configure_plans(vec![plan], Replace::Refuse).unwrap();
        let source = TagSource::of(&region);
        Arc::new(Stand { region, time, proxy, _server: server, source })
    }

    /// The farthest tier refuses everybody.
    pub(crate) fn away(&self) {
        let proxy = self.proxy.as_ref().expect("what is in this process is never away");
        proxy.set(Fault::Refuse);
        proxy.cut();
    }

    pub(crate) fn back(&self) {
        self.proxy.as_ref().expect("it was away").set(Fault::None);
    }

    /// Of this region only: the servers of other tests may be away.
    pub(crate) fn forget(&self, tag: &str) {
        wait(self.source.invalidate(&[tag.to_owned()], Invalidation::Hard)).unwrap();
    }

    /// The records of a tag go, as when a server needs the room.
    pub(crate) fn lose_records_of(&self, tag: &str) {
        let records = self.region.open::<String, u64>("~tags");
        for kind in ["h", "s"] {
            let record = format!("{kind}{tag}");
            assert!(wait(records.get(&record)).unwrap().is_some(), "{record}");
            assert!(wait(larder::Cache::delete(&records, &record)).unwrap(), "{record}");
        }
    }
}

fn memcached(proxy: &Proxy) -> AnyServer {
    let breaker = BreakerOptions::default()
        .with_pause(Duration::from_millis(50))
        .with_longest_pause(Duration::from_millis(50));
    let options = MemcachedOptions::default()
        .with_breaker(breaker)
        .with_connect_timeout(DEADLINE)
        .with_answer_timeout(DEADLINE)
        .with_deadline(DEADLINE);
    AnyServer::new(Memcached::with(proxy.address(), options).unwrap())
}

fn redis(proxy: &Proxy) -> AnyServer {
    let options = RedisOptions::new(format!("redis://{}", proxy.address()))
        .with_deadline(DEADLINE)
        .with_response_timeout(DEADLINE)
        .with_reconnect(Duration::from_millis(50));
    AnyServer::new(Redis::new(options).unwrap())
}
