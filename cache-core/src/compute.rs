//! The miss: join the flight of a key or lead it, compute, store, report. For bodies that block.

use crate::detached::Settled;
use crate::entry::Entry;
use crate::error::Error;
use crate::far::{Far, Held, aim_of};
use crate::flight::{Failure, Flight, Follow, Joined, Landed, Landing, Lead};
use crate::gather::{self, Gather, Note};
use crate::memo::{Found, Memo};
use crate::observe::{self, Cause, Ending, Watch};
use crate::outcome::Rules;
use crate::stats::Event;
use crate::table::{self, Touch};
use crate::tags::epoch;
use crate::wait;
use std::hash::Hash;
use std::panic::resume_unwind;
use std::sync::Arc;

/// Whether a computation that is in progress will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// Any value that is live.
    Value,
    /// Any value that is live and not due for a refresh.
    Young,
    /// One whose computation begins after the call.
    Newer,
}

/// What is known of the miss that leads to a computation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Miss {
    /// The mark of the flights before the look that found nothing.
    Marked(u64),
    /// The look was somewhen before.
    Unmarked,
}

/// A result, and whether the tiers behind say that it is due for a refresh.
pub(crate) struct Computed<R> {
    pub(crate) result: R,
    pub(crate) is_due: bool,
}

impl<R> Computed<R> {
    fn young(result: R) -> Self {
        Computed { result, is_due: false }
    }
}

/// What became of one try to get a value from a flight.
pub(crate) enum Attempt<R> {
    Done(R),
    Again,
}

