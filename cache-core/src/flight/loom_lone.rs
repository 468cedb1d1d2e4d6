//! Lone leads under loom: a second caller, a fence or a panic at any moment of a computation
//! that nobody had a flight for.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p cache-core --release --lib loom_`.

use super::loom_flight::model;
use super::{Flights, Follow, Joined, JoinedLone, Landed, Landing, Lone};
use loom::future::block_on;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use std::sync::Arc;

/// The registry, a cell for the stored value, and how often it was computed.
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

    /// What the table does: the lead is closed under the lock of the value.
    fn store(&self, lone: &mut Lone<'_, u8, u32>, value: u32) {
        let mut stored = self.stored.lock().unwrap();
        if lone.close() {
            *stored = Some(value);
        }
    }

    /// What `Memo::compute_near` does, around a body that fails when told to.
    fn get(&self, fail_first: bool) -> u32 {
        loop {
            let mark = self.flights.mark(1);
            if let Some(value) = self.stored() {
                return value;
            }
            match self.flights.join_lone(1, 1) {
                JoinedLone::Lead(mut lone) => {
                    if lone.mark() != mark
                        && let Some(value) = self.stored()
                    {
                        return value;
                    }
                    assert_eq!(self.running.fetch_add(1, Ordering::SeqCst), 0, "two at a time");
                    let run = self.runs.fetch_add(1, Ordering::SeqCst);
                    self.running.fetch_sub(1, Ordering::SeqCst);
                    if fail_first && run == 0 {
                        // As a panic does: the lead goes without an outcome.
                        drop(lone);
                        continue;
                    }
                    self.store(&mut lone, 7);
                    lone.land(|| Landing::Value(7));
                    return 7;
                }
                JoinedLone::Follow(flight, _) => match block_on(Follow::own(flight)) {
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

    fn clear(&self) {
        self.flights.fence_all();
        *self.stored.lock().unwrap() = None;
    }

    fn lead(&self) -> Lone<'_, u8, u32> {
        match self.flights.join_lone(1, 1) {
            JoinedLone::Lead(lone) => lone,
            JoinedLone::Follow(..) => panic!("nobody else is here"),
        }
    }
}

#[test]
fn loom_two_lone_callers_make_one_computation() {
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
fn loom_a_lone_leader_that_goes_without_an_outcome_is_followed_by_the_next() {
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
fn loom_a_change_is_not_overwritten_by_a_lone_computation_that_began_before() {
    for change in [Rig::invalidate, Rig::clear] {
        model(move || {
            let rig = Rig::new();
            let mut lone = rig.lead();
            let other = rig.clone();
            let caller = thread::spawn(move || change(&other));
            rig.store(&mut lone, 7);
            lone.land(|| Landing::Value(7));
            drop(lone);
            caller.join().unwrap();
            assert_eq!(rig.stored(), None, "the change was lost");
            assert!(rig.flights.is_empty());
        });
    }
}

#[test]
fn loom_who_waited_before_a_fence_gets_the_value_and_who_comes_after_it_does_not() {
    for change in [Rig::invalidate, Rig::clear] {
        model(move || {
            let rig = Rig::new();
            let mut old = rig.lead();
            let Joined::Follow(flight, _) = rig.flights.join(1, 1) else { panic!("it is led") };
            let other = rig.clone();
            let caller = thread::spawn(move || {
                change(&other);
                other.get(false)
            });
            rig.store(&mut old, 1);
            old.land(|| Landing::Value(1));
            drop(old);
            let Landed::Value(waited) = block_on(Follow::own(flight)) else { panic!("it landed") };
            assert_eq!(waited, 1);
            assert_eq!(caller.join().unwrap(), 7, "a caller after the change got the old value");
            assert_eq!(rig.stored(), Some(7));
            assert!(rig.flights.is_empty());
        });
    }
}
