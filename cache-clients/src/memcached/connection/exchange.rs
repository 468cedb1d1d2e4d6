//! A caller's side: asks, and waits for the answers.

use super::Cause;
use super::call::{Call, this_thread};
use super::link::Link;
use super::queue::{Asker, Turn};
use crate::memcached::wire::{Answer, Request};
use cache_core::is_patient;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

type Answers = Result<Vec<Answer>, Cause>;

/// Requests and their answers. When it is dropped the answers are thrown away as they come.
#[derive(Debug)]
pub(crate) struct Exchange {
    link: Arc<Link>,
    call: Arc<Call>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    New(Request),
    Leading,
    Waiting,
}

impl Exchange {
    /// Nothing is sent before the first poll. `changes` are keys that are not to be trusted when the
    /// connection ends before the answers.
    pub(crate) fn new(
        link: Arc<Link>,
        request: Request,
        give_up: Instant,
        changes: Option<Arc<[String]>>,
    ) -> Self {
        let call = Arc::new(Call::new(request.room(), give_up, changes));
        Exchange { link, call, stage: Stage::New(request) }
    }

    /// Writes for all who have asked; the I/O thread reads.
    fn write(&self) {
        self.link.watch();
        self.link.flush();
    }
}

impl Exchange {
    /// Puts the request into the queue, and does what is to be done then. The answers, if they are
    /// not to be waited for.
    fn ask(&mut self, context: &Context<'_>) -> Option<Poll<Answers>> {
        let Stage::New(request) = &self.stage else { return None };
        let turn = self.link.push(request, self.call.clone(), asker(context));
        self.stage = Stage::Waiting;
        match turn {
            Err(cause) => return Some(Poll::Ready(Err(cause))),
            Ok(Turn::Follow) => {}
            Ok(Turn::Alone) if is_patient() => {
                self.link.flush();
                self.link.read_for(&self.call);
            }
            // A thread that waits has no other tasks whose requests could be gathered.
            Ok(Turn::Lead) if is_patient() => self.write(),
            Ok(Turn::Alone) => self.write(),
            Ok(Turn::Lead) => {
                self.stage = Stage::Leading;
                let poll = self.call.poll(context);
                context.waker().wake_by_ref();
                return Some(poll);
            }
        }
        None
    }

    /// Writes for all, unless it is too early.
    fn lead(&mut self, context: &Context<'_>) -> Option<Poll<Answers>> {
        // First, so that the waker is there when the answers are.
        let poll = self.call.poll(context);
        if poll.is_pending() && self.link.hold(&self.call) {
            return Some(poll);
        }
        self.stage = Stage::Waiting;
        self.write();
        poll.is_ready().then_some(poll)
    }
}

impl Future for Exchange {
    type Output = Answers;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let exchange = &mut *self;
        let done = match &exchange.stage {
            Stage::New(_) => exchange.ask(context),
            Stage::Leading => exchange.lead(context),
            Stage::Waiting => None,
        };
        if let Some(poll) = done {
            return poll;
        }
        let poll = exchange.call.poll(context);
        if poll.is_ready() {
            exchange.call.pass();
        }
        poll
    }
}

/// Tells callers apart.
fn asker(context: &Context<'_>) -> Asker {
    (this_thread(), context.waker().data().addr())
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if matches!(self.stage, Stage::Leading) {
            self.write();
        }
        self.call.pass();
    }
}
