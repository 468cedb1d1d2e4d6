//! One thread that polls whatever is to go on without anybody waiting for it, where there is no tokio.

use crate::task::BoxFuture;
use parking_lot::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Wake, Waker};

/// A future, unless it is over; it goes to the thread again when it is woken.
struct Job {
    future: Mutex<Option<BoxFuture<'static, ()>>>,
    thread: Sender<Arc<Job>>,
}

impl Wake for Job {
    fn wake(self: Arc<Self>) {
        // The thread never ends.
        let _ = self.thread.clone().send(self);
    }
}

/// A panic ends the future silently.
pub(crate) fn spawn(future: BoxFuture<'static, ()>) {
    let thread = thread().clone();
    Arc::new(Job { future: Mutex::new(Some(future)), thread }).wake();
}

fn thread() -> &'static Sender<Arc<Job>> {
    static THREAD: OnceLock<Sender<Arc<Job>>> = OnceLock::new();
    THREAD.get_or_init(|| {
        let (sender, jobs) = channel();
        std::thread::Builder::new()
            .name("larder-tasks".into())
            .spawn(move || run(&jobs))
            .expect("larder could not start the thread of its tasks");
        sender
    })
}

fn run(jobs: &Receiver<Arc<Job>>) {
    for job in jobs {
        // Only this thread polls, so that nobody waits for the lock while it is held.
        let Some(mut future) = job.future.lock().take() else { continue };
        let waker = Waker::from(job.clone());
        // A destructor may panic, and must not end the thread.
        drop(catch_unwind(AssertUnwindSafe(|| {
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                *job.future.lock() = Some(future);
            }
        })));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::task::Poll;

    #[test]
    fn a_thousand_futures_that_wait_hold_up_none() {
        let (done, over) = channel();
        let open = Arc::new(Mutex::new((false, Vec::<Waker>::new())));
        for n in 0..1000 {
            let (done, open) = (done.clone(), open.clone());
            spawn(Box::pin(async move {
                poll_fn(|cx| {
                    let mut open = open.lock();
                    if open.0 {
                        return Poll::Ready(());
                    }
                    open.1.push(cx.waker().clone());
                    Poll::Pending
                })
                .await;
                done.send(n).unwrap();
            }));
        }
        let first = done.clone();
        spawn(Box::pin(async move { first.send(1000).unwrap() }));
        assert_eq!(over.recv(), Ok(1000));
        let waiting = {
            let mut open = open.lock();
            open.0 = true;
            std::mem::take(&mut open.1)
        };
        waiting.into_iter().for_each(Waker::wake);
        let mut all: Vec<i32> = (0..1000).map(|_| over.recv().unwrap()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
    }
}
