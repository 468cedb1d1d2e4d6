//! memcached servers that are away: others stand in, and they come back without what has been changed meanwhile.

#![cfg(feature = "memcached")]

#[path = "common/server_suite.rs"]
mod server_suite;

use cache_clients::memcached::{BreakerOptions, Memcached, MemcachedOptions, ServerState};
use cache_clients::server::{Answer, Claim, Put, Server, When};
use cache_core::{Result, wait};
use larder_test_servers::{Fault, Memcached as Process, Proxy};
use server_suite::{put, text, until};
use std::time::Duration;

const MILLIS: Duration = Duration::from_millis(1);

/// Given up after two failures, and tried again soon.
fn brittle() -> MemcachedOptions {
    let breaker = BreakerOptions::default()
        .with_failures(2)
        .with_pause(20 * MILLIS)
        .with_longest_pause(100 * MILLIS)
        .with_trials(2);
    MemcachedOptions::default()
        .with_connect_timeout(200 * MILLIS)
        .with_answer_timeout(200 * MILLIS)
        .with_deadline(500 * MILLIS)
        .with_breaker(breaker)
}

fn try_get(memcached: &Memcached, key: &str) -> Result<Answer> {
    wait(memcached.get_many(&[key.to_owned()], Claim::Nothing)).remove(0)
}

fn try_delete(memcached: &Memcached, key: &str) -> Result<bool> {
    wait(memcached.delete_many(&[key.to_owned()])).remove(0)
}

/// Two servers, the first behind a proxy, and a key that belongs to it.
struct Pair {
    first: Process,
    proxy: Proxy,
    _second: Process,
    memcached: Memcached,
    key: String,
}

impl Pair {
    fn new(options: MemcachedOptions) -> Self {
        let (first, second) = (Process::start(), Process::start());
        let proxy = Proxy::before(&first.address());
        let memcached = Memcached::with([proxy.address(), second.address()], options).unwrap();
        let direct = Memcached::new(first.address()).unwrap();
        let at_first = |key: &String| {
            put(&memcached, key, "v", When::Always);
            text(&direct, key).is_some()
        };
        let key = (0..).map(|n| format!("pair-{n}")).find(at_first).unwrap();
        Pair { first, proxy, _second: second, memcached, key }
    }

    fn state(&self) -> ServerState {
        self.memcached.stats()[0].state
    }

    /// Until others have its keys.
    fn cut_off(&self) {
        self.proxy.set(Fault::Refuse);
        self.proxy.cut();
        until("it is given up", || {
            let _ = try_get(&self.memcached, &self.key);
            self.state() == ServerState::Away
        });
    }

    fn let_back(&self) {
        self.proxy.set(Fault::None);
        until("it is back", || self.state() != ServerState::Away);
    }
}

#[test]
fn the_keys_of_a_dead_server_go_to_the_others_and_come_back_by_themselves() {
    let pair = Pair::new(brittle());
    let Pair { memcached, key, .. } = &pair;
    put(memcached, key, "first", When::Always);
    pair.cut_off();
    assert_eq!(text(memcached, key), None);
    let lease = server_suite::won(&server_suite::get(memcached, key, Claim::Missing(200 * MILLIS)));
    assert!(put(memcached, key, "second", When::Token(lease)));
    assert_eq!(text(memcached, key).as_deref(), Some("second"));
    pair.let_back();
    assert_eq!(text(memcached, key).as_deref(), Some("first"), "nothing has invalidated it");
    assert!(!put(memcached, key, "late", When::Token(lease)), "a token of another server");
}

#[test]
fn what_was_removed_while_a_server_was_away_is_not_there_when_it_is_back() {
    let pair = Pair::new(brittle());
    let Pair { memcached, key, .. } = &pair;
    put(memcached, key, "old", When::Always);
    pair.cut_off();
    try_delete(memcached, key).unwrap();
    assert_eq!(memcached.stats()[0].owed, 1);
    pair.let_back();
    assert_eq!(text(memcached, key), None);
    assert_eq!(memcached.stats()[0].owed, 0);

    put(memcached, key, "old", When::Always);
    until("the others are empty", || {
        pair.cut_off();
        let sound = put_is_ok(memcached, key, "new");
        pair.let_back();
        sound
    });
    assert_eq!(text(memcached, key), None, "the put went elsewhere: here the old one is removed");
}

#[test]
fn what_was_refreshed_while_a_server_was_away_is_not_what_it_was_when_it_is_back() {
    let pair = Pair::new(brittle());
    let Pair { memcached, key, .. } = &pair;
    put(memcached, key, "old", When::Always);
    pair.cut_off();
    let lease = server_suite::won(&server_suite::get(memcached, key, Claim::Replace(200 * MILLIS)));
    assert!(put(memcached, key, "new", When::Token(lease)));
    pair.let_back();
    assert_eq!(
        text(memcached, key),
        None,
        "the new one went elsewhere: here the old one is removed"
    );
}

fn put_is_ok(memcached: &Memcached, key: &str, bytes: &'static str) -> bool {
    let put = Put { key: key.to_owned(), bytes: bytes.into(), keep: None, when: When::Always };
    wait(memcached.put_many(vec![put])).remove(0).is_ok()
}

#[test]
fn a_server_that_missed_too_much_is_emptied_when_it_is_back() {
    let pair = Pair::new(brittle().with_owed(3));
    let Pair { memcached, key, .. } = &pair;
    put(memcached, key, "kept?", When::Always);
    pair.cut_off();
    for n in 0..100 {
        try_delete(memcached, &format!("another-{n}")).unwrap();
    }
    pair.let_back();
    assert_eq!(text(memcached, key), None, "everything was removed");
    put(memcached, key, "again", When::Always);
    assert_eq!(text(memcached, key).as_deref(), Some("again"));
    assert!(pair.first.process().is_some());
}

#[test]
fn a_second_absence_reads_nothing_that_others_kept_of_the_first() {
    let pair = Pair::new(brittle());
    let Pair { memcached, key, .. } = &pair;
    pair.cut_off();
    assert!(put_is_ok(memcached, key, "of the first absence"));
    pair.let_back();
    try_delete(memcached, key).unwrap();
    pair.cut_off();
    let error = try_get(memcached, key).unwrap_err().to_string();
    assert!(error.contains("others may hold outdated values"), "{error}");
}

#[test]
fn the_only_server_that_is_away_says_why_and_when_it_is_tried() {
    let process = Process::start();
    let memcached = Memcached::with(process.address(), brittle()).unwrap();
    put(&memcached, "k", "v", When::Always);
    process.stop();
    until("it is given up", || {
        let _ = try_get(&memcached, "k");
        memcached.stats()[0].state == ServerState::Away
    });
    let error = try_get(&memcached, "k").unwrap_err().to_string();
    assert!(error.contains("it is tried again in"), "{error}");
    process.start_again();
    until("it is back", || try_get(&memcached, "k").is_ok());
}
