//! The client contract over memcached: one server and five, plain, boxed, paged, two handles as in two
//! processes, under in-process tiers. The envelope's times count, by a clock in hand.
#![cfg(feature = "memcached")]

use cache_clients::encoded::{Encoded, EncodedCache, EncodedOptions};
use cache_clients::memcached::{Memcached, MemcachedOptions};
use cache_clients::{Inproc, Tiered};
use cache_core::conformance::{Ability, Harness, Subject};
use cache_core::{Client, Clock, ManualClock, Namespace, Shared, TagSource};
use larder_test_servers as servers;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

type Plain = EncodedCache<Memcached, String, String>;

static SERVERS: LazyLock<Vec<servers::Memcached>> =
    LazyLock::new(|| (0..5).map(|_| servers::Memcached::start()).collect());

/// So many of the servers.
fn addresses(count: usize) -> String {
    let of = |server: &servers::Memcached| server.address();
    SERVERS.iter().take(count).map(of).collect::<Vec<_>>().join(", ")
}

/// Keys of its own on servers that all tests share, and time enough for a busy machine.
fn encoded(count: usize, limit: usize, clock: &Clock) -> [Encoded<Memcached>; 2] {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let prefix = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let client = || {
        let options = MemcachedOptions::default()
            .with_connect_timeout(Duration::from_secs(10))
            .with_answer_timeout(Duration::from_secs(20))
            .with_deadline(Duration::from_secs(30))
            .with_item_limit(limit);
        let encoding = EncodedOptions::new()
            .with_clock(clock.clone())
            .with_prefix(&prefix)
            .with_grace(Duration::from_secs(100_000));
        let memcached = Memcached::with(addresses(count), options).unwrap();
        Encoded::with_options(memcached, encoding).unwrap()
    };
    [client(), client()]
}

fn harness<C: Subject>(
    count: usize,
    limit: usize,
    wrap: impl Fn(Plain) -> C + Send + Sync + 'static,
) -> Harness<C> {
    let time = ManualClock::new();
    let [client, _] = encoded(count, limit, &time.clock());
    let open = move |name: &str| wrap(Client::open(&client, &tagged(name)));
    Harness::new(open, move |by| time.advance(by)).without(Ability::Usage)
}

fn tiered<C: Subject, N>(
    count: usize,
    client: impl Fn(Clock, Encoded<Memcached>) -> N,
) -> Harness<C>
where
    N: Client<String, String, Cache = C> + Send + Sync + 'static,
{
    let time = ManualClock::new();
    let [far, _] = encoded(count, WHOLE, &time.clock());
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

/// A client whose caches are boxed.
struct Boxed<C>(C);

impl<C: Client<String, String>> Client<String, String> for Boxed<C> {
    type Cache = Shared<String, String>;
    fn open(&self, namespace: &Namespace) -> Self::Cache {
        Shared::new(self.0.open(namespace))
    }
}

const WHOLE: usize = 1 << 20;
/// So little that every value of the suite lies in pages.
const SCRAPS: usize = 1024 + 200;

macro_rules! configurations {
    ($($name:ident: $harness:expr;)*) => {$(
        mod $name {
            use super::*;
            cache_core::conformance_tests!($harness);
        }
    )*};
}

configurations! {
    one: harness(1, WHOLE, |cache| cache);
    one_boxed: harness(1, WHOLE, Shared::new);
    one_paged: harness(1, SCRAPS, |cache| cache);
    five: harness(5, WHOLE, |cache| cache);
    five_boxed: harness(5, WHOLE, Shared::new);
    five_paged: harness(5, SCRAPS, |cache| cache);
    one_under_an_inproc: tiered(1, |clock, far| Tiered::new(near(&clock), far));
    five_under_an_inproc: tiered(5, |clock, far| Tiered::new(near(&clock), far));
    three_tiers: tiered(1, |clock, far| {
        Tiered::new(near(&clock), Tiered::new(near(&clock), far))
    });
    three_tiers_boxed: tiered(5, |clock, far| {
        Tiered::new(Boxed(near(&clock)), Boxed(Tiered::new(near(&clock), Boxed(far))))
    });
}

mod two_clients {
    use super::*;
    fn apart() -> Harness<Plain> {
        let time = ManualClock::new();
        let (clients, turn) = (encoded(5, WHOLE, &time.clock()), AtomicUsize::new(0));
        let open = move |name: &str| {
            let client = &clients[turn.fetch_add(1, Ordering::Relaxed) % 2];
            Client::open(client, &tagged(name))
        };
        let harness = Harness::new(open, move |by| time.advance(by)).without(Ability::Usage);
        harness.with_lag(Duration::from_secs(1))
    }
    cache_core::conformance_tests!(apart());
}
