//! Manglers: every operation of a server goes through them, leases too, on memcached, Redis, files and memory.
#![cfg(all(feature = "memcached", feature = "redis", feature = "files"))]

#[path = "../../cache-clients/tests/common/server_suite.rs"]
mod server_suite;

use cache_clients::encoded::Solo;
use cache_clients::memcached::{Memcached, MemcachedOptions};
use cache_clients::redis::{Redis, RedisOptions};
use cache_clients::server::{AnyServer, Claim, Leased, Server, When};
use cache_clients::{Files, FilesOptions};
use cache_core::{Clock, wait};
use cache_regions::{
    Configuration, Format, Mangled, Mangler, MemoryBytes, TierPlan, register_mangler,
};
use larder_test_servers as servers;
use server_suite::{expire, get, put, text, won};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const PATIENT: Duration = Duration::from_secs(20);

/// What the server itself is asked for while somebody works through the mangler.
fn mangles_everything(plain: &AnyServer) {
    let mangled = Mangled::new(plain.clone(), Mangler::sha1());
    let key = server_suite::fresh_key("mangled");
    let inner = Mangler::sha1().apply(&key);
    assert_ne!(key, inner);
    assert!(put(&mangled, &key, "one", When::Always));
    assert_eq!(text(plain, &inner).as_deref(), Some("one"), "put");
    assert_eq!(text(plain, &key), None);
    assert!(put(plain, &inner, "two", When::Always));
    assert_eq!(text(&mangled, &key).as_deref(), Some("two"), "get");
    assert_eq!(wait(mangled.delete_many(std::slice::from_ref(&key)))[0].clone().ok(), Some(true));
    assert_eq!(text(plain, &inner), None, "delete");

    let lease = won(&get(&mangled, &key, Claim::Missing(MINUTE)));
    assert_eq!(get(plain, &inner, Claim::Missing(MINUTE)).leased, Leased::Taken, "lease");
    wait(mangled.release(&key, lease)).unwrap();
    let lease = won(&get(plain, &inner, Claim::Missing(MINUTE)));
    assert_eq!(get(&mangled, &key, Claim::Missing(MINUTE)).leased, Leased::Taken, "release");
    assert!(put(&mangled, &key, "three", When::Token(lease)), "a lease is one through both");
    let there = text(plain, &inner);
    expire(&mangled, &key);
    assert_eq!(there.as_deref(), Some("three"));
    let after = get(plain, &inner, Claim::Nothing).stored;
    assert!(after.is_none_or(|stored| stored.stale), "expire");
}

fn check(server: impl Server) {
    let plain = AnyServer::new(server);
    mangles_everything(&plain);
    server_suite::run(&Mangled::new(plain, Mangler::sha1()));
}

#[test]
fn d19_every_operation_on_memcached_is_mangled() {
    let memcached = servers::Memcached::start();
    let options = MemcachedOptions::default()
        .with_connect_timeout(PATIENT)
        .with_answer_timeout(PATIENT)
        .with_deadline(PATIENT);
    check(Memcached::with(memcached.address(), options).unwrap());
}

#[test]
fn d19_every_operation_on_redis_is_mangled() {
    let redis = servers::Redis::start();
    let options = RedisOptions::new(redis.url())
        .with_connect_timeout(PATIENT)
        .with_response_timeout(PATIENT)
        .with_deadline(PATIENT);
    check(Redis::new(options).unwrap());
}

#[test]
fn d19_every_operation_on_files_is_mangled() {
    let folder = tempfile::tempdir().unwrap();
    check(Files::open_with(folder.path(), FilesOptions::new().with_deadline(PATIENT)).unwrap());
}

#[test]
fn d19_every_operation_on_memory_by_bytes_is_mangled() {
    // Not the whole suite: what is only a backend keeps no stale values.
    mangles_everything(&AnyServer::new(Solo::new(MemoryBytes::new(64 << 20, Clock::system()))));
}

#[test]
fn d19_a_mangler_can_be_switched_off() {
    let text = "
        [defaults]
        mangler = 'sha1'
        [regions.a]
        backend = 'memory_bytes'
        arguments.capacity = '1MiB'
        [regions.b]
        backend = 'memory_bytes'
        arguments.capacity = '1MiB'
        mangler = 'none'
    ";
    let plans = Configuration::new().with_environment([("A", "b")]).plans_str(text, Format::Toml);
    let names: Vec<String> = plans
        .unwrap()
        .iter()
        .map(|plan| match &plan.tiers[0] {
            TierPlan::Bytes(bytes) => format!("{:?}", bytes.client.server()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(names[0].starts_with("Mangled"), "{names:?}");
    assert!(!names[1].contains("Mangled"), "{names:?}");
}

#[test]
fn d20_sha1_gives_the_vector_and_the_conditional_one_leaves_shorter_keys() {
    assert_eq!(Mangler::sha1().apply("some_key"), "53def077a4264bd3183d4eb21b1f56f883e1b572");
    let from = |length| Mangler::sha1().from_length(length);
    assert_eq!(from(9).apply("some_key"), "some_key");
    assert_eq!(from(8).apply("some_key"), "53def077a4264bd3183d4eb21b1f56f883e1b572");
    assert_eq!(from(3).apply("éé"), "éé", "characters, not bytes");
}

#[test]
fn a_mangler_that_makes_what_no_server_takes_is_an_error_that_names_it() {
    for made in ["", "a b", "ü", &"x".repeat(201)] {
        let made = made.to_owned();
        let mangler = Mangler::new("mine", move |_| made.clone());
        let store = Solo::new(MemoryBytes::new(1 << 20, Clock::system()));
        let server = Mangled::new(AnyServer::new(store), mangler);
        let keys = ["k".to_owned(), "l".to_owned()];
        let answers = wait(server.get_many(&keys, Claim::Nothing));
        assert_eq!(answers.len(), 2);
        let error = answers[0].clone().unwrap_err();
        assert!(error.is_invalid(), "{error}");
        assert!(error.to_string().starts_with("the mangler `mine` made "), "{error}");
    }
}

#[test]
fn a_mangler_is_registered_once() {
    register_mangler("twice", str::to_lowercase).unwrap();
    for taken in ["twice", "none", "sha1", "length"] {
        let error = register_mangler(taken, str::to_lowercase).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("there is a mangler `{taken}` already: give yours another name")
        );
    }
    assert!(register_mangler("a:b", str::to_lowercase).unwrap_err().is_invalid());
}
