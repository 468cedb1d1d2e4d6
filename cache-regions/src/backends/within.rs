//! A deadline around the calls of a server that has none of its own.

use cache_clients::server::{Answer, AnyServer, Claim, Limits, Put, Server};
use cache_core::{Clock, Error, Result};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// A server whose calls end within a time, or are unreachable. A change that is late is given up, and
/// its result unknown.
#[derive(Debug)]
pub(crate) struct Within {
    inner: AnyServer,
    deadline: Duration,
    clock: Clock,
}

impl Within {
    pub(crate) fn new(inner: AnyServer, deadline: Duration, clock: Clock) -> Self {
        Within { inner, deadline, clock }
    }

    async fn call<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        let (mut work, mut end) = (pin!(work), pin!(self.clock.sleep(self.deadline)));
        let done = poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => end.as_mut().poll(cx).map(|()| None),
        });
        let late = || {
            Error::unreachable(self.inner.name(), format!("no answer within {:?}", self.deadline))
        };
        done.await.ok_or_else(late)
    }
}

fn for_each<T>(answers: Result<Vec<Result<T>>>, count: usize) -> Vec<Result<T>> {
    answers.unwrap_or_else(|error| (0..count).map(|_| Err(error.clone())).collect())
}

#[deny(clippy::missing_trait_methods)]
impl Server for Within {
    fn name(&self) -> String {
        self.inner.name()
    }
    fn limits(&self) -> Limits {
        self.inner.limits()
    }
    fn core(&self) -> &dyn std::any::Any {
        self.inner.core()
    }
    async fn copies(&self, key: &str) -> Vec<String> {
        // Asks nobody but a list that is already known, or on its way.
        self.inner.copies(key).await
    }
    async fn discard(&self, key: &str, token: u64) -> Result<bool> {
        self.call(self.inner.discard(key, token)).await?
    }
    async fn get_many(&self, keys: &[String], claim: Claim) -> Vec<Result<Answer>> {
        for_each(self.call(self.inner.get_many(keys, claim)).await, keys.len())
    }
    async fn put_many(&self, puts: Vec<Put>) -> Vec<Result<bool>> {
        let count = puts.len();
        for_each(self.call(self.inner.put_many(puts)).await, count)
    }
    async fn delete_many(&self, keys: &[String]) -> Vec<Result<bool>> {
        for_each(self.call(self.inner.delete_many(keys)).await, keys.len())
    }
    async fn expire(&self, key: &str, keep: Duration) -> Result<bool> {
        self.call(self.inner.expire(key, keep)).await?
    }
    async fn release(&self, key: &str, token: u64) -> Result<()> {
        self.call(self.inner.release(key, token)).await?
    }
    async fn purge(&self) -> Result<usize> {
        self.call(self.inner.purge()).await?
    }
}
