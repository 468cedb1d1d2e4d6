//! The contract of [`Server`], sentence by sentence, for every server: `run(&server)`.
//!
//! Leases that must end by themselves last one second, and are waited for with a bounded poll.

#![allow(dead_code, reason = "every test file that includes this uses a part of it")]
#![allow(unreachable_pub, reason = "included by `mod`")]

use bytes::Bytes;
use cache_clients::server::{Answer, Claim, Leased, Put, Server, When};
use cache_core::wait;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

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

fn the_name_says_what_it_is(server: &impl Server) {
    assert!(!server.name().is_empty());
}

fn any_bytes_come_back(server: &impl Server) {
    let key = fresh_key("bytes");
    let bytes: Vec<u8> = (0..=255).chain(*b"\r\nEN\r\nHD\r\nVA 3\r\nabc\r\n\0").collect();
    assert!(put_for(server, &key, bytes.clone().into(), Some(LONG), When::Always));
    let stored = get(server, &key, Claim::Nothing).stored.expect("a value");
    assert_eq!(stored.bytes, bytes);
    assert!(!stored.stale);
}

fn a_value_without_bytes_is_a_value(server: &impl Server) {
    let key = fresh_key("empty");
    assert!(put(server, &key, "", When::Always));
    let answer = get(server, &key, Claim::Missing(LONG));
    assert_eq!(answer.stored.expect("a value").bytes, Bytes::new());
    assert_eq!(answer.leased, Leased::No);
    assert!(!put(server, &key, "other", When::Absent));
    assert!(delete(server, &key));
}

fn the_largest_value_comes_back(server: &impl Server) {
    let key = fresh_key("largest");
    let largest = server.limits().max_value.min(4 << 20);
    let bytes: Bytes = (0..largest).map(|n| (n % 251) as u8).collect();
    assert!(put_for(server, &key, bytes.clone(), Some(LONG), When::Always));
    assert_eq!(get(server, &key, Claim::Nothing).stored.expect("a value").bytes, bytes);
    assert!(delete(server, &key));
}

fn a_key_of_two_hundred_bytes_is_a_key(server: &impl Server) {
    let mut key = fresh_key("long!\"#$%&'()*+,-./0:;<=>?@A[\\]^_`a{|}~");
    key.push_str(&"k".repeat(200 - key.len()));
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    assert!(put(server, &key, "v", When::Token(lease)));
    assert!(expire(server, &key));
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    wait(server.release(&key, lease)).unwrap();
    assert_eq!(text(server, &key).as_deref(), Some("v"));
    assert!(delete(server, &key));
}

fn every_change_changes_the_token(server: &impl Server) {
    let key = fresh_key("token");
    let mut seen = Vec::new();
    let mut see = || {
        let token = token(server, &key);
        assert!(!seen.contains(&token), "{token} was seen before: {seen:?}");
        seen.push(token);
    };
    put(server, &key, "same", When::Always);
    see();
    put(server, &key, "same", When::Always);
    see();
    expire(server, &key);
    see();
    expire(server, &key);
    see();
    delete(server, &key);
    put(server, &key, "same", When::Absent);
    see();
    put(server, &key, "same", When::Token(token(server, &key)));
    see();
}

fn a_value_is_kept_for_its_time_and_not_for_ever(server: &impl Server) {
    let key = fresh_key("kept");
    let start = Instant::now();
    assert!(put_for(server, &key, "v".into(), Some(SHORT), When::Always));
    let first = text(server, &key);
    // A slow machine may have spent the second.
    assert!(first.is_some() || start.elapsed() >= SHORT);
    until("the value ends", || text(server, &key).is_none());
}

fn c74_every_length_of_time_can_be_kept(server: &impl Server) {
    const DAY: u64 = 24 * 60 * 60;
    let days = |days: u64| Some(Duration::from_secs(days * DAY));
    let times =
        [days(29), days(30), days(31), days(3_650), days(36_500), Some(Duration::MAX), None];
    for keep in times {
        let key = fresh_key("time");
        assert!(put_for(server, &key, "v".into(), keep, When::Always), "{keep:?}");
        assert_eq!(text(server, &key).as_deref(), Some("v"), "{keep:?}");
        if let Some(keep) = keep {
            assert!(wait(server.expire(&key, keep)).unwrap(), "{keep:?}");
            assert_eq!(text(server, &key).as_deref(), Some("v"), "{keep:?}");
        }
    }
    // Below a second: at least for that long is all that is promised; but not for ever.
    let key = fresh_key("time");
    assert!(put_for(server, &key, "v".into(), Some(Duration::from_nanos(1)), When::Always));
    until("a very short time ends", || text(server, &key).is_none());
}

