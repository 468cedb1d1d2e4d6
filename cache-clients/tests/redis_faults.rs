//! Redis away, slow, silent, restarted, and a stream that is cut and damaged: nothing hangs, nothing
//! panics, it comes back by itself.
#![cfg(feature = "redis")]

#[path = "common/server_suite.rs"]
mod suite;

use cache_clients::redis::{Redis, RedisOptions, ServerState};
use cache_clients::server::{Claim, Put, Server, When};
use cache_core::{Error, wait};
use larder_test_servers::{self as servers, Fault, Proxy};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use suite::{put, text, until, won};

const LONG: Duration = Duration::from_secs(60);
const DEADLINE: Duration = Duration::from_millis(600);
/// What a busy machine may add to a deadline.
const SLACK: Duration = Duration::from_millis(900);

fn options(address: &str) -> RedisOptions {
    RedisOptions::new(format!("redis://{address}"))
        .with_connect_timeout(Duration::from_millis(400))
        .with_response_timeout(Duration::from_millis(300))
        .with_deadline(DEADLINE)
        .with_reconnect(Duration::from_millis(100))
}

fn open(address: &str) -> Redis {
    Redis::new(options(address)).unwrap()
}

fn read(redis: &Redis) -> Result<(), Error> {
    wait(redis.get_many(&["k".into()], Claim::Nothing)).remove(0).map(|_| ())
}

fn store(redis: &Redis) -> Result<bool, Error> {
    let put = Put { key: "k".into(), bytes: "v".into(), keep: None, when: When::Always };
    wait(redis.put_many(vec![put])).remove(0)
}

/// All calls fail, each before the deadline.
#[track_caller]
fn all_fail_in_time(redis: &Redis) {
    let keys = ["a".to_owned(), "b".to_owned()];
    let timed = |what: &str, call: &dyn Fn() -> Vec<Error>| {
        let start = Instant::now();
        let errors = call();
        let took = start.elapsed();
        assert!(took < DEADLINE + SLACK, "{what} took {took:?}");
        for error in errors {
            assert!(error.is_unreachable(), "{what}: {error}");
            let text = error.to_string();
            assert!(text.starts_with(&format!("{} is unreachable: ", redis.name())), "{text}");
        }
    };
    for claim in [Claim::Nothing, Claim::Missing(LONG), Claim::Refresh(LONG), Claim::Replace(LONG)]
    {
        timed("get_many", &|| {
            let answers = wait(redis.get_many(&keys, claim));
            assert_eq!(answers.len(), 2);
            answers.into_iter().map(Result::unwrap_err).collect()
        });
    }
    for when in [When::Always, When::Absent, When::Token(7)] {
        timed("put_many", &|| {
            let put = |key: &String| Put { key: key.clone(), bytes: "v".into(), keep: None, when };
            let stored = wait(redis.put_many(keys.iter().map(put).collect()));
            assert_eq!(stored.len(), 2);
            stored.into_iter().map(Result::unwrap_err).collect()
        });
    }
    timed("delete_many", &|| {
        wait(redis.delete_many(&keys)).into_iter().map(Result::unwrap_err).collect()
    });
    timed("expire", &|| vec![wait(redis.expire("a", LONG)).unwrap_err()]);
    timed("release", &|| vec![wait(redis.release("a", 7)).unwrap_err()]);
}

#[test]
fn where_nobody_listens_every_call_fails_in_time_and_at_once_from_the_second() {
    let server = servers::Redis::start();
    server.stop();
    let redis = open(&server.address());
    all_fail_in_time(&redis);
    let start = Instant::now();
    for _ in 0..1000 {
        read(&redis).unwrap_err();
    }
    assert!(start.elapsed() < Duration::from_secs(2), "{:?} for 1000 calls", start.elapsed());
    assert!(read(&redis).unwrap_err().to_string().to_lowercase().contains("refused"));
}

#[test]
fn a_server_that_was_away_is_used_again_without_being_told() {
    let server = servers::Redis::start();
    let redis = open(&server.address());
    for _ in 0..3 {
        until("it answers", || store(&redis).is_ok());
        server.stop();
        all_fail_in_time(&redis);
        server.start_again();
    }
    until("it answers", || store(&redis).is_ok());
}

#[test]
fn a_frozen_server_makes_calls_fail_in_time_then_at_once_and_thaws() {
    let server = servers::Redis::start();
    let redis = open(&server.address());
    store(&redis).unwrap();
    server.freeze();
    all_fail_in_time(&redis);
    // By now the connection is given up, and attempts to make another fail.
    until("calls fail at once", || {
        let start = Instant::now();
        read(&redis).unwrap_err();
        start.elapsed() < Duration::from_millis(50)
    });
    server.thaw();
    until("it answers", || store(&redis).is_ok());
}

