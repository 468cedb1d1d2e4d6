//! Computations that nobody runs in his own thread: jobs of the pool, and futures in their flight.

use crate::compute::{Tally, Want};
use crate::entry::{Aim, Entry};
use crate::far::{Far, Held, aim_of};
use crate::flight::{Failure, Flight, Joined, Landing, Lead, Work};
use crate::gather::{Gather, Gathered, Note};
use crate::memo::{Found, Memo};
use crate::observe::{Cause, Ending};
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

/// What a new flight is to do, and for whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    pub(crate) urgency: Urgency,
    pub(crate) want: Want,
    /// The caller's miss is counted already.
    pub(crate) counted: bool,
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
        order: Order,
    ) -> Option<(Arc<Flight<K, V>>, bool)> {
        let Order { urgency, want, .. } = order;
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
        if let Some((value, note)) = self.landed_meanwhile(&flight, want) {
            flight.annotate(&note);
            lead.land(|| Landing::Value(value));
            return Some((flight, true));
        }
        let ask = Ask { aim: aim_of(want, Some(urgency)), count: order.counts() };
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
    fn landed_meanwhile(&self, flight: &Flight<K, V>, want: Want) -> Option<(V, Note)> {
        if want == Want::Newer {
            return None;
        }
        match self.look(flight.hash, |key| *key == flight.key, Touch::Leave) {
            Found::Live { value, soft_passed, left, tags } => {
                let good = want == Want::Value || !self.policy().is_due(soft_passed, left);
                good.then(|| (value, Note::of(tags, left, &self.clock)))
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
            Far::Value(value, note) => {
                flight.annotate(&note);
                return lead.land(|| Landing::Value(value));
            }
            Far::Due(value, note) => {
                flight.annotate(&note);
                lead.land(|| Landing::Value(value));
                return self.refresh_found(&flight, &Body::Blocking(job.clone()), rules);
            }
            Far::Compute(held) => held,
        };
        let watch = self.watch(&flight, &held, ask.cause());
        let computed = catch_unwind(AssertUnwindSafe(|| {
            let captured = self.capture_now(&flight);
            let _tally = Tally::begin(self, &flight);
            let _inside = flight.enter();
            let _span = watch.enter();
            let gather = Gather::begin(Note::default());
            let result = job(&flight.key);
            (result, self.noted(captured, &gather.end()))
        }));
        let none = ending_of(&computed, rules.fails);
        let kept = catch_unwind(AssertUnwindSafe(|| {
            match self.settle_computed(&flight, computed, rules) {
                (Settled::Entry(entry), note) => {
                    let kept = self.kept(&entry);
                    watch.end(self.store(&lead, entry, &note, held));
                    kept
                }
                (Settled::Failed(landing), _) => {
                    watch.end(none);
                    Kept::failed(landing)
                }
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
            Far::Value(value, note) => {
                flight.annotate(&note);
                return lead.land(|| Landing::Value(value));
            }
            Far::Due(value, note) => {
                flight.annotate(&note);
                lead.land(|| Landing::Value(value));
                return self.refresh_found(&flight, &Body::Async(job), rules);
            }
            Far::Compute(held) => held,
        };
        let watch = self.watch(&flight, &held, ask.cause());
        let tally = Tally::begin(self, &flight);
        let body = flight.clone();
        let computed = {
            let body = pin!(async {
                let captured = self.capture_for(&body).await;
                let run = pin!(watch.around(async { job(body.key.clone()).await }));
                let (result, used) = Gathered::new(run).await;
                (result, self.noted(captured, &used))
            });
            CatchUnwind(body).await
        };
        tally.end(computed.is_err());
        let none = ending_of(&computed, rules.fails);
        let kept = {
            let keep = pin!(async {
                match self.settle_computed(&flight, computed, rules) {
                    (Settled::Entry(entry), note) => {
                        let kept = self.kept(&entry);
                        watch.end(self.store_async(&lead, entry, &note, held).await);
                        kept
                    }
                    (Settled::Failed(landing), _) => {
                        watch.end(none);
                        Kept::failed(landing)
                    }
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
            let order = Order { urgency: Urgency::Refresh, want, counted: true };
            drop(self.launch(hash, key, body, rules, order));
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
        computed: Result<(R, Note), Panic>,
        rules: Rules<V, R>,
    ) -> (Settled<V>, Note) {
        let (result, note) = match computed {
            Ok(computed) => computed,
            Err(panic) => {
                let landing = Landing::sole(Failure::Panic(panic));
                return (Settled::Failed(Some(landing)), Note::default());
            }
        };
        match self.settle(flight, &result, note, rules) {
            // Nobody but a waiter can tell the caller of this failure.
            (Settled::Failed(None), note) => {
                let landing = Landing::sole(Failure::Result(Box::new(result)));
                (Settled::Failed(Some(landing)), note)
            }
            settled => settled,
        }
    }

    /// What to store and what to tell those who wait; `Failed(None)`: nothing can be copied. With
    /// what the result depends on, as the flight has it from now on.
    pub(crate) fn settle<R>(
        &self,
        flight: &Flight<K, V>,
        result: &R,
        made_from: Note,
        rules: Rules<V, R>,
    ) -> (Settled<V>, Note) {
        let (settled, note) = match (rules.value)(result) {
            Some(value) => {
                let entry = self.entry(value.clone(), &made_from);
                let note = self.note_of(&entry, &made_from);
                (Settled::Entry(entry), note)
            }
            None => (Settled::Failed(self.failed(flight.hash, result, rules)), made_from),
        };
        flight.annotate(&note);
        (settled, note)
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
        note: &Note,
        held: Held<K, V>,
    ) -> Ending {
        let Some(far) = &self.far else { return self.store(lead, entry, note, held) };
        if note.unknown || !self.is_wanted(&entry.value) {
            self.stats.count(Event::Unstored);
            return Ending::Unstored;
        }
        self.backoff.forget(lead.flight().hash);
        self.store_far(far, lead.flight(), entry, held).await
    }
}

/// What a detached computation asks the tiers behind.
#[derive(Clone, Copy)]
struct Ask {
    aim: Aim,
    count: bool,
}

impl Ask {
    fn cause(self) -> Cause {
        if self.aim == Aim::Refresh { Cause::Refresh } else { Cause::Call }
    }
}

/// What becomes of a computation that gives no value.
fn ending_of<R>(computed: &Result<R, Panic>, fails: bool) -> Ending {
    if computed.is_err() { Ending::Panicked } else { Ending::of_none(fails) }
}

impl Order {
    /// Whether a caller waits who has not been counted yet.
    fn counts(self) -> bool {
        self.want == Want::Value && self.urgency != Urgency::Refresh && !self.counted
    }
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