fn a_plain_read_takes_no_lease_over_nothing(server: &impl Server) {
    let key = fresh_key("plain");
    let nothing = Answer { stored: None, leased: Leased::No };
    assert_eq!(get(server, &key, Claim::Nothing), nothing);
    assert_eq!(get(server, &key, Claim::Nothing), nothing);
    won(&get(server, &key, Claim::Missing(LONG)));
}

fn a_plain_read_takes_no_lease_over_a_stale_value(server: &impl Server) {
    let key = fresh_key("plain-stale");
    put(server, &key, "v", When::Always);
    expire(server, &key);
    let first = get(server, &key, Claim::Nothing);
    assert_eq!(first.leased, Leased::No);
    assert!(first.stored.as_ref().unwrap().stale);
    assert_eq!(get(server, &key, Claim::Nothing), first);
    won(&get(server, &key, Claim::Missing(LONG)));
    assert_eq!(get(server, &key, Claim::Nothing), first, "a lease changes no token");
}

fn a_plain_read_sees_no_value_where_a_lease_is(server: &impl Server) {
    let key = fresh_key("plain-lease");
    won(&get(server, &key, Claim::Missing(LONG)));
    let nothing = Answer { stored: None, leased: Leased::No };
    assert_eq!(get(server, &key, Claim::Nothing), nothing);
}

fn one_of_many_gets_the_lease_over_nothing(server: &impl Server) {
    let key = fresh_key("nothing");
    let tokens = winners(server, &key, Claim::Missing(LONG));
    assert_eq!(tokens.len(), 1);
    let answer = get(server, &key, Claim::Missing(LONG));
    assert_eq!(answer.stored, None);
    taken(&answer);
    assert!(put(server, &key, "v", When::Token(tokens[0])));
    let answer = get(server, &key, Claim::Missing(LONG));
    assert_eq!(answer.stored.unwrap().bytes, "v");
    assert_eq!(answer.leased, Leased::No);
}

fn a_lease_over_nothing_ends_by_itself_and_fences_the_late_one(server: &impl Server) {
    let key = fresh_key("ends");
    let late = won(&get(server, &key, Claim::Missing(SHORT)));
    let mut next = None;
    until("the lease ends", || match get(server, &key, Claim::Missing(LONG)).leased {
        Leased::Won(token) => {
            next = Some(token);
            true
        }
        Leased::Taken => false,
        Leased::No => panic!("there is no value"),
    });
    assert!(!put(server, &key, "late", When::Token(late)));
    assert_eq!(text(server, &key), None);
    assert!(put(server, &key, "next", When::Token(next.unwrap())));
    assert!(!put(server, &key, "late", When::Token(late)));
    assert_eq!(text(server, &key).as_deref(), Some("next"));
}

fn a_refresh_of_nothing_shares_the_lease_with_a_miss(server: &impl Server) {
    let key = fresh_key("refresh-nothing");
    let tokens = winners(server, &key, Claim::Refresh(LONG));
    assert_eq!(tokens.len(), 1);
    taken(&get(server, &key, Claim::Missing(LONG)));
    assert!(put(server, &key, "v", When::Token(tokens[0])));

    let key = fresh_key("miss-refresh");
    won(&get(server, &key, Claim::Missing(LONG)));
    taken(&get(server, &key, Claim::Refresh(LONG)));
}

fn a_value_that_is_there_needs_no_lease(server: &impl Server) {
    let key = fresh_key("there");
    put(server, &key, "v", When::Always);
    for _ in 0..3 {
        let answer = get(server, &key, Claim::Missing(LONG));
        assert_eq!(answer.leased, Leased::No);
        assert!(!answer.stored.unwrap().stale);
    }
}

fn one_of_many_gets_the_lease_over_a_stale_value(server: &impl Server) {
    let key = fresh_key("stale");
    put(server, &key, "old", When::Always);
    expire(server, &key);
    let tokens = winners(server, &key, Claim::Missing(LONG));
    assert_eq!(tokens.len(), 1);
    for claim in [Claim::Missing(LONG), Claim::Refresh(LONG)] {
        let answer = get(server, &key, claim);
        taken(&answer);
        let stored = answer.stored.expect("the stale value is served to the others");
        assert!(stored.stale);
        assert_eq!(stored.bytes, "old");
    }
    assert!(put(server, &key, "new", When::Token(tokens[0])));
    assert_eq!(text(server, &key).as_deref(), Some("new"));
}

