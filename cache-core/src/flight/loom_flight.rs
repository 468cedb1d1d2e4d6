//! Flight and fence under loom: every interleaving of join, leave, cancel, panic and invalidate.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p cache-core --release --lib loom_`.

use super::{Flights, Follow, Joined, Landed, Landing, Work};
use crate::gather::Note;
use loom::future::block_on;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

pub(super) fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(check);
}

/// What two callers of one key share: the registry, a cell for the stored value, a counter.
struct Rig {
    flights: Flights<u8, u32>,
    stored: Mutex<Option<u32>>,
    running: AtomicUsize,
    runs: AtomicUsize,
}

impl Rig {
    fn new() -> Arc<Self> {
        Arc::new(Rig {
            flights: Flights::new(),
            stored: Mutex::new(None),
            running: AtomicUsize::new(0),
            runs: AtomicUsize::new(0),
        })
    }

    fn stored(&self) -> Option<u32> {
        *self.stored.lock().unwrap()
    }

    /// What `Memo::compute` does, around a body that fails when told to.
    fn get(&self, fail_first: bool) -> u32 {
        loop {
            let mark = self.flights.mark(1);
            if let Some(value) = self.stored() {
                return value;
            }
            match self.flights.join(1, 1) {
                Joined::Lead(lead) => {
                    if lead.mark() != mark
                        && let Some(value) = self.stored()
                    {
                        return value;
                    }
                    assert_eq!(self.running.fetch_add(1, Ordering::SeqCst), 0, "two at a time");
                    let run = self.runs.fetch_add(1, Ordering::SeqCst);
                    self.running.fetch_sub(1, Ordering::SeqCst);
                    if fail_first && run == 0 {
                        // As a panic does: the lead goes without an outcome.
                        drop(lead);
                        continue;
                    }
                    {
                        let mut stored = self.stored.lock().unwrap();
                        if !lead.flight().is_fenced() {
                            *stored = Some(7);
                        }
                    }
                    lead.land(|| Landing::Value(7));
                    return 7;
                }
                Joined::Follow(flight, _) => match block_on(Follow::own(flight)) {
                    Landed::Value(value) => return value,
                    Landed::Gone => {}
                    _ => panic!("nothing else was landed"),
                },
            }
        }
    }

    fn invalidate(&self) {
        self.flights.fence(1, |key| *key == 1);
        *self.stored.lock().unwrap() = None;
    }
}

#[test]
fn loom_two_callers_make_one_computation() {
    model(|| {
        let rig = Rig::new();
        let other = rig.clone();
        let caller = thread::spawn(move || other.get(false));
        assert_eq!(rig.get(false), 7);
        assert_eq!(caller.join().unwrap(), 7);
        assert_eq!(rig.runs.load(Ordering::SeqCst), 1);
        assert!(rig.flights.is_empty());
    });
}

#[test]
fn loom_a_leader_that_goes_without_an_outcome_is_followed_by_the_next() {
    model(|| {
        let rig = Rig::new();
        let other = rig.clone();
        let caller = thread::spawn(move || other.get(true));
        assert_eq!(rig.get(true), 7);
        assert_eq!(caller.join().unwrap(), 7);
        assert_eq!(rig.runs.load(Ordering::SeqCst), 2);
        assert!(rig.flights.is_empty());
    });
}

#[test]
fn loom_an_invalidation_is_not_overwritten_by_a_computation_that_began_before() {
    model(|| {
        let rig = Rig::new();
        let Joined::Lead(lead) = rig.flights.join(1, 1) else { panic!("nobody else is here") };
        let other = rig.clone();
        let caller = thread::spawn(move || other.invalidate());
        {
            let mut stored = rig.stored.lock().unwrap();
            if !lead.flight().is_fenced() {
                *stored = Some(7);
            }
        }
        lead.land(|| Landing::Value(7));
        caller.join().unwrap();
        assert_eq!(rig.stored(), None, "the invalidation was lost");
    });
}

#[test]
fn loom_a_fenced_flight_leaves_its_place_to_a_new_one() {
    model(|| {
        let rig = Rig::new();
        let Joined::Lead(old) = rig.flights.join(1, 1) else { panic!("nobody else is here") };
        let other = rig.clone();
        let caller = thread::spawn(move || {
            other.invalidate();
            other.get(false)
        });
        old.land(|| Landing::Value(1));
        assert_eq!(caller.join().unwrap(), 7, "a caller after the invalidation got the old value");
        assert!(rig.flights.is_empty());
    });
}

/// Ready at the second poll, after a wake-up that comes from its first.
fn two_polls(done: impl FnOnce() + Send + 'static) -> impl Future<Output = ()> + Send {
    let (mut polled, mut done) = (false, Some(done));
    poll_fn(move |cx| {
        if !std::mem::replace(&mut polled, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(done) = done.take() {
            done();
        }
        Poll::Ready(())
    })
}

#[test]
fn loom_a_task_goes_on_when_the_one_who_polled_it_is_cancelled() {
    model(|| {
        let flights: &'static Flights<u8, u32> = Box::leak(Box::new(Flights::new()));
        let Joined::Lead(lead) = flights.join(1, 1) else { panic!("nobody else is here") };
        let flight = lead.flight().clone();
        let land = two_polls(move || lead.land(|| Landing::Value(7)));
        flight.set_work(Work::Task(Box::pin(land)));
        let shared = flight.clone();
        let waiter = thread::spawn(move || match block_on(Follow::own(shared)) {
            Landed::Value(value) => value,
            _ => panic!("the value is the only outcome"),
        });
        // Polls it once, if it comes first, and loses interest.
        let mut cancelled = Box::pin(Follow::own(flight.clone()));
        let _ = cancelled.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(cancelled);
        assert_eq!(waiter.join().unwrap(), 7);
        assert!(flights.is_empty());
    });
}

#[test]
fn loom_a_queued_job_is_done_once_by_worker_waiter_or_not_at_all_after_a_put() {
    model(|| {
        let flights: &'static Flights<u8, u32> = Box::leak(Box::new(Flights::new()));
        let Joined::Lead(lead) = flights.join(1, 1) else { panic!("nobody else is here") };
        let flight = lead.flight().clone();
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = runs.clone();
        flight.set_work(Work::Job(Box::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            lead.land(|| Landing::Value(7));
        })));
        let queued = flight.clone();
        let worker = thread::spawn(move || queued.run_job());
        let put = thread::spawn(move || {
            if let Some(flight) = flights.fence(1, |key| *key == 1) {
                flights.preempt(&flight, &Note::default(), || 9);
            }
        });
        let value = match block_on(Follow::own(flight.clone())) {
            Landed::Value(value) => value,
            _ => panic!("a value is the only outcome"),
        };
        let worked = worker.join().unwrap();
        put.join().unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), usize::from(worked));
        assert_eq!(value, if worked { 7 } else { 9 });
        assert!(flights.is_empty());
    });
}
