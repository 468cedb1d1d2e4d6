//! Async functions need no runtime, and no particular one; a runtime that ends takes nobody's value with it.

mod common;

use common::{Count, Gate, limited_wide, on_one_thread, until};
use futures::executor::block_on;
use larder::cached;
use std::sync::mpsc::channel;
use std::thread;

#[test]
fn an_async_fn_is_awaited_without_any_runtime() {
    static RUNS: Count = Count::new();
    #[cached]
    async fn run(x: u8) -> u8 {
        RUNS.next();
        x
    }
    limited_wide(|| {
        assert_eq!(
            (block_on(run(1)), larder::wait(run(1)), block_on(run::peek(1))),
            (1, 1, Some(1))
        );
        assert_eq!((block_on(run::refresh(1)), RUNS.get()), (1, 2));
    });
}

#[test]
fn detached_work_without_a_runtime_goes_to_one_of_larders_own() {
    static GATE: Gate = Gate::new();
    #[cached]
    async fn run(_x: u8) -> bool {
        GATE.pass_async().await;
        !cfg!(feature = "tokio") || tokio::runtime::Handle::try_current().is_ok()
    }
    limited_wide(|| {
        let (future, refresh) = (run::future(1), run::future_refresh(2));
        assert_eq!(run::lazy(3), None);
        GATE.await_arrivals(3);
        GATE.open();
        assert!(future.wait() && refresh.wait() && block_on(run::async_(4)));
        until("what nobody waits for is there", || run::lazy(3) == Some(true));
    });
}

/// The body uses tokio's timer: it must be polled inside of that runtime, whoever waits elsewhere.
#[cfg(feature = "tokio")]
#[test]
fn a_body_that_needs_tokio_is_awaited_from_a_thread_without_it() {
    #[cached]
    async fn run(x: u8) -> u8 {
        // The first tick is there at once; it asks for the runtime's timer, which panics outside of
        // a runtime.
        tokio::time::interval(std::time::Duration::from_secs(1)).tick().await;
        x
    }
    limited_wide(|| {
        let (send, receive) = channel();
        let waiter = thread::spawn(move || receive.recv().map(larder::Pending::wait).unwrap());
        on_one_thread(async {
            send.send(run::future(1)).unwrap();
            let follower = thread::spawn(|| larder::wait(run(1)));
            while run::peek(1).await.is_none() {
                tokio::task::yield_now().await;
            }
            assert_eq!((waiter.join().unwrap(), follower.join().unwrap()), (1, 1));
        });
        assert_eq!(run::future(2).wait(), 2, "larder's own runtime has timers too");
    });
}

#[test]
fn a_current_thread_runtime_waits_for_its_own_futures_in_its_own_thread() {
    #[cached]
    async fn run(x: u8) -> u8 {
        tokio::task::yield_now().await;
        x
    }
    limited_wide(|| {
        on_one_thread(async {
            assert_eq!(run::future(1).wait(), 1);
            assert_eq!(larder::wait(run(2)), 2);
            assert_eq!(larder::wait(run::async_(3)), 3);
            assert_eq!(run::future_refresh(4).await, 4);
        });
    });
}

#[test]
fn many_tasks_of_a_runtime_of_many_threads_share_what_they_await() {
    static RUNS: Count = Count::new();
    #[cached]
    async fn run(x: usize) -> usize {
        RUNS.next();
        tokio::task::yield_now().await;
        x
    }
    limited_wide(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap();
        runtime.block_on(async {
            let calls: Vec<_> =
                (0..300).map(|at| tokio::spawn(async move { run(at % 3).await })).collect();
            for (at, call) in calls.into_iter().enumerate() {
                assert_eq!(call.await.unwrap(), at % 3);
            }
        });
        assert_eq!(RUNS.get(), 3);
    });
}

#[test]
fn a_runtime_that_is_dropped_with_work_in_flight_loses_no_future_of_others() {
    static GATE: Gate = Gate::new();
    #[cached]
    async fn run(x: u8) -> u8 {
        GATE.pass_async().await;
        x
    }
    limited_wide(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let (future, refresh, lazy) =
            runtime.block_on(async { (run::future(1), run::future_refresh(2), run::lazy(3)) });
        assert_eq!(lazy, None);
        let task = runtime.spawn(async { run::async_(4).await });
        GATE.await_arrivals(4);
        let follower = thread::spawn(|| larder::wait(run(1)));
        let patient = thread::spawn(|| run::future(4).wait());
        let elsewhere = thread::spawn(|| on_one_thread(async { run::async_(1).await }));
        until("all wait", || run::stats().waiters == 3);
        runtime.shutdown_background();
        GATE.open();
        assert_eq!((follower.join().unwrap(), elsewhere.join().unwrap()), (1, 1));
        assert_eq!((future.wait(), patient.join().unwrap()), (1, 4));
        assert_eq!(refresh.wait(), 2, "also what only a dropped task has worked on");
        assert!(block_on(task).is_err(), "tokio's own handle is cancelled");
        assert_eq!(block_on(run(3)), 3, "what nobody waited for may be lost, but blocks nobody");
    });
}

#[test]
fn a_pending_that_was_dropped_unread_is_no_loss() {
    static GATE: Gate = Gate::new();
    #[cached]
    async fn run(x: u8) -> u8 {
        GATE.pass_async().await;
        x
    }
    limited_wide(|| {
        drop((run::future(1), run::future_refresh(2)));
        GATE.open();
        until("both are there", || {
            block_on(run::peek(1)).is_some() && block_on(run::peek(2)).is_some()
        });
    });
}

/// An argument that is skipped and not kept: the leader runs his own body, with his own borrow.
#[test]
fn a_call_that_cannot_be_rebuilt_is_run_by_its_own_caller_and_goes_to_the_next_if_he_dies() {
    static GATE: Gate = Gate::new();
    struct Database(&'static str);
    #[cached(skip(database))]
    async fn read(database: &Database, x: u8) -> String {
        if x == 1 {
            GATE.pass_async().await;
        }
        format!("{} {x} {}", database.0, GATE.arrivals())
    }
    limited_wide(|| {
        on_one_thread(async {
            let (first, second) = (Database("first"), Database("second"));
            let mut leader = Box::pin(read(&first, 1));
            assert!(futures::poll!(&mut leader).is_pending());
            let mut follower = Box::pin(read(&second, 1));
            assert!(futures::poll!(&mut follower).is_pending());
            assert_eq!(GATE.arrivals(), 1);
            drop(leader);
            GATE.open();
            assert_eq!(follower.await, "second 1 2");
            assert_eq!(
                (read(&first, 1).await, read::peek(&first, 1).await.is_some()),
                ("second 1 2".into(), true)
            );
        });
    });
}