fn a_lease_over_a_stale_value_ends_by_itself(server: &impl Server) {
    let key = fresh_key("stale-ends");
    put(server, &key, "old", When::Always);
    expire(server, &key);
    won(&get(server, &key, Claim::Missing(SHORT)));
    until("the lease ends", || {
        matches!(get(server, &key, Claim::Missing(LONG)).leased, Leased::Won(_))
    });
}

fn filling_a_stale_value_makes_it_fresh(server: &impl Server) {
    let key = fresh_key("stale-filled");
    put(server, &key, "old", When::Always);
    expire(server, &key);
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    assert!(put(server, &key, "new", When::Token(lease)));
    let answer = get(server, &key, Claim::Missing(LONG));
    assert_eq!(answer.leased, Leased::No);
    assert!(!answer.stored.unwrap().stale);
    // A lease of before does not hide the next invalidation.
    assert!(expire(server, &key));
    won(&get(server, &key, Claim::Missing(LONG)));
}

fn one_of_many_refreshes(server: &impl Server, keep: Option<Duration>) {
    let key = fresh_key("refresh");
    put_for(server, &key, "old".into(), keep, When::Always);
    let tokens = winners(server, &key, Claim::Refresh(LONG));
    assert_eq!(tokens.len(), 1);
    let answer = get(server, &key, Claim::Refresh(LONG));
    taken(&answer);
    let stored = answer.stored.expect("the value stays");
    assert!(!stored.stale);
    assert_eq!(stored.bytes, "old");
    assert!(put_for(server, &key, "new".into(), keep, When::Token(tokens[0])));
    assert_eq!(text(server, &key).as_deref(), Some("new"));
}

fn one_of_many_refreshes_a_value_with_a_ttl(server: &impl Server) {
    one_of_many_refreshes(server, Some(LONG));
}

fn one_of_many_refreshes_a_value_without_a_ttl(server: &impl Server) {
    one_of_many_refreshes(server, None);
}

fn a_lease_over_a_fresh_value_ends_by_itself(server: &impl Server) {
    let key = fresh_key("refresh-ends");
    put(server, &key, "old", When::Always);
    won(&get(server, &key, Claim::Refresh(SHORT)));
    until("the lease ends", || {
        matches!(get(server, &key, Claim::Refresh(LONG)).leased, Leased::Won(_))
    });
    assert_eq!(text(server, &key).as_deref(), Some("old"));
}

fn a_lease_over_a_fresh_value_does_not_outlive_the_value(server: &impl Server) {
    let key = fresh_key("refresh-gone");
    put(server, &key, "old", When::Always);
    let lease = won(&get(server, &key, Claim::Refresh(LONG)));
    delete(server, &key);
    let next = won(&get(server, &key, Claim::Missing(LONG)));
    assert!(!put(server, &key, "late", When::Token(lease)));
    assert!(put(server, &key, "next", When::Token(next)));

    put(server, &key, "old", When::Always);
    won(&get(server, &key, Claim::Refresh(LONG)));
    put(server, &key, "newer", When::Always);
    won(&get(server, &key, Claim::Refresh(LONG)));
}

fn a_refresh_that_is_stored_frees_the_next_one(server: &impl Server) {
    let key = fresh_key("refresh-again");
    put(server, &key, "0", When::Always);
    for round in 1..4 {
        let lease = won(&get(server, &key, Claim::Refresh(LONG)));
        assert!(put(server, &key, &round.to_string(), When::Token(lease)));
    }
    assert_eq!(text(server, &key).as_deref(), Some("3"));
}

fn a_replace_gets_the_lease_whatever_is_there(server: &impl Server) {
    for there in ["nothing", "fresh", "stale"] {
        let key = fresh_key("replace");
        if there != "nothing" {
            put(server, &key, "old", When::Always);
        }
        if there == "stale" {
            expire(server, &key);
        }
        let answer = get(server, &key, Claim::Replace(LONG));
        assert_eq!(answer.stored.is_some(), there != "nothing");
        assert!(put(server, &key, "new", When::Token(won(&answer))), "{there}");
        assert_eq!(text(server, &key).as_deref(), Some("new"));
    }
}

