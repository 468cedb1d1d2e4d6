//! Computations that nobody runs in his own thread: jobs of the pool, and futures in their flight.

use crate::compute::{Tally, Want};
use crate::entry::{Aim, Entry};
use crate::far::{Far, Held, aim_of};
use crate::flight::{Failure, Flight, Joined, Landing, Lead, Work};
use crate::memo::{Found, Memo};
use crate::outcome::Rules;
use crate::pool;
use crate::stats::Event;
use crate::table::Touch;
use crate::task::{BoxFuture, CatchUnwind, Panic};
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;

/// A body that blocks, rebuilt from the owned key.
pub type Job<K, R> = Arc<dyn Fn(&K) -> R + Send + Sync>;

/// An `async` body, rebuilt from the owned key.
pub type AsyncJob<K, R> = Arc<dyn Fn(K) -> BoxFuture<'static, R> + Send + Sync>;

/// Either kind.
pub(crate) enum Body<K, R> {
    Blocking(Job<K, R>),
    Async(AsyncJob<K, R>),
}

impl<K, R> Clone for Body<K, R> {
    fn clone(&self) -> Self {
        match self {
            Body::Blocking(job) => Body::Blocking(job.clone()),
            Body::Async(job) => Body::Async(job.clone()),
        }
    }
}

/// Who sees to it that a new flight gets done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// The pool, if it has room; the value that is there will do meanwhile.
    Refresh,
    /// The pool, else the caller: somebody wants the value.
    Demand,
    /// Whoever waits for it, by polling; async bodies only.
    Polled,
}