impl<K, V> Memo<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Gets the value from the flight of this key, or computes it in this thread.
    #[cold]
    #[inline(never)]
    pub(crate) fn compute<R: 'static>(
        &self,
        hash: u64,
        mut key: K,
        want: Want,
        miss: Miss,
        rules: Rules<V, R>,
        run: &mut dyn FnMut() -> R,
    ) -> Computed<R> {
        // In a `Clone` or an `Eq` of the user's, inside a shard's lock: a flight's leader may want
        // that very shard, so nobody may wait for a flight here.
        if table::is_inside() {
            self.stats.count(Event::Computation);
            return Computed::young(run());
        }
        self.rules.require();
        if let (None, Some(near), None) = (&self.far, &self.near, &self.tags) {
            let miss = (want, miss);
            return Computed::young(self.compute_near(near, (hash, key), miss, rules, run));
        }
        let mut too_old = want == Want::Newer;
        let (called, mut counted) = (epoch(), want != Want::Value);
        loop {
            match self.flights.join(hash, key) {
                Joined::Lead(lead) => {
                    if want == Want::Value
                        && miss != Miss::Marked(lead.mark())
                        && let Some(value) = self.landed_before(lead.flight())
                    {
                        return Computed::young((rules.wrap)(value));
                    }
                    return self.lead(lead, (want, !counted), rules, run);
                }
                Joined::Follow(flight, again) => {
                    self.count_waiter(&mut counted);
                    match self.follow((flight, called), again, &mut too_old, rules) {
                        Ok(result) => return Computed::young(result),
                        Err(again) => key = again,
                    }
                }
            }
        }
    }

    /// Waits for the flight of another caller. Gives the key back if that was of no use.
    #[cold]
    pub(crate) fn follow<R: 'static>(
        &self,
        (flight, called): (Arc<Flight<K, V>>, u64),
        key: K,
        too_old: &mut bool,
        rules: Rules<V, R>,
    ) -> Result<R, K> {
        let hash = flight.hash;
        // Still in the pool's queue: no need to wait for a thread.
        flight.run_job();
        let landed = wait(Follow::new(flight, called));
        self.refuse_circle(&landed);
        // Whatever flight is found after this one began after the call.
        if !std::mem::take(too_old)
            && let Attempt::Done(result) = self.take(hash, &key, landed, rules)
        {
            return Ok(result);
        }
        Err(key)
    }

    /// What a background refresh wants. With an async TTL one caller has been given the right to
    /// it; without, a refresh that has just ended will do.
    pub(crate) fn want_of_refresh(&self) -> Want {
        if self.policy().async_ttl().is_some() { Want::Newer } else { Want::Young }
    }

    /// What a flight that ended between the look and the join has left.
    pub(crate) fn landed_before(&self, flight: &Flight<K, V>) -> Option<V> {
        match self.look(flight.hash, |k| *k == flight.key, Touch::Visit) {
            Found::Live { value, .. } => Some(value),
            Found::Expiring(_) | Found::Missing(_) => None,
        }
    }

    /// Turns what a flight gave into a result.
    pub(crate) fn take<R: 'static>(
        &self,
        hash: u64,
        key: &K,
        landed: Landed<V>,
        rules: Rules<V, R>,
    ) -> Attempt<R> {
        let failed = match landed {
            Landed::Value(value) => return Attempt::Done((rules.wrap)(value)),
            Landed::Sole(Failure::Panic(panic)) => resume_unwind(panic),
            Landed::Sole(Failure::Result(result)) => result.downcast().ok().map(|result| *result),
            Landed::Shared(failure) => rules.share.and_then(|share| share.give(&*failure)),
            Landed::Gone => None,
            Landed::Circle => self.panic_in_circle(),
        };
        let Some(failed) = failed else { return Attempt::Again };
        Attempt::Done(self.graced(hash, key, failed, rules))
    }

    /// A failure, or the expired value that `grace` allows instead.
    pub(crate) fn graced<R>(&self, hash: u64, key: &K, failed: R, rules: Rules<V, R>) -> R {
        match self.graceful(hash, key) {
            Some(value) if rules.fails => {
                self.stats.count(Event::GraceHit);
                (rules.wrap)(value)
            }
            _ => failed,
        }
    }

    pub(crate) fn refuse_circle(&self, landed: &Landed<V>) {
        if matches!(landed, Landed::Circle) {
            self.panic_in_circle();
        }
    }

    pub(crate) fn panic_in_circle(&self) -> ! {
        panic!("{}", Error::recursion(&self.name));
    }

    fn lead<R>(
        &self,
        lead: Lead<'_, K, V>,
        (want, count): (Want, bool),
        rules: Rules<V, R>,
        run: &mut dyn FnMut() -> R,
    ) -> Computed<R> {
        let held = match self.wait_far(lead.flight(), aim_of(want, None), count) {
            Far::Value(value, note) => {
                return Computed::young(self.land_found(lead, value, &note, rules));
            }
            Far::Due(value, note) => {
                let result = self.land_found(lead, value, &note, rules);
                return Computed { result, is_due: true };
            }
            Far::Compute(held) => held,
        };
        let watch = self.watch(lead.flight(), &held, cause_of(want));
        let (result, note) = self.timed(lead.flight(), &watch, run);
        let (settled, note) = self.settle(lead.flight(), &result, note, rules);
        gather::hand(&note);
        match settled {
            Settled::Entry(entry) => {
                watch.end(self.store(&lead, entry, &note, held));
                let value = || (rules.value)(&result).cloned();
                // A handle of our own would look like a waiter, and cost a clone of the value.
                let told = self.has_hooks().then(|| lead.flight().clone());
                lead.land(|| value().map_or_else(Landing::gone, Landing::Value));
                if let (Some(flight), Some(value)) = (told, (rules.value)(&result)) {
                    self.tell(&flight.key, value);
                }
                Computed::young(result)
            }
            Settled::Failed(landing) => {
                watch.end(Ending::of_none(rules.fails));
                let flight = lead.flight().clone();
                lead.land(|| landing.unwrap_or_else(Landing::gone));
                drop(held);
                Computed::young(self.graced(flight.hash, &flight.key, result, rules))
            }
        }
    }

    pub(crate) fn watch(&self, flight: &Flight<K, V>, held: &Held<K, V>, cause: Cause) -> Watch {
        Watch::begin(self, (flight.hash, Some(&flight.key)), held.reason(), cause)
    }

    /// Runs the body, and counts it and its time, also when it panics; says what it depends on.
    fn timed<R>(
        &self,
        flight: &Flight<K, V>,
        watch: &Watch,
        run: &mut dyn FnMut() -> R,
    ) -> (R, Note) {
        let captured = self.capture_now(flight);
        let _tally = Tally::begin(self, flight);
        let _inside = flight.enter();
        let _span = watch.enter();
        let gather = Gather::begin(Note::default());
        let result = run();
        (result, self.noted(captured, &gather.end()))
    }

    /// A far tier had it: nobody computes.
    pub(crate) fn land_found<R>(
        &self,
        lead: Lead<'_, K, V>,
        value: V,
        note: &Note,
        rules: Rules<V, R>,
    ) -> R {
        lead.flight().annotate(note);
        gather::hand(note);
        lead.land(|| Landing::Value(value.clone()));
        (rules.wrap)(value)
    }

    /// Stores what was computed, unless something newer happened to the key.
    pub(crate) fn store(
        &self,
        lead: &Lead<'_, K, V>,
        entry: Entry<V>,
        note: &Note,
        held: Held<K, V>,
    ) -> Ending {
        if note.unknown || !self.is_wanted(&entry.value) {
            self.stats.count(Event::Unstored);
            return Ending::Unstored;
        }
        let flight = lead.flight();
        self.backoff.forget(flight.hash);
        match &self.far {
            Some(far) => wait(self.store_far(far, flight, entry, held)),
            None => self.commit_near(flight, entry),
        }
    }

    pub(crate) fn commit_near(&self, flight: &Flight<K, V>, entry: Entry<V>) -> Ending {
        let Some(near) = &self.near else { return Ending::Unstored };
        self.count_stored(near.commit(flight, entry))
    }

    pub(crate) fn note_failure(&self, hash: u64, fails: bool) {
        if fails {
            self.stats.count(Event::Error);
            self.backoff.note(hash, self.clock.nanos(), &self.policy());
        } else {
            self.stats.count(Event::Unstored);
        }
    }
}