fn a_replace_takes_the_lease_from_one_who_has_it(server: &impl Server) {
    let key = fresh_key("replace-lease");
    let before = won(&get(server, &key, Claim::Missing(LONG)));
    let lease = won(&get(server, &key, Claim::Replace(LONG)));
    assert!(!put(server, &key, "before", When::Token(before)), "it has been taken away");
    taken(&get(server, &key, Claim::Missing(LONG)));
    assert!(put(server, &key, "new", When::Token(lease)));

    let key = fresh_key("replace-replace");
    let before = won(&get(server, &key, Claim::Replace(LONG)));
    let lease = won(&get(server, &key, Claim::Replace(LONG)));
    assert!(!put(server, &key, "before", When::Token(before)), "it has been taken away");
    assert!(put(server, &key, "new", When::Token(lease)));
}

fn a_replace_takes_the_refresh_from_one_who_has_it(server: &impl Server) {
    for there in ["fresh", "stale"] {
        let key = fresh_key("replace-refresh");
        put(server, &key, "old", When::Always);
        if there == "stale" {
            expire(server, &key);
        }
        let before = won(&get(server, &key, Claim::Refresh(LONG)));
        let answer = get(server, &key, Claim::Replace(LONG));
        let lease = won(&answer);
        assert_eq!(answer.stored.unwrap().stale, there == "stale");
        assert!(!put(server, &key, "before", When::Token(before)), "it has been taken away");
        taken(&get(server, &key, Claim::Refresh(LONG)));
        let stored = get(server, &key, Claim::Nothing).stored.expect("the value stays");
        assert_eq!(stored.bytes, "old");
        assert_eq!(stored.stale, there == "stale");
        assert!(put(server, &key, "new", When::Token(lease)));
    }
}

fn others_see_the_lease_of_a_replace_as_taken(server: &impl Server) {
    let key = fresh_key("replace-others");
    won(&get(server, &key, Claim::Replace(LONG)));
    taken(&get(server, &key, Claim::Missing(LONG)));

    put(server, &key, "v", When::Always);
    won(&get(server, &key, Claim::Replace(LONG)));
    taken(&get(server, &key, Claim::Refresh(LONG)));
    assert_eq!(get(server, &key, Claim::Missing(LONG)).leased, Leased::No);
}

fn always_wins_over_leases_and_tokens(server: &impl Server) {
    let key = fresh_key("always");
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    assert!(put(server, &key, "1", When::Always));
    assert!(!put(server, &key, "late", When::Token(lease)));
    let old = token(server, &key);
    assert!(put(server, &key, "2", When::Always));
    assert!(!put(server, &key, "late", When::Token(old)));
    assert_eq!(text(server, &key).as_deref(), Some("2"));
}

fn absent_stores_only_where_there_is_no_value(server: &impl Server) {
    let key = fresh_key("absent");
    assert!(put(server, &key, "1", When::Absent));
    assert!(!put(server, &key, "2", When::Absent));
    assert_eq!(text(server, &key).as_deref(), Some("1"));
    expire(server, &key);
    assert!(!put(server, &key, "3", When::Absent), "a stale value is a value");
    delete(server, &key);
    assert!(put(server, &key, "4", When::Absent));
    assert_eq!(text(server, &key).as_deref(), Some("4"));
}

fn absent_wins_over_a_lease_over_nothing(server: &impl Server) {
    let key = fresh_key("absent-lease");
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    assert!(put(server, &key, "added", When::Absent));
    assert!(!put(server, &key, "late", When::Token(lease)));
    assert_eq!(text(server, &key).as_deref(), Some("added"));

    let key = fresh_key("absent-replace");
    won(&get(server, &key, Claim::Missing(LONG)));
    let lease = won(&get(server, &key, Claim::Replace(LONG)));
    assert!(put(server, &key, "added", When::Absent));
    assert!(!put(server, &key, "late", When::Token(lease)));
}

fn a_token_stores_once(server: &impl Server) {
    let key = fresh_key("once");
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    assert!(put(server, &key, "1", When::Token(lease)));
    assert!(!put(server, &key, "2", When::Token(lease)));
    assert_eq!(text(server, &key).as_deref(), Some("1"));
    assert!(!put(server, &fresh_key("never"), "v", When::Token(lease)), "nothing was ever there");
}

