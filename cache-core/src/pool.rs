//! The background pool: rayon threads of larder's own, a bounded queue in front, a clean end.
//!
//! Never rayon's global pool, where the user's own work would delay refreshes. Overload: a refresh
//! that finds the queue full is left out and counted (the value is still valid, and the next caller
//! tries again); work that somebody waits for is never left out: the caller does it himself.

use crate::error::{Error, Result};
use parking_lot::{Condvar, Mutex};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A piece of work.
pub(crate) type Task = Box<dyn FnOnce() + Send>;

/// The size of the background pool.
///
/// ```
/// let wanted = cache_core::PoolOptions::new().with_threads(2).with_queue(256);
/// assert_eq!(wanted.threads(), 2);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolOptions {
    threads: usize,
    queue: usize,
}

impl PoolOptions {
    /// One thread a core (at least two, at most eight), 1024 queued jobs; the environment variables
    /// `LARDER_THREADS` and `LARDER_QUEUE` change that.
    #[must_use]
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        PoolOptions {
            threads: crate::env::number("LARDER_THREADS", cores.clamp(2, 8)).max(1),
            queue: crate::env::number("LARDER_QUEUE", 1024),
        }
    }

    /// How many threads compute in the background; at least one.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// How many jobs may wait for a thread.
    #[must_use]
    pub fn with_queue(mut self, queue: usize) -> Self {
        self.queue = queue;
        self
    }

    /// How many threads compute in the background.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
    }
}

impl Default for PoolOptions {
    fn default() -> Self {
        PoolOptions::new()
    }
}

enum State {
    /// Starts with the first job.
    Idle(Option<PoolOptions>),
    Running(Arc<Running>),
    Stopped,
}

struct Running {
    threads: ThreadPool,
    queue: usize,
    queued: AtomicUsize,
    /// Jobs that are queued or run.
    open: Mutex<usize>,
    idle: Condvar,
}

thread_local! { static IS_WORKER: Cell<bool> = const { Cell::new(false) }; }

/// Whether this is a thread of the pool.
pub(crate) fn is_worker() -> bool {
    IS_WORKER.get()
}

static POOL: Mutex<State> = Mutex::new(State::Idle(None));

/// Sizes the pool; once, before its first job.
///
/// # Errors
/// When the pool runs already, was sized already, or has been shut down.
///
/// ```
/// use cache_core::{PoolOptions, configure_pool};
/// configure_pool(PoolOptions::new().with_threads(2)).unwrap();
/// assert!(configure_pool(PoolOptions::new()).is_err());
/// ```
pub fn configure_pool(options: PoolOptions) -> Result<()> {
    let mut state = POOL.lock();
    match &*state {
        State::Idle(None) => {
            *state = State::Idle(Some(options));
            Ok(())
        }
        State::Idle(Some(_)) | State::Running(_) | State::Stopped => {
            Err(Error::stopped("the background pool"))
        }
    }
}

/// Finishes all queued jobs and ends the pool's threads. Afterwards refreshes are left out, and
/// work that somebody waits for is done by the caller.
///
/// Called from a job of the pool itself, it closes the pool without waiting for that job.
///
/// ```
/// cache_core::shutdown_pool();
/// ```
pub fn shutdown_pool() {
    let old = std::mem::replace(&mut *POOL.lock(), State::Stopped);
    let State::Running(pool) = old else { return };
    if pool.threads.current_thread_index().is_none() {
        let mut open = pool.open.lock();
        while *open > 0 {
            pool.idle.wait(&mut open);
        }
    }
}

fn running() -> Option<Arc<Running>> {
    let mut state = POOL.lock();
    let options = match &*state {
        State::Running(pool) => return Some(pool.clone()),
        State::Stopped => return None,
        State::Idle(options) => options.unwrap_or_default(),
    };
    let threads = ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .thread_name(|n| format!("larder-{n}"))
        .start_handler(|_| IS_WORKER.set(true))
        // Jobs catch their own panics; what comes here is a destructor's, and costs no thread.
        .panic_handler(|_| {})
        .build()
        .ok()?;
    let pool = Arc::new(Running {
        threads,
        queue: options.queue,
        queued: AtomicUsize::new(0),
        open: Mutex::new(0),
        idle: Condvar::new(),
    });
    *state = State::Running(pool.clone());
    Some(pool)
}

/// Gives the task to the pool; back when the queue is full or the pool has ended.
pub(crate) fn submit(task: Task) -> Result<(), Task> {
    let Some(pool) = running() else { return Err(task) };
    if pool.queued.fetch_add(1, Ordering::Relaxed) >= pool.queue {
        pool.queued.fetch_sub(1, Ordering::Relaxed);
        return Err(task);
    }
    *pool.open.lock() += 1;
    let mine = pool.clone();
    // In order: the oldest refresh first.
    pool.threads.spawn_fifo(move || {
        mine.queued.fetch_sub(1, Ordering::Relaxed);
        let _ = catch_unwind(AssertUnwindSafe(task));
        let mut open = mine.open.lock();
        *open -= 1;
        if *open == 0 {
            mine.idle.notify_all();
        }
        drop(open);
        release(mine);
    });
    Ok(())
}

/// A pool must not be dropped, and so joined, by one of its own threads.
fn release(pool: Arc<Running>) {
    if let Some(last) = Arc::into_inner(pool) {
        std::thread::spawn(move || drop(last));
    }
}

/// For work that must happen: by the pool, else here and now.
pub(crate) fn submit_or_run(task: Task) {
    if let Err(task) = submit(task) {
        task();
    }
}

/// How many jobs wait for a thread.
#[must_use]
pub fn queued_jobs() -> usize {
    match &*POOL.lock() {
        State::Running(pool) => pool.queued.load(Ordering::Relaxed),
        State::Idle(_) | State::Stopped => 0,
    }
}
