//! The handle of one call of a cached function whose body blocks.

use super::ahead;
use super::work::{Later, Work};
use crate::compute::{Miss, Want};
use crate::detached::Body;
use crate::entry::Reason;
use crate::error::Timeout;
use crate::gather::{Gather, Note};
use crate::handoff::handoff;
use crate::memo::Found;
use crate::outcome::Rules;
use crate::pending::Pending;
use crate::stats::{Event, Stats};
use crate::{pool, wait};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// One set of arguments of a cached function, with all that can be done with their value.
#[must_use = "a call does nothing until you `get`, `peek`, `put`, .."]
pub struct Call<W>(pub(crate) W);

impl<W: Work> Call<W> {
    /// The value: from the cache, from a computation in progress, or computed here.
    #[inline]
    pub fn get(self) -> W::Out {
        match self.0.memo().fresh_at_once(self.0.hash(), |key| self.0.matches(key)) {
            Ok(value) => W::wrap(value),
            Err(tick) => match self.miss(tick) {
                Ok(found) => found,
                Err(missed) => self.compute(missed, Self::renew),
            },
        }
    }

    /// The rest of the look. Borrows the call: to move it would cost as much as the look.
    #[cold]
    #[inline(never)]
    fn miss(&self, tick: u64) -> Result<W::Out, (Reason, Miss)> {
        let memo = self.0.memo();
        let miss = Miss::Marked(memo.flights.mark(self.0.hash()));
        match memo.probe(self.0.hash(), |key| self.0.matches(key), tick) {
            Ok(value) => Ok(W::wrap(value)),
            Err(Found::Live { value, .. }) => {
                memo.stats.count(Event::StaleHit);
                Ok(W::wrap(value))
            }
            Err(Found::Expiring(_)) => Err((Reason::Expired, miss)),
            Err(Found::Missing(reason)) => Err((reason, miss)),
        }
    }

    /// `due` gets the call back if a tier behind says that its value is due for a refresh.
    #[cold]
    #[inline(never)]
    fn compute(self, (reason, miss): (Reason, Miss), due: fn(Self)) -> W::Out {
        let (memo, hash, key, rules) =
            (self.0.memo(), self.0.hash(), self.0.own(), ahead::rules(&self.0));
        if let Some(value) = memo.pausing(hash, &key) {
            memo.stats.count(Event::GraceHit);
            return W::wrap(value);
        }
        memo.count_near_miss(reason);
        self.run_in_flight(key, Want::Value, miss, rules, due)
    }

    /// Nobody else can compute what a region wants to be computed anew: so its caller does.
    #[cold]
    fn renew(self) {
        if self.0.memo().rules.is_followed() {
            drop(self.refresh());
        }
    }

    fn run_in_flight(
        self,
        key: W::Key,
        want: Want,
        miss: Miss,
        rules: Rules<W::Value, W::Out>,
        due: fn(Self),
    ) -> W::Out {
        let (memo, hash) = (self.0.memo(), self.0.hash());
        let mut work = Some(self.0);
        let computed = memo.compute(hash, key, want, miss, rules, &mut || match work.take() {
            Some(work) => work.run(),
            None => unreachable!("a flight runs its body once"),
        });
        if computed.is_due
            && let Some(work) = work
        {
            due(Call(work));
        }
        computed.result
    }

    /// The value if there is a live one, in any tier. Never computes.
    #[inline]
    pub fn peek(self) -> Option<W::Value> {
        match ahead::fresh(&self.0) {
            Some(value) => Some(value),
            None => self.get_ttl().map(|(value, _)| value),
        }
    }

    /// The value and what is left of its TTL (`Duration::MAX` without one). Never computes.
    pub fn get_ttl(self) -> Option<(W::Value, Duration)> {
        let memo = self.0.memo();
        let own = || self.0.own();
        memo.live(self.0.hash(), &own, |key| self.0.matches(key))
    }

    /// Computes now, stores and returns; a computation that is in progress is too old for that and
    /// is waited for first.
    pub fn refresh(self) -> W::Out {
        let (key, rules) = (self.0.own(), ahead::rules(&self.0));
        self.run_in_flight(key, Want::Newer, Miss::Unmarked, rules, drop)
    }

    /// Stores a value without computing; it wins over a computation in progress.
    pub fn put(self, value: W::Value) {
        let memo = self.0.memo();
        wait(memo.put(self.0.hash(), self.0.own(), value));
    }

    /// Removes the value; a computation in progress is not stored. Says whether there was one.
    pub fn invalidate(self) -> bool {
        let memo = self.0.memo();
        wait(memo.invalidate(self.0.hash(), self.0.own()))
    }