fn a_token_of_a_read_stores_where_nothing_has_happened(server: &impl Server) {
    let key = fresh_key("read");
    put(server, &key, "1", When::Always);
    let seen = token(server, &key);
    text(server, &key);
    get(server, &key, Claim::Missing(LONG));
    assert!(put(server, &key, "2", When::Token(seen)));
    assert!(!put(server, &key, "3", When::Token(seen)));
    assert_eq!(text(server, &key).as_deref(), Some("2"));
}

fn a_delete_says_whether_there_was_a_value(server: &impl Server) {
    let key = fresh_key("delete");
    assert!(!delete(server, &key));
    put(server, &key, "v", When::Always);
    assert!(delete(server, &key));
    assert!(!delete(server, &key));
    assert_eq!(text(server, &key), None);
    won(&get(server, &key, Claim::Missing(LONG)));
    assert!(!delete(server, &key), "a lease over nothing is no value");
    put(server, &key, "v", When::Always);
    expire(server, &key);
    assert!(delete(server, &key), "a stale value is a value");
}

fn a_delete_fences_leases_over_everything(server: &impl Server) {
    for there in ["nothing", "fresh", "stale"] {
        let key = fresh_key("delete-fence");
        if there != "nothing" {
            put(server, &key, "old", When::Always);
        }
        if there == "stale" {
            expire(server, &key);
        }
        let lease = won(&get(server, &key, Claim::Refresh(LONG)));
        delete(server, &key);
        assert!(!put(server, &key, "late", When::Token(lease)), "{there}");
        let next = won(&get(server, &key, Claim::Missing(LONG)));
        assert!(!put(server, &key, "late", When::Token(lease)), "{there}");
        assert!(put(server, &key, "next", When::Token(next)), "{there}");
    }
}

fn an_expired_value_is_stale_and_readable(server: &impl Server) {
    let key = fresh_key("expire");
    put(server, &key, "v", When::Always);
    assert!(expire(server, &key));
    let stored = get(server, &key, Claim::Nothing).stored.expect("the value stays");
    assert!(stored.stale);
    assert_eq!(stored.bytes, "v");
    put(server, &key, "w", When::Always);
    assert!(!get(server, &key, Claim::Nothing).stored.unwrap().stale);
}

fn an_expire_says_whether_there_was_a_value(server: &impl Server) {
    let key = fresh_key("expire-nothing");
    assert!(!expire(server, &key));
    assert_eq!(text(server, &key), None);
    won(&get(server, &key, Claim::Missing(LONG)));
    assert!(!expire(server, &key), "a lease over nothing is no value");
    put(server, &key, "v", When::Always);
    assert!(expire(server, &key));
    assert!(expire(server, &key), "a stale value is a value");
}

fn an_expire_fences_leases_over_everything(server: &impl Server) {
    for there in ["nothing", "fresh", "stale"] {
        let key = fresh_key("expire-fence");
        if there != "nothing" {
            put(server, &key, "old", When::Always);
        }
        if there == "stale" {
            expire(server, &key);
        }
        let lease = won(&get(server, &key, Claim::Refresh(LONG)));
        expire(server, &key);
        assert!(!put(server, &key, "late", When::Token(lease)), "{there}");
        let next = won(&get(server, &key, Claim::Missing(LONG)));
        assert!(!put(server, &key, "late", When::Token(lease)), "{there}");
        assert!(put(server, &key, "next", When::Token(next)), "{there}");
    }
}

fn an_expired_value_is_kept_for_that_long(server: &impl Server) {
    let key = fresh_key("expire-kept");
    put_for(server, &key, "v".into(), None, When::Always);
    assert!(wait(server.expire(&key, SHORT)).unwrap());
    until("the stale value ends", || text(server, &key).is_none());

    // Its own time does not count any more.
    let key = fresh_key("expire-longer");
    put_for(server, &key, "v".into(), Some(SHORT), When::Always);
    if wait(server.expire(&key, LONG)).unwrap() {
        let start = Instant::now();
        until("two seconds pass", || start.elapsed() > 2 * SHORT);
        assert_eq!(text(server, &key).as_deref(), Some("v"));
    }
}

fn a_lease_given_back_is_free_for_the_next(server: &impl Server) {
    let key = fresh_key("release");
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    taken(&get(server, &key, Claim::Missing(LONG)));
    wait(server.release(&key, lease)).unwrap();
    let next = won(&get(server, &key, Claim::Missing(LONG)));
    assert!(!put(server, &key, "late", When::Token(lease)));
    assert!(put(server, &key, "next", When::Token(next)));
}

