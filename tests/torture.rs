//! The torture table: who may lead, die, hang, recurse or wait, and nobody is left behind.

mod common;

use common::{Count, Crowd, Gate, limited_wide, on_one_thread, panic_of, until};
use larder::cached;
use std::sync::Barrier;
use std::thread;

#[test]
fn ten_threads_at_once_are_one_computation() {
    static RUNS: Count = Count::new();
    #[cached]
    fn run(key: u64) -> usize {
        RUNS.next();
        thread::yield_now();
        key as usize
    }
    limited_wide(|| {
        for key in 0..200 {
            let start = Barrier::new(10);
            thread::scope(|scope| {
                for _ in 0..10 {
                    scope.spawn(|| {
                        start.wait();
                        assert_eq!(run(key), key as usize);
                    });
                }
            });
        }
        assert_eq!(RUNS.get(), 200);
    });
}

#[test]
fn ten_tasks_on_several_threads_are_one_computation() {
    static RUNS: Count = Count::new();
    #[cached]
    async fn run(key: u64) -> u64 {
        RUNS.next();
        tokio::task::yield_now().await;
        key
    }
    limited_wide(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
        runtime.block_on(async {
            for key in 0..200 {
                let callers: Vec<_> = (0..10).map(|_| tokio::spawn(run(key))).collect();
                for caller in callers {
                    assert_eq!(caller.await.unwrap(), key);
                }
            }
        });
        assert_eq!(RUNS.get(), 200);
    });
}

#[test]
fn a_leader_that_is_alive_but_never_polled_again_stops_nobody() {
    static GATE: Gate = Gate::new();
    #[cached]
    async fn run(_key: u64) -> usize {
        GATE.pass_async().await;
        GATE.arrivals()
    }
    limited_wide(|| {
        on_one_thread(async {
            let mut leader = Box::pin(run(1));
            assert!(futures::poll!(&mut leader).is_pending());
            let followers: Vec<_> = (0..3).map(|_| tokio::spawn(run(1))).collect();
            let thread = thread::spawn(|| larder::wait(run(1)));
            GATE.open();
            for follower in followers {
                assert_eq!(follower.await.unwrap(), 1);
            }
            assert_eq!(thread.join().unwrap(), 1);
            assert_eq!(leader.await, 1);
        });
    });
}

#[test]
fn a_leader_that_is_never_polled_again_stops_no_future_lazy_or_refresh() {
    static GATE: Gate = Gate::new();
    static RUNS: Count = Count::new();
    #[cached]
    async fn run(_key: u64) -> usize {
        let run = RUNS.next();
        GATE.pass_async().await;
        run
    }
    limited_wide(|| {
        let mut leaders: Vec<_> = (0..4).map(|key| Box::pin(run(key))).collect();
        for leader in &mut leaders {
            assert!(larder::wait(async { futures::poll!(leader).is_pending() }));
        }
        let (future, refresh) = (run::future(0), run::future_refresh(1));
        assert_eq!(run::lazy(2), None);
        let within = thread::spawn(|| larder::wait(run::async_(3)));
        until("two wait", || run::stats().waiters >= 3);
        GATE.open();
        assert!(future.wait() <= 4);
        assert_eq!(refresh.wait(), 5, "a newer one");
        assert!(within.join().unwrap() <= 4);
        until("what was only asked for is there", || run::lazy(2).is_some());
        drop(leaders);
    });
}

#[test]
fn followers_of_a_thread_are_threads_and_tasks() {
    static GATE: Gate = Gate::new();
    #[cached]
    fn run(_key: u64) -> usize {
        GATE.pass();
        GATE.arrivals()
    }
    limited_wide(|| {
        let leader = thread::spawn(|| run(1));
        GATE.await_arrivals(1);
        let threads: Vec<_> = (0..3).map(|_| thread::spawn(|| run(1))).collect();
        let tasks = thread::spawn(|| {
            on_one_thread(async {
                let tasks: Vec<_> =
                    (0..3).map(|_| tokio::spawn(async { run::future(1).await })).collect();
                futures::future::join_all(tasks).await
            })
        });
        until("six wait", || run::stats().waiters == 6);
        GATE.open();
        assert_eq!(leader.join().unwrap(), 1);
        assert!(threads.into_iter().all(|follower| follower.join().unwrap() == 1));
        assert!(tasks.join().unwrap().into_iter().all(|value| value.unwrap() == 1));
    });
}

#[test]
fn a_blocking_function_is_called_from_the_tasks_of_a_runtime_of_one_thread() {
    #[cached]
    fn run(key: u64) -> u64 {
        key + 1
    }
    limited_wide(|| {
        on_one_thread(async {
            let calls: Vec<_> = (0..10).map(|_| tokio::spawn(async { run(1) })).collect();
            for call in calls {
                assert_eq!(call.await.unwrap(), 2);
            }
            assert_eq!(
                (run::async_(2), run::future(3).wait(), run::future_refresh(3).wait()),
                (3, 4, 4)
            );
        });
    });
}

