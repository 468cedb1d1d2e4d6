//! Lanes: connections for plain reads, one for each thread whose tasks ask.

#![cfg(feature = "memcached")]

#[path = "common/server_suite.rs"]
mod server_suite;

use cache_clients::memcached::{BreakerOptions, Memcached, MemcachedOptions, ServerState};
use cache_clients::server::{Answer, Claim, Put, Server, When};
use cache_core::{Result, wait};
use larder_test_servers::{Fault, Memcached as Process, Proxy};
use server_suite::{put, until};
use std::sync::Barrier;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

const MILLIS: Duration = Duration::from_millis(1);

/// In the thread that calls.
fn here() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn of_two_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// With so many lanes; patient, as the machine may be busy.
fn with_lanes(address: &str, lanes: usize) -> Memcached {
    let options = MemcachedOptions::default().with_answer_timeout(10_000 * MILLIS);
    let options = options.with_deadline(10_000 * MILLIS).with_connect_timeout(10_000 * MILLIS);
    Memcached::with(address, options.with_lanes(lanes)).unwrap()
}

async fn read(memcached: &Memcached, key: &str) -> Result<Answer> {
    memcached.get_many(&[key.to_owned()], Claim::Nothing).await.remove(0)
}

async fn text(memcached: &Memcached, key: &str) -> Option<String> {
    let stored = read(memcached, key).await.unwrap().stored?;
    Some(String::from_utf8(stored.bytes.to_vec()).unwrap())
}

fn connects(memcached: &Memcached) -> u64 {
    memcached.stats()[0].connects
}

/// Reads in this runtime until there are so many connections.
fn until_connected(runtime: &Runtime, memcached: &Memcached, count: u64) {
    until("the lane is there", || {
        runtime.block_on(async { read(memcached, "k").await.unwrap() });
        connects(memcached) >= count
    });
    // It is used as soon as its runtime has had it.
    runtime.block_on(async { read(memcached, "k").await.unwrap() });
}

/// Changes a key of its own, and sees each change.
async fn change_and_read(memcached: Memcached, task: usize, rounds: usize) {
    let key = format!("task-{task}");
    for round in 0..rounds {
        let value = format!("{task} {round}");
        let bytes = value.clone().into();
        let put = Put { key: key.clone(), bytes, keep: None, when: When::Always };
        assert!(memcached.put_many(vec![put]).await.remove(0).unwrap());
        for _ in 0..4 {
            assert_eq!(text(&memcached, &key).await, Some(value.clone()));
        }
        assert!(memcached.delete_many(std::slice::from_ref(&key)).await.remove(0).unwrap());
        assert_eq!(text(&memcached, &key).await, None);
    }
}

#[test]
fn tasks_of_two_threads_read_over_lanes_what_they_have_changed() {
    let process = Process::start();
    let memcached = with_lanes(&process.address(), 2);
    of_two_threads().block_on(async {
        let tasks = (0..64).map(|task| tokio::spawn(change_and_read(memcached.clone(), task, 50)));
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
    let connects = connects(&memcached);
    assert!((2..=3).contains(&connects), "the first, and a lane for each thread: {connects}");
}

#[test]
fn leases_make_no_lane_and_take_none() {
    let process = Process::start();
    let memcached = with_lanes(&process.address(), 2);
    here().block_on(async {
        for nth in 0..200 {
            let claim = Claim::Missing(Duration::from_secs(30));
            memcached.get_many(&[format!("k{nth}")], claim).await.remove(0).unwrap();
        }
    });
    assert_eq!(connects(&memcached), 1);
}

#[test]
fn large_values_are_read_over_their_own_connection_and_not_over_a_lane() {
    let process = Process::start();
    let large = "v".repeat(100_000);
    put(&Memcached::new(process.address()).unwrap(), "large", &large, When::Always);
    let memcached = with_lanes(&process.address(), 1);
    let runtime = here();
    until_connected(&runtime, &memcached, 2);
    // That it is large is known by the first answer.
    for _ in 0..2 {
        assert_eq!(runtime.block_on(text(&memcached, "large")).as_ref(), Some(&large));
    }
    assert_eq!(connects(&memcached), 3, "the first, the lane, and the one for large values");
}

#[test]
fn a_thread_that_waits_within_a_runtime_has_no_lane() {
    let process = Process::start();
    let memcached = with_lanes(&process.address(), 2);
    let runtime = of_two_threads();
    let _within = runtime.enter();
    for _ in 0..200 {
        assert_eq!(wait(text(&memcached, "k")), None);
    }
    assert_eq!(connects(&memcached), 1);
}

#[test]
fn threads_that_wait_have_no_lanes() {
    let process = Process::start();
    let memcached = with_lanes(&process.address(), 2);
    put(&memcached, "k", "v", When::Always);
    for _ in 0..10 {
        assert_eq!(wait(text(&memcached, "k")).as_deref(), Some("v"));
    }
    assert_eq!(connects(&memcached), 1);
}

#[test]
fn a_runtime_that_is_busy_does_not_keep_answers_from_the_tasks_of_others() {
    let process = Process::start();
    let memcached = with_lanes(&process.address(), 1);
    put(&memcached, "k", "v", When::Always);
    let (busy, free) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = here();
            until_connected(&runtime, &memcached, 2);
            // Its task that reads the only lane does not run.
            busy.wait();
            free.wait();
        });
        busy.wait();
        let runtime = here();
        for _ in 0..20 {
            assert_eq!(runtime.block_on(text(&memcached, "k")).as_deref(), Some("v"));
        }
        assert_eq!(connects(&memcached), 2, "they share the lane");
        free.wait();
    });
}

