//! Two processes over one server: one computation, no result that overtakes an invalidation, and a
//! killed process holds up the other no longer than its lease (C16, X1, X5).
//!
//! The test starts two more processes of itself and tells them by lines what to do.
#![cfg(all(feature = "memcached", feature = "redis", feature = "files"))]

#[path = "../far/mod.rs"]
mod far;
mod stand;
mod worker;

use stand::{Pair, Stand};
use std::time::{Duration, Instant};

/// Longer than any test.
const LONG_LEASE: Duration = Duration::from_secs(60);
const SHORT_LEASE: Duration = Duration::from_secs(2);
/// What a server that counts in seconds adds, the pause between two looks, and a busy machine.
const MARGIN: Duration = Duration::from_secs(3);

/// Each of these over each kind of server.
macro_rules! everywhere {
    ($($test:ident)*) => {
        mod memcached { $(#[test] fn $test() { super::$test(super::Stand::memcached()); })* }
        mod redis { $(#[test] fn $test() { super::$test(super::Stand::redis()); })* }
        mod files { $(#[test] fn $test() { super::$test(super::Stand::files()); })* }
    };
}

everywhere! {
    two_hundred_callers_in_two_processes_make_one_computation
    callers_that_come_in_the_middle_of_a_computation_elsewhere_get_its_value
    x1_an_invalidation_during_a_computation_elsewhere_is_not_overwritten
    x1_a_clear_during_a_computation_elsewhere_is_not_overwritten
    x1_an_expiry_during_a_computation_elsewhere_is_not_overwritten
    x1_a_put_during_a_computation_elsewhere_stays
    x1_a_tag_invalidated_during_a_computation_elsewhere_outdates_its_value
    a_tag_that_is_softly_invalidated_has_its_values_computed_anew_in_both_processes
    a_killed_process_holds_up_the_other_no_longer_than_its_lease
    a_failed_computation_does_not_hold_up_the_other_process
    x5_a_computation_that_outlives_its_lease_runs_twice_at_most_and_the_late_result_is_fenced
}

fn two_hundred_callers_in_two_processes_make_one_computation(stand: Stand) {
    let pair = Pair::over(stand, LONG_LEASE);
    for round in 0..10 {
        let key = format!("cold-{round}");
        pair.both(|worker| worker.tell(&format!("call 100 {key}")));
        let values = [pair.a.hear(&format!("called {key}")), pair.b.hear(&format!("called {key}"))];
        assert_eq!(values[0], values[1]);
        assert_eq!(pair.computations(&key), 1, "{key}");
    }
}

fn callers_that_come_in_the_middle_of_a_computation_elsewhere_get_its_value(stand: Stand) {
    let pair = Pair::over(stand, LONG_LEASE);
    pair.a.tell("call 100 gated");
    pair.a.hear("computing gated");
    pair.b.tell("call 100 gated");
    pair.b.hear("arrived gated");
    pair.b.await_traffic();
    assert_eq!(pair.computations("gated"), 1);
    pair.a.tell("open gated");
    let value = pair.a.hear("called gated");
    assert_eq!(value, format!("1 gated by {}", pair.a.id()));
    assert_eq!(pair.b.hear("called gated"), value);
    assert_eq!(pair.computations("gated"), 1);
}

fn x1_an_invalidation_during_a_computation_elsewhere_is_not_overwritten(stand: Stand) {
    forgotten_in_the_middle(stand, "invalidate");
}

fn x1_a_clear_during_a_computation_elsewhere_is_not_overwritten(stand: Stand) {
    forgotten_in_the_middle(stand, "clear");
}

fn x1_an_expiry_during_a_computation_elsewhere_is_not_overwritten(stand: Stand) {
    forgotten_in_the_middle(stand, "expire");
}

fn forgotten_in_the_middle(stand: Stand, how: &str) {
    let pair = Pair::over(stand, LONG_LEASE);
    for (round, key) in (1..).zip(["gated-1", "gated-2"]) {
        pair.b.tell(&format!("call 3 {key}"));
        pair.b.hear(&format!("computing {key}"));
        // A caller whose thread begins later is one who comes later.
        pair.b.ask(&format!("joined {}", 2 * round));
        pair.a.ask(&format!("{how} {key}"));
        pair.b.tell(&format!("open {key}"));
        // Who waited before may have it; nobody who comes later.
        assert_eq!(pair.b.hear(&format!("called {key}")), format!("1 {key} by {}", pair.b.id()));
        assert_eq!(pair.a.ask(&format!("peek {key}")), "None");
        // Who was told of the clear knows; others hear of it within the time that they were given.
        let told = Instant::now();
        while pair.b.ask(&format!("peek {key}")) != "None" {
            assert!(how == "clear" && told.elapsed() < worker::CLEAR_LAG + MARGIN, "{how} {key}");
        }
        pair.a.tell(&format!("open {key}"));
        pair.a.tell(&format!("call 3 {key}"));
        let new = pair.a.hear(&format!("called {key}"));
        assert_eq!(new, format!("2 {key} by {}", pair.a.id()));
        pair.both(|worker| assert_eq!(worker.ask(&format!("peek {key}")), new));
    }
}

fn x1_a_put_during_a_computation_elsewhere_stays(stand: Stand) {
    let pair = Pair::over(stand, LONG_LEASE);
    pair.b.tell("call 3 gated");
    pair.b.hear("computing gated");
    pair.a.ask("put gated");
    pair.b.tell("open gated");
    pair.b.hear("called gated");
    let put = format!("put by {}", pair.a.id());
    pair.both(|worker| assert_eq!(worker.ask("peek gated"), put));
    pair.b.tell("call 3 gated");
    assert_eq!(pair.b.hear("called gated"), put);
    assert_eq!(pair.computations("gated"), 1);
}

fn x1_a_tag_invalidated_during_a_computation_elsewhere_outdates_its_value(stand: Stand) {
    let pair = Pair::over(stand, LONG_LEASE);
    for (round, key) in (1..).zip(["gated-tagged-1", "gated-tagged-2"]) {
        pair.b.tell(&format!("call 3 {key}"));
        pair.b.hear(&format!("computing {key}"));
        // A caller whose thread begins later is one who comes later.
        pair.b.ask(&format!("joined {}", 2 * round));
        pair.a.ask(&format!("forget {key}"));
        pair.b.tell(&format!("open {key}"));
        // Who waited before may have it.
        assert_eq!(pair.b.hear(&format!("called {key}")), format!("1 {key} by {}", pair.b.id()));
        assert_eq!(pair.a.ask(&format!("peek {key}")), "None");
        // The other process believes the version it had read until its lag is over.
        let told = Instant::now();
        while pair.b.ask(&format!("peek {key}")) != "None" {
            assert!(told.elapsed() < worker::TAG_LAG + MARGIN, "{key}");
        }
        pair.a.tell(&format!("open {key}"));
        pair.a.tell(&format!("call 3 {key}"));
        let new = pair.a.hear(&format!("called {key}"));
        assert_eq!(new, format!("2 {key} by {}", pair.a.id()));
        pair.both(|worker| assert_eq!(worker.ask(&format!("peek {key}")), new));
    }
}

fn a_tag_that_is_softly_invalidated_has_its_values_computed_anew_in_both_processes(stand: Stand) {
    let pair = Pair::over(stand, LONG_LEASE);
    let key = "tagged";
    let call = |worker: &stand::Worker| {
        worker.tell(&format!("call 1 {key}"));
        worker.hear(&format!("called {key}"))
    };
    let old = call(&pair.a);
    assert_eq!(call(&pair.b), old);
    pair.a.ask(&format!("soften {key}"));
    let told = Instant::now();
    while call(&pair.b) == old {
        assert!(told.elapsed() < worker::TAG_LAG + MARGIN, "the old value is still served");
    }
    assert_ne!(call(&pair.a), old);
    assert_eq!(pair.computations(key), 2, "one of both computes");
}

fn a_killed_process_holds_up_the_other_no_longer_than_its_lease(stand: Stand) {
    let mut pair = Pair::over(stand, SHORT_LEASE);
    let began = Instant::now();
    pair.a.tell("call 3 gated");
    pair.a.hear("computing gated");
    pair.b.tell("open gated");
    pair.b.tell("call 20 gated");
    pair.b.hear("arrived gated");
    pair.b.await_traffic();
    let computations = pair.computations("gated");
    assert!(computations == 1 || began.elapsed() >= SHORT_LEASE, "the other did not wait");
    let killed = Instant::now();
    pair.a.kill();
    let value = pair.b.hear("called gated");
    let waited = killed.elapsed();
    assert!(waited < SHORT_LEASE + MARGIN, "{waited:?}");
    assert_eq!(value, format!("2 gated by {}", pair.b.id()));
    assert_eq!(pair.computations("gated"), 2, "the one that was killed, and one more");
    assert_eq!(pair.b.ask("peek gated"), value);
}

fn a_failed_computation_does_not_hold_up_the_other_process(stand: Stand) {
    let pair = Pair::over(stand, LONG_LEASE);
    pair.a.tell("fail gated");
    pair.a.tell("call 1 gated");
    pair.a.hear("computing gated");
    pair.b.tell("open gated");
    pair.b.tell("call 20 gated");
    pair.b.hear("arrived gated");
    pair.b.await_traffic();
    assert_eq!(pair.computations("gated"), 1, "the other waits");
    pair.a.tell("open gated");
    assert_eq!(pair.a.hear("called gated"), "an error");
    assert_eq!(pair.b.hear("called gated"), format!("2 gated by {}", pair.b.id()));
}

fn x5_a_computation_that_outlives_its_lease_runs_twice_at_most_and_the_late_result_is_fenced(
    stand: Stand,
) {
    let pair = Pair::over(stand, SHORT_LEASE);
    pair.a.tell("call 5 gated");
    pair.a.hear("computing gated");
    pair.b.tell("open gated");
    pair.b.tell("call 20 gated");
    // The lease ends, and the other process takes over; once, however many wait.
    let value = pair.b.hear("called gated");
    assert_eq!(value, format!("2 gated by {}", pair.b.id()));
    pair.a.tell("open gated");
    assert_eq!(pair.a.hear("called gated"), format!("1 gated by {}", pair.a.id()));
    pair.both(|worker| assert_eq!(worker.ask("peek gated"), value));
    assert_eq!(pair.computations("gated"), 2);
}
