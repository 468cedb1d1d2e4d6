//! Right configurations: one meaning in all formats, maps and variables; secrets, defaults, and what is shared.

use cache_core::{AsyncTtl, Eviction, Jitter};
use cache_regions::{
    BackendPlan, Configuration, Expiry, Format, RegionPlan, Scope, TierPlan, register_backend,
};
use std::collections::HashMap;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn reader() -> Configuration {
    Configuration::new().with_environment([("SHOP_KEY", "0f".repeat(32))])
}

const TOML: &str = r#"
[defaults]
key_prefix = "shop"
codec = "messagepack"

[regions.users]
expiration = "5m"
async_ttl = "-60s"
jitter = "10%"
grace = "1h"
mangler = "length:200"
signing_key = { env = "SHOP_KEY" }
invalidation = "process"
tag_lag = 2
compression = { by = "lz4", from = "1KiB" }

[[regions.users.tiers]]
backend = "memory"
entries = 10_000
ttl = "30s"
eviction = "lru"

[[regions.users.tiers]]
backend = "memcached"
servers = ["10.0.0.1:11211", "10.0.0.2:11211*2"]
deadline = "200ms"
breaker = { failures = 5, rate = 0.25 }

[regions.sessions]
backend = "null"
"#;

const YAML: &str = r#"
defaults:
  key_prefix: shop
  codec: messagepack
regions:
  users:
    expiration: 300
    async_ttl: -60
    jitter: 0.1
    grace: 3600.0
    mangler: length:200
    signing_key: { env: SHOP_KEY }
    invalidation: process
    tag_lag: 2s
    compression: { by: lz4, from: 1024 }
    tiers:
      - backend: memory
        entries: 10_000
        ttl: 30s
        eviction: lru
      - backend: memcached
        servers: 10.0.0.1:11211, 10.0.0.2:11211*2
        deadline: 0.2
        breaker:
          failures: 5
          rate: 0.25
  sessions:
    backend: "null"
"#;

const JSON: &str = r#"{
    "defaults": { "key_prefix": "shop", "codec": "messagepack" },
    "regions": {
        "users": {
            "expiration": "300s", "async_ttl": "-1m", "jitter": "10%", "grace": 3600,
            "mangler": "length:200", "signing_key": { "env": "SHOP_KEY" },
            "invalidation": "process", "tag_lag": 2.0,
            "compression": { "by": "lz4", "from": 1024 },
            "tiers": [
                { "backend": "memory", "entries": 10000, "ttl": 30, "eviction": "lru" },
                {
                    "backend": "memcached",
                    "servers": ["10.0.0.1:11211", "10.0.0.2:11211*2"],
                    "deadline": "200ms",
                    "breaker": { "failures": 5, "rate": 0.25 }
                }
            ]
        },
        "sessions": { "backend": "null" }
    }
}"#;

/// All of a plan that can be compared.
fn picture(plan: &RegionPlan) -> String {
    format!("{plan:?} {}", plan.print)
}

fn check(plan: &RegionPlan) {
    assert_eq!(plan.name, "users");
    assert!(matches!(plan.policy.expiration, Expiry::Fixed(time) if time == 300 * SECOND));
    assert_eq!(plan.policy.async_ttl, Some(AsyncTtl::Age(60 * SECOND)));
    assert_eq!(plan.policy.jitter, Some(Jitter::Fraction(0.1)));
    assert_eq!(plan.policy.grace, Some(3600 * SECOND));
    assert_eq!((plan.invalidation, plan.tag_lag), (Scope::Process, 2 * SECOND));
    let [TierPlan::Memory(memory), TierPlan::Bytes(bytes)] = plan.tiers.as_slice() else {
        panic!("{:?}", plan.tiers)
    };
    assert_eq!((memory.entries, memory.ttl), (10_000, Some(30 * SECOND)));
    assert_eq!(memory.eviction, Eviction::Lru);
    assert_eq!((bytes.backend.as_str(), bytes.ttl), ("memcached", None));
}