#[test]
fn a_runtime_that_ends_takes_its_lane_along_and_fails_nobody() {
    let process = Process::start();
    let proxy = Proxy::before(&process.address());
    let memcached = with_lanes(&proxy.address(), 1);
    put(&memcached, "k", "v", When::Always);
    for ended in 0..5 {
        let runtime = here();
        until_connected(&runtime, &memcached, 2 + ended);
        drop(runtime);
    }
    until("the last lane is closed", || {
        assert_eq!(wait(text(&memcached, "k")).as_deref(), Some("v"));
        proxy.open() == 1
    });
    assert_eq!(connects(&memcached), 6);
}

#[test]
fn a_runtime_without_io_gets_its_answers_nevertheless() {
    let process = Process::start();
    let memcached = with_lanes(&process.address(), 1);
    put(&memcached, "k", "v", When::Always);
    let runtime = Builder::new_current_thread().build().unwrap();
    until_connected(&runtime, &memcached, 2);
    for _ in 0..100 {
        assert_eq!(runtime.block_on(text(&memcached, "k")).as_deref(), Some("v"));
    }
    assert_eq!(connects(&memcached), 2, "one that could not be read there is not made again");
}

#[test]
fn a_lane_that_is_cut_is_no_failure_of_its_server_and_is_made_again() {
    let process = Process::start();
    let proxy = Proxy::before(&process.address());
    let options = MemcachedOptions::default().with_lanes(1);
    let options = options.with_breaker(BreakerOptions::default().with_failures(1));
    let options = options.with_deadline(10_000 * MILLIS).with_connect_timeout(10_000 * MILLIS);
    let memcached = Memcached::with(proxy.address(), options).unwrap();
    put(&memcached, "k", "v", When::Always);
    let runtime = here();
    until_connected(&runtime, &memcached, 2);
    // Only the lane waits for an answer when both are cut.
    proxy.set(Fault::Hang);
    runtime.block_on(async {
        let asked = tokio::spawn({
            let memcached = memcached.clone();
            async move { read(&memcached, "k").await }
        });
        tokio::task::yield_now().await;
        proxy.cut();
        asked.await.unwrap().unwrap_err();
    });
    // Not away; and the first connection is not asked before its end is seen, which would be a failure.
    until("both have ended", || memcached.stats()[0].state == ServerState::Idle);
    proxy.set(Fault::None);
    until("both are there again", || {
        _ = runtime.block_on(read(&memcached, "k"));
        connects(&memcached) == 4
    });
    assert_eq!(runtime.block_on(text(&memcached, "k")).as_deref(), Some("v"));
}

#[test]
fn what_is_owed_is_delivered_before_a_lane_is_trusted() {
    let process = Process::start();
    let proxy = Proxy::before(&process.address());
    let direct = Memcached::new(process.address()).unwrap();
    let options = MemcachedOptions::default().with_lanes(1).with_deadline(100 * MILLIS);
    let options = options.with_answer_timeout(60_000 * MILLIS);
    let memcached = Memcached::with(proxy.address(), options).unwrap();
    until("it is connected", || wait(read(&memcached, "k")).is_ok());
    let runtime = here();
    until("the lane is there", || {
        _ = runtime.block_on(read(&memcached, "k"));
        connects(&memcached) == 2
    });
    for _ in 0..5 {
        put(&direct, "k", "old", When::Always);
        proxy.set(Fault::Hang);
        // Both connections stay: nobody has waited too long for an answer.
        let deleted = wait(memcached.delete_many(&["k".to_owned()])).remove(0);
        deleted.unwrap_err();
        proxy.set(Fault::None);
        until("the late change has arrived", || wait(read(&direct, "k")).unwrap().stored.is_none());
        put(&direct, "k", "old", When::Always);
        let mut seen = None;
        until("it is trusted again", || {
            seen = runtime.block_on(read(&memcached, "k")).ok();
            seen.is_some()
        });
        assert_eq!(seen.unwrap().stored, None, "the change is made first");
    }
    assert_eq!(connects(&memcached), 2, "the lane was there all the time");
}
