//! Who calls: one after the other, 64 tasks of a runtime, 64 threads.

use std::sync::Barrier;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// How many call at the same time.
pub const MANY: usize = 64;

/// A runtime in the thread that calls.
pub fn here() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime starts")
}

/// A runtime of two threads, neither of which has larder's connections.
pub fn elsewhere() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime starts")
}

/// Calls one after the other.
pub fn each(calls: usize, mut call: impl FnMut(usize)) -> Duration {
    let start = Instant::now();
    (0..calls).for_each(&mut call);
    start.elapsed()
}

/// The same in one task.
pub fn each_awaited(runtime: &Runtime, calls: usize, mut call: impl AsyncFnMut(usize)) -> Duration {
    runtime.block_on(async {
        let start = Instant::now();
        for n in 0..calls {
            call(n).await;
        }
        start.elapsed()
    })
}

/// Tasks at the same time, each of which makes all of its calls.
pub fn tasks<F>(runtime: &Runtime, task: impl Fn(usize) -> F) -> Duration
where
    F: Future<Output = ()> + Send + 'static,
{
    runtime.block_on(async {
        let start = Instant::now();
        let tasks: Vec<_> = (0..MANY).map(|nth| tokio::spawn(task(nth))).collect();
        for task in tasks {
            task.await.expect("a task gets its answers");
        }
        start.elapsed()
    })
}

/// Threads at the same time, each of which makes all of its calls.
pub fn threads(thread: impl Fn(usize) + Sync) -> Duration {
    let (begin, end) = (Barrier::new(MANY + 1), Barrier::new(MANY + 1));
    std::thread::scope(|scope| {
        for nth in 0..MANY {
            let (thread, begin, end) = (&thread, &begin, &end);
            scope.spawn(move || {
                begin.wait();
                thread(nth);
                end.wait();
            });
        }
        begin.wait();
        let start = Instant::now();
        end.wait();
        start.elapsed()
    })
}
