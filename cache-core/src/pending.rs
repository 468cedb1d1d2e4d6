//! What `future` returns: a result that is there, or on its way.

use crate::error::Timeout;
use crate::task::BoxFuture;
use crate::wait::wait_briefly;
use crate::{Clock, wait};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A result that is there already or is being computed; dropping it does not stop the computation.
///
/// Await it in a task, or [`wait`](Pending::wait) for it in a thread. If the computation panics,
/// one of those who wait gets the panic, and the others compute again.
///
/// ```
/// use cache_core::Pending;
///
/// let mut there = Pending::ready(7);
/// assert!(there.is_done());
/// assert_eq!(there.wait(), 7);
/// ```
#[must_use = "the computation goes on without you, but its result is only here"]
pub struct Pending<R> {
    state: State<R>,
    clock: Option<Clock>,
}

enum State<R> {
    Ready(R),
    Coming(BoxFuture<'static, R>),
    Taken,
}

impl<R> Unpin for Pending<R> {}

impl<R> Pending<R> {
    /// A result that is there.
    pub fn ready(result: R) -> Self {
        Pending { state: State::Ready(result), clock: None }
    }

    pub(crate) fn coming(clock: &Clock, future: BoxFuture<'static, R>) -> Self {
        Pending { state: State::Coming(future), clock: Some(clock.clone()) }
    }

    /// Whether the result is there. Never waits.
    pub fn is_done(&mut self) -> bool {
        if let State::Coming(future) = &mut self.state
            && let Poll::Ready(result) =
                future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        {
            self.state = State::Ready(result);
        }
        !matches!(self.state, State::Coming(_))
    }

    /// The result, if it is there; `None` before that, and after it was taken. Never waits.
    pub fn try_take(&mut self) -> Option<R> {
        if !self.is_done() {
            return None;
        }
        match std::mem::replace(&mut self.state, State::Taken) {
            State::Ready(result) => Some(result),
            State::Coming(_) | State::Taken => None,
        }
    }

    /// Waits for the result in this thread.
    ///
    /// # Panics
    /// When the result was taken before, and when the computation panicked and this is the caller
    /// that gets to know.
    pub fn wait(self) -> R {
        wait(self)
    }

    /// Waits for the result in this thread, but no longer than `time`. A zero time never waits.
    ///
    /// # Errors
    /// [`Timeout`], when it is not there by then. The computation goes on; ask again.
    pub fn wait_for(&mut self, time: Duration) -> Result<R, Timeout> {
        wait_briefly(self.within(time))
    }

    /// The same for a task.
    ///
    /// # Errors
    /// [`Timeout`], when it is not there by then.
    pub async fn within(&mut self, time: Duration) -> Result<R, Timeout> {
        let clock = self.clock.clone().unwrap_or_default();
        let mut sleep = clock.sleep(time);
        std::future::poll_fn(|cx| {
            if let Poll::Ready(result) = Pin::new(&mut *self).poll(cx) {
                return Poll::Ready(Ok(result));
            }
            Pin::new(&mut sleep).poll(cx).map(|()| Err(Timeout))
        })
        .await
    }
}

impl<R> Future for Pending<R> {
    type Output = R;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        match std::mem::replace(&mut self.state, State::Taken) {
            State::Ready(result) => Poll::Ready(result),
            State::Taken => panic!("the result of this `Pending` has been taken already"),
            State::Coming(mut future) => {
                let polled = future.as_mut().poll(cx);
                if polled.is_pending() {
                    self.state = State::Coming(future);
                }
                polled
            }
        }
    }
}

impl<R> fmt::Debug for Pending<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Ready(_) => "Pending::Ready",
            State::Coming(_) => "Pending::Coming",
            State::Taken => "Pending::Taken",
        })
    }
}