#[test]
fn one_async_computation_is_awaited_by_several_runtimes_and_threads() {
    static GATE: Gate = Gate::new();
    #[cached]
    async fn run(_key: u64) -> usize {
        GATE.pass_async().await;
        GATE.arrivals()
    }
    limited_wide(|| {
        let mut callers: Vec<_> =
            (0..3).map(|_| thread::spawn(|| on_one_thread(async { run(1).await }))).collect();
        callers.extend((0..3).map(|_| thread::spawn(|| larder::wait(run(1)))));
        callers.extend((0..3).map(|_| thread::spawn(|| futures::executor::block_on(run(1)))));
        until("eight wait", || run::stats().waiters == 8);
        GATE.open();
        assert!(callers.into_iter().all(|caller| caller.join().unwrap() == 1));
    });
}

#[test]
fn a_runtime_that_ends_with_the_leader_in_flight_takes_nobody_with_it() {
    static GATE: Gate = Gate::new();
    #[cached]
    async fn run(_key: u64) -> usize {
        GATE.pass_async().await;
        GATE.arrivals()
    }
    limited_wide(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let leader = runtime.spawn(run(1));
        GATE.await_arrivals(1);
        let mut follower = Box::pin(run(1));
        assert!(larder::wait(async { futures::poll!(&mut follower).is_pending() }));
        runtime.shutdown_background();
        GATE.open();
        assert_eq!(larder::wait(follower), 1);
        drop(leader);
    });
}

#[test]
fn recursion_goes_fifty_deep() {
    #[cached]
    fn call(n: u64) -> u64 {
        if n == 0 { 0 } else { call(n - 1) + 1 }
    }
    #[cached]
    fn pooled(n: u64) -> u64 {
        if n == 0 { 0 } else { pooled::async_(n - 1) + 1 }
    }
    #[cached]
    async fn task(n: u64) -> u64 {
        if n == 0 { 0 } else { Box::pin(task(n - 1)).await + 1 }
    }
    #[cached]
    async fn spawned(n: u64) -> u64 {
        if n == 0 { 0 } else { spawned::future(n - 1).await + 1 }
    }
    limited_wide(|| {
        assert_eq!((call(50), pooled(50), pooled::future(99).wait()), (50, 50, 99));
        assert_eq!((larder::wait(task(50)), on_one_thread(task(99))), (50, 99));
        assert_eq!((larder::wait(spawned(50)), on_one_thread(spawned(99))), (50, 99));
    });
}

#[test]
fn two_threads_that_wait_for_each_other_are_told_so() {
    static MEET: Barrier = Barrier::new(2);
    static RUNS: Count = Count::new();
    #[cached]
    fn ping(x: u8) -> u8 {
        if RUNS.next() <= 2 {
            MEET.wait();
        }
        pong(x)
    }
    #[cached]
    fn pong(x: u8) -> u8 {
        if RUNS.next() <= 2 {
            MEET.wait();
        }
        ping(x)
    }
    limited_wide(|| {
        let (one, two) =
            (thread::spawn(|| panic_of(|| ping(1))), thread::spawn(|| panic_of(|| pong(1))));
        for message in [one.join().unwrap(), two.join().unwrap()] {
            assert!(message.contains("waits for itself"), "{message}");
        }
    });
}

#[test]
fn two_tasks_that_wait_for_each_other_are_told_so() {
    #[cached]
    async fn ping(x: u8) -> u8 {
        tokio::task::yield_now().await;
        Box::pin(pong(x)).await
    }
    #[cached]
    async fn pong(x: u8) -> u8 {
        tokio::task::yield_now().await;
        ping(x).await
    }
    limited_wide(|| {
        on_one_thread(async {
            let (one, two) = (tokio::spawn(ping(1)), tokio::spawn(pong(1)));
            assert!(one.await.is_err() && two.await.is_err());
        });
    });
}

#[test]
fn a_computation_may_start_another_that_waits_for_it() {
    #[cached]
    fn outer(x: u8) -> u8 {
        assert_eq!(inner::lazy(x), None);
        drop(outer::future_refresh(x));
        x
    }
    #[cached]
    fn inner(x: u8) -> u8 {
        outer(x) + 10
    }
    limited_wide(|| {
        assert_eq!(outer(1), 1);
        until("the other is done", || inner::peek(1) == Some(11));
        assert_eq!(inner::stats().errors, 0);
    });
}

#[test]
fn many_threads_and_changes_at_once_end() {
    static CROWD: Crowd = Crowd::new();
    #[cached(ttl = "1ms", async_ttl)]
    fn run(key: u64) -> Result<u64, String> {
        let _inside = CROWD.enter();
        if key.is_multiple_of(7) { Err("seven".into()) } else { Ok(key) }
    }
    limited_wide(|| {
        thread::scope(|scope| {
            for at in 0..8 {
                scope.spawn(move || {
                    for step in 0..2000_u64 {
                        let key = (step * 31 + at) % 50;
                        match (step + at) % 9 {
                            0 => {
                                run::invalidate(key);
                            }
                            1 => {
                                run::lazy(key);
                            }
                            2 => drop(run::future(key).wait()),
                            3 => drop(run::refresh(key)),
                            4 => run::put(key, key),
                            5 => drop(run::future_refresh(key)),
                            6 => {
                                run::expire(key);
                            }
                            _ if step % 100 == 0 => run::clear(),
                            _ => drop(run(key)),
                        }
                    }
                });
            }
        });
    });
}
