//! Decorated functions over tiers that need I/O: what is found there, refreshed, failed, given back.
//! The far tier is a pretended one, by a clock in hand; the same over real servers is in `servers.rs`.

mod common;
#[path = "../cache-clients/tests/common/remote.rs"]
mod remote;

use common::{Count, Gate, limited_wide, panic_of, until};
use larder::{Inproc, ManualClock, Tiered, cached, wait};
use remote::{Fault, Remote};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A clock, a far client by it, and two processes' tiers over that client.
macro_rules! fleet {
    ($time:ident, $far:ident) => {
        static $time: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
        static $far: LazyLock<Remote> = LazyLock::new(|| Remote::new(&$time.clock()));
    };
    ($time:ident, $far:ident, $ours:ident, $theirs:ident) => {
        static $time: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
        static $far: LazyLock<Remote> = LazyLock::new(|| Remote::new(&$time.clock()));
        static $ours: LazyLock<Tiered<Inproc, Remote>> =
            LazyLock::new(|| Tiered::new(Inproc::new(100).with_clock($time.clock()), $far.clone()));
        static $theirs: LazyLock<Tiered<Inproc, Remote>> =
            LazyLock::new(|| Tiered::new(Inproc::new(100).with_clock($time.clock()), $far.clone()));
    };
}

#[test]
fn what_another_process_computed_is_found_promoted_and_counted() {
    fleet!(TIME, FAR, OURS, THEIRS);
    static RUNS: Count = Count::new();
    #[cached(client = OURS, ttl = "60s", namespace = "squares")]
    fn ours(_x: u8) -> usize {
        RUNS.next()
    }
    #[cached(client = THEIRS, ttl = "60s", namespace = "squares")]
    fn theirs(_x: u8) -> usize {
        RUNS.next()
    }
    #[cached(client = FAR, ttl = "60s", namespace = "squares")]
    async fn directly(_x: u8) -> usize {
        RUNS.next()
    }
    limited_wide(|| {
        assert_eq!((ours(1), theirs(1), theirs(1), RUNS.get()), (1, 1, 1, 1));
        assert_eq!((wait(directly(1)), wait(directly::peek(1))), (1, Some(1)));
        let (first, second) = (ours::stats(), theirs::stats());
        assert_eq!((first.misses.never, first.computations, first.far_hits), (1, 1, 0));
        assert_eq!((second.misses.total(), second.far_hits, second.hits), (0, 1, 1));
        let far_only = directly::stats();
        assert_eq!((far_only.far_hits, far_only.misses.total(), far_only.hits), (2, 0, 0));
        assert_eq!(far_only.hit_ratio(), Some(1.0));
    });
}

#[test]
fn c63_peek_lazy_and_future_reach_behind_and_lazy_does_not_wait() {
    fleet!(TIME, FAR, OURS, THEIRS);
    static RUNS: Count = Count::new();
    #[cached(client = OURS, ttl = "60s", namespace = "n")]
    fn ours(_x: u8) -> usize {
        RUNS.next()
    }
    #[cached(client = THEIRS, ttl = "60s", namespace = "n")]
    fn theirs(_x: u8) -> usize {
        RUNS.next()
    }
    limited_wide(|| {
        for x in 1..=4 {
            ours(x);
        }
        assert_eq!(theirs::peek(1), Some(1));
        FAR.set(Fault::Hang);
        assert_eq!(theirs::lazy(2), None, "not near, and the far tier does not answer");
        FAR.set(Fault::None);
        until("the lazy value is near", || theirs::lazy(2) == Some(2));
        assert_eq!((theirs::future(3).wait(), theirs::async_(4)), (3, 4));
        assert!(theirs::get_ttl(1).is_some_and(|(value, _)| value == 1));
        assert_eq!(RUNS.get(), 4);
    });
}

