//! The handle of one call of a cached `async fn`. What may wait is a future; the rest is immediate.

use super::ahead;
use super::begun::{Begun, Flying};
use super::inline::{self, Claim, Step};
use super::work::{AsyncLater, AsyncWork};
use crate::compute::Want;
use crate::detached::{Body, Urgency};
use crate::entry::Reason;
use crate::error::Timeout;
use crate::fly::Fly;
use crate::memo::Found;
use crate::pending::Pending;
use crate::stats::{Event, Stats};
use crate::table::Touch;
use std::fmt;
use std::future::Future;
use std::time::Duration;

/// One set of arguments of a cached `async fn`, with all that can be done with their value.
#[must_use = "a call does nothing until you `get`, `peek`, `put`, .."]
pub struct AsyncCall<W>(pub(crate) W);

impl<W: AsyncWork> AsyncCall<W> {
    /// Looks the value up; on a miss, starts or joins its computation.
    #[doc(hidden)]
    #[inline]
    pub fn begin(self) -> Begun<W::Out, Flying<W>>
    where
        W: AsyncLater,
    {
        match ahead::fresh(&self.0) {
            Some(value) => Begun::Hit(W::wrap(value)),
            None => self.miss(false),
        }
    }

    /// The same with refresh-ahead.
    #[doc(hidden)]
    #[inline]
    pub fn begin_swr(self) -> Begun<W::Out, Flying<W>>
    where
        W: AsyncLater,
    {
        match ahead::fresh(&self.0) {
            Some(value) => Begun::Hit(W::wrap(value)),
            None => self.miss(true),
        }
    }

    #[cold]
    #[inline(never)]
    fn miss(self, ahead: bool) -> Begun<W::Out, Flying<W>>
    where
        W: AsyncLater,
    {
        let memo = self.0.memo();
        let reason = match ahead::look(&self.0, Touch::Visit) {
            Found::Expiring(_) if !ahead => Reason::Expired,
            Found::Live { value, .. } | Found::Expiring(value) => {
                memo.stats.count(Event::StaleHit);
                if ahead && memo.refreshes() {
                    ahead::refresh_once(self.0, again);
                }
                return Begun::Hit(W::wrap(value));
            }
            Found::Missing(reason) => reason,
        };
        match ahead::take_off(self.0, again, reason, Urgency::Polled) {
            Ok(fly) => Begun::Fly(Flying(fly)),
            Err(value) => Begun::Hit(W::wrap(value)),
        }
    }

    /// The value: from the cache, from a computation in progress, or computed now; by its caller
    /// if an argument is skipped, else by whoever waits for it.
    pub async fn get(self) -> W::Out {
        let (memo, hash, rules) = (self.0.memo(), self.0.hash(), ahead::rules(&self.0));
        let eq = |key: &W::Key| self.0.matches(key);
        let acquire = match inline::claim_of(memo, hash, || self.0.own(), eq, rules) {
            Claim::Hit(result) => return result,
            Claim::Wait(acquire) => acquire,
        };
        let key = self.0.own();
        let work = match self.0.rebuilt() {
            Ok(job) => {
                let (body, urgency) = (Body::Async(job), Urgency::Polled);
                return Fly::start(memo, hash, key, body, rules, urgency, Want::Value).await;
            }
            Err(work) => work,
        };
        match acquire.await {
            Step::Done(result) => result,
            Step::Lead(lead) => lead.compute(work.run()).await,
        }
    }

    /// Like [`get`](AsyncCall::get); a value past its refresh threshold is returned at once, and
    /// computed again in the background.
    pub async fn get_swr(self) -> W::Out
    where
        W: AsyncLater,
    {
        match self.begin_swr() {
            Begun::Hit(result) => result,
            Begun::Fly(fly) => fly.await,
        }
    }

    /// The value if there is a live one, in any tier. Never computes; immediate over a near client.
    pub async fn peek(self) -> Option<W::Value> {
        match ahead::fresh(&self.0) {
            Some(value) => Some(value),
            None => self.get_ttl().await.map(|(value, _)| value),
        }
    }

    /// The value and what is left of its TTL (`Duration::MAX` without one). Never computes.
    pub async fn get_ttl(self) -> Option<(W::Value, Duration)> {
        let (memo, hash, key) = (self.0.memo(), self.0.hash(), self.0.own());
        memo.live_async(hash, key).await
    }

