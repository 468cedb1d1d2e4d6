//! A caller's side: asks, and waits for the answers.

use super::Cause;
use super::call::Call;
use super::link::Link;
use super::queue::Turn;
use crate::memcached::wire::{Answer, Request};
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

    /// Reads in this thread for a moment, since the answer of a near server comes sooner than this
    /// thread could be woken.
    fn linger(&self) {
        let Some(patience) = self.link.patience() else { return self.link.watch() };
        let start = Instant::now();
        while !self.call.is_over() {
            let left = patience.saturating_sub(start.elapsed());
            if left.is_zero() {
                return self.link.watch();
            }
            self.link.socket.await_briefly(left);
            if self.link.try_receive().is_none() {
                std::hint::spin_loop();
            }
        }
    }
}

impl Future for Exchange {
    type Output = Result<Vec<Answer>, Cause>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let exchange = &mut *self;
        match &exchange.stage {
            Stage::New(request) => {
                let turn = exchange.link.push(request, exchange.call.clone());
                exchange.stage = Stage::Waiting;
                match turn {
                    Err(cause) => return Poll::Ready(Err(cause)),
                    Ok(Turn::Follow) => {}
                    Ok(Turn::Alone) => {
                        exchange.link.flush();
                        exchange.linger();
                    }
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
                exchange.link.flush();
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

impl Drop for Exchange {
    fn drop(&mut self) {
        if matches!(self.stage, Stage::Leading) {
            self.link.flush();
        }
        self.call.pass();
    }
}
