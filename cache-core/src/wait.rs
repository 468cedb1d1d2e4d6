//! The sync face of async code: poll once, else park this thread until it is woken.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

thread_local! { static PATIENT: Cell<bool> = const { Cell::new(false) }; }

/// Whether this thread waits for what it polls, however long that takes: then it may as well do
/// the work itself. Never true in a task that a runtime polls, unless the runtime itself is waited for.
pub fn is_patient() -> bool {
    PATIENT.get()
}

struct Patience {
    before: bool,
}

impl Patience {
    fn set(patient: bool) -> Self {
        Patience { before: PATIENT.replace(patient) }
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        PATIENT.set(self.before);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits in this thread for a future that wakes through its waker only.
///
/// A ready answer costs one poll. Every future of larder's own caches may be waited for anywhere,
/// also inside a runtime's worker; a future that needs a runtime's timers or sockets needs that
/// runtime around it.
///
/// ```
/// assert_eq!(cache_core::wait(async { 6 * 7 }), 42);
/// ```
pub fn wait<F: Future>(future: F) -> F::Output {
    let _patience = Patience::set(true);
    park_until(future)
}

/// The same for a future that has a deadline.
pub(crate) fn wait_briefly<F: Future>(future: F) -> F::Output {
    let _patience = Patience::set(false);
    park_until(future)
}

fn park_until<F: Future>(future: F) -> F::Output {
    // In a task of tokio's, what waits on its channels is told to come back later once the task has used up its
    // budget, and a thread that parks gives it no new one.
    #[cfg(feature = "coop")]
    let future = tokio::task::coop::unconstrained(future);
    let mut future = pin!(future);
    if let Poll::Ready(out) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return out;
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(out) => return out,
            Poll::Pending => thread::park(),
        }
    }
}