#[test]
fn all_formats_say_the_same() {
    let mut pictures = Vec::new();
    for (text, format) in [(TOML, Format::Toml), (YAML, Format::Yaml), (JSON, Format::Json)] {
        let plans = reader().plans_str(text, format).unwrap();
        check(&plans[0]);
        assert!(matches!(plans[1].tiers.as_slice(), [TierPlan::Null]));
        pictures.push(plans.iter().map(picture).collect::<Vec<_>>());
    }
    assert_eq!(pictures[0], pictures[1]);
    assert_eq!(pictures[0], pictures[2]);
}

#[test]
fn files_tell_their_format_by_their_name() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("a.toml", TOML), ("a.yaml", YAML), ("a.yml", YAML), ("a.json", JSON)] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        check(&reader().plans(&path).unwrap()[0]);
    }
}

#[test]
fn d22_a_flat_map_with_a_prefix_says_the_same() {
    let settings: HashMap<String, String> = [
        ("defaults.key_prefix", "shop"),
        ("defaults.codec", "messagepack"),
        ("regions.users.expiration", " 300 "),
        ("regions.users.async_ttl", "-60"),
        ("regions.users.jitter", "0.1"),
        ("regions.users.grace", "3.6e3"),
        ("regions.users.mangler", "length:200"),
        ("regions.users.signing_key.env", "SHOP_KEY"),
        ("regions.users.invalidation", "process"),
        ("regions.users.tag_lag", "+2"),
        ("regions.users.compression.by", "lz4"),
        ("regions.users.compression.from", "1024"),
        ("regions.users.wrappers", "None"),
        ("regions.users.tiers.0.backend", "memory"),
        ("regions.users.tiers.0.entries", "10_000"),
        ("regions.users.tiers.0.ttl", "30"),
        ("regions.users.tiers.0.eviction", "lru"),
        ("regions.users.tiers.1.backend", "memcached"),
        ("regions.users.tiers.1.servers", "10.0.0.1:11211, 10.0.0.2:11211*2"),
        ("regions.users.tiers.1.deadline", ".2"),
        ("regions.users.tiers.1.breaker.failures", "5"),
        ("regions.users.tiers.1.breaker.rate", "0.25"),
        ("regions.sessions.backend", "null"),
    ]
    .into_iter()
    .map(|(name, value)| (format!("my.cache.{name}"), value.to_owned()))
    .chain([("other.key".to_owned(), "17".to_owned())])
    .collect();
    let before = settings.clone();
    let plans = reader().plans_map(&settings, "my.cache.").unwrap();
    let users = plans.iter().find(|plan| plan.name == "users").unwrap();
    check(users);
    assert_eq!(picture(users), picture(&reader().plans_str(TOML, Format::Toml).unwrap()[0]));
    assert_eq!(settings, before, "d29: the caller's map stays as it is");
}

#[test]
fn d22_truth_values_and_nothing_are_read_from_text() {
    register_backend("flags", |options| {
        let (yes, no) = (options.flag("yes"), options.flag("no"));
        let (none, number) = (options.text("none"), options.number("number"));
        assert_eq!((yes, no, none, number), (Some(true), Some(false), None, Some(-0.5)));
        let (signed, text) = (options.count("signed"), options.text("text"));
        assert_eq!((signed, text.as_deref()), (Some(7), Some("true story")));
        Ok(BackendPlan::new(|| {
            Ok(cache_clients::encoded::Solo::new(cache_regions::MemoryBytes::new(
                1 << 20,
                cache_core::Clock::system(),
            )))
        }))
    })
    .unwrap();
    let map = [
        ("x.backend", "flags"),
        ("x.arguments.yes", "TRUE"),
        ("x.arguments.no", "False"),
        ("x.arguments.none", "None"),
        ("x.arguments.number", "-5e-1"),
        ("x.arguments.signed", "+7"),
        ("x.arguments.text", " true story "),
    ];
    reader().plan_map("flags", map, "x.").unwrap();
}

