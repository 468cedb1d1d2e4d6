//! Many callers, many keys, and clients that disagree on the list of servers, over real memcached.
#![cfg(feature = "memcached")]

use cache_clients::encoded::{Absence, Encoded, EncodedOptions};
use cache_clients::memcached::{Memcached, MemcachedOptions};
use cache_clients::{Inproc, Tiered};
use cache_core::{Aim, Cache, CacheExt, Lookup, ManualClock, Reason, wait};
use larder_test_servers as servers;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn encoded(servers: &str, options: EncodedOptions) -> Encoded<Memcached> {
    let limit = 30 * SECOND;
    let patient = MemcachedOptions::default()
        .with_connect_timeout(limit)
        .with_answer_timeout(limit)
        .with_deadline(limit);
    Encoded::with_options(Memcached::with(servers, patient).unwrap(), options).unwrap()
}

/// A figure of the server's own.
fn stat(server: &servers::Memcached, name: &str) -> u64 {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(b"stats\r\n").unwrap();
    let lines = BufReader::new(stream).lines().map(Result::unwrap);
    let line = lines.take_while(|line| line != "END").find_map(|line| {
        let (key, value) = line.strip_prefix("STAT ")?.split_once(' ')?;
        (key == name).then(|| value.parse().unwrap())
    });
    line.unwrap_or_else(|| panic!("memcached has no figure {name}"))
}

/// A hundred thousand calls in ten lives of the near copy.
#[test]
fn x26_a_hot_key_asks_the_server_a_few_times_for_each_life_of_its_near_copy() {
    const ROUNDS: u64 = 10;
    const THREADS: usize = 8;
    const CALLS: usize = 1250;
    let (server, time) = (servers::Memcached::start(), ManualClock::new());
    let far = encoded(&server.address(), EncodedOptions::new().with_clock(time.clock()));
    let near = Inproc::new(100).with_clock(time.clock());
    let tiers = Tiered::new(near, far).with_near_ttl(SECOND);
    let cache = tiers.open::<u64, u64>("hot");
    let computed = Arc::new(AtomicUsize::new(0));
    for _ in 0..ROUNDS {
        let (before, start) = (stat(&server, "cmd_get"), Barrier::new(THREADS));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..CALLS {
                        let computed = computed.clone();
                        let value = wait(cache.get_or_compute_for(&7, 3600, || async move {
                            computed.fetch_add(1, Ordering::SeqCst);
                            49
                        }));
                        assert_eq!(value, 49);
                    }
                });
            }
        });
        // The generation, the value; in the first round also the lease.
        let asked = stat(&server, "cmd_get") - before;
        assert!((1..=4).contains(&asked), "{asked} questions for {} calls", THREADS * CALLS);
        time.advance(SECOND);
    }
    assert_eq!(computed.load(Ordering::SeqCst), 1);
}

/// Memory of this process, in bytes.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}

/// Flights, leases, misses, invalidations that wait, the near table and its ghosts.
#[test]
#[cfg(target_os = "linux")]
fn x27_a_million_distinct_keys_leave_no_memory_behind() {
    const BATCH: u64 = 2000;
    let (server, time) = (servers::Memcached::start(), ManualClock::new());
    let options = EncodedOptions::new().with_clock(time.clock()).with_pending(1000);
    let far = encoded(&server.address(), options);
    let near = Inproc::new(10_000).with_clock(time.clock());
    let tiers = Tiered::new(near.clone(), far.clone()).with_miss_memory(60 * SECOND);
    let cache = tiers.open::<u64, u64>("numbers");
    let fill = |from: u64| {
        for start in (from..from + 500_000).step_by(BATCH as usize) {
            let keys: Vec<u64> = (start..start + BATCH).collect();
            // Looked at, which remembers misses, then computed, which takes leases and flights.
            if start % (10 * BATCH) == 0 {
                wait(cache.get_many(&keys)).unwrap();
            }
            let values = wait(cache.get_or_compute_many(&keys, |missing| {
                let values: Vec<u64> = missing.iter().map(|key| key * 2).collect();
                async move { values }
            }));
            assert_eq!(values[5], keys[5] * 2);
        }
    };
    fill(0);
    let half = resident();
    fill(500_000);
    server.stop();
    for start in (0..100_000).step_by(BATCH as usize) {
        wait(cache.delete_many(&(start..start + BATCH).collect::<Vec<u64>>())).unwrap();
    }
    let grown = resident().saturating_sub(half);
    assert!(grown < 16 << 20, "{grown} bytes for the second half million and the deletes");
    assert!(far.stats().pending_invalidations <= 1000, "{:?}", far.stats());
    assert!(near.used() <= 10_000);
}

