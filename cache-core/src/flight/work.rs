//! Work that lies in the flight until somebody does it: a job for a thread, or a future to poll.

use super::Flight;
use crate::sync::{MutexGuard, Ordering};
use crate::task::Home;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// What is left to do. Either form lands the flight when it is done.
pub(crate) enum Work {
    /// A sync body in the pool's queue; a thread that waits for it may take it over.
    Job(Box<dyn FnOnce() + Send>),
    /// An async body; whoever waits polls it.
    Task(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl<K, V> Flight<K, V> {
    /// The queued job, if nobody has begun it.
    pub(crate) fn take_job(&self) -> Option<Box<dyn FnOnce() + Send>> {
        // A task's lock is held while its body runs, and that body may be who asks.
        if self.polled.load(Ordering::Acquire) {
            return None;
        }
        let mut work = self.work.lock();
        match work.take() {
            Some(Work::Job(job)) => Some(job),
            other => {
                *work = other;
                None
            }
        }
    }

    /// Does the queued job in this thread, unless somebody else has begun it.
    pub(crate) fn run_job(&self) -> bool {
        let Some(job) = self.take_job() else { return false };
        job();
        true
    }

    /// Throws the work away; its lead, which it owns, lands the flight.
    pub(crate) fn abandon(&self) {
        // Held only by somebody who polls it, and who will go on.
        let work = self.work.try_lock().and_then(|mut work| work.take());
        drop(work);
    }

    pub(crate) fn has_task(&self) -> bool {
        self.polled.load(Ordering::Acquire)
    }
}

impl<K: Send + Sync + 'static, V: Send + Sync + 'static> Flight<K, V> {
    pub(crate) fn set_work(self: &Arc<Self>, work: Work) {
        let is_task = matches!(work, Work::Task(_));
        let home = Home::here();
        if is_task && home.is_some() {
            let _ = self.home.set(home);
        }
        self.polled.store(is_task, Ordering::SeqCst);
        *self.work.lock() = Some(work);
        if is_task {
            self.adopt_if_wanted();
            // Whoever came before the work has found nothing to poll.
            self.wake_all();
        }
    }

    /// Sees to it that the future is polled to its end by a task, once there is one: those who
    /// poll it so far may cease to.
    pub(crate) fn adopt(self: &Arc<Self>) {
        self.adoption.wanted.store(true, Ordering::SeqCst);
        self.adopt_if_wanted();
    }

    /// Either `set_work` or `adopt` comes second, and sees what the other has stored.
    fn adopt_if_wanted(self: &Arc<Self>) {
        if self.polled.load(Ordering::SeqCst)
            && self.adoption.wanted.load(Ordering::SeqCst)
            && !self.adoption.done.swap(true, Ordering::SeqCst)
        {
            let _ = self.home.set(Home::here_or_own());
            crate::task::adopt(self.clone());
        }
    }

    /// The task is gone; another may take its place.
    pub(crate) fn orphan(&self) {
        self.adoption.done.store(false, Ordering::SeqCst);
    }

    /// Polls the flight's future once, unless somebody else is doing so. Its wake-ups go to all
    /// who wait, so that it does not matter who polled it last.
    pub(crate) fn drive(self: &Arc<Self>) {
        let Some(mut work) = self.work.try_lock() else { return };
        let Some(Work::Task(task)) = work.as_mut() else { return };
        let (inside, at_home) = (self.enter(), self.home.get().map(Home::enter));
        let waker = Waker::from(self.clone());
        let polled =
            catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(&mut Context::from_waker(&waker))));
        drop((at_home, inside));
        // The body's own panics are caught inside the task; this one came from larder's glue or
        // from a destructor, and must not leave a future that cannot be polled again.
        if !matches!(polled, Ok(Poll::Pending)) {
            take_and_drop(work);
        }
    }
}

/// Drops the future outside the lock: its destructors are the user's.
fn take_and_drop(mut work: MutexGuard<'_, Option<Work>>) {
    let done = work.take();
    drop(work);
    drop(done);
}

impl<K: Send + Sync + 'static, V: Send + Sync + 'static> Wake for Flight<K, V> {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all();
    }
}