#[test]
fn d22_one_region_takes_the_names_of_dogpile() {
    let map = [
        ("cache.local.backend", "memory"),
        ("cache.local.expiration_time", "3600"),
        ("cache.local.arguments.entries", "100"),
        ("cache.local.wrap", "None"),
    ];
    let plan = reader().plan_map("local", map, "cache.local.").unwrap();
    assert_eq!(plan.policy.expiration.now(), Some(3600 * SECOND));
    assert!(matches!(plan.tiers.as_slice(), [TierPlan::Memory(memory)] if memory.entries == 100));
}

#[test]
fn variables_of_the_environment_lie_over_the_file() {
    let variables = [
        ("SHOP_KEY", "0f".repeat(32)),
        ("LARDER__USERS__EXPIRATION", "1h".into()),
        ("LARDER__USERS__JITTER", "None".into()),
        ("LARDER__USERS__TIERS__0__ENTRIES", "5".into()),
        ("LARDER__DEFAULTS__GRACE", "7".into()),
    ];
    let plans = reader().with_environment(variables).plans_str(TOML, Format::Toml).unwrap();
    assert_eq!(plans[0].policy.expiration.now(), Some(3600 * SECOND));
    assert_eq!(plans[0].policy.jitter, None);
    assert!(matches!(&plans[0].tiers[0], TierPlan::Memory(memory) if memory.entries == 5));
    assert_eq!(plans[0].policy.grace, Some(3600 * SECOND), "a region's own wins over the defaults");
    assert_eq!(plans[1].policy.grace, Some(7 * SECOND));
}

#[test]
fn the_print_is_of_what_the_tiers_are_made_from() {
    let print = |text: &str| reader().plans_str(text, Format::Toml).unwrap()[0].print;
    let first = print(TOML);
    assert_eq!(first, print(TOML), "read twice");
    for (from, to) in [
        ("expiration = \"5m\"", "expiration = \"6m\""),
        ("jitter = \"10%\"", "jitter = \"20%\""),
        ("entries = 10_000", "entries = 20_000"),
    ] {
        assert_eq!(first, print(&TOML.replace(from, to)), "rules change in place: {to}");
    }
    for (from, to) in [
        ("key_prefix = \"shop\"", "key_prefix = \"chop\""),
        ("length:200", "length:100"),
        ("10.0.0.2:11211*2", "10.0.0.2:11211*3"),
        ("deadline = \"200ms\"", "deadline = \"201ms\""),
        ("failures = 5", "failures = 6"),
        ("ttl = \"30s\"", "ttl = \"31s\""),
        ("eviction = \"lru\"", "eviction = \"s3-fifo\""),
        ("grace = \"1h\"", "grace = \"2h\""),
        ("tag_lag = 2", "tag_lag = 3"),
    ] {
        assert_ne!(first, print(&TOML.replace(from, to)), "{to}");
    }
    let other_key = reader().with_environment([("SHOP_KEY", "1f".repeat(32))]);
    assert_ne!(first, other_key.plans_str(TOML, Format::Toml).unwrap()[0].print, "another key");
}