/// Each has its own home for a key, so each may compute; nobody waits for the other for ever.
#[test]
fn x28_clients_that_disagree_on_the_servers_both_compute_and_finish() {
    const KEYS: u64 = 40;
    let all: Vec<servers::Memcached> = (0..3).map(|_| servers::Memcached::start()).collect();
    let at = |n: usize| all[n].address();
    let lists = [
        format!("{}, {}", at(0), at(1)),
        format!("{}, {}, {}", at(2), at(1), at(0)),
        at(2),
        format!("{}*3, {}", at(1), at(2)),
    ];
    // Lists that overlap agree on a generation within the lag of a clear; here they have done so.
    for list in &lists {
        wait(encoded(list, EncodedOptions::new()).open::<u64, u64>("n").get(&0)).unwrap();
    }
    let (runs, start) = (Arc::new(AtomicUsize::new(0)), Barrier::new(2 * lists.len()));
    thread::scope(|scope| {
        for list in &lists {
            let cache = encoded(list, EncodedOptions::new()).open::<u64, u64>("n");
            for turn in 0..2 {
                let (cache, runs, start) = (cache.clone(), runs.clone(), &start);
                scope.spawn(move || {
                    start.wait();
                    for n in 0..KEYS {
                        // In opposite orders, so that each holds what the other wants.
                        let key = if turn == 0 { n } else { KEYS - 1 - n };
                        let runs = runs.clone();
                        let value = wait(cache.get_or_compute_for(&key, 600, move || async move {
                            runs.fetch_add(1, Ordering::SeqCst);
                            thread::yield_now();
                            key * 2
                        }));
                        assert_eq!(value, key * 2);
                    }
                });
            }
        }
    });
    let runs = runs.load(Ordering::SeqCst) as u64;
    assert!(runs >= KEYS && runs <= KEYS * lists.len() as u64, "{runs} computations");
    for list in &lists {
        let cache = encoded(list, EncodedOptions::new()).open::<u64, u64>("n");
        let found = wait(cache.get_many(&(0..KEYS).collect::<Vec<_>>())).unwrap();
        let right = found.iter().zip(0..).filter(|(found, key)| **found == Some(key * 2)).count();
        assert!(right as u64 == KEYS, "{right} of {KEYS} over {list}");
    }
}

#[test]
fn c76_without_servers_reads_miss_and_a_strict_client_says_so() {
    let client = encoded("", EncodedOptions::new());
    let cache = client.open::<u64, u64>("n");
    let found = wait(cache.lookup(&1, Aim::Read)).unwrap();
    assert!(matches!(found, Lookup::Missing { reason: Reason::Unreachable, .. }), "{found:?}");
    assert!(!wait(cache.put_for(&1, 2, 60)).unwrap());
    assert_eq!(wait(cache.get_or_compute_for(&1, 60, || async { 3 })), 3);
    let strict = encoded("", EncodedOptions::new().with_absence(Absence::Fail));
    let cache = strict.open::<u64, u64>("n");
    let error = wait(cache.get(&1)).unwrap_err();
    assert!(error.is_unreachable());
    assert!(error.to_string().contains("the list of servers is empty"), "{error}");
    assert!(wait(cache.put_for(&1, 2, 60)).unwrap_err().is_unreachable());
    assert!(wait(cache.delete(&1)).unwrap_err().is_unreachable());
    assert_eq!(wait(cache.get_or_compute_for(&1, 60, || async { 3 })), 3);
}

/// Raw names; `memcached_generation` says the same of typed caches.
#[test]
fn c77_a_server_less_leaves_the_keys_of_the_others_where_they_are() {
    use cache_clients::server::{Claim, Put, Server, When};
    let all: Vec<servers::Memcached> = (0..5).map(|_| servers::Memcached::start()).collect();
    let addresses: Vec<String> = all.iter().map(servers::Memcached::address).collect();
    let five = Memcached::new(addresses.join(",")).unwrap();
    let keys: Vec<String> = (0..1000).map(|n| format!("key:{n}")).collect();
    let puts = keys.iter().map(|key| Put {
        key: key.clone(),
        bytes: key.clone().into(),
        keep: None,
        when: When::Always,
    });
    assert!(wait(five.put_many(puts.collect())).into_iter().all(|stored| stored.unwrap()));
    let four = Memcached::new(addresses[..4].join(",")).unwrap();
    let answers = wait(four.get_many(&keys, Claim::Nothing));
    let found: Vec<bool> = answers.into_iter().map(|one| one.unwrap().stored.is_some()).collect();
    // What the fifth has is gone for them, and nothing else.
    let gone = found.iter().filter(|found| !**found).count() as u64;
    assert_eq!(gone, stat(&all[4], "curr_items"));
    assert!(gone > 100 && gone < 260, "{gone} of 1000 lie on one of five");
}
