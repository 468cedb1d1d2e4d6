//! Threads for file I/O: few, shared by all `Files` of the process, and one that watches deadlines.

use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// A disk gets no faster from more.
const THREADS: usize = 4;
/// More than this and the disk is away.
const WAITING: usize = 10_000;

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// The deadline passed.
    Late,
    /// Too many wait already.
    Full,
    /// The system has no thread to give.
    NoThread,
}

type Work = Box<dyn FnOnce() + Send>;
type Ticket = (Instant, u64);

struct State {
    queue: VecDeque<(Ticket, Work)>,
    /// What to do with each call whose deadline passes.
    due: BTreeMap<Ticket, Work>,
    tickets: u64,
    threads: usize,
    idle: usize,
    watch: Watch,
}

enum Watch {
    Missing,
    /// Looks again then, or, where there was no deadline to wait for, when it is woken.
    Until(Option<Instant>),
}

struct Pool {
    state: Mutex<State>,
    work: Condvar,
    watch: Condvar,
}

static POOL: Pool = Pool {
    state: Mutex::new(State {
        queue: VecDeque::new(),
        due: BTreeMap::new(),
        tickets: 0,
        threads: 0,
        idle: 0,
        watch: Watch::Missing,
    }),
    work: Condvar::new(),
    watch: Condvar::new(),
};

/// Runs a job on a thread for files; the result can be awaited anywhere. Dropping that does not stop
/// the job. A job that has not begun by then never begins.
pub(super) async fn run<T: Send + 'static>(
    until: Instant,
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Lost> {
    let (sender, receiver) = oneshot::channel();
    let sender = Arc::new(Mutex::new(Some(sender)));
    let due = sender.clone();
    let work = move || {
        if sender.lock().is_none() {
            return;
        }
        let result = job();
        let waiting = sender.lock().take();
        if let Some(waiting) = waiting {
            // The caller may be gone.
            let _ = waiting.send(result);
        }
    };
    POOL.push(until, Box::new(work), Box::new(move || drop(due.lock().take())))?;
    receiver.await.map_err(|_| Lost::Late)
}

impl Pool {
    fn push(&'static self, until: Instant, work: Work, late: Work) -> Result<(), Lost> {
        let mut state = self.state.lock();
        if state.queue.len() >= WAITING {
            return Err(Lost::Full);
        }
        if state.idle <= state.queue.len() && state.threads < THREADS {
            if spawn(|| self.serve()) {
                state.threads += 1;
            } else if state.threads == 0 {
                return Err(Lost::NoThread);
            }
        }
        match state.watch {
            Watch::Missing if !spawn(|| self.keep_watch()) => return Err(Lost::NoThread),
            // It wakes for a deadline that may be met by now; only an earlier one is news.
            Watch::Until(Some(at)) if at <= until => {}
            Watch::Missing | Watch::Until(_) => {
                state.watch = Watch::Until(Some(until));
                self.watch.notify_one();
            }
        }
        state.tickets += 1;
        let ticket = (until, state.tickets);
        state.due.insert(ticket, late);
        state.queue.push_back((ticket, work));
        drop(state);
        self.work.notify_one();
        Ok(())
    }

    fn serve(&self) {
        let mut state = self.state.lock();
        loop {
            while state.queue.is_empty() {
                state.idle += 1;
                self.work.wait(&mut state);
                state.idle -= 1;
            }
            let Some((ticket, work)) = state.queue.pop_front() else { continue };
            drop(state);
            // A job that panics loses its caller's answer, not the thread.
            let _ = catch_unwind(AssertUnwindSafe(work));
            state = self.state.lock();
            let late = state.due.remove(&ticket);
            if late.is_some() {
                parking_lot::MutexGuard::unlocked(&mut state, || drop(late));
            }
        }
    }

    fn keep_watch(&self) {
        let mut state = self.state.lock();
        loop {
            let Some(first) = state.due.first_entry() else {
                state.watch = Watch::Until(None);
                self.watch.wait(&mut state);
                continue;
            };
            let at = first.key().0;
            if at > Instant::now() {
                state.watch = Watch::Until(Some(at));
                self.watch.wait_until(&mut state, at);
                continue;
            }
            let late = first.remove();
            parking_lot::MutexGuard::unlocked(&mut state, late);
        }
    }
}

fn spawn(body: impl FnOnce() + Send + 'static) -> bool {
    std::thread::Builder::new().name("larder-files".into()).spawn(body).is_ok()
}