#[test]
fn a_connection_that_is_cut_while_nobody_uses_it_costs_no_call() {
    let server = servers::Redis::start();
    let proxy = Proxy::before(&server.address());
    // Times that a busy machine keeps: this is not about them.
    let patient = options(&proxy.address())
        .with_response_timeout(Duration::from_secs(10))
        .with_connect_timeout(Duration::from_secs(10))
        .with_deadline(Duration::from_secs(20));
    let redis = Redis::new(patient).unwrap();
    for _ in 0..20 {
        assert!(store(&redis).unwrap());
        proxy.cut();
        read(&redis).unwrap();
        proxy.cut();
    }
}

#[test]
fn x15_a_slow_server_fails_only_what_is_late() {
    let server = servers::Redis::start();
    let proxy = Proxy::before(&server.address());
    let redis = open(&proxy.address());
    store(&redis).unwrap();
    proxy.set(Fault::Delay(Duration::from_millis(60)));
    for _ in 0..5 {
        read(&redis).unwrap();
    }
    proxy.set(Fault::Delay(Duration::from_secs(3)));
    all_fail_in_time(&redis);
    proxy.set(Fault::None);
    until("it answers", || read(&redis).is_ok());
}

#[test]
fn a_silent_connection_is_replaced() {
    let server = servers::Redis::start();
    let proxy = Proxy::before(&server.address());
    let redis = open(&proxy.address());
    store(&redis).unwrap();
    proxy.set(Fault::Hang);
    all_fail_in_time(&redis);
    proxy.set(Fault::None);
    until("it answers", || read(&redis).is_ok());
}

#[test]
fn answers_that_end_anywhere_are_errors_in_time() {
    let server = servers::Redis::start();
    let proxy = Proxy::before(&server.address());
    let redis = open(&proxy.address());
    put(&redis, "k", &"v".repeat(300), When::Always);
    for bytes in (0..120).step_by(7) {
        for fault in [Fault::CloseAfter(bytes), Fault::Truncate(bytes)] {
            proxy.set(fault);
            proxy.cut();
            for _ in 0..2 {
                let start = Instant::now();
                if let Err(error) = read(&redis) {
                    assert!(error.is_unreachable(), "{fault:?}: {error}");
                }
                let took = start.elapsed();
                assert!(took < DEADLINE + SLACK, "{fault:?}: {took:?}");
            }
            proxy.set(Fault::None);
            proxy.cut();
            until("it answers", || read(&redis).is_ok());
            assert_eq!(text(&redis, "k"), Some("v".repeat(300)), "{fault:?}");
        }
    }
}

#[test]
fn damaged_answers_never_panic_or_hang_and_the_connection_recovers() {
    let server = servers::Redis::start();
    let proxy = Proxy::before(&server.address());
    let redis = open(&proxy.address());
    let keys: Vec<String> = (0..8).map(|n| format!("k{n}")).collect();
    for every in [1, 2, 3, 5, 7, 11, 13, 29, 53, 97] {
        proxy.set(Fault::Corrupt { every });
        for round in 0..6 {
            let start = Instant::now();
            match round % 3 {
                0 => drop(wait(redis.get_many(&keys, Claim::Nothing))),
                1 => drop(wait(redis.get_many(&keys, Claim::Missing(LONG)))),
                _ => drop(wait(redis.delete_many(&keys))),
            }
            let took = start.elapsed();
            assert!(took < DEADLINE + SLACK, "every {every}: {took:?}");
        }
        proxy.set(Fault::None);
        until("it answers", || store(&redis).is_ok());
        until("it answers what was asked", || {
            let mine = format!("value {every}");
            let stored = Put {
                key: "mine".into(),
                bytes: mine.clone().into(),
                keep: None,
                when: When::Always,
            };
            wait(redis.put_many(vec![stored])).remove(0).is_ok()
                && wait(redis.get_many(&["mine".into()], Claim::Nothing))
                    .remove(0)
                    .is_ok_and(|answer| answer.stored.is_some_and(|found| found.bytes == mine))
        });
    }
}

#[test]
fn a_lease_whose_answer_was_lost_is_won_when_the_call_is_repeated() {
    let server = servers::Redis::start();
    let proxy = Proxy::before(&server.address());
    let redis = open(&proxy.address());
    // Loads the scripts.
    suite::delete(&redis, "k");
    won(&suite::get(&redis, "warm", Claim::Missing(LONG)));
    let mut bare = ::redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    for round in 0..20 {
        // The server does it, and its answer does not arrive; then a new connection works.
        proxy.set(Fault::CloseAfter(0));
        let key = format!("k{round}");
        let claiming = std::thread::spawn({
            let (redis, key) = (redis.clone(), key.clone());
            move || wait(redis.get_many(&[key], Claim::Missing(LONG))).remove(0)
        });
        until("the server has given the lease", || {
            ::redis::cmd("EXISTS").arg(&key).query(&mut bare).unwrap()
        });
        proxy.set(Fault::None);
        // The second connection may have been cut as well: then it is an error, as it must be.
        if let Ok(answer) = claiming.join().unwrap() {
            let lease = won(&answer);
            assert!(put(&redis, &key, "v", When::Token(lease)));
        }
        until("it answers", || read(&redis).is_ok());
    }
}

