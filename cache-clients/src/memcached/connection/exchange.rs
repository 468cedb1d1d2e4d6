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
        let call = Arc::new(Call::new(request.answers(), give_up, changes));
        Exchange { link, call, stage: Stage::New(request) }
    }

    /// Writes for all who have asked; the I/O thread reads.
    fn write(&self) {
        self.link.watch();
        self.link.flush();
    }
}

impl Future for Exchange {
    type Output = Result<Vec<Answer>, Cause>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let exchange = &mut *self;
        match &exchange.stage {
            Stage::New(request) => {
                let turn = exchange.link.push(request, exchange.call.clone(), asker(context));
                exchange.stage = Stage::Waiting;
                match turn {
                    Err(cause) => return Poll::Ready(Err(cause)),
                    Ok(Turn::Follow) => {}
                    Ok(Turn::Alone) if is_patient() => {
                        exchange.link.flush();
                        exchange.link.read_for(&exchange.call);
                    }
                    // A thread that waits has no other tasks whose requests could be gathered.
                    Ok(Turn::Lead) if is_patient() => exchange.write(),
                    Ok(Turn::Alone) => exchange.write(),
                    Ok(Turn::Lead) => {
                        exchange.stage = Stage::Leading;
                        let poll = exchange.call.poll(context);
                        context.waker().wake_by_ref();
                        return poll;
                    }
                }
            }
            Stage::Leading => {
                exchange.stage = Stage::Waiting;
                exchange.write();
            }
            Stage::Waiting => {}
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
