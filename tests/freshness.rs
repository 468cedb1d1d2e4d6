//! Freshness: refresh ahead, limits of age, failures (C58 to C61, C69, C70, X18, X22).

mod common;

use common::{Count, Crowd, Gate, limited_wide, until};
use larder::cached;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn c58_past_the_threshold_the_old_value_comes_at_once_and_one_refresh_runs() {
    clocked!(TIME, HERE);
    static RUNS: Count = Count::new();
    static GATE: Gate = Gate::new();
    #[cached(client = HERE, ttl = "100s", async_ttl = "40s")]
    fn run(_x: u8) -> usize {
        GATE.pass();
        RUNS.next()
    }
    limited_wide(|| {
        GATE.admit(1);
        assert_eq!(run(1), 1);
        TIME.advance(59 * SECOND);
        assert_eq!((run(1), GATE.arrivals()), (1, 1), "more than 40 s are left");
        TIME.advance(2 * SECOND);
        for _ in 0..20 {
            assert_eq!(run(1), 1, "nobody waits");
        }
        GATE.await_arrivals(2);
        assert_eq!(run(1), 1);
        GATE.open();
        until("the refreshed value is there", || run::peek(1) == Some(2));
        assert_eq!((run(1), RUNS.get()), (2, 2));
    });
}

#[test]
fn c58_a_negative_async_ttl_is_an_age() {
    clocked!(TIME, HERE);
    static RUNS: Count = Count::new();
    #[cached(client = HERE, ttl = "100s", async_ttl = "-60s")]
    fn run(_x: u8) -> usize {
        RUNS.next()
    }
    limited_wide(|| {
        assert_eq!(run(1), 1);
        TIME.advance(59 * SECOND);
        assert_eq!((run(1), RUNS.get()), (1, 1));
        TIME.advance(2 * SECOND);
        assert_eq!(run(1), 1);
        until("the refreshed value is there", || run::peek(1) == Some(2));
        let (_, left) = run::get_ttl(1).unwrap();
        assert!(left > 99 * SECOND, "{left:?}");
    });
}

#[test]
fn c58_an_async_fn_refreshes_in_a_task() {
    clocked!(TIME, HERE);
    static RUNS: Count = Count::new();
    #[cached(client = HERE, ttl = "100s", async_ttl)]
    async fn run(_x: u8) -> usize {
        RUNS.next()
    }
    limited_wide(|| {
        common::on_one_thread(async {
            assert_eq!(run(1).await, 1);
            TIME.advance(51 * SECOND);
            assert_eq!(run(1).await, 1);
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
            assert_eq!(run(1).await, 2);
        });
    });
}

/// A TTL is a promise, so a refresh does not lengthen the old value's life. What keeps others from
/// refreshing too is that the threshold is held for a while.
#[test]
fn c59_while_a_refresh_runs_or_has_just_failed_nobody_starts_another() {
    clocked!(TIME, HERE);
    static RUNS: Count = Count::new();
    static FAIL: AtomicBool = AtomicBool::new(false);
    #[cached(client = HERE, ttl = "100s", async_ttl)]
    fn run(_x: u8) -> Result<usize, &'static str> {
        let run = RUNS.next();
        if FAIL.load(Ordering::SeqCst) { Err("down") } else { Ok(run) }
    }
    limited_wide(|| {
        assert_eq!(run(1), Ok(1));
        FAIL.store(true, Ordering::SeqCst);
        TIME.advance(60 * SECOND);
        let before = run::get_ttl(1).unwrap().1;
        assert_eq!(run(1), Ok(1));
        until("the refresh has failed", || run::stats().errors == 1);
        for _ in 0..20 {
            assert_eq!(run(1), Ok(1));
        }
        assert_eq!(RUNS.get(), 2, "it is left alone for a second");
        assert_eq!(run::get_ttl(1).unwrap().1, before, "and its life is not lengthened");
        TIME.advance(2 * SECOND);
        assert_eq!(run(1), Ok(1));
        until("it was tried again", || RUNS.get() == 3);
    });
}

