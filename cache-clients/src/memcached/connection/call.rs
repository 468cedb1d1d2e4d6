//! What one caller waits for: some answers in a row.

use super::Cause;
use crate::memcached::wire::Answer;
use parking_lot::Mutex;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// One caller's answers, on their way to him.
#[derive(Debug)]
pub(super) struct Call {
    state: Mutex<State>,
    /// When the caller does not want them any more.
    pub(super) give_up: Instant,
    /// Keys whose values are not to be trusted when these answers never come.
    pub(super) changes: Option<Arc<[String]>>,
}

#[derive(Debug)]
struct State {
    answers: Vec<Answer>,
    end: Option<Result<(), Cause>>,
    waker: Option<Waker>,
    thread: usize,
    baton: Option<Arc<Baton>>,
}

/// Whom to wake next: the one who is woken first wakes the others of his thread, which within a
/// thread is cheap.
#[derive(Debug, Default)]
pub(super) struct Baton(Mutex<Vec<Waker>>);

impl Baton {
    /// Wakes all that are left.
    pub(super) fn pass(&self) {
        // Not under the lock: a waker is foreign code.
        let wakers = std::mem::take(&mut *self.0.lock());
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Call {
    pub(super) fn new(answers: usize, give_up: Instant, changes: Option<Arc<[String]>>) -> Self {
        let state = State {
            answers: Vec::with_capacity(answers),
            end: None,
            waker: None,
            thread: 0,
            baton: None,
        };
        Call { state: Mutex::new(state), give_up, changes }
    }

    /// Takes answers, of which so many are due, and says how many are due still. Whom to wake, and
    /// in which thread, if none is.
    pub(super) fn answer(
        &self,
        answers: &mut impl Iterator<Item = Answer>,
        due: &mut usize,
    ) -> Option<(usize, Waker)> {
        let mut state = self.state.lock();
        while *due > 0
            && let Some(answer) = answers.next()
        {
            // A list of settings is one answer.
            *due -= usize::from(!matches!(answer, Answer::Stat(..)));
            if state.end.is_none() {
                state.answers.push(answer);
            }
        }
        if *due > 0 || state.end.is_some() {
            return None;
        }
        state.end = Some(Ok(()));
        let waker = state.waker.take()?;
        Some((state.thread, waker))
    }

    /// There will be no answer.
    pub(super) fn fail(&self, cause: &Cause) {
        let waker = {
            let mut state = self.state.lock();
            if state.end.is_some() {
                return;
            }
            state.end = Some(Err(cause.clone()));
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The answers, or be woken when they are there.
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<Result<Vec<Answer>, Cause>> {
        let mut state = self.state.lock();
        match state.end.clone() {
            Some(Ok(())) => Poll::Ready(Ok(std::mem::take(&mut state.answers))),
            Some(Err(cause)) => Poll::Ready(Err(cause)),
            None => {
                match &mut state.waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    waker => *waker = Some(context.waker().clone()),
                }
                state.thread = this_thread();
                Poll::Pending
            }
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.state.lock().end.is_some()
    }

    pub(super) fn carry(&self, baton: Arc<Baton>) {
        self.state.lock().baton = Some(baton);
    }

    /// Wakes those who depend on this one.
    pub(super) fn pass(&self) {
        let baton = self.state.lock().baton.take();
        if let Some(baton) = baton {
            baton.pass();
        }
    }
}

/// Those who are to be woken, by thread.
#[derive(Debug, Default)]
pub(super) struct Wakes(Vec<Group>);

#[derive(Debug)]
struct Group {
    thread: usize,
    first: Waker,
    carrier: Arc<Call>,
    others: Vec<Waker>,
}

impl Wakes {
    pub(super) fn add(&mut self, thread: usize, waker: Waker, call: &Arc<Call>) {
        match self.0.iter_mut().find(|group| group.thread == thread) {
            Some(group) => group.others.push(waker),
            None => self.0.push(Group {
                thread,
                first: waker,
                carrier: call.clone(),
                others: Vec::new(),
            }),
        }
    }

    /// Wakes one of each thread. The batons are for the case that one of them sleeps on.
    pub(super) fn wake(self) -> Vec<Arc<Baton>> {
        let mut batons = Vec::new();
        for group in self.0 {
            if !group.others.is_empty() {
                let baton = Arc::new(Baton(Mutex::new(group.others)));
                group.carrier.carry(baton.clone());
                batons.push(baton);
            }
            group.first.wake();
        }
        batons
    }
}

/// Tells threads apart.
pub(super) fn this_thread() -> usize {
    thread_local! { static HERE: u8 = const { 0 }; }
    HERE.with(|here| std::ptr::from_ref(here).addr())
}