    /// Computes now, stores and returns; a computation that is in progress is too old for that and
    /// is waited for first.
    pub async fn refresh(self) -> W::Out {
        let (memo, hash, key, rules) =
            (self.0.memo(), self.0.hash(), self.0.own(), ahead::rules(&self.0));
        let work = match self.0.rebuilt() {
            Ok(job) => {
                let (body, urgency) = (Body::Async(job), Urgency::Polled);
                return Fly::start(memo, hash, key, body, rules, urgency, Want::Newer).await;
            }
            Err(work) => work,
        };
        match inline::acquire(memo, hash, key, rules, Want::Newer).await {
            Step::Done(result) => result,
            Step::Lead(lead) => lead.compute(work.run()).await,
        }
    }

    fn fly_newer(self, urgency: Urgency) -> Fly<W::Key, W::Value, W::Out>
    where
        W: AsyncLater,
    {
        let (memo, hash, key, rules) =
            (self.0.memo(), self.0.hash(), self.0.own(), ahead::rules(&self.0));
        let body = Body::Async(self.0.job());
        Fly::start(memo, hash, key, body, rules, urgency, Want::Newer)
    }

    /// Stores a value without computing; it wins over a computation in progress.
    pub async fn put(self, value: W::Value) {
        let (memo, hash, key) = (self.0.memo(), self.0.hash(), self.0.own());
        memo.put(hash, key, value).await;
    }

    /// Removes the value; a computation in progress is not stored. Says whether there was one.
    pub async fn invalidate(self) -> bool {
        let (memo, hash, key) = (self.0.memo(), self.0.hash(), self.0.own());
        memo.invalidate(hash, key).await
    }

    /// Makes the value stale at once: with an async TTL it is served while it is being refreshed,
    /// else it is gone. Says whether there was one.
    pub async fn expire(self) -> bool {
        let (memo, hash, key) = (self.0.memo(), self.0.hash(), self.0.own());
        memo.expire(hash, key).await
    }

    /// Just the body: reads and writes no cache.
    pub fn uncached(self) -> W::Fut {
        self.0.run()
    }

    /// The key under which the value is stored.
    pub fn key(&self) -> W::Key {
        self.0.own()
    }

    /// The counters of the function.
    pub fn stats(&self) -> Stats {
        self.0.memo().stats()
    }

    /// Forgets all values of the function, in a time that does not depend on how many there are.
    pub fn clear(&self) -> impl Future<Output = ()> + Send + use<W> {
        let memo = self.0.memo();
        async move { memo.clear().await }
    }

    /// Calls `hook` after each computation of the function, where it was computed.
    pub fn on_value(&self, hook: impl Fn(&W::Key, &W::Value) + Send + Sync + 'static) {
        self.0.memo().on_value(hook);
    }

    /// From now on the spans of the function's computations carry their keys, written by `format`.
    /// Without this, no key of any function appears in a span.
    #[cfg(feature = "tracing")]
    pub fn trace_keys(&self, format: impl Fn(&W::Key) -> String + Send + Sync + 'static) {
        *self.0.memo().key_text.write() = Some(std::sync::Arc::new(format));
    }

    /// Never waits: the value if a live one is near, else `None`; what is missing or due is looked
    /// for in far tiers or computed by a task.
    pub fn lazy(self) -> Option<W::Value>
    where
        W: AsyncLater,
    {
        ahead::lazy(self.0, again)
    }

    /// The value, computed by a task of its own if need be.
    pub async fn async_(self) -> W::Out
    where
        W: AsyncLater,
    {
        self.future().await
    }

    /// The value as a future: done already if there is a live one, else its computation starts now,
    /// as a task, and goes on if the future is dropped.
    pub fn future(self) -> Pending<W::Out>
    where
        W: AsyncLater,
    {
        ahead::future(self.0, again)
    }

    /// Like [`refresh`](AsyncCall::refresh), as a task.
    pub fn future_refresh(self) -> Pending<W::Out>
    where
        W: AsyncLater,
    {
        let memo = self.0.memo();
        let fly = self.fly_newer(Urgency::Demand);
        Pending::coming(&memo.clock, crate::task::detach(&memo.name, fly))
    }

    /// Like [`get`](AsyncCall::get), but waits no longer than `time`.
    ///
    /// # Errors
    /// [`Timeout`]; the computation goes on.
    pub async fn get_within(self, time: Duration) -> Result<W::Out, Timeout>
    where
        W: AsyncLater,
    {
        self.future().within(time).await
    }
}

/// How the call is computed without its caller.
fn again<W: AsyncLater>(work: W) -> Body<W::Key, W::Out> {
    Body::Async(work.job())
}

impl<W: AsyncWork> fmt::Debug for AsyncCall<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncCall").field(&self.0.memo().name).finish()
    }
}