#[test]
fn c60_lazy_misses_at_once_and_a_moment_later_has_the_value() {
    static GATE: Gate = Gate::new();
    #[cached]
    fn run(x: u8) -> u8 {
        GATE.pass();
        x
    }
    #[cached]
    async fn task(x: u8) -> u8 {
        GATE.pass_async().await;
        x
    }
    limited_wide(|| {
        assert_eq!((run::lazy(1), task::lazy(2)), (None, None));
        GATE.await_arrivals(2);
        GATE.open();
        until("the value is there", || run::lazy(1) == Some(1));
        until("the task's value is there", || task::lazy(2) == Some(2));
        assert_eq!(GATE.arrivals(), 2);
    });
}

/// The key counts as in progress: a second `lazy` starts nothing, and a call joins.
#[test]
fn c61_after_a_lazy_miss_the_key_is_in_progress() {
    static GATE: Gate = Gate::new();
    #[cached]
    fn run(x: u8) -> u8 {
        GATE.pass();
        x
    }
    limited_wide(|| {
        (0..10).for_each(|_| assert_eq!(run::lazy(1), None));
        GATE.await_arrivals(1);
        (0..10).for_each(|_| assert_eq!(run::lazy(1), None));
        let caller = thread::spawn(|| run(1));
        until("the caller waits", || run::stats().waiters == 1);
        GATE.open();
        assert_eq!((caller.join().unwrap(), run::lazy(1)), (1, Some(1)));
        assert_eq!(GATE.arrivals(), 1);
    });
}

#[test]
fn c60_lazy_serves_the_second_half_of_a_life_and_refreshes() {
    clocked!(TIME, HERE);
    static RUNS: Count = Count::new();
    #[cached(client = HERE, ttl = "100s")]
    fn run(_x: u8) -> usize {
        RUNS.next()
    }
    limited_wide(|| {
        assert_eq!(run(1), 1);
        TIME.advance(49 * SECOND);
        assert_eq!((run::lazy(1), RUNS.get()), (Some(1), 1));
        TIME.advance(2 * SECOND);
        assert_eq!(run::lazy(1), Some(1));
        until("the refreshed value is there", || run::peek(1) == Some(2));
    });
}

#[test]
fn expire_serves_once_more_while_it_is_refreshed() {
    clocked!(TIME, HERE);
    static RUNS: Count = Count::new();
    static GATE: Gate = Gate::new();
    #[cached(client = HERE, ttl = "100s", async_ttl)]
    fn run(_x: u8) -> usize {
        GATE.pass();
        RUNS.next()
    }
    limited_wide(|| {
        GATE.admit(1);
        assert_eq!(run(1), 1);
        assert!(run::expire(1));
        assert_eq!((run::peek(1), run::get_ttl(1)), (None, None));
        assert_eq!(run(1), 1, "stale, and its refresh begins");
        GATE.await_arrivals(2);
        GATE.open();
        until("the refreshed value is there", || run::peek(1) == Some(2));
        TIME.advance(100 * SECOND);
        assert_eq!(run(1), 3);
    });
}

#[test]
fn c69_nothing_older_than_its_ttl_is_returned_in_any_mode() {
    clocked!(TIME, HERE);
    static RUNS: Count = Count::new();
    #[cached(client = HERE, ttl = "100s", async_ttl)]
    fn run(_x: u8) -> usize {
        RUNS.next()
    }
    limited_wide(|| {
        let modes: [fn() -> Option<usize>; 6] = [
            || Some(run(1)),
            || Some(run::async_(1)),
            || Some(run::future(1).wait()),
            || run::entry(1).get_within(SECOND).ok(),
            || Some(run::entry(1).get()),
            || run::lazy(1).or(Some(usize::MAX)),
        ];
        for mode in modes {
            run::clear();
            let old = run(1);
            TIME.advance(100 * SECOND);
            assert_eq!((run::peek(1), run::get_ttl(1)), (None, None));
            assert_ne!(mode(), Some(old));
            until("nothing runs", || run::peek(1).is_some());
        }
    });
}

#[test]
fn c70_a_failing_refresh_runs_once_per_attempt_and_keeps_serving_the_stale_value() {
    clocked!(TIME, HERE);
    static RUNS: Count = Count::new();
    static CROWD: Crowd = Crowd::new();
    #[cached(client = HERE, ttl = "100s", async_ttl)]
    fn run(_x: u8) -> Result<usize, &'static str> {
        let _inside = CROWD.enter();
        match RUNS.next() {
            1 => Ok(1),
            _ => Err("down"),
        }
    }
    limited_wide(|| {
        assert_eq!(run(1), Ok(1));
        TIME.advance(60 * SECOND);
        thread::scope(|scope| {
            let callers: Vec<_> = (0..8).map(|_| scope.spawn(|| run(1))).collect();
            callers.into_iter().for_each(|caller| assert_eq!(caller.join().unwrap(), Ok(1)));
        });
        until("the refresh has failed", || run::stats().errors == 1);
        assert_eq!((RUNS.get(), CROWD.most()), (2, 1));
        assert_eq!(run(1), Ok(1));
    });
}

