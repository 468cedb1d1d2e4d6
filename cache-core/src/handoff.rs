//! One result from the thread that computes it to the one that waits for it.

use crate::error::Error;
use crate::gather::{self, Note};
use crate::trail::{Inside, Waiting, next_id};
use parking_lot::Mutex;
use std::any::Any;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

type Outcome<R> = Result<R, Box<dyn Any + Send>>;

/// The giving end.
pub(crate) struct Giver<R> {
    state: Arc<Mutex<State<R>>>,
    id: u64,
}

/// The receiving end; a panic of the computation goes on in whoever polls it.
pub(crate) struct Taker<R> {
    state: Arc<Mutex<State<R>>>,
    id: u64,
    name: Arc<str>,
    waiting: Option<Waiting>,
}

enum State<R> {
    Empty(Option<Waker>),
    Full(Outcome<R>, Note),
    Over,
}

/// Both ends, for a result of the function of this name.
pub(crate) fn handoff<R>(name: &Arc<str>) -> (Giver<R>, Taker<R>) {
    let (state, id) = (Arc::new(Mutex::new(State::Empty(None))), next_id());
    let taker = Taker { state: state.clone(), id, name: name.clone(), waiting: None };
    (Giver { state, id }, taker)
}

impl<R> Giver<R> {
    /// Marks this thread as the one that the other end waits for, until dropped.
    pub(crate) fn enter(&self) -> Inside {
        Inside::enter(&[], self.id)
    }

    /// `note`: what the outcome was made from.
    pub(crate) fn give(self, outcome: Outcome<R>, note: Note) {
        self.set(outcome, note);
    }

    fn set(&self, outcome: Outcome<R>, note: Note) {
        let old = {
            let mut state = self.state.lock();
            if !matches!(*state, State::Empty(_)) {
                return;
            }
            std::mem::replace(&mut *state, State::Full(outcome, note))
        };
        if let State::Empty(Some(waker)) = old {
            waker.wake();
        }
    }
}

impl<R> Drop for Giver<R> {
    /// A computation that is thrown away is told, not left to be waited for.
    fn drop(&mut self) {
        self.set(Err(Box::new("the computation was dropped before it ended")), Note::default());
    }
}

impl<R> Taker<R> {
    /// Notes who waits here, so that a computation that waits for itself is told so.
    fn note_wait(&mut self) {
        if self.waiting.is_none() {
            self.waiting = Waiting::begin(self.id);
        }
        if self.waiting.is_none() {
            panic!("{}", Error::recursion(&self.name));
        }
    }
}

impl<R> Future for Taker<R> {
    type Output = R;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let full = !matches!(*self.state.lock(), State::Empty(_));
        if !full {
            self.note_wait();
        }
        let mut state = self.state.lock();
        if let State::Empty(waker) = &mut *state {
            let old = waker.replace(cx.waker().clone());
            drop(state);
            drop(old);
            return Poll::Pending;
        }
        let State::Full(outcome, note) = std::mem::replace(&mut *state, State::Over) else {
            panic!("a result was polled again after it was taken");
        };
        drop(state);
        self.waiting = None;
        gather::hand(&note);
        Poll::Ready(outcome.unwrap_or_else(|panic| resume_unwind(panic)))
    }
}