#[test]
fn regions_of_equal_servers_have_one_between_them_and_memory_of_their_own() {
    use cache_clients::server::{Server, WeakServer};
    use std::sync::atomic::{AtomicUsize, Ordering};
    static MADE: AtomicUsize = AtomicUsize::new(0);
    register_backend("counted", |options| {
        options.count("port");
        Ok(BackendPlan::new(|| {
            MADE.fetch_add(1, Ordering::Relaxed);
            let store = cache_regions::MemoryBytes::new(1 << 20, cache_core::Clock::system());
            Ok(cache_clients::encoded::Solo::new(store).with_name("counted"))
        }))
    })
    .unwrap();
    let text = "
        [regions.a]
        backend = 'counted'
        arguments = { port = 1, ttl = '5s' }
        [regions.b]
        backend = 'counted'
        arguments = { port = 1 }
        [regions.c]
        backend = 'counted'
        arguments = { port = 2 }
    ";
    let plans = reader().plans_str(text, Format::Toml).unwrap();
    assert_eq!(MADE.load(Ordering::Relaxed), 2, "a and b are of one");
    let again = reader().plans_str(text, Format::Toml).unwrap();
    assert_eq!(MADE.load(Ordering::Relaxed), 2, "and so are those that are read again");
    let server = |plan: &RegionPlan| match &plan.tiers[0] {
        TierPlan::Bytes(bytes) => bytes.client.server().clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(server(&plans[0]).name(), "counted");
    let weak: WeakServer = server(&plans[2]).downgrade();
    drop((plans, again));
    assert!(weak.upgrade().is_none(), "nobody keeps what nobody uses");
    let _plans = reader().plans_str(text, Format::Toml).unwrap();
    assert_eq!(MADE.load(Ordering::Relaxed), 4);
}

#[test]
fn keys_come_from_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, format!("{}\n", "0f".repeat(32))).unwrap();
    let text = TOML.replace("{ env = \"SHOP_KEY\" }", &format!("{{ file = {path:?} }}"));
    check(&reader().plans_str(&text, Format::Toml).unwrap()[0]);
}

#[test]
fn a_name_is_registered_once() {
    let plan = |_: &mut cache_regions::Settings<'_>| -> cache_core::Result<BackendPlan> {
        Err(cache_core::Error::invalid("out of order"))
    };
    let error = register_backend("memcached", plan).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is a backend `memcached` already: give yours another name"
    );
    register_backend("broken", plan).unwrap();
    assert!(register_backend("broken", plan).unwrap_err().is_invalid());
    let text = "[regions.a]\nbackend = 'broken'\n";
    let mistakes = reader().plans_str(text, Format::Toml).unwrap_err();
    assert_eq!(mistakes.to_string(), "text:2:11: out of order");
}

/// A server that never answers.
#[derive(Debug)]
struct Silent;

impl cache_clients::encoded::Backend for Silent {
    async fn get(&self, _: &str) -> cache_core::Result<Option<bytes::Bytes>> {
        std::future::pending().await
    }
    async fn put(&self, _: &str, _: bytes::Bytes, _: Option<Duration>) -> cache_core::Result<()> {
        std::future::pending().await
    }
    async fn delete(&self, _: &str) -> cache_core::Result<bool> {
        std::future::pending().await
    }
}

#[test]
fn a_backend_without_a_deadline_of_its_own_is_given_one() {
    use cache_clients::server::{Claim, Server};
    use cache_core::{ManualClock, wait};
    register_backend("silent", |_| {
        Ok(BackendPlan::new(|| Ok(cache_clients::encoded::Solo::new(Silent))))
    })
    .unwrap();
    let time = ManualClock::new();
    let text = "
        [defaults]
        deadline = '3s'
        [regions.a]
        backend = 'silent'
        [regions.b]
        backend = 'silent'
        arguments.deadline = '1s'
    ";
    let plans = reader().with_clock(time.clock()).plans_str(text, Format::Toml).unwrap();
    for (plan, deadline) in plans.iter().zip([3, 1]) {
        let TierPlan::Bytes(bytes) = &plan.tiers[0] else { panic!("{:?}", plan.tiers) };
        let server = bytes.client.server().clone();
        let began = time.elapsed();
        let caller = std::thread::spawn(move || {
            wait(server.get_many(&["k".to_owned(), "l".to_owned()], Claim::Nothing))
        });
        // The caller may not wait yet when time passes: so it passes until he has his answer.
        while !caller.is_finished() {
            time.advance(Duration::from_millis(100));
            std::thread::yield_now();
        }
        assert!(time.elapsed() - began >= deadline * SECOND);
        let answers = caller.join().unwrap();
        assert_eq!(answers.len(), 2);
        let error = answers[0].clone().unwrap_err();
        assert!(error.is_unreachable());
        assert_eq!(
            error.to_string(),
            format!("Silent is unreachable: no answer within {deadline}s")
        );
    }
}
