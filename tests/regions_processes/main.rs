//! A region in two processes: one creator at a time, locks that die with their process, and
//! invalidations that both learn of (D19, D26, D30, X1).
//!
//! The test starts two more processes of itself and tells them by lines what to do.
#![cfg(all(feature = "regions", feature = "memcached", feature = "redis", feature = "files"))]

#[path = "../two_processes/stand.rs"]
mod stand;
mod worker;

use stand::{Pair, Stand};
use std::time::{Duration, Instant};

/// Longer than any test.
const LONG_LEASE: Duration = Duration::from_secs(60);
const SHORT_LEASE: Duration = Duration::from_secs(2);
/// What a server that counts in seconds adds, the pause between two looks, and a busy machine.
const MARGIN: Duration = Duration::from_secs(5);

/// Each of these over each kind of server.
macro_rules! everywhere {
    ($($test:ident)*) => {
        mod memcached { $(#[test] fn $test() { super::$test(super::Stand::memcached()); })* }
        mod redis { $(#[test] fn $test() { super::$test(super::Stand::redis()); })* }
        mod files { $(#[test] fn $test() { super::$test(super::Stand::files()); })* }
    };
}

everywhere! {
    d26_one_creator_runs_at_a_time_in_two_processes
    d26_a_process_that_dies_gives_its_lock_up
    d30_an_invalidation_of_one_process_reaches_the_other_within_the_lag
    x1_an_invalidation_elsewhere_during_a_computation_is_not_overwritten
}

fn d26_one_creator_runs_at_a_time_in_two_processes(stand: Stand) {
    let pair = Pair::over(stand, LONG_LEASE);
    pair.a.tell("call gated");
    pair.a.hear("computing gated");
    assert_eq!(pair.b.ask("locked gated"), "true");
    assert_eq!(pair.b.ask("locked other"), "false");
    pair.b.tell("open gated");
    pair.b.tell("call gated");
    pair.b.hear("arrived gated");
    pair.a.tell("open gated");
    let value = pair.a.hear("called gated");
    assert_eq!(value, format!("1 gated by {}", pair.a.id()));
    assert_eq!(pair.b.hear("called gated"), value);
    assert_eq!(pair.computations("gated"), 1);
    assert_eq!(pair.b.ask("locked gated"), "false");
}

fn d26_a_process_that_dies_gives_its_lock_up(stand: Stand) {
    let mut pair = Pair::over(stand, SHORT_LEASE);
    pair.a.tell("call gated");
    pair.a.hear("computing gated");
    pair.b.tell("open gated");
    pair.b.tell("call gated");
    pair.b.hear("arrived gated");
    pair.b.await_traffic();
    let killed = Instant::now();
    pair.a.kill();
    assert_eq!(pair.b.hear("called gated"), format!("2 gated by {}", pair.b.id()));
    assert!(killed.elapsed() < SHORT_LEASE + MARGIN, "{:?}", killed.elapsed());
}

/// Polls the other process: how soon it hears is between it and the server.
fn until_gone(process: &stand::Worker, key: &str) {
    let began = Instant::now();
    while process.ask(&format!("peek {key}")) != "None" {
        assert!(began.elapsed() < worker::LAG + MARGIN, "it still has {key}");
    }
}

fn d30_an_invalidation_of_one_process_reaches_the_other_within_the_lag(stand: Stand) {
    let pair = Pair::over(stand, LONG_LEASE);
    for how in ["hard", "soft"] {
        pair.a.ask("put shared");
        let put = format!("put by {}", pair.a.id());
        pair.both(|process| assert_eq!(process.ask("peek shared"), put));
        pair.a.ask(&format!("invalidate {how}"));
        assert_eq!(pair.a.ask("peek shared"), "None");
        until_gone(&pair.b, "shared");
    }
}

fn x1_an_invalidation_elsewhere_during_a_computation_is_not_overwritten(stand: Stand) {
    let pair = Pair::over(stand, LONG_LEASE);
    pair.b.tell("call gated");
    pair.b.hear("computing gated");
    pair.a.ask("invalidate hard");
    pair.b.tell("open gated");
    assert_eq!(pair.b.hear("called gated"), format!("1 gated by {}", pair.b.id()));
    assert_eq!(pair.a.ask("peek gated"), "None");
    until_gone(&pair.b, "gated");
    pair.a.tell("open gated");
    pair.a.tell("call gated");
    let new = pair.a.hear("called gated");
    assert_eq!(new, format!("2 gated by {}", pair.a.id()));
    pair.both(|process| assert_eq!(process.ask("peek gated"), new));
}
