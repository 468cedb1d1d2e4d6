//! One result from the thread that computes it to the one that waits for it.

use parking_lot::Mutex;
use std::any::Any;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

type Outcome<R> = Result<R, Box<dyn Any + Send>>;

/// The giving end.
pub(crate) struct Giver<R>(Arc<Mutex<State<R>>>);
/// The receiving end; a panic of the computation goes on in whoever polls it.
pub(crate) struct Taker<R>(Arc<Mutex<State<R>>>);

enum State<R> {
    Empty(Option<Waker>),
    Full(Outcome<R>),
    Over,
}

pub(crate) fn handoff<R>() -> (Giver<R>, Taker<R>) {
    let state = Arc::new(Mutex::new(State::Empty(None)));
    (Giver(state.clone()), Taker(state))
}

impl<R> Giver<R> {
    pub(crate) fn give(self, outcome: Outcome<R>) {
        self.set(outcome);
    }

    fn set(&self, outcome: Outcome<R>) {
        let old = {
            let mut state = self.0.lock();
            if !matches!(*state, State::Empty(_)) {
                return;
            }
            std::mem::replace(&mut *state, State::Full(outcome))
        };
        if let State::Empty(Some(waker)) = old {
            waker.wake();
        }
    }
}

impl<R> Drop for Giver<R> {
    /// A computation that is thrown away is told, not left to be waited for.
    fn drop(&mut self) {
        self.set(Err(Box::new("the computation was dropped before it ended")));
    }
}

impl<R> Future for Taker<R> {
    type Output = R;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let mut state = self.0.lock();
        if let State::Empty(waker) = &mut *state {
            *waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let State::Full(outcome) = std::mem::replace(&mut *state, State::Over) else {
            panic!("a result was polled again after it was taken");
        };
        drop(state);
        Poll::Ready(outcome.unwrap_or_else(|panic| resume_unwind(panic)))
    }
}