#[test]
fn x3_futures_that_are_dropped_half_way_harm_nobody() {
    struct Ignore;
    impl Wake for Ignore {
        fn wake(self: Arc<Self>) {}
    }
    let server = servers::Redis::start();
    let redis = Redis::new(options(&server.address()).with_in_flight(4)).unwrap();
    let waker = Waker::from(Arc::new(Ignore));
    let mut context = Context::from_waker(&waker);
    store(&redis).unwrap();
    for round in 0..500 {
        let keys = [format!("k{round}")];
        let mut call = pin!(redis.get_many(&keys, Claim::Missing(LONG)));
        if let Poll::Ready(answers) = call.as_mut().poll(&mut context) {
            drop(answers);
        }
    }
    // Permits came back, and answers go to those who asked.
    for round in 0..50 {
        let value = format!("value {round}");
        until("it has its turn", || {
            let key = "k".to_owned();
            let bytes = value.clone().into();
            let stored = Put { key, bytes, keep: None, when: When::Always };
            wait(redis.put_many(vec![stored])).remove(0).is_ok()
        });
        assert_eq!(text(&redis, "k"), Some(value));
    }
}

#[test]
fn calls_beyond_the_limit_wait_for_their_turn_and_not_beyond_the_deadline() {
    let server = servers::Redis::start();
    let redis = Redis::new(options(&server.address()).with_in_flight(1)).unwrap();
    store(&redis).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| (0..20).for_each(|_| read(&redis).unwrap()));
        }
    });
    server.freeze();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let start = Instant::now();
                read(&redis).unwrap_err();
                assert!(start.elapsed() < DEADLINE + SLACK, "{:?}", start.elapsed());
            });
        }
    });
    server.thaw();
    until("it answers", || read(&redis).is_ok());
}

#[test]
fn x6_calls_end_in_any_thread_with_and_without_a_runtime() {
    let server = servers::Redis::start();
    let redis = open(&server.address());
    store(&redis).unwrap();
    let single = tokio::runtime::Builder::new_current_thread().build().unwrap();
    single
        .block_on(async { redis.get_many(&["k".into()], Claim::Nothing).await.remove(0) })
        .unwrap();
    // Also by blocking in a thread of a runtime without timers, where nothing else can run.
    single.block_on(async { read(&redis) }).unwrap();
    std::thread::spawn(move || read(&redis)).join().unwrap().unwrap();
}

#[test]
fn a_redis_that_nobody_has_any_more_stops_dialing() {
    let server = servers::Redis::start();
    let proxy = Proxy::before(&server.address());
    let redis = open(&proxy.address());
    store(&redis).unwrap();
    let mut bare = ::redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let mut clients = || -> usize {
        let list: String = ::redis::cmd("CLIENT").arg("LIST").query(&mut bare).unwrap();
        list.lines().count()
    };
    assert_eq!(clients(), 2);
    drop(redis);
    until("the connection is closed", || clients() == 1);
}

#[test]
fn the_figures_tell_what_has_happened_with_the_server() {
    let server = servers::Redis::start();
    let proxy = Proxy::before(&server.address());
    let redis = open(&proxy.address());
    let stats = || redis.stats().remove(0);
    let idle = stats();
    assert_eq!((idle.name, idle.state), (proxy.address(), ServerState::Idle));
    assert_eq!((idle.address, idle.last_error), (None, None));
    store(&redis).unwrap();
    read(&redis).unwrap();
    let connected = stats();
    assert_eq!(connected.state, ServerState::Connected);
    assert_eq!((connected.requests, connected.failures, connected.connects), (2, 0, 1));
    assert_eq!(connected.address, Some(proxy.address()));

    proxy.set(Fault::Refuse);
    proxy.cut();
    until("a call fails", || read(&redis).is_err());
    // The server's own event: the attempts go on in the background.
    until("it is away", || stats().state == ServerState::Away);
    // The call that was cut may have failed otherwise.
    until("an attempt is refused", || {
        stats().last_error.is_some_and(|why| why.contains("refused"))
    });
    let away = stats();
    assert!(away.failures >= 1 && away.connects == 1, "{away:?}");
    let requests = away.requests;
    read(&redis).unwrap_err();
    assert_eq!((stats().requests, stats().failures), (requests, away.failures + 1));

    proxy.set(Fault::None);
    until("it is back", || read(&redis).is_ok());
    let back = stats();
    assert_eq!((back.state, back.connects), (ServerState::Connected, 2));
    assert!(back.last_error.is_some(), "what was stays to be read");
}