#[test]
fn a_value_found_behind_past_its_threshold_is_served_and_refreshed() {
    fleet!(TIME, FAR, OURS, THEIRS);
    static RUNS: Count = Count::new();
    #[cached(client = OURS, ttl = "100s", async_ttl = "-50s", namespace = "n")]
    fn ours(_x: u8) -> usize {
        RUNS.next()
    }
    #[cached(client = THEIRS, ttl = "100s", async_ttl = "-50s", namespace = "n")]
    fn theirs(_x: u8) -> usize {
        RUNS.next()
    }
    #[cached(client = FAR, ttl = "100s", async_ttl = "-50s", namespace = "n")]
    async fn far_only(_x: u8) -> usize {
        RUNS.next()
    }
    limited_wide(|| {
        assert_eq!((ours(1), ours(2)), (1, 2));
        TIME.advance(60 * SECOND);
        assert_eq!(theirs(1), 1, "at once");
        until("one refresh has run", || theirs::peek(1) == Some(3));
        assert_eq!(wait(far_only(2)), 2, "at once");
        until("one refresh has run", || wait(far_only::peek(2)) == Some(4));
        assert_eq!((theirs::stats().stale_hits, far_only::stats().stale_hits), (1, 1));
        assert_eq!(RUNS.get(), 4);
    });
}

#[test]
fn c97_a_stale_copy_is_replaced_by_a_younger_one_behind_without_computing() {
    fleet!(TIME, FAR, OURS, THEIRS);
    static RUNS: Count = Count::new();
    #[cached(client = OURS, ttl = "100s", async_ttl = "-50s", namespace = "n")]
    fn ours(_x: u8) -> usize {
        RUNS.next()
    }
    #[cached(client = THEIRS, ttl = "100s", async_ttl = "-50s", namespace = "n")]
    fn theirs(_x: u8) -> usize {
        RUNS.next()
    }
    limited_wide(|| {
        assert_eq!((ours(1), theirs(1)), (1, 1));
        TIME.advance(40 * SECOND);
        assert_eq!(ours::refresh(1), 2, "computes though everything is fresh");
        TIME.advance(20 * SECOND);
        assert_eq!(theirs(1), 1, "its own copy is due, and served");
        until("the younger one is near", || theirs::peek(1) == Some(2));
        assert_eq!(RUNS.get(), 2);
    });
}

#[test]
fn a_failed_or_panicking_computation_gives_its_lease_back() {
    fleet!(TIME, FAR, OURS, THEIRS);
    #[cached(client = OURS, ttl = "60s")]
    fn fails(_x: u8) -> Result<u8, String> {
        Err("no".to_owned())
    }
    #[cached(client = THEIRS, ttl = "60s")]
    async fn panics(_x: u8) -> u8 {
        panic!("boom")
    }
    #[cached(client = OURS, ttl = "60s", cache_if = |v| *v > 9)]
    fn unwanted(x: u8) -> u8 {
        x
    }
    limited_wide(|| {
        assert_eq!(fails(1), Err("no".to_owned()));
        until("the lease is back", || FAR.released() == 1);
        assert!(panic_of(|| wait(panics(1))).contains("boom"));
        until("the lease is back", || FAR.released() == 2);
        assert_eq!(unwanted(1), 1);
        until("the lease is back", || FAR.released() == 3);
        assert_eq!(unwanted(10), 10);
        assert_eq!(fails::future(2).wait(), Err("no".to_owned()));
        until("only the failed one is back", || FAR.released() == 4);
    });
}

#[test]
fn grace_serves_an_expired_value_from_behind_when_the_computation_fails() {
    fleet!(TIME, FAR);
    static BROKEN: AtomicBool = AtomicBool::new(false);
    fn source() -> Result<u8, String> {
        if BROKEN.load(Ordering::Relaxed) { Err("broken".to_owned()) } else { Ok(7) }
    }
    #[cached(client = FAR, ttl = "10s", grace = "60s")]
    fn blocking(_x: u8) -> Result<u8, String> {
        source()
    }
    #[cached(client = FAR, ttl = "10s", grace = "60s")]
    async fn polled(_x: u8) -> Result<u8, String> {
        source()
    }
    limited_wide(|| {
        assert_eq!((blocking(1), wait(polled(1))), (Ok(7), Ok(7)));
        BROKEN.store(true, Ordering::Relaxed);
        TIME.advance(20 * SECOND);
        assert_eq!((blocking(1), wait(polled(1))), (Ok(7), Ok(7)));
        assert_eq!(blocking::stats().grace_hits + polled::stats().grace_hits, 2);
        assert!(blocking(2).is_err(), "there never was a value");
    });
}

