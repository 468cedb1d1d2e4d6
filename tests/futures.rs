//! Futures of cached functions: states, sharing, and what wins over a computation (C37 to C46, C62 to C65, C68).

mod common;

use common::{Count, Gate, limited_wide, on_one_thread, panic_of, until};
use larder::{Pending, Timeout, cached};
use std::thread;
use std::time::Duration;

const TENTH: Duration = Duration::from_millis(100);

#[test]
fn c37_a_future_that_is_not_set_times_out_and_one_that_is_returns_at_once() {
    clocked!(TIME, HERE);
    static GATE: Gate = Gate::new();
    #[cached(client = HERE)]
    fn run(x: u8) -> u8 {
        GATE.pass();
        x
    }
    limited_wide(|| {
        let mut pending = run::future(1);
        assert_eq!(pending.wait_for(Duration::ZERO), Err(Timeout));
        let waiting = thread::spawn(move || (pending.wait_for(TENTH), pending));
        until("the tenth of a second is over", || {
            TIME.advance(TENTH);
            waiting.is_finished()
        });
        let (result, mut pending) = waiting.join().unwrap();
        assert_eq!(result, Err(Timeout));
        GATE.open();
        until("the value is there", || pending.is_done());
        assert_eq!(pending.wait_for(Duration::ZERO), Ok(1));
        assert_eq!(run::future(1).wait_for(Duration::ZERO), Ok(1));
    });
}

/// A miss is the function's own `None`, an error its own `Err`; there is one result, not three
/// kinds of callbacks, and it is taken once.
#[test]
fn c38_none_errors_and_panics_come_through_as_they_are() {
    #[cached]
    fn missing(_x: u8) -> Option<u8> {
        None
    }
    #[cached]
    fn failing(x: &str) -> Result<u8, std::num::ParseIntError> {
        x.parse()
    }
    #[cached]
    fn panicking(x: u8) -> u8 {
        panic!("no {x} today")
    }
    limited_wide(|| {
        assert_eq!(missing::future(1).wait(), None);
        assert_eq!(failing::future("x").wait(), "x".parse::<u8>());
        assert_eq!(panic_of(|| panicking::future(7).wait()), "no 7 today");
        let mut pending = Pending::ready(5);
        assert_eq!((pending.try_take(), pending.try_take()), (Some(5), None));
        assert!(panic_of(|| pending.wait()).contains("taken"));
    });
}

#[test]
fn c39_a_future_is_awaited_and_woken_from_another_thread() {
    static GATE: Gate = Gate::new();
    #[cached]
    fn run(x: u8) -> u8 {
        GATE.pass();
        x
    }
    limited_wide(|| {
        let opener = thread::spawn(|| {
            GATE.await_arrivals(1);
            GATE.open();
        });
        assert_eq!(on_one_thread(async { run::future(1).await }), 1);
        opener.join().unwrap();
        assert_eq!(larder::wait(run::future(1)), 1);
    });
}

#[test]
fn c40_a_future_that_is_dropped_goes_on_runs_once_and_its_value_is_read_later() {
    static GATE: Gate = Gate::new();
    #[cached]
    fn run(x: u8) -> u8 {
        GATE.pass();
        x
    }
    limited_wide(|| {
        drop(run::future(1));
        assert_eq!(run::lazy(1), None, "in progress: this one starts nothing");
        GATE.open();
        until("the value is there", || run::peek(1) == Some(1));
        assert_eq!(GATE.arrivals(), 1);
    });
}

#[test]
fn c41_a_future_gives_the_computed_value_and_the_value_is_stored() {
    #[cached]
    fn run(x: u8) -> String {
        "x".repeat(x.into())
    }
    limited_wide(|| {
        assert_eq!(run::future(3).wait(), "xxx");
        assert_eq!(run::peek(3).as_deref(), Some("xxx"));
    });
}

#[test]
fn c42_of_two_futures_only_the_first_computes() {
    static GATE: Gate = Gate::new();
    #[cached]
    fn run(_x: u8) -> usize {
        GATE.pass();
        GATE.arrivals()
    }
    limited_wide(|| {
        let (first, second) = (run::future(1), run::future(1));
        GATE.await_arrivals(1);
        GATE.open();
        assert_eq!((first.wait(), second.wait()), (1, 1));
    });
}

#[test]
fn c42_also_when_the_second_comes_from_inside_another_computation() {
    static GATE: Gate = Gate::new();
    #[cached]
    fn inner(_x: u8) -> usize {
        GATE.pass();
        GATE.arrivals()
    }
    #[cached]
    fn outer(x: u8) -> usize {
        inner::future(x).wait() + 10
    }
    limited_wide(|| {
        let first = inner::future(1);
        GATE.await_arrivals(1);
        let second = outer::future(1);
        until("the outer computation waits", || inner::stats().waiters == 1);
        GATE.open();
        assert_eq!((first.wait(), second.wait()), (1, 11));
    });
}

#[test]
fn c44_what_is_written_during_a_computation_is_seen_at_once() {
    static GATE: Gate = Gate::new();
    #[cached]
    fn run(x: u8) -> u8 {
        GATE.pass();
        x
    }
    limited_wide(|| {
        let old = run::future(1);
        GATE.await_arrivals(1);
        run::put(1, 70);
        assert_eq!((run(1), run::peek(1), run::future(1).wait()), (70, Some(70), 70));
        assert!(run::expire(1));
        assert_eq!(run::peek(1), None);
        run::put(1, 71);
        assert!(run::invalidate(1));
        assert_eq!(run::peek(1), None);
        GATE.open();
        assert_eq!(old.wait(), 1);
    });
}

