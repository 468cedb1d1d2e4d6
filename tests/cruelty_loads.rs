//! The cruelty suite for decorated functions: failing, abandoned, recursive and shared loads (X2 to X8).

mod common;

use common::{Count, Crowd, Gate, limited_wide, on_one_thread, panic_of, until};
use larder::{Timeout, cached};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn x2_of_a_failing_load_at_most_one_runs_at_a_time() {
    static CROWD: Crowd = Crowd::new();
    static RUNS: Count = Count::new();
    /// An error that cannot be cloned, so that everybody tries for himself.
    #[derive(Debug)]
    struct Down;
    #[cached]
    fn run(_x: u8) -> Result<u8, Down> {
        let _inside = CROWD.enter();
        RUNS.next();
        thread::yield_now();
        Err(Down)
    }
    limited_wide(|| {
        thread::scope(|scope| {
            for stagger in 0..8 {
                scope.spawn(move || {
                    (0..stagger).for_each(|_| thread::yield_now());
                    (0..20).for_each(|_| assert!(run(1).is_err()));
                });
            }
        });
        assert_eq!((CROWD.most(), RUNS.get()), (1, 160));
    });
}

#[test]
fn x2_of_a_failing_async_load_at_most_one_runs_at_a_time() {
    static CROWD: Crowd = Crowd::new();
    static RUNS: Count = Count::new();
    #[derive(Debug)]
    struct Down;
    #[cached]
    async fn run(_x: u8) -> Result<u8, Down> {
        let _inside = CROWD.enter();
        RUNS.next();
        tokio::task::yield_now().await;
        Err(Down)
    }
    limited_wide(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap();
        runtime.block_on(async {
            let caller = |stagger| async move {
                for _ in 0..stagger {
                    tokio::task::yield_now().await;
                }
                for _ in 0..20 {
                    assert!(run(1).await.is_err() && run::async_(1).await.is_err());
                }
            };
            let callers: Vec<_> = (0..8).map(|stagger| tokio::spawn(caller(stagger))).collect();
            for caller in callers {
                caller.await.unwrap();
            }
        });
        assert_eq!((CROWD.most(), RUNS.get()), (1, 320));
    });
}

#[test]
fn x2_an_error_that_can_be_cloned_reaches_all_who_waited() {
    static GATE: Gate = Gate::new();
    #[cached]
    fn run(_x: u8) -> Result<u8, String> {
        GATE.pass();
        Err(format!("try {}", GATE.arrivals()))
    }
    limited_wide(|| {
        let callers: Vec<_> = (0..10).map(|_| thread::spawn(|| run(1))).collect();
        until("nine wait", || run::stats().waiters == 9);
        GATE.open();
        assert!(callers.into_iter().all(|caller| caller.join().unwrap() == Err("try 1".into())));
        assert_eq!(run(1), Err("try 2".into()), "an error is not stored");
    });
}

#[test]
fn x3_a_leader_that_is_aborted_loses_no_work() {
    static GATE: Gate = Gate::new();
    #[cached]
    async fn run(_x: u8) -> usize {
        GATE.pass_async().await;
        GATE.arrivals()
    }
    limited_wide(|| {
        on_one_thread(async {
            let leader = tokio::spawn(run(1));
            let aborter = tokio::spawn(async move {
                while GATE.arrivals() == 0 {
                    tokio::task::yield_now().await;
                }
                leader.abort();
                assert!(leader.await.unwrap_err().is_cancelled());
            });
            aborter.await.unwrap();
            let follower = tokio::spawn(run(1));
            GATE.open();
            assert_eq!(follower.await.unwrap(), 1);
        });
        assert_eq!(GATE.arrivals(), 1);
    });
}

