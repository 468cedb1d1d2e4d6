//! The client contract over redis: plain, boxed, paged, two handles as in two processes, under
//! in-process tiers, in a cluster and under a sentinel. The envelope's times count, by a clock in hand.
#![cfg(feature = "redis")]

use cache_clients::encoded::{Encoded, EncodedCache, EncodedOptions};
use cache_clients::redis::{Redis, RedisOptions};
use cache_clients::{Inproc, Tiered};
use cache_core::conformance::{Ability, Harness, Subject};
use cache_core::{Client, Clock, ManualClock, Namespace, Shared, TagSource};
use larder_test_servers::{self as servers, RedisCluster, Sentinel};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

type Plain = EncodedCache<Redis, String, String>;

static ONE: LazyLock<servers::Redis> = LazyLock::new(servers::Redis::start);
static CLUSTER: LazyLock<RedisCluster> = LazyLock::new(RedisCluster::start);
static SENTINEL: LazyLock<(servers::Redis, Sentinel)> = LazyLock::new(|| {
    let master = servers::Redis::start();
    let sentinel = Sentinel::watch(&master);
    (master, sentinel)
});

fn one() -> String {
    ONE.url()
}

/// Keys of its own on a server that all tests share, and time enough for a busy machine.
fn encoded(url: &str, max_value: usize, clock: &Clock) -> [Encoded<Redis>; 2] {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let prefix = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let client = || {
        let options = RedisOptions::new(url)
            .with_connect_timeout(Duration::from_secs(10))
            .with_response_timeout(Duration::from_secs(20))
            .with_deadline(Duration::from_secs(30))
            .with_max_value(max_value);
        let encoding = EncodedOptions::new()
            .with_clock(clock.clone())
            .with_prefix(&prefix)
            .with_grace(Duration::from_secs(100_000));
        Encoded::with_options(Redis::new(options).unwrap(), encoding).unwrap()
    };
    [client(), client()]
}

fn harness<C: Subject>(
    url: &str,
    max_value: usize,
    wrap: impl Fn(Plain) -> C + Send + Sync + 'static,
) -> Harness<C> {
    let time = ManualClock::new();
    let [client, _] = encoded(url, max_value, &time.clock());
    let open = move |name: &str| wrap(Client::open(&client, &tagged(name)));
    Harness::new(open, move |by| time.advance(by)).without(Ability::Usage)
}

fn tiered<C: Subject, N>(client: impl Fn(Clock, Encoded<Redis>) -> N) -> Harness<C>
where
    N: Client<String, String, Cache = C> + Send + Sync + 'static,
{
    let time = ManualClock::new();
    let [far, _] = encoded(&one(), WHOLE, &time.clock());
    let client = client(time.clock(), far);
    let open = move |name: &str| client.open(&tagged(name));
    Harness::new(open, move |by| time.advance(by)).without(Ability::Usage)
}

/// A namespace that checks the tags of this process.
fn tagged(name: &str) -> Namespace {
    Namespace::new(name).with(TagSource::local())
}

fn near(clock: &Clock) -> Inproc {
    Inproc::new(1000).with_clock(clock.clone())
}

const WHOLE: usize = 1 << 20;
/// So little that every value of the suite lies in pages.
const SCRAPS: usize = 200;

mod plain {
    use super::*;
    cache_core::conformance_tests!(harness(&one(), WHOLE, |cache| cache));
}

mod boxed {
    use super::*;
    cache_core::conformance_tests!(harness(&one(), WHOLE, Shared::new));
}

mod paged {
    use super::*;
    cache_core::conformance_tests!(harness(&one(), SCRAPS, |cache| cache));
}

mod under_an_inproc {
    use super::*;
    cache_core::conformance_tests!(tiered(|clock, far| Tiered::new(near(&clock), far)));
}

mod three_tiers {
    use super::*;
    cache_core::conformance_tests!(tiered(|clock, far| {
        Tiered::new(near(&clock), Tiered::new(near(&clock), far))
    }));
}

mod in_a_cluster {
    use super::*;
    cache_core::conformance_tests!(harness(&CLUSTER.url(), WHOLE, |cache| cache));
}

mod under_a_sentinel {
    use super::*;
    cache_core::conformance_tests!(harness(&SENTINEL.1.url(), WHOLE, |cache| cache));
}

mod two_clients {
    use super::*;
    fn apart() -> Harness<Plain> {
        let time = ManualClock::new();
        let (clients, turn) = (encoded(&one(), WHOLE, &time.clock()), AtomicUsize::new(0));
        let open = move |name: &str| {
            let client = &clients[turn.fetch_add(1, Ordering::Relaxed) % 2];
            Client::open(client, &tagged(name))
        };
        let harness = Harness::new(open, move |by| time.advance(by)).without(Ability::Usage);
        harness.with_lag(Duration::from_secs(1))
    }
    cache_core::conformance_tests!(apart());
}
