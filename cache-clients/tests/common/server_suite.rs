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

#[path = "server_suite/batches.rs"]
mod batches;
#[path = "server_suite/invalidations.rs"]
mod invalidations;
#[path = "server_suite/leases.rs"]
mod leases;
#[path = "server_suite/taking.rs"]
mod taking;
#[path = "server_suite/values.rs"]
mod values;

#[allow(unused_imports, reason = "as above")]
pub use values::values;

/// Long enough that no test outlives it.
const LONG: Duration = Duration::from_secs(60);
/// The shortest that every server can count.
const SHORT: Duration = Duration::from_secs(1);

/// Every sentence of the contract.
pub fn run(server: &impl Server) {
    values::values(server);
    values::keeping(server);
    values::reads(server);
    leases::leases_over_nothing(server);
    leases::leases_over_stale_values(server);
    leases::leases_over_fresh_values(server);
    taking::taking_over(server);
    taking::conditions(server);
    invalidations::invalidations(server);
    invalidations::giving_back(server);
    batches::batches(server);
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