#[test]
fn x14_while_the_far_tier_is_away_functions_compute_and_keep_what_is_near() {
    fleet!(TIME, FAR, OURS, THEIRS);
    static RUNS: Count = Count::new();
    #[cached(client = OURS, ttl = "60s")]
    fn tiered(_x: u8) -> usize {
        RUNS.next()
    }
    #[cached(client = THEIRS, ttl = "60s")]
    async fn polled(_x: u8) -> usize {
        RUNS.next()
    }
    #[cached(client = FAR, ttl = "60s")]
    fn far_only(_x: u8) -> usize {
        RUNS.next()
    }
    limited_wide(|| {
        FAR.set(Fault::Away);
        assert_eq!((tiered(1), tiered(1)), (1, 1));
        assert_eq!((wait(polled(1)), wait(polled(1))), (2, 2));
        assert_eq!((far_only(1), far_only(1)), (3, 4));
        assert_eq!((tiered::peek(2), far_only::peek(2)), (None, None));
        tiered::put(3, 33);
        assert_eq!((tiered(3), tiered::invalidate(3), tiered::peek(3)), (33, true, None));
        let away = |stats: larder::Stats| stats.misses.unreachable;
        assert_eq!((away(tiered::stats()), away(far_only::stats())), (3, 3));
        FAR.set(Fault::None);
        assert_eq!((far_only(1), far_only(1)), (5, 5));
    });
}

#[test]
fn x1_an_invalidation_by_another_process_during_the_computation_wins() {
    fleet!(TIME, FAR, OURS, THEIRS);
    static GATE: Gate = Gate::new();
    static RUNS: Count = Count::new();
    #[cached(client = OURS, ttl = "60s", namespace = "n")]
    fn ours(_x: u8) -> usize {
        GATE.pass();
        RUNS.next()
    }
    #[cached(client = THEIRS, ttl = "60s", namespace = "n")]
    fn theirs(_x: u8) -> usize {
        RUNS.next()
    }
    limited_wide(|| {
        let caller = std::thread::spawn(|| ours(1));
        GATE.await_arrivals(1);
        theirs::invalidate(1);
        GATE.open();
        assert_eq!(caller.join().unwrap(), 1);
        assert_eq!((ours::peek(1), theirs::peek(1)), (None, None));
        assert_eq!(ours::stats().fenced, 1);
    });
}

#[test]
fn changes_reach_all_tiers() {
    fleet!(TIME, FAR);
    static OURS: LazyLock<Tiered<Inproc, Remote>> =
        LazyLock::new(|| Tiered::new(Inproc::new(100).with_clock(TIME.clock()), FAR.clone()));
    #[cached(client = OURS, ttl = "60s", namespace = "n")]
    fn ours(x: u8) -> u8 {
        x
    }
    #[cached(client = FAR, ttl = "60s", namespace = "n")]
    async fn behind(x: u8) -> u8 {
        x
    }
    limited_wide(|| {
        ours::put(1, 10);
        assert_eq!(wait(behind::peek(1)), Some(10));
        assert!(ours::expire(1) && wait(behind::peek(1)).is_none());
        for x in 2..5 {
            ours(x);
        }
        assert!(ours::invalidate(2) && wait(behind::peek(2)).is_none());
        ours::clear();
        assert_eq!((wait(behind::peek(3)), ours::peek(3)), (None, None));
    });
}

#[test]
fn x14_an_invalidation_that_the_far_tier_never_heard_of_wins_here_all_the_same() {
    fleet!(TIME, FAR);
    static GATE: Gate = Gate::new();
    static RUNS: Count = Count::new();
    #[cached(client = FAR, ttl = "60s")]
    fn run(_x: u8) -> usize {
        GATE.pass();
        RUNS.next()
    }
    limited_wide(|| {
        let caller = std::thread::spawn(|| run(1));
        GATE.await_arrivals(1);
        FAR.set(Fault::Away);
        run::invalidate(1);
        FAR.set(Fault::None);
        GATE.open();
        assert_eq!(caller.join().unwrap(), 1);
        assert_eq!((run::peek(1), run::stats().fenced), (None, 1));
    });
}
