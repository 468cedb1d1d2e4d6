//! Wakers to be called at a time: by one system thread, or by hand with a manual clock.

use parking_lot::{Condvar, Mutex};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::clock::Clock;

/// Pending timers of one clock, nearest first.
#[derive(Default)]
pub(crate) struct Timers {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    heap: BinaryHeap<Reverse<(u64, u64)>>,
    wakers: std::collections::HashMap<u64, Waker>,
    next: u64,
}

impl Timers {
    /// The timers of the system clock; their thread starts with the first one that is used.
    pub(crate) fn system() -> &'static Timers {
        static TIMERS: OnceLock<Arc<Timers>> = OnceLock::new();
        TIMERS.get_or_init(|| {
            let timers = Arc::new(Timers::default());
            let mine = timers.clone();
            let started = std::thread::Builder::new()
                .name("larder-timer".into())
                .spawn(move || mine.run(&Clock::system()));
            drop(started.expect("larder could not start its timer thread"));
            timers
        })
    }

    fn run(&self, clock: &Clock) {
        loop {
            let now = clock.nanos();
            self.fire(now);
            let mut queue = self.queue.lock();
            match queue.heap.peek() {
                Some(Reverse((due, _))) if *due <= now => {}
                Some(Reverse((due, _))) => {
                    let pause = Duration::from_nanos(due - now);
                    let _ = self.changed.wait_for(&mut queue, pause);
                }
                None => self.changed.wait(&mut queue),
            }
        }
    }

    /// Wakes everything that is due at `now`, outside the lock.
    pub(crate) fn fire(&self, now: u64) {
        let mut due = Vec::new();
        {
            let mut queue = self.queue.lock();
            while let Some(Reverse((when, id))) = queue.heap.peek().copied() {
                if when > now {
                    break;
                }
                queue.heap.pop();
                due.extend(queue.wakers.remove(&id));
            }
        }
        for waker in due {
            waker.wake();
        }
    }

    fn add(&self, due: u64, waker: Waker) -> u64 {
        let mut queue = self.queue.lock();
        let id = queue.next;
        queue.next += 1;
        queue.heap.push(Reverse((due, id)));
        queue.wakers.insert(id, waker);
        drop(queue);
        self.changed.notify_one();
        id
    }

    fn cancel(&self, id: u64) {
        let mut queue = self.queue.lock();
        queue.wakers.remove(&id);
        // Cancelled timers leave their place in the heap; without this a busy caller would grow it.
        if queue.heap.len() > 64 && queue.heap.len() > 2 * queue.wakers.len() {
            let Queue { heap, wakers, .. } = &mut *queue;
            heap.retain(|Reverse((_, id))| wakers.contains_key(id));
        }
    }
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers").finish_non_exhaustive()
    }
}

/// Ready when a time has passed by its clock. Can be awaited in any thread.
///
/// ```
/// use cache_core::{ManualClock, wait};
/// use std::time::Duration;
///
/// let time = ManualClock::new();
/// let sleep = time.clock().sleep(Duration::from_secs(60));
/// time.advance(Duration::from_secs(60));
/// wait(sleep);
/// ```
#[derive(Debug)]
pub struct Sleep {
    clock: Clock,
    due: u64,
    timer: Option<u64>,
}

impl Sleep {
    pub(crate) fn new(clock: &Clock, time: Duration) -> Self {
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Sleep { clock: clock.clone(), due: clock.nanos().saturating_add(time), timer: None }
    }
}

impl Future for Sleep {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(id) = self.timer.take() {
            self.clock.timers().cancel(id);
        }
        if self.clock.nanos() >= self.due {
            return Poll::Ready(());
        }
        let id = self.clock.timers().add(self.due, cx.waker().clone());
        self.timer = Some(id);
        // A manual clock may have moved between the look and the registration.
        if self.clock.is_manual() && self.clock.nanos() >= self.due {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(id) = self.timer.take() {
            self.clock.timers().cancel(id);
        }
    }
}