impl<K, V> Memo<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Joins the flight of this key, or starts one that goes on without its caller. `None`: it was
    /// to be a refresh, and there was no room for it, or the key is left alone after a failure.
    pub(crate) fn launch<R: Send + 'static>(
        &'static self,
        hash: u64,
        key: K,
        body: &Body<K, R>,
        rules: Rules<V, R>,
        urgency: Urgency,
        want: Want,
    ) -> Option<(Arc<Flight<K, V>>, bool)> {
        if urgency == Urgency::Refresh && self.backoff.is_pausing(hash, self.clock.nanos()) {
            return None;
        }
        let lead = match self.flights.join(hash, key) {
            Joined::Follow(flight, _) => {
                // Its leader may be one who polls it no more.
                if urgency != Urgency::Polled {
                    flight.adopt();
                }
                return Some((flight, false));
            }
            Joined::Lead(lead) => lead,
        };
        let flight = lead.flight().clone();
        if let Some(value) = self.landed_meanwhile(&flight, want) {
            lead.land(|| Landing::Value(value));
            return Some((flight, true));
        }
        let ask = Ask { aim: aim_of(want, Some(urgency)), count: counts(want, urgency) };
        match body.clone() {
            Body::Blocking(job) => {
                flight.set_work(Work::Job(Box::new(move || self.run_job(lead, &job, rules, ask))));
                if !self.enqueue(&flight, urgency) {
                    return None;
                }
            }
            Body::Async(job) => {
                flight.set_work(Work::Task(Box::pin(self.run_task(lead, job, rules, ask))));
                if urgency != Urgency::Polled {
                    flight.adopt();
                }
            }
        }
        Some((flight, true))
    }

    /// What a flight has left that ended between the caller's look and his lead.
    fn landed_meanwhile(&self, flight: &Flight<K, V>, want: Want) -> Option<V> {
        if want == Want::Newer {
            return None;
        }
        match self.look(flight.hash, |key| *key == flight.key, Touch::Leave) {
            Found::Live { value, soft_passed, left } => {
                (want == Want::Value || !self.policy().is_due(soft_passed, left)).then_some(value)
            }
            Found::Expiring(_) | Found::Missing(_) => None,
        }
    }

    fn enqueue(&self, flight: &Arc<Flight<K, V>>, urgency: Urgency) -> bool {
        let queued = flight.clone();
        let task = Box::new(move || {
            queued.run_job();
        });
        match (pool::submit(task), urgency) {
            (Ok(()), _) => true,
            (Err(_), Urgency::Refresh) => {
                self.stats.count(Event::RefreshSkipped);
                // Whoever joined meanwhile tries again, and then demands it.
                flight.abandon();
                false
            }
            (Err(task), Urgency::Demand | Urgency::Polled) => {
                task();
                true
            }
        }
    }

    fn run_job<R: Send + 'static>(
        &'static self,
        lead: Lead<'_, K, V>,
        job: &Job<K, R>,
        rules: Rules<V, R>,
        ask: Ask,
    ) {
        let flight = lead.flight().clone();
        let held = match self.wait_far(&flight, ask.aim, ask.count) {
            Far::Value(value) => return lead.land(|| Landing::Value(value)),
            Far::Due(value) => {
                lead.land(|| Landing::Value(value));
                return self.refresh_found(&flight, &Body::Blocking(job.clone()), rules);
            }
            Far::Compute(held) => held,
        };
        let computed = catch_unwind(AssertUnwindSafe(|| {
            let _tally = Tally::begin(self, &flight);
            let _inside = flight.enter();
            job(&flight.key)
        }));
        let kept = catch_unwind(AssertUnwindSafe(|| {
            match self.settle_computed(&flight, computed, rules) {
                Settled::Entry(entry) => {
                    let kept = self.kept(&entry);
                    self.store(&lead, entry, held);
                    kept
                }
                Settled::Failed(landing) => Kept::failed(landing),
            }
        }));
        self.land_kept(lead, kept);
    }

    /// The future of an async flight. It lands the flight itself.
    async fn run_task<R: Send + 'static>(
        &'static self,
        lead: Lead<'static, K, V>,
        job: AsyncJob<K, R>,
        rules: Rules<V, R>,
        ask: Ask,
    ) {
        let flight = lead.flight().clone();
        let held = match self.ask_far(&flight, ask.aim, ask.count).await {
            Far::Value(value) => return lead.land(|| Landing::Value(value)),
            Far::Due(value) => {
                lead.land(|| Landing::Value(value));
                return self.refresh_found(&flight, &Body::Async(job), rules);
            }
            Far::Compute(held) => held,
        };
        let tally = Tally::begin(self, &flight);
        let body = flight.clone();
        let body = pin!(async move { job(body.key.clone()).await });
        let computed = CatchUnwind(body).await;
        tally.end(computed.is_err());
        let kept = {
            let keep = pin!(async {
                match self.settle_computed(&flight, computed, rules) {
                    Settled::Entry(entry) => {
                        let kept = self.kept(&entry);
                        self.store_async(&lead, entry, held).await;
                        kept
                    }
                    Settled::Failed(landing) => Kept::failed(landing),
                }
            });
            CatchUnwind(keep).await
        };
        self.land_kept(lead, kept);
    }

    /// What a far tier has is old enough to be computed anew, if the function asks for that.
    fn refresh_found<R: Send + 'static>(
        &'static self,
        flight: &Flight<K, V>,
        body: &Body<K, R>,
        rules: Rules<V, R>,
    ) {
        if self.refreshes() {
            let (hash, key, want) = (flight.hash, flight.key.clone(), self.want_of_refresh());
            drop(self.launch(hash, key, body, rules, Urgency::Refresh, want));
        }
    }

    fn kept(&self, entry: &Entry<V>) -> Kept<V> {
        let told = self.has_hooks().then(|| entry.value.clone());
        Kept { landing: Landing::Value(entry.value.clone()), told }
    }

    /// Hands out what a computation came to, or the panic of a clone or of one of the attribute's
    /// closures: those who wait must not try the same for ever.
    fn land_kept(&self, lead: Lead<'_, K, V>, kept: Result<Kept<V>, Panic>) {
        let flight = lead.flight().clone();
        let kept = kept.unwrap_or_else(|panic| {
            self.note_failure(flight.hash, true);
            Kept::failed(Some(Landing::sole(Failure::Panic(panic))))
        });
        lead.land(|| kept.landing);
        if let Some(value) = kept.told {
            self.tell(&flight.key, &value);
        }
    }

    fn settle_computed<R: Send + 'static>(
        &self,
        flight: &Flight<K, V>,
        computed: Result<R, Panic>,
        rules: Rules<V, R>,
    ) -> Settled<V> {
        let result = match computed {
            Ok(result) => result,
            Err(panic) => {
                return Settled::Failed(Some(Landing::sole(Failure::Panic(panic))));
            }
        };
        match self.settle(flight, &result, rules) {
            // Nobody but a waiter can tell the caller of this failure.
            Settled::Failed(None) => {
                Settled::Failed(Some(Landing::sole(Failure::Result(Box::new(result)))))
            }
            settled => settled,
        }
    }

    /// What to store and what to tell those who wait; `Failed(None)`: nothing can be copied.
    pub(crate) fn settle<R>(
        &self,
        flight: &Flight<K, V>,
        result: &R,
        rules: Rules<V, R>,
    ) -> Settled<V> {
        if let Some(value) = (rules.value)(result) {
            return Settled::Entry(self.entry(value.clone()));
        }
        Settled::Failed(self.failed(flight.hash, result, rules))
    }

    /// Notes a failure, and copies it for those who wait if that is possible.
    pub(crate) fn failed<R>(
        &self,
        hash: u64,
        result: &R,
        rules: Rules<V, R>,
    ) -> Option<Landing<V>> {
        self.note_failure(hash, rules.fails);
        rules.share.and_then(|share| share.take(result)).map(Landing::shared)
    }

    pub(crate) fn land_computed(&self, lead: Lead<'_, K, V>, value: V) {
        let flight = lead.flight().clone();
        let told = value.clone();
        lead.land(|| Landing::Value(value));
        self.tell(&flight.key, &told);
    }

    pub(crate) async fn store_async(
        &self,
        lead: &Lead<'_, K, V>,
        entry: Entry<V>,
        held: Held<K, V>,
    ) {
        let Some(far) = &self.far else { return self.store(lead, entry, held) };
        if !self.is_wanted(&entry.value) {
            return self.stats.count(Event::Unstored);
        }
        self.backoff.forget(lead.flight().hash);
        self.store_far(far, lead.flight(), entry, held).await;
    }
}

/// What a detached computation asks the tiers behind.
#[derive(Clone, Copy)]
struct Ask {
    aim: Aim,
    count: bool,
}

/// Whether a caller waits who has not been counted yet.
fn counts(want: Want, urgency: Urgency) -> bool {
    want == Want::Value && urgency != Urgency::Refresh
}

/// What a computation comes to.
pub(crate) enum Settled<V> {
    Entry(Entry<V>),
    Failed(Option<Landing<V>>),
}

/// What is handed to those who wait, and to the hooks if there are any.
struct Kept<V> {
    landing: Landing<V>,
    told: Option<V>,
}

impl<V> Kept<V> {
    fn failed(landing: Option<Landing<V>>) -> Self {
        Kept { landing: landing.unwrap_or_else(Landing::gone), told: None }
    }
}