    /// Makes the value stale at once: with an async TTL it is served while it is being refreshed,
    /// else it is gone. Says whether there was one.
    pub fn expire(self) -> bool {
        let memo = self.0.memo();
        wait(memo.expire(self.0.hash(), self.0.own()))
    }

    /// Just the body: reads and writes no cache.
    pub fn uncached(self) -> W::Out {
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
    pub fn clear(&self) {
        wait(self.0.memo().clear());
    }

    /// Calls `hook` after each computation of the function, in the thread that computed.
    pub fn on_value(&self, hook: impl Fn(&W::Key, &W::Value) + Send + Sync + 'static) {
        self.0.memo().on_value(hook);
    }

    /// From now on the spans of the function's computations carry their keys, written by `format`.
    /// Without this, no key of any function appears in a span.
    #[cfg(feature = "tracing")]
    pub fn trace_keys(&self, format: impl Fn(&W::Key) -> String + Send + Sync + 'static) {
        *self.0.memo().key_text.write() = Some(std::sync::Arc::new(format));
    }

    /// Like [`get`](Call::get); a value past its refresh threshold is returned at once, and
    /// computed again in the background.
    #[inline]
    pub fn get_swr(self) -> W::Out
    where
        W: Later,
    {
        match self.0.memo().fresh_at_once(self.0.hash(), |key| self.0.matches(key)) {
            Ok(value) => W::wrap(value),
            Err(tick) => self.miss_swr(tick),
        }
    }

    #[cold]
    #[inline(never)]
    fn miss_swr(self, tick: u64) -> W::Out
    where
        W: Later,
    {
        let memo = self.0.memo();
        let miss = Miss::Marked(memo.flights.mark(self.0.hash()));
        match memo.probe(self.0.hash(), |key| self.0.matches(key), tick) {
            Ok(value) => W::wrap(value),
            Err(Found::Live { value, .. } | Found::Expiring(value)) => {
                memo.stats.count(Event::StaleHit);
                if memo.refreshes() {
                    ahead::refresh_once(self.0, again);
                }
                W::wrap(value)
            }
            Err(Found::Missing(reason)) => self.compute((reason, miss), |call| {
                let memo = call.0.memo();
                if memo.refreshes() {
                    let want = memo.want_of_refresh();
                    ahead::launch(call.0, again, want);
                }
            }),
        }
    }

    /// Never waits: the value if a live one is near, else `None`; what is missing or due is looked
    /// for in far tiers or computed in the background.
    pub fn lazy(self) -> Option<W::Value>
    where
        W: Later,
    {
        ahead::lazy(self.0, again)
    }

    /// The value, computed in the background if need be, while this thread waits.
    pub fn async_(self) -> W::Out
    where
        W: Later,
    {
        self.future().wait()
    }

    /// The value as a future: done already if there is a live one, else its computation starts now,
    /// in the background, and goes on if the future is dropped.
    pub fn future(self) -> Pending<W::Out>
    where
        W: Later,
    {
        ahead::future(self.0, again)
    }

    /// Like [`refresh`](Call::refresh), in the background.
    pub fn future_refresh(self) -> Pending<W::Out>
    where
        W: Later,
    {
        let (memo, hash, key, rules) =
            (self.0.memo(), self.0.hash(), self.0.own(), ahead::rules(&self.0));
        let job = self.0.job();
        let (giver, taker) = handoff(&memo.name);
        let again = key.clone();
        pool::submit_or_run(Box::new(move || {
            let computed = catch_unwind(AssertUnwindSafe(|| {
                let _inside = giver.enter();
                let gather = Gather::begin(Note::default());
                let mut run = || job(&again);
                let computed =
                    memo.compute(hash, key, Want::Newer, Miss::Unmarked, rules, &mut run);
                (computed.result, gather.end())
            }));
            match computed {
                Ok((result, note)) => giver.give(Ok(result), note),
                Err(panic) => giver.give(Err(panic), Note::default()),
            }
        }));
        Pending::coming(&memo.clock, Box::pin(taker))
    }

    /// Like [`async_`](Call::async_), but waits no longer than `time`.
    ///
    /// # Errors
    /// [`Timeout`]; the computation goes on.
    pub fn get_within(self, time: Duration) -> Result<W::Out, Timeout>
    where
        W: Later,
    {
        self.future().wait_for(time)
    }
}

/// How the call is computed without its caller.
fn again<W: Later>(work: W) -> Body<W::Key, W::Out> {
    Body::Blocking(work.job())
}

impl<W: Work> fmt::Debug for Call<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Call").field(&self.0.memo().name).finish()
    }
}