/// Panics are failures too.
#[test]
fn c70_a_panicking_refresh_keeps_serving_the_stale_value() {
    clocked!(TIME, HERE);
    static RUNS: Count = Count::new();
    #[cached(client = HERE, ttl = "100s", async_ttl)]
    fn run(_x: u8) -> usize {
        let run = RUNS.next();
        assert_eq!(run, 1, "a refresh that panics");
        run
    }
    limited_wide(|| {
        assert_eq!(run(1), 1);
        TIME.advance(60 * SECOND);
        assert_eq!(run(1), 1);
        until("the refresh has panicked", || run::stats().errors == 1);
        assert_eq!((run(1), RUNS.get()), (1, 2));
    });
}

#[test]
fn x18_a_ttl_of_zero_is_expired_at_once() {
    clocked!(TIME, HERE);
    static RUNS: Count = Count::new();
    #[cached(client = HERE, ttl = Duration::ZERO)]
    fn run(_x: u8) -> usize {
        RUNS.next()
    }
    assert_eq!((run(1), run::peek(1), run(1)), (1, None, 2));
    run::put(1, 70);
    assert_eq!(run::peek(1), None);
    TIME.advance(SECOND);
    assert_eq!(run(1), 3);
}

#[test]
fn x18_the_longest_ttl_never_ends() {
    clocked!(TIME, HERE);
    #[cached(client = HERE, ttl = Duration::MAX)]
    fn run(x: u8) -> u8 {
        x
    }
    #[cached(client = HERE, ttl_of = |_| Duration::MAX)]
    fn own(x: u8) -> u8 {
        x
    }
    run(1);
    own(1);
    // The near table's clock counts nine years.
    TIME.advance(Duration::from_secs(9 * 365 * 24 * 3600));
    assert_eq!((run::peek(1), own::peek(1)), (Some(1), Some(1)));
    TIME.advance(Duration::MAX);
    assert_eq!(run(1), 1, "also at the end of time");
}

#[test]
fn x18_a_ttl_of_a_millisecond_lives_and_ends() {
    clocked!(TIME, HERE);
    static RUNS: Count = Count::new();
    #[cached(client = HERE, ttl = "1ms")]
    fn run(_x: u8) -> usize {
        RUNS.next()
    }
    assert_eq!((run(1), run(1)), (1, 1));
    TIME.advance(Duration::from_millis(1));
    assert_eq!((run::peek(1), run(1)), (None, 2));
}

#[test]
fn x22_under_permanent_failure_the_pauses_double_and_the_ttl_holds() {
    clocked!(TIME, HERE);
    static RUNS: Count = Count::new();
    #[cached(client = HERE, namespace = "failing", ttl = "100s", async_ttl = "-10s")]
    fn run(_x: u8) -> Result<usize, &'static str> {
        match RUNS.next() {
            1 => Ok(1),
            _ => Err("down"),
        }
    }
    limited_wide(|| {
        assert_eq!(run(1), Ok(1));
        TIME.advance(10 * SECOND);
        let (mut tries, cache) = (Vec::new(), HERE.open::<u8, usize>("failing"));
        for second in 10..100 {
            let known = RUNS.get();
            assert_eq!(run(1), Ok(1), "second {second}");
            until("no refresh runs", || cache.flights().is_empty());
            if RUNS.get() > known {
                tries.push(second);
            }
            TIME.advance(SECOND);
        }
        assert!(tries.len() >= 4 && tries.len() <= 9, "{tries:?}");
        let gaps: Vec<_> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().rev().skip(1).rev().is_sorted(), "{gaps:?}");
        let before = RUNS.get();
        assert_eq!(run(1), Err("down"), "the value is 100 s old: nobody gets it any more");
        assert_eq!(RUNS.get(), before + 1);
    });
}
