//! The contract of [`Server`], sentence by sentence, for every server: `run(&server)`.
//!
//! Leases that must end by themselves last one second, and are waited for with a bounded poll.

#![allow(dead_code, reason = "every test file that includes this uses a part of it")]
#![allow(unreachable_pub, reason = "included by `mod`")]

#[path = "suite_changes.rs"]
mod changes_sentences;
#[path = "suite_leases.rs"]
mod leases_sentences;
#[path = "suite_values.rs"]
mod values_sentences;

use bytes::Bytes;
use cache_clients::server::{Answer, Claim, Leased, Put, Server, When};
use cache_core::wait;
use changes_sentences::*;
use leases_sentences::*;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use values_sentences::*;

/// Long enough that no test outlives it.
const LONG: Duration = Duration::from_secs(60);
/// The shortest that every server can count.
const SHORT: Duration = Duration::from_secs(1);

/// Every sentence of the contract.
pub fn run(server: &impl Server) {
    values(server);
    keeping(server);
    reads(server);
    leases_over_nothing(server);
    leases_over_stale_values(server);
    leases_over_fresh_values(server);
    taking_over(server);
    conditions(server);
    invalidations(server);
    giving_back(server);
    batches(server);
}

/// What was put is what is read.
pub fn values(server: &impl Server) {
    the_name_says_what_it_is(server);
    any_bytes_come_back(server);
    a_value_without_bytes_is_a_value(server);
    the_largest_value_comes_back(server);
    a_key_of_two_hundred_bytes_is_a_key(server);
    every_change_changes_the_token(server);
}

/// How long values stay.
pub fn keeping(server: &impl Server) {
    a_value_is_kept_for_its_time_and_not_for_ever(server);
    c74_every_length_of_time_can_be_kept(server);
}

/// Plain reads.
pub fn reads(server: &impl Server) {
    a_plain_read_takes_no_lease_over_nothing(server);
    a_plain_read_takes_no_lease_over_a_stale_value(server);
    a_plain_read_sees_no_value_where_a_lease_is(server);
}

/// `Claim::Missing` and `Claim::Refresh` where there is no value.
pub fn leases_over_nothing(server: &impl Server) {
    one_of_many_gets_the_lease_over_nothing(server);
    a_lease_over_nothing_ends_by_itself_and_fences_the_late_one(server);
    a_refresh_of_nothing_shares_the_lease_with_a_miss(server);
    a_value_that_is_there_needs_no_lease(server);
}

/// `Claim::Missing` where there is a stale value.
pub fn leases_over_stale_values(server: &impl Server) {
    one_of_many_gets_the_lease_over_a_stale_value(server);
    a_lease_over_a_stale_value_ends_by_itself(server);
    filling_a_stale_value_makes_it_fresh(server);
}

/// `Claim::Refresh` where there is a fresh value.
pub fn leases_over_fresh_values(server: &impl Server) {
    one_of_many_refreshes_a_value_with_a_ttl(server);
    one_of_many_refreshes_a_value_without_a_ttl(server);
    a_lease_over_a_fresh_value_ends_by_itself(server);
    a_lease_over_a_fresh_value_does_not_outlive_the_value(server);
    a_refresh_that_is_stored_frees_the_next_one(server);
}

/// `Claim::Replace`.
pub fn taking_over(server: &impl Server) {
    a_replace_gets_the_lease_whatever_is_there(server);
    a_replace_takes_the_lease_from_one_who_has_it(server);
    a_replace_takes_the_refresh_from_one_who_has_it(server);
    others_see_the_lease_of_a_replace_as_taken(server);
}

/// `When`.
pub fn conditions(server: &impl Server) {
    always_wins_over_leases_and_tokens(server);
    absent_stores_only_where_there_is_no_value(server);
    absent_wins_over_a_lease_over_nothing(server);
    a_token_stores_once(server);
    a_token_of_a_read_stores_where_nothing_has_happened(server);
}

/// `delete_many` and `expire`.
pub fn invalidations(server: &impl Server) {
    a_delete_says_whether_there_was_a_value(server);
    a_delete_fences_leases_over_everything(server);
    an_expired_value_is_stale_and_readable(server);
    an_expire_says_whether_there_was_a_value(server);
    an_expire_fences_leases_over_everything(server);
    an_expired_value_is_kept_for_that_long(server);
}

/// `release` and `purge`.
pub fn giving_back(server: &impl Server) {
    a_lease_given_back_is_free_for_the_next(server);
    a_refresh_given_back_is_free_for_the_next_and_the_value_stays(server);
    giving_back_what_is_over_does_nothing(server);
    a_purge_leaves_what_is_in_its_time(server);
}

/// Batches.
pub fn batches(server: &impl Server) {
    results_come_in_the_order_of_the_keys(server);
    a_batch_of_nothing_gives_nothing(server);
    a_batch_may_name_a_key_twice(server);
}

/// A key that no other test uses.
pub fn fresh_key(of: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("suite:{}:{}:{of}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Reads one key.
pub fn get(server: &impl Server, key: &str, claim: Claim) -> Answer {
    let mut answers = wait(server.get_many(&[key.to_owned()], claim));
    assert_eq!(answers.len(), 1, "one answer for one key");
    answers.remove(0).expect("the server answers")
}

/// Stores one value for a minute.
pub fn put(server: &impl Server, key: &str, bytes: &str, when: When) -> bool {
    put_for(server, key, Bytes::copy_from_slice(bytes.as_bytes()), Some(LONG), when)
}

/// Stores one value for a time.
pub fn put_for(
    server: &impl Server,
    key: &str,
    bytes: Bytes,
    keep: Option<Duration>,
    when: When,
) -> bool {
    let put = Put { key: key.to_owned(), bytes, keep, when };
    wait(server.put_many(vec![put])).remove(0).expect("the server answers")
}

/// Removes one key.
pub fn delete(server: &impl Server, key: &str) -> bool {
    wait(server.delete_many(&[key.to_owned()])).remove(0).expect("the server answers")
}

/// Makes one value stale.
pub fn expire(server: &impl Server, key: &str) -> bool {
    wait(server.expire(key, LONG)).expect("the server answers")
}

/// What a plain read sees, as text.
pub fn text(server: &impl Server, key: &str) -> Option<String> {
    let stored = get(server, key, Claim::Nothing).stored?;
    Some(String::from_utf8(stored.bytes.to_vec()).expect("tests put text"))
}

/// The token of a lease that must have been won.
#[track_caller]
pub fn won(answer: &Answer) -> u64 {
    match answer.leased {
        Leased::Won(token) => token,
        Leased::No | Leased::Taken => panic!("the lease should have been won: {answer:?}"),
    }
}

#[track_caller]
fn taken(answer: &Answer) {
    assert_eq!(answer.leased, Leased::Taken, "{answer:?}");
}

fn token(server: &impl Server, key: &str) -> u64 {
    get(server, key, Claim::Nothing).stored.expect("a value").token
}

/// Asks until it is so; not for ever.
#[track_caller]
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}: not within ten seconds");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How many of 16 threads that claim at once win.
fn winners(server: &impl Server, key: &str, claim: Claim) -> Vec<u64> {
    let start = std::sync::Barrier::new(16);
    let ask = || {
        start.wait();
        match get(server, key, claim).leased {
            Leased::Won(token) => Some(token),
            Leased::Taken => None,
            Leased::No => panic!("whoever needs the lease has it, or it is taken"),
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    })
}
