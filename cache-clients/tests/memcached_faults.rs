//! memcached when things go wrong: cut, hanging, truncated, corrupted, slow, full, old, away.

#![cfg(feature = "memcached")]

#[path = "common/server_suite.rs"]
mod server_suite;

use cache_clients::memcached::{BreakerOptions, Memcached, MemcachedOptions};
use cache_clients::server::{Answer, Claim, Server, When};
use cache_core::{Result, wait};
use larder_test_servers::{Fault, Memcached as Process, Proxy};
use server_suite::{put, text, until};
use std::future::Future;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

const MILLIS: Duration = Duration::from_millis(1);

/// Impatient, and never given up.
fn impatient() -> MemcachedOptions {
    MemcachedOptions::default()
        .with_connect_timeout(200 * MILLIS)
        .with_answer_timeout(200 * MILLIS)
        .with_deadline(500 * MILLIS)
        .with_breaker(BreakerOptions::default().with_failures(u32::MAX).with_rate(
            1.0,
            u32::MAX,
            MILLIS,
        ))
}

fn try_get(memcached: &Memcached, key: &str) -> Result<Answer> {
    wait(memcached.get_many(&[key.to_owned()], Claim::Nothing)).remove(0)
}

fn try_delete(memcached: &Memcached, key: &str) -> Result<bool> {
    wait(memcached.delete_many(&[key.to_owned()])).remove(0)
}

/// Fails within the deadline, or soon after; says how.
#[track_caller]
fn fails(memcached: &Memcached) -> String {
    let start = Instant::now();
    let error = try_get(memcached, "k").unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5), "{error} after {:?}", start.elapsed());
    error.to_string()
}

/// A server that says one thing to everything.
fn says(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let mut stream = stream;
            while let Some(Ok(_)) = lines.next() {
                if stream.write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    address
}

#[test]
fn a_server_older_than_the_meta_commands_gets_one_clear_error() {
    let address = says("VERSION 1.5.22\r\n");
    let memcached = Memcached::new(&address).unwrap();
    let error = fails(&memcached);
    let expected = format!(
        "memcached {address} is unreachable: memcached 1.5.22 has no meta commands: larder needs \
         memcached 1.6.10 or newer"
    );
    assert!(error.starts_with(&expected), "{error}");
}

#[test]
fn what_is_no_memcached_is_named_as_that() {
    let memcached = Memcached::new(says("HTTP/1.1 400 Bad Request\r\n")).unwrap();
    let error = fails(&memcached);
    assert!(
        error.contains("not the answer of a memcached: an unknown line: `HTTP/1.1 400"),
        "{error}"
    );
}

#[test]
fn nobody_there_is_an_error_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let memcached = Memcached::with(&address, impatient()).unwrap();
    assert!(fails(&memcached).contains("refused"));
    let again = fails(&memcached);
    assert!(again.contains("refused"), "{again}");
}