/// Who wants what is computed in a caller's thread.
pub(crate) fn cause_of(want: Want) -> Cause {
    if want == Want::Young { Cause::Refresh } else { Cause::Call }
}

/// Counts one computation when dropped, as an error too if it unwinds.
pub(crate) struct Tally<'a, K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    memo: &'a Memo<K, V>,
    hash: u64,
    /// `None`: one of many short ones, whose time is known well enough.
    began: Option<u64>,
    panicked: bool,
}

impl<'a, K, V> Tally<'a, K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn begin(memo: &'a Memo<K, V>, flight: &Flight<K, V>) -> Self {
        Tally::of(memo, flight.hash)
    }

    pub(crate) fn of(memo: &'a Memo<K, V>, hash: u64) -> Self {
        let known = memo.stats.is_time_known() && !memo.clock.is_manual();
        let began = (!known).then(|| memo.clock.nanos());
        Tally { memo, hash, began, panicked: false }
    }

    /// For bodies whose panics are caught before this goes.
    pub(crate) fn end(mut self, panicked: bool) {
        self.panicked = panicked;
    }
}

impl<K, V> Drop for Tally<'_, K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn drop(&mut self) {
        self.memo.stats.count(Event::Computation);
        if let Some(began) = self.began {
            let nanos = self.memo.clock.nanos().saturating_sub(began);
            self.memo.stats.count(Event::Timed);
            self.memo.stats.add(Event::ComputeNanos, nanos);
            observe::computed(&self.memo.name, self.memo.rules.region(), nanos);
        }
        if self.panicked || std::thread::panicking() {
            self.memo.note_failure(self.hash, true);
        }
    }
}