#[test]
fn c45_a_result_does_not_overwrite_what_was_written_while_it_was_computed() {
    static GATE: Gate = Gate::new();
    #[cached]
    fn run(x: u8) -> u8 {
        GATE.pass();
        x
    }
    limited_wide(|| {
        let (put, deleted, cleared) = (run::future(1), run::future(2), run::future(3));
        GATE.await_arrivals(3);
        run::invalidate(2);
        run::clear();
        run::put(1, 70);
        GATE.open();
        assert_eq!((put.wait(), deleted.wait(), cleared.wait()), (1, 2, 3));
        assert_eq!((run::peek(1), run::peek(2), run::peek(3)), (Some(70), None, None));
        assert_eq!(run::stats().fenced, 3);
    });
}

#[test]
fn c46_a_future_completes_although_everything_is_cleared_again_and_again() {
    static GATE: Gate = Gate::new();
    #[cached]
    fn run(x: usize) -> usize {
        GATE.pass();
        x
    }
    limited_wide(|| {
        let pending: Vec<_> = (0..100)
            .map(|x| {
                let pending = run::future(x);
                run::clear();
                pending
            })
            .collect();
        GATE.open();
        let values: Vec<_> = pending.into_iter().map(Pending::wait).collect();
        assert!(values.into_iter().eq(0..100));
    });
}

#[test]
fn c62_ten_futures_of_a_missing_key_are_one_computation() {
    static GATE: Gate = Gate::new();
    #[cached]
    fn run(_x: u8) -> usize {
        GATE.pass();
        GATE.arrivals()
    }
    limited_wide(|| {
        let pending: Vec<_> = (0..10).map(|_| run::future(1)).collect();
        GATE.await_arrivals(1);
        GATE.open();
        assert!(pending.into_iter().all(|pending| pending.wait() == 1));
        assert_eq!((run::stats().computations, run::stats().waiters), (1, 9));
    });
}

#[test]
fn c63_a_future_of_a_slow_function_is_not_done_and_one_of_a_cached_value_is() {
    static GATE: Gate = Gate::new();
    #[cached]
    fn run(x: u8) -> u8 {
        GATE.pass();
        x
    }
    limited_wide(|| {
        let mut pending = run::future(1);
        assert!(!pending.is_done());
        GATE.open();
        assert_eq!(pending.wait(), 1);
        let hits = run::stats().hits;
        let mut there = run::future(1);
        assert!(there.is_done());
        assert_eq!((there.try_take(), run::stats().hits), (Some(1), hits + 1));
    });
}

/// `lazy` is immediate in every mode, so it is its own future.
#[test]
fn c64_lazy_misses_first_and_peek_never_computes() {
    #[cached]
    async fn run(x: u8) -> u8 {
        x
    }
    limited_wide(|| {
        on_one_thread(async {
            assert_eq!((run::peek(1).await, run::stats().computations), (None, 0));
            assert_eq!(run::lazy(1), None);
            while run::lazy(1).is_none() {
                tokio::task::yield_now().await;
            }
            assert_eq!((run::peek(1).await, run::stats().computations), (Some(1), 1));
        });
    });
}

/// A placeholder is what the caller makes of the `None` of `lazy`: it never gets into the cache.
#[test]
fn c65_a_placeholder_at_once_and_the_real_value_for_those_who_wait() {
    static GATE: Gate = Gate::new();
    #[cached]
    fn run(x: u8) -> u8 {
        GATE.pass();
        x
    }
    limited_wide(|| {
        let mut waiting = run::future(1);
        GATE.await_arrivals(1);
        assert_eq!(run::lazy(1).unwrap_or(99), 99);
        assert!(!waiting.is_done());
        GATE.open();
        assert_eq!((waiting.wait(), run::lazy(1).unwrap_or(99), run(1)), (1, 1, 1));
    });
}

/// The caller may also put a placeholder himself; like every `put` it wins over the computation.
#[test]
fn c65_a_placeholder_that_is_put_stays_until_the_next_refresh() {
    static GATE: Gate = Gate::new();
    #[cached]
    fn run(x: u8) -> u8 {
        GATE.pass();
        x
    }
    limited_wide(|| {
        let waiting = run::future(1);
        GATE.await_arrivals(1);
        run::put(1, 99);
        assert_eq!(run(1), 99);
        GATE.open();
        assert_eq!((waiting.wait(), run(1), run::refresh(1), run(1)), (1, 99, 1, 1));
    });
}

#[test]
fn c68_threads_that_miss_together_compute_once() {
    static GATE: Gate = Gate::new();
    static RUNS: Count = Count::new();
    #[cached]
    fn run(_x: u8) -> usize {
        GATE.pass();
        RUNS.next()
    }
    limited_wide(|| {
        let callers: Vec<_> = (0..10).map(|_| thread::spawn(|| run(1))).collect();
        until("nine wait for the tenth", || run::stats().waiters == 9);
        GATE.open();
        assert!(callers.into_iter().all(|caller| caller.join().unwrap() == 1));
        assert_eq!(RUNS.get(), 1);
    });
}