#[test]
fn x3_an_aborted_load_that_nobody_asks_for_again_ends_and_is_stored() {
    static GATE: Gate = Gate::new();
    #[cached]
    async fn run(x: u8) -> u8 {
        GATE.pass_async().await;
        x
    }
    limited_wide(|| {
        on_one_thread(async {
            let mut leader = Box::pin(run(1));
            assert!(futures::poll!(&mut leader).is_pending());
            drop(leader);
            GATE.open();
            while run::peek(1).await.is_none() {
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(GATE.arrivals(), 1);
    });
}

#[test]
fn x4_a_leader_that_panics_is_followed_by_the_next() {
    static GATE: Gate = Gate::new();
    #[cached]
    fn run(_x: u8) -> usize {
        GATE.pass();
        let run = GATE.arrivals();
        assert_ne!(run, 1, "the first one panics");
        run
    }
    limited_wide(|| {
        let leader = thread::spawn(|| panic_of(|| run(1)));
        GATE.await_arrivals(1);
        let followers: Vec<_> = (0..5).map(|_| thread::spawn(|| run(1))).collect();
        until("five wait", || run::stats().waiters == 5);
        GATE.open();
        assert!(leader.join().unwrap().contains("the first one panics"));
        assert!(followers.into_iter().all(|follower| follower.join().unwrap() == 2));
        assert_eq!((run::stats().computations, run::stats().errors), (2, 1));
    });
}

#[test]
fn x4_an_async_leader_that_panics_is_followed_by_the_next() {
    static RUNS: Count = Count::new();
    static GATE: Gate = Gate::new();
    #[cached]
    async fn run(_x: u8) -> usize {
        let run = RUNS.next();
        GATE.pass_async().await;
        assert_ne!(run, 1, "the first one panics");
        run
    }
    limited_wide(|| {
        let results: Vec<_> = on_one_thread(async {
            let callers: Vec<_> = (0..6).map(|_| tokio::spawn(run(1))).collect();
            while run::stats().waiters < 5 {
                tokio::task::yield_now().await;
            }
            GATE.open();
            futures::future::join_all(callers).await
        });
        let panicked = results.iter().filter(|result| result.is_err()).count();
        assert_eq!(panicked, 1, "one gets the panic");
        assert!(results.into_iter().flatten().all(|value| value == 2));
    });
}

/// In process a load has no lease that runs out: it is one flight for as long as it takes, and only
/// an invalidation lets another begin beside it. Then there are two, and the late one is fenced.
#[test]
fn x5_beside_a_load_that_was_fenced_one_other_may_run_and_the_late_one_is_not_stored() {
    static CROWD: Crowd = Crowd::new();
    static RUNS: Count = Count::new();
    static GATES: [Gate; 2] = [const { Gate::new() }; 2];
    #[cached]
    fn run(_x: u8) -> usize {
        let _inside = CROWD.enter();
        let run = RUNS.next();
        GATES[run - 1].pass();
        run
    }
    limited_wide(|| {
        let late = thread::spawn(|| run(1));
        GATES[0].await_arrivals(1);
        run::invalidate(1);
        let others: Vec<_> = (0..5).map(|_| thread::spawn(|| run(1))).collect();
        until("four of five wait", || run::stats().waiters == 4);
        GATES[1].open();
        assert!(others.into_iter().all(|other| other.join().unwrap() == 2));
        GATES[0].open();
        assert_eq!((late.join().unwrap(), run(1)), (1, 2));
        assert_eq!((CROWD.most(), RUNS.get(), run::stats().fenced), (2, 2, 1));
    });
}

#[test]
fn x6_a_waiter_goes_at_its_deadline_and_the_load_goes_on() {
    clocked!(TIME, HERE);
    static GATE: Gate = Gate::new();
    #[cached(client = HERE)]
    async fn run(x: u8) -> u8 {
        GATE.pass_async().await;
        x
    }
    limited_wide(|| {
        on_one_thread(async {
            let patient = tokio::spawn(run(1));
            let hasty = tokio::spawn(run::entry(1).get_within(SECOND));
            while run::stats().waiters == 0 {
                tokio::task::yield_now().await;
            }
            while !hasty.is_finished() {
                TIME.advance(SECOND);
                tokio::task::yield_now().await;
            }
            assert_eq!(hasty.await.unwrap(), Err(Timeout));
            assert!(!patient.is_finished());
            GATE.open();
            assert_eq!(patient.await.unwrap(), 1);
            assert_eq!(run::entry(1).get_within(Duration::ZERO).await, Ok(1));
        });
    });
}

#[test]
fn x7_recursion_on_the_own_key_is_a_panic_that_says_so() {
    #[cached]
    fn call(x: u8) -> u8 {
        call(x)
    }
    #[cached]
    fn refresh(x: u8) -> u8 {
        refresh::refresh(x)
    }
    #[cached]
    fn future(x: u8) -> u8 {
        future::future(x).wait()
    }
    #[cached]
    fn later(x: u8) -> u8 {
        later::future_refresh(x).wait()
    }
    #[cached]
    async fn task(x: u8) -> u8 {
        Box::pin(task(x)).await
    }
    #[cached]
    async fn again(x: u8) -> u8 {
        again::future_refresh(x).await
    }
    limited_wide(|| {
        let loops: [(&str, fn()); 8] = [
            ("call", || {
                call(1);
            }),
            ("refresh", || {
                refresh(1);
            }),
            ("future", || {
                future(1);
            }),
            ("future", || {
                future::future(2).wait();
            }),
            ("later", || {
                later(1);
            }),
            ("task", || {
                larder::wait(task(1));
            }),
            ("again", || {
                larder::wait(again(1));
            }),
            ("task", || {
                on_one_thread(task::async_(2));
            }),
        ];
        for (name, run) in loops {
            let message = panic_of(run);
            assert!(message.contains("waits for itself"), "{name}: {message}");
            assert!(message.contains(&format!("::{name}`")), "{message}");
        }
    });
}

#[test]
fn x7_a_computation_may_look_at_its_own_key_and_write_it() {
    #[cached]
    fn run(x: u8) -> u8 {
        assert_eq!(run::peek(x), None);
        assert_eq!(run::lazy(x), None);
        assert!(!run::invalidate(x));
        run::put(x, x + 1);
        x
    }
    limited_wide(|| assert_eq!((run(1), run(1)), (1, 2)));
}

#[test]
fn x8_an_uncacheable_result_under_a_hundred_callers_is_computed_once_for_all() {
    static GATES: [Gate; 2] = [const { Gate::new() }; 2];
    #[cached(cache_if = |_| false)]
    fn unwanted(x: u8) -> u8 {
        GATES[0].pass();
        x
    }
    #[cached]
    fn nothing(_x: u8) -> Option<u8> {
        GATES[1].pass();
        None
    }
    limited_wide(|| {
        let callers: Vec<_> = (0..100).map(|_| thread::spawn(|| unwanted(1))).collect();
        until("99 wait", || unwanted::stats().waiters == 99);
        GATES[0].open();
        assert!(callers.into_iter().all(|caller| caller.join().unwrap() == 1));
        let callers: Vec<_> = (0..100).map(|_| thread::spawn(|| nothing(1))).collect();
        until("99 wait", || nothing::stats().waiters == 99);
        GATES[1].open();
        assert!(callers.into_iter().all(|caller| caller.join().unwrap().is_none()));
        assert_eq!((GATES[0].arrivals(), GATES[1].arrivals()), (1, 1));
        assert_eq!((unwanted::peek(1), unwanted::stats().unstored), (None, 1));
    });
}
