//! A caller's side: asks, and waits for the answers.

use super::Cause;
use super::call::{Answers, Call};
use super::link::Link;
use super::port::Port;
use super::queue::{Asker, Turn};
use crate::memcached::wire::Request;
use crate::sync::{is_gathering, is_patient, now as right_now, this_thread};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

type Outcome = Result<Answers, Cause>;

/// Requests and their answers. When it is dropped the answers are thrown away as they come.
#[derive(Debug)]
pub(crate) struct Exchange<'a, P: Port> {
    link: &'a Link<P>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    New(Ask),
    Leading(Arc<Call>),
    /// Has written, and will read when he is polled again.
    Written(Arc<Call>),
    Waiting(Arc<Call>),
    Over,
}

/// What is to be asked.
#[derive(Debug)]
struct Ask {
    request: Request,
    give_up: Instant,
    changes: Option<Arc<[String]>>,
    now: Option<Instant>,
}

impl<'a, P: Port> Exchange<'a, P> {
    /// Nothing is sent before the first poll. `changes` are keys that are not to be trusted when the
    /// connection ends before the answers.
    pub(crate) fn new(
        link: &'a Link<P>,
        request: Request,
        give_up: Instant,
        changes: Option<Arc<[String]>>,
    ) -> Self {
        let ask = Ask { request, give_up, changes, now: None };
        Exchange { link, stage: Stage::New(ask) }
    }

    /// For those who will poll at once, and know what time it is.
    pub(crate) fn at(mut self, now: Instant) -> Self {
        if let Stage::New(ask) = &mut self.stage {
            ask.now = Some(now);
        }
        self
    }

    /// Writes for all who have asked; the I/O thread reads.
    fn write(&self) {
        self.link.watch();
        self.link.flush();
    }

    /// Puts the request into the queue, and does what is to be done then. True: to be polled for the
    /// answers; else they wake.
    fn ask(&mut self, ask: Ask, context: &Context<'_>) -> Result<bool, Cause> {
        let Ask { request, give_up, changes, now } = ask;
        let call = Arc::new(Call::new(request.room(), give_up, changes, context));
        let now = now.unwrap_or_else(right_now);
        let turn = self.link.push(&request, call.clone(), (asker(context), now))?;
        let to_be_polled = match turn {
            Turn::Follow => false,
            // The others ask before this one waits: nobody else depends on him for his answer.
            Turn::Alone | Turn::Lead if is_patient() && is_gathering() => {
                self.link.flush();
                self.link.promise();
                self.stage = Stage::Written(call);
                context.waker().wake_by_ref();
                return Ok(false);
            }
            Turn::Alone if is_patient() => {
                self.link.flush();
                self.link.read_for(&call);
                true
            }
            // A thread that waits has no other tasks whose requests could be gathered.
            Turn::Lead if !is_patient() => {
                self.stage = Stage::Leading(call);
                context.waker().wake_by_ref();
                return Ok(false);
            }
            Turn::Lead | Turn::Alone | Turn::Enough => {
                self.write();
                true
            }
        };
        self.stage = Stage::Waiting(call);
        Ok(to_be_polled)
    }

    /// Writes for all, unless it is too early.
    fn lead(&mut self, call: Arc<Call>, context: &Context<'_>) -> Poll<Outcome> {
        // First, so that the waker is there when the answers are.
        let poll = call.poll(context);
        // Somebody has written for him; those who have asked since then have another leader.
        if matches!(poll, Poll::Ready(Ok(_))) {
            return poll;
        }
        if poll.is_pending() && self.link.hold(&call) {
            self.stage = Stage::Leading(call);
            return poll;
        }
        self.write();
        if poll.is_pending() { self.wait(call, context) } else { poll }
    }

    /// Reads for himself, if he is polled by the thread that was to wait.
    fn read(&self, call: &Call) {
        if is_patient() { self.link.read_for(call) } else { self.link.watch() }
    }

    fn wait(&mut self, call: Arc<Call>, context: &Context<'_>) -> Poll<Outcome> {
        let poll = call.poll(context);
        if poll.is_pending() {
            self.stage = Stage::Waiting(call);
        }
        poll
    }
}

impl<P: Port> Future for Exchange<'_, P> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let exchange = &mut *self;
        match std::mem::replace(&mut exchange.stage, Stage::Over) {
            Stage::New(ask) => match exchange.ask(ask, context) {
                Err(cause) => Poll::Ready(Err(cause)),
                Ok(true) => self.poll(context),
                Ok(false) => Poll::Pending,
            },
            Stage::Leading(call) => exchange.lead(call, context),
            Stage::Written(call) => {
                exchange.link.keep_promise();
                exchange.read(&call);
                exchange.wait(call, context)
            }
            Stage::Waiting(call) => exchange.wait(call, context),
            Stage::Over => Poll::Ready(Err("the answers have been taken".into())),
        }
    }
}

/// Tells callers apart.
fn asker(context: &Context<'_>) -> Asker {
    (this_thread(), context.waker().data().addr())
}

impl<P: Port> Drop for Exchange<'_, P> {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::New(_) | Stage::Over => {}
            Stage::Leading(call) => {
                self.write();
                call.leave();
            }
            Stage::Written(call) => {
                self.link.keep_promise();
                self.link.watch();
                call.leave();
            }
            Stage::Waiting(call) => call.leave(),
        }
    }
}
