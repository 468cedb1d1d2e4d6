//! What one caller waits for: some answers in a row.

use super::Cause;
use crate::memcached::wire::Answer;
use crate::sync::{AtomicBool, Mutex, Ordering, this_thread};
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
    answers: Answers,
    end: Option<Result<(), Cause>>,
    waker: Option<Waker>,
    thread: usize,
    baton: Option<Arc<Baton>>,
    /// The caller has his answers, or does not want them any more.
    left: bool,
}

/// The answers to a request, in their order. One alone, which is what most requests get, needs no
/// place of its own.
#[derive(Debug, Default)]
pub(crate) enum Answers {
    #[default]
    None,
    One(Answer),
    Many(Vec<Answer>),
}

impl Answers {
    fn with_room(answers: usize) -> Self {
        if answers > 1 { Answers::Many(Vec::with_capacity(answers)) } else { Answers::None }
    }

    fn push(&mut self, answer: Answer) {
        *self = match std::mem::take(self) {
            Answers::None => Answers::One(answer),
            Answers::One(first) => Answers::Many(vec![first, answer]),
            Answers::Many(mut answers) => {
                answers.push(answer);
                Answers::Many(answers)
            }
        };
    }

    /// The last of them.
    pub(crate) fn pop(self) -> Option<Answer> {
        match self {
            Answers::None => None,
            Answers::One(answer) => Some(answer),
            Answers::Many(mut answers) => answers.pop(),
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Answer> {
        match self {
            Answers::None => Vec::new(),
            Answers::One(answer) => vec![answer],
            Answers::Many(answers) => answers,
        }
    }
}

/// Whom to wake next: the one who is woken first wakes the others of his thread, which within a
/// thread is cheap. Those who get their answers before he is up are woken with them.
#[derive(Debug)]
pub(super) struct Baton {
    thread: usize,
    /// `None`: he is up.
    others: Mutex<Option<Vec<Waker>>>,
    /// The watch has seen it.
    seen: AtomicBool,
}

impl Baton {
    /// Wakes all that are left.
    pub(super) fn pass(&self) {
        // Not under the lock: a waker is foreign code.
        let wakers = self.others.lock().take();
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Adds some, unless it is too late.
    fn add(&self, wakers: &mut Vec<Waker>) {
        if let Some(others) = &mut *self.others.lock() {
            others.append(wakers);
        }
    }

    /// Whether it has been here since the last look, and is to be passed by whoever looks.
    pub(super) fn is_late(&self) -> bool {
        self.seen.swap(true, Ordering::Relaxed)
    }

    fn is_passed(&self) -> bool {
        self.others.lock().is_none()
    }
}

impl Call {
    /// For so many answers; whoever polls now is woken when they are there.
    pub(super) fn new(
        answers: usize,
        give_up: Instant,
        changes: Option<Arc<[String]>>,
        context: &Context<'_>,
    ) -> Self {
        let state = State {
            answers: Answers::with_room(answers),
            end: None,
            waker: Some(context.waker().clone()),
            thread: this_thread(),
            baton: None,
            left: false,
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
            // A list is one answer.
            *due -= usize::from(!answer.is_part());
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

    /// The answers, or be woken when they are there. Whoever gets them wakes those who depend on him.
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<Result<Answers, Cause>> {
        let mut state = self.state.lock();
        let Some(end) = state.end.clone() else {
            match &mut state.waker {
                Some(waker) => waker.clone_from(context.waker()),
                waker => *waker = Some(context.waker().clone()),
            }
            state.thread = this_thread();
            return Poll::Pending;
        };
        state.left = true;
        let (answers, baton) = (std::mem::take(&mut state.answers), state.baton.take());
        drop(state);
        if let Some(baton) = baton {
            baton.pass();
        }
        Poll::Ready(end.map(|()| answers))
    }

    /// Whom to wake, and in which thread.
    pub(super) fn waker(&self) -> Option<(usize, Waker)> {
        let mut state = self.state.lock();
        let waker = state.waker.take()?;
        Some((state.thread, waker))
    }

    pub(super) fn is_over(&self) -> bool {
        self.state.lock().end.is_some()
    }

    /// The caller wakes the others when he is up; somebody who has left already cannot.
    fn carry(&self, baton: &Arc<Baton>) {
        let mut state = self.state.lock();
        if state.left {
            drop(state);
            return baton.pass();
        }
        state.baton = Some(baton.clone());
    }

    /// The caller does not want his answers any more.
    pub(super) fn leave(&self) {
        let baton = {
            let mut state = self.state.lock();
            state.left = true;
            state.baton.take()
        };
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
    carrier: Arc<Call>,
    wakers: Vec<Waker>,
}

impl Wakes {
    pub(super) fn add(&mut self, thread: usize, waker: Waker, call: &Arc<Call>) {
        match self.0.iter_mut().find(|group| group.thread == thread) {
            Some(group) => group.wakers.push(waker),
            None => self.0.push(Group { thread, carrier: call.clone(), wakers: vec![waker] }),
        }
    }

    /// Wakes one of each thread, if none is being woken there. The batons are kept for the case that
    /// one of them sleeps on.
    pub(super) fn wake(self, batons: &mut Vec<Arc<Baton>>, one_thread: bool) {
        if one_thread {
            batons.retain(|baton| !baton.is_passed());
        } else {
            // Maybe somebody sleeps on whose others could go on elsewhere.
            batons.drain(..).for_each(|baton| baton.pass());
        }
        for Group { thread, carrier, mut wakers } in self.0 {
            // Within this thread it is cheap.
            if thread == this_thread() {
                wakers.into_iter().for_each(Waker::wake);
                continue;
            }
            batons.iter().filter(|baton| baton.thread == thread).for_each(|b| b.add(&mut wakers));
            let mut wakers = wakers.into_iter();
            let Some(first) = wakers.next() else { continue };
            let others = Mutex::new(Some(wakers.collect()));
            let baton = Arc::new(Baton { thread, others, seen: AtomicBool::new(false) });
            carrier.carry(&baton);
            batons.push(baton);
            first.wake();
        }
    }
}
