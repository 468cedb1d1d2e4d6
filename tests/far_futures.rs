//! Futures of functions whose far tier is a real server (C63).
#![cfg(feature = "memcached")]

mod common;

use common::{Count, Gate, limited_wide};
use larder::{Encoded, EncodedOptions, Inproc, Memcached, Tiered, cached};
use larder_test_servers as servers;
use std::sync::LazyLock;

static SERVER: LazyLock<servers::Memcached> = LazyLock::new(servers::Memcached::start);

/// As in a process of its own.
fn tiers() -> Tiered<Inproc, Encoded<Memcached>> {
    let server = Memcached::new(SERVER.address()).unwrap();
    Tiered::new(Inproc::new(100), Encoded::with_options(server, EncodedOptions::new()).unwrap())
}

static OURS: LazyLock<Tiered<Inproc, Encoded<Memcached>>> = LazyLock::new(tiers);
static THEIRS: LazyLock<Tiered<Inproc, Encoded<Memcached>>> = LazyLock::new(tiers);

#[test]
fn c63_a_future_is_there_at_once_and_of_a_near_value_it_is_done() {
    static GATE: Gate = Gate::new();
    static RUNS: Count = Count::new();
    #[cached(client = OURS, ttl = "10m", namespace = "futures")]
    fn ours(_x: u8) -> usize {
        GATE.pass();
        RUNS.next()
    }
    #[cached(client = THEIRS, ttl = "10m", namespace = "futures")]
    fn theirs(_x: u8) -> usize {
        RUNS.next()
    }
    limited_wide(|| {
        // Neither the far tier nor the function is waited for.
        let mut slow = ours::future(1);
        assert!(!slow.is_done());
        GATE.await_arrivals(1);
        let mut there = theirs::future(1);
        assert!(!there.is_done(), "the other process has the lease");
        GATE.open();
        assert_eq!((slow.wait(), there.wait()), (1, 1));
        assert_eq!((RUNS.get(), theirs::stats().far_hits), (1, 1));
        assert_eq!(theirs(1), 1);
        let hits = theirs::stats().hits;
        let mut near = theirs::future(1);
        assert!(near.is_done());
        assert_eq!((near.try_take(), theirs::stats().hits), (Some(1), hits + 1));
    });
}
