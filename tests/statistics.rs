//! What is counted of a function, and where it can be read.

mod common;

use common::{Count, Gate, limited_wide, until};
use larder::{AnyMemo, CachedFn, cached, registry, report};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn hits_misses_and_computations() {
    #[cached]
    fn run(x: u8) -> u8 {
        x
    }
    assert_eq!(run::stats(), larder::Stats::default());
    run(1);
    run(1);
    run(2);
    run::peek(1);
    run::peek(9);
    let stats = run::stats();
    assert_eq!((stats.hits, stats.misses.total(), stats.computations), (2, 3, 2));
    assert_eq!((stats.errors, stats.waiters, stats.fenced, stats.unstored), (0, 0, 0, 0));
    assert_eq!(stats.hit_ratio(), Some(0.4));
    run::put(3, 3);
    assert_eq!(run::stats(), stats, "a put is no call");
}

#[test]
fn misses_have_reasons() {
    clocked!(TIME, HERE);
    #[cached(client = HERE, ttl = 10)]
    fn run(x: u8) -> u8 {
        x
    }
    #[cached(capacity = 1)]
    fn small(x: u16) -> u16 {
        x
    }
    run(1);
    assert_eq!(run::stats().misses.never, 1);
    TIME.advance(10 * SECOND);
    run(1);
    assert_eq!((run::stats().misses.expired, run::stats().misses.total()), (1, 2));
    run::invalidate(1);
    run(1);
    assert_eq!((run::stats().misses.invalidated, run::stats().misses.total()), (1, 3));
    small(1);
    small(2);
    small(1);
    small(2);
    assert!(small::stats().misses.evicted >= 1, "{:?}", small::stats());
}

#[test]
fn values_past_the_threshold_are_stale_hits() {
    clocked!(TIME, HERE);
    static GATE: Gate = Gate::new();
    #[cached(client = HERE, ttl = 10, async_ttl)]
    fn run(x: u8) -> u8 {
        GATE.pass();
        x
    }
    limited_wide(|| {
        GATE.admit(1);
        run(1);
        run(1);
        TIME.advance(6 * SECOND);
        run(1);
        GATE.await_arrivals(2);
        let stats = run::stats();
        assert_eq!((stats.hits, stats.stale_hits, stats.computations), (1, 1, 1));
        GATE.open();
        until("it is refreshed", || run::stats().computations == 2);
    });
}

#[test]
fn values_past_their_ttl_that_stand_in_are_grace_hits() {
    clocked!(TIME, HERE);
    static RUNS: Count = Count::new();
    #[cached(client = HERE, ttl = 10, grace = 100)]
    fn run(_x: u8) -> Result<usize, &'static str> {
        match RUNS.next() {
            1 => Ok(1),
            _ => Err("down"),
        }
    }
    assert_eq!(run(1), Ok(1));
    TIME.advance(11 * SECOND);
    assert_eq!((run(1), run::peek(1)), (Ok(1), None));
    let stats = run::stats();
    assert_eq!((stats.grace_hits, stats.errors, stats.computations), (1, 1, 2));
    TIME.advance(100 * SECOND);
    assert_eq!(run(1), Err("down"));
}

#[test]
fn errors_panics_and_unwanted_values() {
    #[cached]
    fn failing(_x: u8) -> Result<u8, &'static str> {
        Err("down")
    }
    #[cached]
    fn panicking(x: u8) -> u8 {
        panic!("{x}")
    }
    #[cached(cache_if = |x| *x > 5)]
    fn picky(x: u8) -> u8 {
        x
    }
    #[cached]
    fn missing(_x: u8) -> Option<u8> {
        None
    }
    failing(1).unwrap_err();
    failing(1).unwrap_err();
    assert_eq!((failing::stats().errors, failing::stats().computations), (2, 2));
    common::panic_of(|| panicking(1));
    assert_eq!((panicking::stats().errors, panicking::stats().computations), (1, 1));
    picky(5);
    picky(6);
    assert_eq!((picky::stats().unstored, picky::stats().errors), (1, 0));
    missing(1);
    assert_eq!((missing::stats().unstored, missing::stats().errors), (1, 0));
}

#[test]
fn waiters_and_fenced_results() {
    static GATE: Gate = Gate::new();
    #[cached]
    fn run(x: u8) -> u8 {
        GATE.pass();
        x
    }
    limited_wide(|| {
        let callers: Vec<_> = (0..4).map(|_| thread::spawn(|| run(1))).collect();
        until("three wait", || run::stats().waiters == 3);
        run::invalidate(1);
        GATE.open();
        callers.into_iter().for_each(|caller| assert_eq!(caller.join().unwrap(), 1));
        let stats = run::stats();
        assert_eq!((stats.waiters, stats.fenced, stats.computations), (3, 1, 1));
        assert_eq!(stats.misses.total(), 4);
    });
}

#[test]
fn time_spent_computing_and_time_saved() {
    clocked!(TIME, HERE);
    #[cached(client = HERE)]
    fn run(x: u8) -> u8 {
        TIME.advance(u32::from(x) * SECOND);
        x
    }
    run(1);
    run(3);
    assert_eq!((run::stats().computing, run::stats().saved), (4 * SECOND, Duration::ZERO));
    run(1);
    run(1);
    run(3);
    assert_eq!((run::stats().computing, run::stats().saved), (4 * SECOND, 6 * SECOND));
}

#[test]
fn every_function_in_use_is_on_the_list_and_in_the_report() {
    #[cached]
    fn listed(x: u8) -> u8 {
        x
    }
    #[cached]
    fn generic<T: Clone + Send + Sync + std::hash::Hash + Eq + 'static>(x: T) -> T {
        x
    }
    #[cached]
    fn unused(x: u8) -> u8 {
        x
    }
    listed(1);
    listed(1);
    generic(1_u8);
    generic(String::from("x"));
    let names: Vec<_> = registry().into_iter().map(AnyMemo::name).collect();
    let count = |name: &str| names.iter().filter(|known| known.contains(name)).count();
    assert_eq!((count("::listed"), count("::generic")), (1, 2), "{names:?}");
    assert!(generic::<u8>::stats().computations == 1);
    let memo = <listed as CachedFn>::memo();
    assert_eq!((memo.len(), memo.stats().hits, memo.name()), (1, 1, listed::NAME.to_owned()));
    let report = report();
    let line = report.lines().find(|line| line.contains("::listed")).unwrap();
    assert!(line.contains("50.0 %"), "{line}");
    assert!(!report.contains("::unused"), "what was never used is not listed");
    assert_eq!(unused(1), 1);
    memo.clear();
    assert_eq!((memo.len(), listed::peek(1)), (0, None));
}
