//! The background pool with one thread and a queue of two: order, overload, panics (C43, C46, C48).

mod common;

use common::{Count, Gate, limited, panic_of, until};
use larder::{Pending, PoolOptions, cached, configure_pool, queued_jobs};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;

/// The pool is one for the process: its tests take turns. Two jobs may wait for its only thread.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    static SMALL: Once = Once::new();
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    SMALL.call_once(|| configure_pool(PoolOptions::new().with_threads(1).with_queue(2)).unwrap());
    // What the last test did itself, or did not wait for, may still have its place in the queue.
    until("the queue is empty", || queued_jobs() == 0);
    turn
}

/// Holds the pool's only thread until the gate opens.
fn occupy(gate: &'static Gate) -> Pending<u64> {
    #[cached(key = std::ptr::from_ref(gate) as usize as u64, skip(gate = clone))]
    fn hold(gate: &'static Gate) -> u64 {
        gate.pass();
        7
    }
    let held = hold::future(gate);
    gate.await_arrivals(1);
    held
}

#[test]
fn the_pool_is_sized_once() {
    let _turn = turn();
    assert!(configure_pool(PoolOptions::new()).is_err());
    limited(|| {
        #[cached]
        fn name(_x: u8) -> Option<String> {
            thread::current().name().map(str::to_owned)
        }
        assert_eq!(name::future(1).wait().as_deref(), Some("larder-0"), "not rayon's own pool");
    });
    assert!(configure_pool(PoolOptions::new()).is_err());
}

#[test]
fn c43_a_put_while_a_computation_is_queued_wins_and_is_what_its_future_gives() {
    let _turn = turn();
    static GATE: Gate = Gate::new();
    static RUNS: Count = Count::new();
    #[cached]
    fn run(x: u8) -> u8 {
        RUNS.next();
        x
    }
    limited(|| {
        let held = occupy(&GATE);
        let (pending, other) = (run::future(1), run::future(1));
        run::put(1, 70);
        assert_eq!((pending.wait(), other.wait(), run(1)), (70, 70, 70));
        GATE.open();
        assert_eq!(held.wait(), 7);
        until("the queue is empty", || queued_jobs() == 0);
        assert_eq!((RUNS.get(), run::peek(1)), (0, Some(70)));
    });
}

#[test]
fn c46_a_refresh_that_finds_the_queue_full_is_skipped_and_counted_and_a_future_never_is() {
    let _turn = turn();
    static GATE: Gate = Gate::new();
    static RAN: Mutex<Vec<(u8, Option<String>)>> = Mutex::new(Vec::new());
    #[cached]
    fn run(x: u8) -> u8 {
        RAN.lock().unwrap().push((x, thread::current().name().map(str::to_owned)));
        x
    }
    limited(|| {
        let held = occupy(&GATE);
        let queued = [run::future(1), run::future(2)];
        assert_eq!((queued_jobs(), run::lazy(3)), (2, None));
        assert_eq!((run::stats().refreshes_skipped, RAN.lock().unwrap().len()), (1, 0));
        assert_eq!((run::peek(3), run(3)), (None, 3), "a skipped refresh blocks nobody");
        let mut done = run::future(4);
        assert!(done.is_done(), "there was no room: the caller has done it");
        assert_eq!(run::future_refresh(4).wait(), 4);
        assert_eq!(RAN.lock().unwrap().iter().map(|ran| ran.0).collect::<Vec<_>>(), [3, 4, 4]);
        GATE.open();
        assert!(queued.into_iter().map(Pending::wait).eq([1, 2]) && held.wait() == 7);
    });
}

#[test]
fn c46_a_queued_computation_completes_although_its_function_is_cleared() {
    let _turn = turn();
    static GATE: Gate = Gate::new();
    #[cached]
    fn run(x: u8) -> u8 {
        x
    }
    limited(|| {
        let held = occupy(&GATE);
        let queued = [run::future(1), run::future(2)];
        run::clear();
        run::invalidate(2);
        GATE.open();
        assert!(queued.into_iter().map(Pending::wait).eq([1, 2]) && held.wait() == 7);
        assert_eq!((run::peek(1), run::peek(2)), (None, None));
    });
}

#[test]
fn c48_jobs_of_one_thread_run_in_the_order_in_which_they_were_asked_for() {
    let _turn = turn();
    static GATE: Gate = Gate::new();
    static ORDER: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    #[cached]
    fn run(x: u8) -> u8 {
        ORDER.lock().unwrap().push(x);
        x
    }
    limited(|| {
        let held = occupy(&GATE);
        let pending = [run::future(2), run::future(1), run::future(2)];
        GATE.open();
        assert!(pending.into_iter().map(Pending::wait).eq([2, 1, 2]) && held.wait() == 7);
        assert_eq!(*ORDER.lock().unwrap(), [2, 1]);
    });
}

#[test]
fn a_thread_that_calls_takes_over_what_is_still_queued() {
    let _turn = turn();
    static GATE: Gate = Gate::new();
    static NAMES: Mutex<Vec<bool>> = Mutex::new(Vec::new());
    #[cached]
    fn run(x: u8) -> u8 {
        NAMES.lock().unwrap().push(thread::current().name() == Some("larder-0"));
        x
    }
    limited(|| {
        let held = occupy(&GATE);
        let pending = run::future(1);
        assert_eq!((run(1), pending.wait()), (1, 1));
        GATE.open();
        assert_eq!((held.wait(), NAMES.lock().unwrap().as_slice()), (7, [false].as_slice()));
    });
}

#[test]
fn a_panic_in_a_job_loses_no_thread() {
    let _turn = turn();
    #[cached]
    fn run(x: u8) -> u8 {
        assert!(x > 9, "too small");
        x
    }
    limited(|| {
        for x in 0..5 {
            assert!(panic_of(|| run::future(x).wait()).contains("too small"));
            assert_eq!(run::lazy(x + 5), None);
        }
        assert_eq!(run::future(10).wait(), 10);
        until("all panics are counted", || run::stats().errors == 10);
    });
}

#[test]
fn a_pool_of_one_thread_goes_a_hundred_computations_deep() {
    let _turn = turn();
    #[cached]
    fn down(n: u64) -> u64 {
        if n == 0 { 0 } else { down::async_(n - 1) + 1 }
    }
    #[cached]
    fn both(n: u64) -> u64 {
        if n < 2 {
            return n;
        }
        let (one, two) = (both::future(n - 1), both::future(n - 2));
        one.wait() + two.wait()
    }
    limited(|| assert_eq!((down::future(100).wait(), both::future(20).wait()), (100, 6765)));
}

/// The pool's thread waits for a computation that waits for the pool's queue.
#[test]
fn a_queue_that_waits_for_its_own_thread_is_worked_off_by_who_waits() {
    let _turn = turn();
    static GATE: Gate = Gate::new();
    #[cached]
    fn inner(x: u8) -> u8 {
        x
    }
    #[cached]
    fn outer(x: u8) -> u8 {
        GATE.pass();
        inner::future(x).wait()
    }
    limited(|| {
        let leader = thread::spawn(|| outer(1));
        GATE.await_arrivals(1);
        let refresh = outer::future_refresh(1);
        until("the pool's thread waits for the leader", || outer::stats().waiters == 1);
        GATE.open();
        assert_eq!((leader.join().unwrap(), refresh.wait()), (1, 1));
    });
}
