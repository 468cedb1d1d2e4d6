//! The server contract against real memcached servers: one, five, by TCP and by a Unix socket.

#![cfg(feature = "memcached")]

#[path = "common/server_suite.rs"]
mod server_suite;

use cache_clients::memcached::{Memcached, MemcachedOptions, ring::Placement};
use cache_clients::server::{Claim, Put, Server, When};
use cache_core::wait;
use larder_test_servers::Memcached as Process;
use server_suite::{delete, fresh_key, get, put, text, until};
use std::time::Duration;

/// Time enough for a busy machine.
fn patient() -> MemcachedOptions {
    MemcachedOptions::default()
        .with_connect_timeout(Duration::from_secs(10))
        .with_answer_timeout(Duration::from_secs(20))
        .with_deadline(Duration::from_secs(30))
}

#[test]
fn one_server_keeps_every_sentence() {
    let process = Process::start();
    server_suite::run(&Memcached::with(process.address(), patient()).unwrap());
}

#[test]
fn five_servers_keep_every_sentence() {
    let processes: Vec<Process> = (0..5).map(|_| Process::start()).collect();
    let addresses: Vec<String> = processes.iter().map(Process::address).collect();
    let options = patient().with_placement(Placement::Ketama);
    let memcached = Memcached::with(&addresses[..], options).unwrap();
    server_suite::run(&memcached);
    for server in memcached.stats() {
        assert!(server.requests > 0, "{server:?}");
        assert_eq!(server.failures, 0, "{server:?}");
    }
}

#[test]
fn a_unix_socket_keeps_every_sentence() {
    let process = Process::start_unix();
    let memcached =
        Memcached::with(format!("unix:{}", process.path().display()), patient()).unwrap();
    server_suite::run(&memcached);
}

#[test]
fn c71_odd_and_long_keys_are_refused_with_an_error_and_others_are_not_affected() {
    let process = Process::start();
    let memcached = Memcached::with(process.address(), patient()).unwrap();
    let good = fresh_key("good");
    let long = "k".repeat(251);
    let keys: Vec<String> =
        ["", "a b", "a\r\nflush_all", "\u{e4}", &long, &good].map(str::to_owned).to_vec();
    put(&memcached, &good, "v", When::Always);
    let answers = wait(memcached.get_many(&keys, Claim::Nothing));
    for answer in &answers[..5] {
        assert!(answer.as_ref().unwrap_err().is_invalid(), "{answer:?}");
    }
    assert!(answers[5].as_ref().unwrap().stored.is_some());
    let stored = wait(memcached.put_many(vec![Put {
        key: "a b".into(),
        bytes: "v".into(),
        keep: None,
        when: When::Always,
    }]));
    assert!(stored[0].as_ref().unwrap_err().is_invalid());
    assert!(wait(memcached.delete_many(&keys))[0].as_ref().unwrap_err().is_invalid());
    assert!(wait(memcached.expire("a b", Duration::from_secs(1))).unwrap_err().is_invalid());
    assert!(wait(memcached.release("a b", 1)).unwrap_err().is_invalid());
}

#[test]
fn c76_an_empty_list_of_servers_is_unreachable() {
    for memcached in [Memcached::new("").unwrap(), Memcached::new(Vec::<String>::new()).unwrap()] {
        let key = "k".to_owned();
        let error = wait(memcached.get_many(std::slice::from_ref(&key), Claim::Nothing))
            .remove(0)
            .unwrap_err();
        assert!(error.is_unreachable());
        assert_eq!(error.to_string(), "memcached is unreachable: the list of servers is empty");
        let put = Put { key: key.clone(), bytes: "v".into(), keep: None, when: When::Always };
        assert!(wait(memcached.put_many(vec![put])).remove(0).unwrap_err().is_unreachable());
        assert!(wait(memcached.delete_many(&[key])).remove(0).unwrap_err().is_unreachable());
        assert!(wait(memcached.expire("k", Duration::from_secs(1))).unwrap_err().is_unreachable());
        assert!(wait(memcached.release("k", 1)).unwrap_err().is_unreachable());
    }
}

#[test]
fn a_value_above_the_servers_limit_is_refused_and_the_limit_is_learned() {
    let process = Process::start_with(&["-I", "512k"]);
    let memcached = Memcached::with(process.address(), patient()).unwrap();
    let key = fresh_key("limit");
    put(&memcached, &key, "v", When::Always);
    assert_eq!(memcached.limits().max_value, (512 << 10) - 1024);
    let bytes = vec![0; 512 << 10].into();
    let put = Put { key, bytes, keep: None, when: When::Always };
    let error = wait(memcached.put_many(vec![put])).remove(0).unwrap_err();
    assert!(
        error.is_invalid() && error.to_string().ends_with("these servers take 523264"),
        "{error}"
    );
}

#[test]
fn a_lease_of_a_run_of_the_server_is_worthless_in_the_next() {
    let process = Process::start();
    let memcached = Memcached::with(process.address(), patient()).unwrap();
    let key = fresh_key("run");
    let lease = server_suite::won(&get(&memcached, &key, Claim::Missing(Duration::from_secs(60))));
    process.stop();
    process.start_again();
    // The new run counts from one again: the same key gets the same number.
    until("the server is back", || {
        wait(
            memcached.get_many(std::slice::from_ref(&key), Claim::Missing(Duration::from_secs(60))),
        )[0]
        .is_ok()
    });
    assert!(!put(&memcached, &key, "late", When::Token(lease)));
    assert_eq!(text(&memcached, &key), None);
}

#[test]
fn debug_shows_addresses_and_no_passwords() {
    let options = MemcachedOptions::default().with_login("app", "secret");
    assert!(!format!("{options:?}").contains("secret"));
    let memcached = Memcached::with("10.0.0.7, 10.0.0.8*2", options).unwrap();
    let shown = format!("{memcached:?}");
    assert_eq!(shown, r#"Memcached(["10.0.0.7:11211", "10.0.0.8:11211"])"#);
    assert_eq!(memcached.name(), "memcached 10.0.0.7:11211, 10.0.0.8:11211");
}

#[test]
fn a_wrong_address_is_named_with_what_is_right() {
    for (servers, error) in [
        ("a:0", "port `0` of `a:0` is no number from 1 to 65535"),
        ("a,,b", "right is host:port"),
        ("a*0", "weight `0` of `a*0` is no number from 1 to 65535"),
        ("::1", "an ipv6 address stands in brackets: [::1]:11211"),
    ] {
        let given = Memcached::new(servers).unwrap_err();
        assert!(given.is_invalid());
        assert!(given.to_string().contains(error), "{given}");
    }
}

#[test]
fn large_values_and_small_ones_change_places() {
    let process = Process::start();
    let memcached = Memcached::with(process.address(), patient()).unwrap();
    let key = fresh_key("size");
    for size in [10, 500_000, 10, 70_000, 0, 65_536, 65_537] {
        let bytes = "x".repeat(size);
        assert!(put(&memcached, &key, &bytes, When::Always));
        assert_eq!(text(&memcached, &key).as_deref(), Some(bytes.as_str()));
        assert_eq!(text(&memcached, &key).as_deref(), Some(bytes.as_str()));
    }
    assert!(delete(&memcached, &key));
    assert_eq!(memcached.stats()[0].connects, 2);
}
