//! Changes of one key over two connections to one server: none overtakes an earlier one.

#![cfg(feature = "memcached")]

#[path = "common/server_suite.rs"]
mod server_suite;

use cache_clients::memcached::{BreakerOptions, Memcached, MemcachedOptions};
use cache_clients::server::{Answer, Claim, Put, Server, When};
use cache_core::{Result, wait};
use larder_test_servers::{Memcached as Process, Proxy};
use server_suite::{get, put, until};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

const MILLIS: Duration = Duration::from_millis(1);

fn try_get(memcached: &Memcached, key: &str) -> Result<Answer> {
    wait(memcached.get_many(&[key.to_owned()], Claim::Nothing)).remove(0)
}

fn delete(memcached: &Memcached) -> bool {
    wait(memcached.delete_many(&["k".to_owned()])).remove(0).unwrap()
}

/// Polls a future once and drops it.
fn cancel(future: impl Future) {
    let mut future = pin!(future);
    let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
}

#[test]
fn a_change_does_not_overtake_an_earlier_one_of_its_key_whose_caller_has_gone() {
    let process = Process::start_with(&["-I", "8m"]);
    let options = MemcachedOptions::default().with_item_limit(8 << 20);
    // More than sockets take at once, in the proxy's pieces: there is time for something small.
    let proxy = Proxy::before(&process.address());
    let memcached = Memcached::with(proxy.address(), options).unwrap();
    let (large, key) = ("x".repeat(7_000_000), "k".to_owned());
    // What is put after it over the same connection is answered after it.
    let pass = |bytes: &str| assert!(put(&memcached, "other", bytes, When::Always));
    let changes: [(&str, fn(&Memcached)); 3] = [
        ("delete", |memcached| _ = delete(memcached)),
        ("put", |memcached| assert!(put(memcached, "k", "new", When::Always))),
        ("expire", |memcached| _ = wait(memcached.expire("k", 60_000 * MILLIS)).unwrap()),
    ];
    for n in 0..12 {
        let (name, change) = changes[n % 3];
        let added = n % 2 == 0;
        pass(&large);
        let when = if added { When::Absent } else { When::Always };
        _ = delete(&memcached);
        assert!(added || put(&memcached, "k", "old", When::Always));
        let late = Put { key: key.clone(), bytes: large.clone().into(), keep: None, when };
        cancel(memcached.put_many(vec![late]));
        change(&memcached);
        pass(&large);
        let stored = try_get(&memcached, "k").unwrap().stored;
        let shown = stored.map(|stored| (stored.bytes.len(), stored.stale));
        let expected = match name {
            "delete" => None,
            "put" => Some((3, false)),
            _ => Some((large.len(), true)),
        };
        assert_eq!(shown, expected, "{name} after {when:?}");
    }
}

#[test]
fn a_put_that_was_given_up_does_not_arrive_after_its_key_was_removed_for_that() {
    let process = Process::start_with(&["-I", "8m"]);
    let proxy = Proxy::before(&process.address());
    let (item, answer) = (8 << 20, Duration::from_secs(10));
    let breaker = BreakerOptions::default().with_failures(u32::MAX);
    let breaker = breaker.with_rate(1.0, u32::MAX, MILLIS);
    let options = MemcachedOptions::default().with_breaker(breaker);
    let options = options.with_item_limit(item).with_answer_timeout(answer);
    let patient = options.clone().with_deadline(answer);
    let memcached = Memcached::with(proxy.address(), options.with_deadline(10 * MILLIS)).unwrap();
    let patient = Memcached::with(process.address(), patient).unwrap();
    let (large, medium) = ("x".repeat(7_000_000), "x".repeat(70_000));
    let try_put = |key: &str, bytes: &str| {
        let bytes = bytes.to_owned().into();
        let put = Put { key: key.to_owned(), bytes, keep: None, when: When::Always };
        wait(memcached.put_many(vec![put])).remove(0)
    };
    for _ in 0..10 {
        assert!(put(&patient, "k", "old", When::Always));
        until("both connections are there", || {
            try_put("other", &medium).is_ok() && try_get(&memcached, "other").is_ok()
        });
        let given_up = try_put("k", &large).is_err();
        until("it is trusted again", || try_get(&memcached, "k").is_ok());
        // What comes over the same connection after it is answered after it.
        until("it is over", || try_put("other", &medium).is_ok());
        let stored = get(&patient, "k", Claim::Nothing).stored.map(|stored| stored.bytes.len());
        assert_eq!(stored, (!given_up).then_some(large.len()));
    }
}
