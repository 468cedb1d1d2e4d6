//! Decorated functions over real servers: words, servers that are away, and what servers evict.

#[allow(dead_code, reason = "not all that opens clients is needed here")]
#[path = "../far/mod.rs"]
mod clients;

use crate::common::limited_wide;
use crate::words;
use clients::{Opened, open};
use larder::encoded::EncodedOptions;
use larder::{Inproc, ManualClock, Reason, TierState, Tiered, Verdict, cached, explain, wait};
use larder_test_servers as servers;
use std::sync::LazyLock;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// Longer than a busy machine takes.
const LIMIT: Duration = Duration::from_secs(10);

#[test]
fn the_words_name_memcached_and_its_address() {
    static TIME: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
    static SERVER: LazyLock<servers::Memcached> = LazyLock::new(servers::Memcached::start);
    static BOTH: LazyLock<Tiered<Inproc, Opened>> = LazyLock::new(|| {
        let options = EncodedOptions::new().with_clock(TIME.clock());
        let far = open(&format!("memcached {}", SERVER.address()), LIMIT, options);
        Tiered::new(Inproc::new(100).with_clock(TIME.clock()), far).with_clock(TIME.clock())
    });
    #[cached(client = BOTH, ttl = "60s", namespace = "prices")]
    fn price(sku: &str) -> String {
        sku.to_uppercase()
    }
    limited_wide(|| {
        let place = format!("memcached {}", SERVER.address());
        let told = || explain(price::entry("tea"));
        let never = "has never heard of it, or forgot";
        assert_eq!(words(&told()), format!("would miss: in process: {never}; {place}: {never}"));
        price("tea");
        TIME.advance(72 * SECOND);
        assert_eq!(
            words(&told()),
            format!("would miss: in process: expired 12 s ago; {place}: expired 12 s ago")
        );
        assert_eq!(told().verdict, Verdict::Miss(Reason::Expired));
        price("tea");
        assert_eq!(price::stats().misses.expired, 1, "the statistics give the same reason");
        assert!(told().would_hit());
        SERVER.stop();
        assert!(told().would_hit(), "the near tier has it");
        let other = explain(price::entry("coffee"));
        assert_eq!(other.verdict, Verdict::Miss(Reason::Unreachable));
        let said = words(&other);
        assert!(said.contains(&format!("; {place}: cannot be asked: ")), "{said}");
        // The invalidation waits; nobody believes the server before it has heard of it.
        price::invalidate("tea");
        SERVER.start_again();
        assert!(!explain(price::entry("tea")).would_hit());
    });
}

/// A function over one kind of server alone, asynchronous.
macro_rules! alone {
    ($name:ident, $server:ty, $start:expr, $place:expr) => {
        #[test]
        fn $name() {
            static TIME: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
            static SERVER: LazyLock<$server> = LazyLock::new(|| $start);
            static FAR: LazyLock<Opened> = LazyLock::new(|| {
                let options = EncodedOptions::new().with_clock(TIME.clock());
                open(&$place(&SERVER), LIMIT, options)
            });
            #[cached(client = FAR, ttl = "60s", async_ttl = "30s", namespace = "prices")]
            async fn price(sku: &str) -> String {
                sku.to_uppercase()
            }
            limited_wide(|| {
                let told = || wait(explain(price::entry("tea")));
                assert_eq!(told().verdict, Verdict::Miss(Reason::Never));
                wait(price("tea"));
                assert_eq!(told().verdict, Verdict::Hit);
                TIME.advance(31 * SECOND);
                assert_eq!(told().verdict, Verdict::StaleHit);
                TIME.advance(41 * SECOND);
                assert!(words(&told()).ends_with(": expired 12 s ago"), "{}", told());
                wait(price("tea"));
                assert_eq!(price::stats().misses.expired, 1);
                wait(price::invalidate("tea"));
                assert_eq!(told().verdict, Verdict::Miss(Reason::Invalidated));
                wait(price("tea"));
                assert_eq!(price::stats().misses.invalidated, 1);
                assert!(!told().to_string().contains("tea"), "no key in the words");
            });
        }
    };
}

alone!(
    over_memcached,
    servers::Memcached,
    servers::Memcached::start(),
    |server: &servers::Memcached| { format!("memcached {}", server.address()) }
);
alone!(over_redis, servers::Redis, servers::Redis::start(), |server: &servers::Redis| {
    format!("redis {}", server.address())
});
alone!(
    over_files,
    tempfile::TempDir,
    tempfile::tempdir().unwrap(),
    |folder: &tempfile::TempDir| { format!("files {}", folder.path().display()) }
);

#[test]
fn what_memcached_evicts_for_room_is_told_as_evicted_and_what_it_drops_as_expired() {
    static SMALL: LazyLock<servers::Memcached> =
        LazyLock::new(|| servers::Memcached::start_with(&["-m", "2"]));
    static FAR: LazyLock<Opened> = LazyLock::new(|| {
        let compression = larder::encoded::Compression::Off;
        let options = EncodedOptions::new().with_ghost(100_000).with_compression(compression);
        open(&format!("memcached {}", SMALL.address()), LIMIT, options)
    });
    #[cached(client = FAR, ttl = "1h", namespace = "pages")]
    fn page(n: &str) -> String {
        n.repeat(20_000)
    }
    #[cached(client = FAR, ttl = "1s", namespace = "short")]
    fn short(n: &str) -> String {
        n.to_owned()
    }
    limited_wide(|| {
        short("x");
        // 20 MB into 2.
        for n in 0..200 {
            page(&format!("{n:05}"));
        }
        let gone = (0..200).map(|n| explain(page::entry(&format!("{n:05}"))).verdict);
        let evicted = gone.filter(|verdict| *verdict == Verdict::Miss(Reason::Evicted)).count();
        assert!(evicted > 100, "{evicted}");
        // The server's own clock counts whole seconds: it is asked until it has dropped the value.
        crate::common::until("the server has dropped it", || {
            let told = explain(short::entry("x"));
            matches!(
                told.tiers[0].state,
                TierState::Missing { reason: Reason::Expired, since: Some(_) }
            )
        });
    });
}