fn a_refresh_given_back_is_free_for_the_next_and_the_value_stays(server: &impl Server) {
    for there in ["fresh", "stale"] {
        let key = fresh_key("release-refresh");
        put(server, &key, "v", When::Always);
        if there == "stale" {
            expire(server, &key);
        }
        let lease = won(&get(server, &key, Claim::Refresh(LONG)));
        taken(&get(server, &key, Claim::Refresh(LONG)));
        wait(server.release(&key, lease)).unwrap();
        assert_eq!(text(server, &key).as_deref(), Some("v"), "{there}");
        won(&get(server, &key, Claim::Refresh(LONG)));
    }
}

fn giving_back_what_is_over_does_nothing(server: &impl Server) {
    let key = fresh_key("release-over");
    wait(server.release(&key, 12_345)).unwrap();
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    let next = won(&get(server, &key, Claim::Replace(LONG)));
    wait(server.release(&key, lease)).unwrap();
    taken(&get(server, &key, Claim::Missing(LONG)));
    assert!(put(server, &key, "v", When::Token(next)));
    wait(server.release(&key, next)).unwrap();
    assert_eq!(text(server, &key).as_deref(), Some("v"));
}

fn a_purge_leaves_what_is_in_its_time(server: &impl Server) {
    let key = fresh_key("purge");
    put(server, &key, "v", When::Always);
    let leased = fresh_key("purge-lease");
    let lease = won(&get(server, &leased, Claim::Missing(LONG)));
    wait(server.purge()).unwrap();
    assert_eq!(text(server, &key).as_deref(), Some("v"));
    assert!(put(server, &leased, "w", When::Token(lease)));
}

fn results_come_in_the_order_of_the_keys(server: &impl Server) {
    let keys: Vec<String> = (0..100).map(|n| fresh_key(&format!("batch-{n}"))).collect();
    let puts = keys.iter().enumerate().filter(|(n, _)| n % 3 != 0).map(|(n, key)| Put {
        key: key.clone(),
        bytes: n.to_string().into(),
        keep: Some(LONG),
        when: When::Always,
    });
    assert!(wait(server.put_many(puts.collect())).into_iter().all(|stored| stored.unwrap()));
    let answers = wait(server.get_many(&keys, Claim::Missing(LONG)));
    assert_eq!(answers.len(), keys.len());
    for (n, answer) in answers.into_iter().enumerate() {
        let answer = answer.unwrap();
        assert_eq!(matches!(answer.leased, Leased::Won(_)), n % 3 == 0, "{n}: {answer:?}");
        let text = answer.stored.map(|stored| stored.bytes);
        assert_eq!(text, (n % 3 != 0).then(|| n.to_string().into()), "{n}");
    }
    let put =
        |n: usize, when| Put { key: keys[n].clone(), bytes: "again".into(), keep: None, when };
    let puts = vec![
        put(0, When::Absent),
        put(1, When::Absent),
        put(2, When::Token(1)),
        put(4, When::Always),
    ];
    let stored: Vec<bool> = wait(server.put_many(puts)).into_iter().map(Result::unwrap).collect();
    assert_eq!(stored, [true, false, false, true]);
    let deleted = wait(server.delete_many(&keys));
    for (n, deleted) in deleted.into_iter().enumerate() {
        assert_eq!(deleted.unwrap(), n == 0 || n % 3 != 0, "{n}");
    }
}

fn a_batch_of_nothing_gives_nothing(server: &impl Server) {
    assert!(wait(server.get_many(&[], Claim::Missing(LONG))).is_empty());
    assert!(wait(server.put_many(Vec::new())).is_empty());
    assert!(wait(server.delete_many(&[])).is_empty());
}

fn a_batch_may_name_a_key_twice(server: &impl Server) {
    let key = fresh_key("twice");
    let answers = wait(server.get_many(&[key.clone(), key.clone()], Claim::Missing(LONG)));
    let won = answers.iter().filter(|a| matches!(a.as_ref().unwrap().leased, Leased::Won(_)));
    assert_eq!(won.count(), 1, "{answers:?}");
    put(server, &key, "v", When::Always);
    let answers = wait(server.get_many(&[key.clone(), key.clone()], Claim::Nothing));
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().stored.is_some()));
    let deleted: Vec<bool> =
        wait(server.delete_many(&[key.clone(), key])).into_iter().map(Result::unwrap).collect();
    assert_eq!(deleted.iter().filter(|deleted| **deleted).count(), 1);
}