#[test]
fn a_login_is_needed_and_a_wrong_one_is_refused() {
    let file = std::env::temp_dir().join(format!("larder-login-{}", std::process::id()));
    std::fs::write(&file, "app:secret\n").unwrap();
    let process = Process::start_with(&["-Y", file.to_str().unwrap()]);
    let right = impatient().with_login("app", "secret");
    let memcached = Memcached::with(process.address(), right).unwrap();
    assert!(put(&memcached, "k", "v", When::Always));
    assert_eq!(text(&memcached, "k").as_deref(), Some("v"));
    let wrong = Memcached::with(process.address(), impatient().with_login("app", "guess")).unwrap();
    let error = fails(&wrong);
    assert!(
        error.contains("the login of `app` was refused") && !error.contains("guess"),
        "{error}"
    );
    let none = Memcached::with(process.address(), impatient()).unwrap();
    let error = fails(&none);
    assert!(error.contains("the server wants a login"), "{error}");
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_cut_connection_fails_what_waits_and_the_next_call_connects_again() {
    let process = Process::start();
    let proxy = Proxy::before(&process.address());
    let memcached = Memcached::with(proxy.address(), impatient()).unwrap();
    for round in 0..20 {
        put(&memcached, "k", &round.to_string(), When::Always);
        proxy.cut();
        until("the next call connects", || try_get(&memcached, "k").is_ok());
        assert_eq!(text(&memcached, "k").unwrap(), round.to_string());
    }
    assert!(memcached.stats()[0].connects >= 20);
}

#[test]
fn hanging_truncated_and_corrupted_streams_end_at_the_deadline_and_heal() {
    let process = Process::start();
    let proxy = Proxy::before(&process.address());
    let memcached = Memcached::with(proxy.address(), impatient()).unwrap();
    let value = "v".repeat(3000);
    put(&memcached, "k", &value, When::Always);
    let faults = [
        Fault::Hang,
        Fault::Truncate(0),
        Fault::Truncate(5),
        Fault::Truncate(1000),
        Fault::CloseAfter(0),
        Fault::CloseAfter(1000),
        Fault::Corrupt { every: 1 },
    ];
    for fault in faults {
        assert_eq!(text(&memcached, "k").as_ref(), Some(&value));
        proxy.set(fault);
        fails(&memcached);
        proxy.set(Fault::None);
        until("it heals", || try_get(&memcached, "k").is_ok());
    }
    // Single wrong bytes may be in a value, which the layer above sees by its checksum; or they break
    // the stream, which is an error.
    for every in [7, 100, 1000] {
        proxy.set(Fault::Corrupt { every });
        for _ in 0..20 {
            let _ = try_get(&memcached, "k");
            let _ = try_delete(&memcached, "other");
        }
        proxy.set(Fault::None);
        proxy.cut();
        until("it heals", || {
            try_get(&memcached, "k").is_ok_and(|a| a.stored.is_none_or(|s| s.bytes == value))
        });
        put(&memcached, "k", &value, When::Always);
    }
}

#[test]
fn slow_answers_are_right_answers() {
    let process = Process::start();
    let proxy = Proxy::before(&process.address());
    let memcached = Memcached::with(proxy.address(), impatient()).unwrap();
    put(&memcached, "k", "v", When::Always);
    proxy.set(Fault::Delay(30 * MILLIS));
    assert_eq!(text(&memcached, "k").as_deref(), Some("v"));
}

#[test]
fn a_frozen_server_fails_within_the_deadline_and_comes_back() {
    let process = Process::start();
    let memcached = Memcached::with(process.address(), impatient()).unwrap();
    put(&memcached, "k", "v", When::Always);
    process.freeze();
    let error = fails(&memcached);
    assert!(error.contains("no answer within 200ms"), "{error}");
    let error = fails(&memcached);
    assert!(error.contains("within 200ms"), "{error}");
    process.thaw();
    until("it is back", || try_get(&memcached, "k").is_ok());
    assert_eq!(text(&memcached, "k").as_deref(), Some("v"));
}

/// Polls a future once and drops it.
fn cancel(future: impl Future) {
    let mut future = pin!(future);
    let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
}

fn cancelled_requests_give_no_wrong_answer(memcached: &Memcached, requests: usize) {
    let keys: Vec<String> = (0..100).map(|n| format!("cancel-{n}")).collect();
    for key in &keys {
        put(memcached, key, key, When::Always);
    }
    for n in 0..requests {
        let key = &keys[n % keys.len()..=n % keys.len()];
        match n % 3 {
            0 => cancel(memcached.get_many(key, Claim::Refresh(MILLIS))),
            1 => cancel(memcached.get_many(key, Claim::Nothing)),
            _ => cancel(memcached.get_many(&keys[..7], Claim::Missing(MILLIS))),
        }
        if n % 50 == 0 {
            let key = &keys[(n * 7 + n / 50) % keys.len()];
            assert_eq!(text(memcached, key).as_ref(), Some(key));
        }
    }
    let all = wait(memcached.get_many(&keys, Claim::Nothing));
    for (key, answer) in keys.iter().zip(all) {
        assert_eq!(answer.unwrap().stored.unwrap().bytes, key.as_bytes());
    }
    assert_eq!(memcached.stats()[0].connects, 1, "no connection was given up");
}

#[test]
fn five_thousand_cancelled_requests_give_no_wrong_answer() {
    let process = Process::start();
    let memcached = Memcached::new(process.address()).unwrap();
    cancelled_requests_give_no_wrong_answer(&memcached, 5000);
    let proxy = Proxy::before(&process.address());
    let memcached = Memcached::new(proxy.address()).unwrap();
    put(&memcached, "k", "v", When::Always);
    // Slow enough that nothing is answered before it is dropped.
    proxy.set(Fault::Delay(2 * MILLIS));
    cancelled_requests_give_no_wrong_answer(&memcached, 5000);
}

#[test]
fn a_full_queue_refuses_at_once() {
    let process = Process::start();
    let options = impatient().with_queue(10).with_answer_timeout(Duration::from_secs(20));
    let options = options.with_deadline(Duration::from_secs(20));
    let memcached = Memcached::with(process.address(), options).unwrap();
    put(&memcached, "k", "v", When::Always);
    process.freeze();
    for _ in 0..10 {
        cancel(memcached.get_many(&["k".to_owned()], Claim::Nothing));
    }
    let start = Instant::now();
    let error = fails(&memcached);
    assert!(error.ends_with("queue is full"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(3));
    process.thaw();
    until("there is room again", || try_get(&memcached, "k").is_ok());
}

#[test]
fn a_change_that_was_not_answered_is_made_before_the_server_is_trusted_again() {
    let process = Process::start();
    let direct = Memcached::new(process.address()).unwrap();
    let proxy = Proxy::before(&process.address());
    let memcached = Memcached::with(proxy.address(), impatient()).unwrap();
    for fault in [Fault::Hang, Fault::CloseAfter(0), Fault::Refuse] {
        put(&memcached, "k", "old", When::Always);
        put(&memcached, "other", "v", When::Always);
        proxy.set(fault);
        proxy.cut();
        until("it is away", || try_get(&memcached, "other").is_err());
        try_delete(&memcached, "k").unwrap_err();
        put(&direct, "k", "old", When::Always);
        proxy.set(Fault::None);
        let mut seen = None;
        until("it is back", || match try_get(&memcached, "k") {
            Ok(answer) => {
                seen = Some(answer.stored);
                true
            }
            Err(_) => false,
        });
        assert_eq!(seen, Some(None), "{fault:?}: the first answer is right already");
        assert_eq!(text(&memcached, "other").as_deref(), Some("v"));
    }
}

/// Everybody gets his own value.
async fn ask_much(memcached: Memcached, task: usize, rounds: usize) {
    let key = format!("task-{task}");
    let put = cache_clients::server::Put {
        key: key.clone(),
        bytes: key.clone().into(),
        keep: None,
        when: When::Always,
    };
    assert!(memcached.put_many(vec![put]).await.remove(0).unwrap());
    for _ in 0..rounds {
        let answer = memcached.get_many(std::slice::from_ref(&key), Claim::Nothing).await.remove(0);
        assert_eq!(answer.unwrap().stored.unwrap().bytes, key.as_bytes());
    }
}

#[test]
fn tasks_of_any_runtime_and_threads_without_one_share_a_connection() {
    let process = Process::start();
    let memcached = Memcached::new(process.address()).unwrap();
    let current = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let several = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for task in 0..4 {
            let memcached = memcached.clone();
            threads.push(scope.spawn(move || wait(ask_much(memcached, task, 300))));
        }
        let spawn = |runtime: &tokio::runtime::Runtime, from: usize| {
            let tasks: Vec<_> = (from..from + 64)
                .map(|task| runtime.spawn(ask_much(memcached.clone(), task, 100)))
                .collect();
            tasks
        };
        let many = spawn(&several, 100);
        let few = spawn(&current, 200);
        current.block_on(async {
            for task in few.into_iter().chain(many) {
                task.await.unwrap();
            }
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    assert_eq!(memcached.stats()[0].connects, 1);
}

#[test]
fn a_task_that_is_woken_and_does_not_run_delays_the_others_by_little() {
    let process = Process::start();
    let memcached = Memcached::new(process.address()).unwrap();
    put(&memcached, "k", "v", When::Always);
    let keys = ["k".to_owned()];
    // Several calls of one thread: the first is woken for all, but this one sleeps on.
    let mut calls: Vec<_> =
        (0..8).map(|_| Box::pin(memcached.get_many(&keys, Claim::Nothing))).collect();
    // Answers may be there already, if this thread is slow.
    calls.retain_mut(|call| {
        call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
    });
    let start = Instant::now();
    for call in calls.into_iter().rev() {
        assert!(wait(call).remove(0).is_ok());
    }
    assert!(start.elapsed() < Duration::from_secs(5));
}
