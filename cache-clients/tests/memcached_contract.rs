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
fn the_longest_value_is_renewed_under_the_longest_key() {
    let process = Process::start();
    let memcached = Memcached::with(process.address(), patient()).unwrap();
    let mut key = fresh_key("renewed");
    key.push_str(&"k".repeat(200 - key.len()));
    // The server says what it takes.
    assert!(put(&memcached, &key, "v", When::Always));
    let longest = bytes::Bytes::from(vec![7; memcached.limits().max_value]);
    assert!(server_suite::put_for(&memcached, &key, longest.clone(), None, When::Always));
    let lease = server_suite::won(&get(&memcached, &key, Claim::Refresh(Duration::from_secs(60))));
    let token = get(&memcached, &key, Claim::Nothing).stored.unwrap().token;
    assert!(server_suite::put_for(&memcached, &key, longest.clone(), None, When::Renewed(token)));
    assert_eq!(get(&memcached, &key, Claim::Nothing).stored.unwrap().bytes, longest);
    assert!(put(&memcached, &key, "new", When::Token(lease)));
    assert_eq!(text(&memcached, &key).as_deref(), Some("new"));
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
fn many_keys_read_at_once_are_told_apart() {
    let process = Process::start();
    let memcached = Memcached::with(process.address(), patient()).unwrap();
    let [value, stale, empty, gone, leased] =
        ["value", "stale", "empty", "gone", "leased"].map(fresh_key);
    put(&memcached, &value, "v", When::Always);
    put(&memcached, &stale, "s", When::Always);
    put(&memcached, &empty, "", When::Always);
    let before = get(&memcached, &stale, Claim::Nothing).stored.unwrap().token;
    assert!(wait(memcached.expire(&stale, Duration::from_secs(60))).unwrap());
    get(&memcached, &leased, Claim::Missing(Duration::from_secs(60)));
    // A key that is asked for twice has two answers.
    let keys = [&gone, &value, &stale, &leased, &empty, &value].map(String::clone);
    let many: Vec<_> = wait(memcached.get_many(&keys, Claim::Nothing));
    let many: Vec<_> = many.into_iter().map(|answer| answer.unwrap().stored).collect();
    let shown: Vec<_> = many.iter().flatten().map(|s| (s.bytes.as_ref(), s.stale)).collect();
    let expected: [(&[u8], bool); 4] = [(b"v", false), (b"s", true), (b"", false), (b"v", false)];
    assert_eq!(shown, expected);
    assert!(many[0].is_none() && many[3].is_none());
    assert_ne!(many[2].as_ref().unwrap().token, before);
    // One at a time, they are the same.
    for (key, stored) in keys.iter().zip(many) {
        assert_eq!(get(&memcached, key, Claim::Nothing).stored, stored, "{key}");
    }
    // A new value is not stale any more.
    put(&memcached, &stale, "t", When::Always);
    let answers = wait(memcached.get_many(&[stale.clone(), gone], Claim::Nothing));
    assert!(!answers[0].as_ref().unwrap().stored.as_ref().unwrap().stale);
}

#[test]
fn tasks_that_are_not_polled_any_more_keep_nobody_from_his_answers() {
    let process = Process::start();
    let memcached = Memcached::with(process.address(), patient()).unwrap();
    put(&memcached, "k", "v", When::Always);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let asked = async |memcached: Memcached, times: usize| {
        for _ in 0..times {
            let key = ["k".to_owned()];
            let answers = memcached.get_many(&key, Claim::Nothing).await;
            assert!(answers[0].as_ref().unwrap().stored.is_some());
        }
    };
    runtime.block_on(async {
        for round in 0..200 {
            let key = ["k".to_owned()];
            let task = |_| tokio::spawn(asked(memcached.clone(), 8));
            let started: Vec<_> = (0..16).map(task).collect();
            tokio::task::yield_now().await;
            let sleeper = |_| Box::pin(memcached.get_many(&key, Claim::Nothing));
            let mut sleepers: Vec<_> = (0..48).map(sleeper).collect();
            // Polled some times among the others, and then never again: some of them lead.
            for _ in 0..=round % 4 {
                std::future::poll_fn(|context| {
                    sleepers.retain_mut(|sleeper| sleeper.as_mut().poll(context).is_pending());
                    std::task::Poll::Ready(())
                })
                .await;
                tokio::task::yield_now().await;
            }
            let began = std::time::Instant::now();
            for task in started {
                task.await.unwrap();
            }
            // Whoever sleeps on is noticed after some milliseconds.
            assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
            drop(sleepers);
        }
    });
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
