//! Flights by hand: threads, tasks and jobs around one key.

use super::{Failure, Flights, Follow, Joined, JoinedLone, Landed, Landing, Lone, Work};
use crate::trail::Inside;
use crate::wait;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn flights() -> &'static Flights<String, u32> {
    Box::leak(Box::new(Flights::new()))
}

fn lead(flights: &'static Flights<String, u32>, key: &str) -> super::Lead<'static, String, u32> {
    match flights.join(1, key.to_owned()) {
        Joined::Lead(lead) => lead,
        Joined::Follow(..) => panic!("{key} is in progress"),
    }
}

#[test]
fn keys_of_one_hash_are_different_flights() {
    let flights = flights();
    let (_a, _b) = (lead(flights, "a"), lead(flights, "b"));
    assert_eq!(flights.len(), 2);
    assert!(matches!(flights.join(1, "b".to_owned()), Joined::Follow(f, _) if f.key == "b"));
    assert!(flights.fence(1, |key| key == "a").is_some_and(|flight| flight.key == "a"));
    assert_eq!(flights.len(), 1);
}

#[test]
fn a_slot_is_freed_by_identity_and_not_by_key() {
    let flights = flights();
    let old = lead(flights, "a");
    flights.fence(1, |key| key == "a");
    let new = lead(flights, "a");
    drop(old);
    assert!(matches!(flights.join(1, "a".to_owned()), Joined::Follow(..)), "the new one is gone");
    drop(new);
    assert!(flights.is_empty());
}

#[test]
fn the_failure_goes_to_one_and_the_others_try_again() {
    let flights = flights();
    let lead = lead(flights, "a");
    let followers = [Follow::own(lead.flight().clone()), Follow::own(lead.flight().clone())];
    lead.land(|| Landing::sole(Failure::Result(Box::new(5_u8))));
    let landed: Vec<_> = followers.into_iter().map(wait).collect();
    assert!(matches!(&landed[0], Landed::Sole(Failure::Result(_))));
    assert!(matches!(&landed[1], Landed::Gone));
}

#[test]
fn an_unpolled_leader_stops_nobody() {
    let flights = flights();
    let lead = lead(flights, "a");
    let flight = lead.flight().clone();
    let mut polls = 0;
    let body = std::future::poll_fn(move |cx| {
        polls += 1;
        if polls < 3 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    });
    flight.set_work(Work::Task(Box::pin(async move {
        body.await;
        lead.land(|| Landing::Value(7));
    })));
    let mut unpolled = Box::pin(Follow::own(flight.clone()));
    assert!(poll_once(unpolled.as_mut()).is_pending());
    assert!(matches!(wait(Follow::own(flight)), Landed::Value(7)));
    drop(unpolled);
}

#[test]
fn waiting_for_ones_own_computation_is_noticed() {
    let flights = flights();
    let lead = lead(flights, "a");
    let _inside = Inside::enter(&[], lead.flight().id);
    assert!(matches!(wait(Follow::own(lead.flight().clone())), Landed::Circle));
}

#[test]
fn a_waiter_runs_the_queued_job_itself() {
    let flights = flights();
    let lead = lead(flights, "a");
    let flight = lead.flight().clone();
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    flight.set_work(Work::Job(Box::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        lead.land(|| Landing::Value(1));
    })));
    assert!(flight.run_job());
    assert!(!flight.run_job());
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

fn lone(flights: &'static Flights<String, u32>, key: &str) -> Lone<'static, String, u32> {
    match flights.join_lone(1, key.to_owned()) {
        JoinedLone::Lead(lone) => lone,
        JoinedLone::Follow(..) => panic!("{key} is in progress"),
    }
}

#[test]
fn a_lone_computation_becomes_a_flight_when_somebody_comes() {
    let flights = flights();
    let (mut a, mut b) = (lone(flights, "a"), lone(flights, "b"));
    assert_eq!(flights.len(), 2);
    let JoinedLone::Follow(first, _) = flights.join_lone(1, "a".to_owned()) else {
        panic!("two of one key")
    };
    let Joined::Follow(second, _) = flights.join(1, "a".to_owned()) else {
        panic!("two of one key")
    };
    assert!(Arc::ptr_eq(&first, &second) && first.key == "a");
    assert!(a.close() && b.close());
    a.land(|| Landing::Value(7));
    b.land(|| Landing::Value(8));
    assert!(matches!(wait(Follow::own(first)), Landed::Value(7)));
    assert!(flights.is_empty());
    let mut unnoticed = lone(flights, "a");
    unnoticed.land(|| unreachable!("nobody waits for it"));
}

#[test]
fn a_fenced_lone_computation_is_not_stored_and_still_lands() {
    let flights = flights();
    let (mut alone, mut joined) = (lone(flights, "a"), lone(flights, "b"));
    let Joined::Follow(waiting, _) = flights.join(1, "b".to_owned()) else {
        panic!("two of one key")
    };
    assert!(flights.fence(1, |key| key == "a").is_some());
    assert!(flights.fence(1, |key| key == "b").is_some());
    assert!(flights.fence(1, |_| true).is_none());
    assert!(flights.is_empty());
    let mut next = lone(flights, "b");
    assert!(!alone.close() && !joined.close() && next.close());
    joined.land(|| Landing::Value(7));
    assert!(matches!(wait(Follow::own(waiting)), Landed::Value(7)));
}

#[test]
fn fencing_all_reaches_lone_computations() {
    let flights = flights();
    let (mut alone, mut joined) = (lone(flights, "a"), lone(flights, "b"));
    let Joined::Follow(waiting, _) = flights.join(1, "b".to_owned()) else {
        panic!("two of one key")
    };
    flights.fence_all();
    assert!(flights.is_empty());
    assert!(!alone.close() && !joined.close());
    drop(joined);
    assert!(matches!(wait(Follow::own(waiting)), Landed::Gone));
}

#[test]
fn waiting_for_ones_own_lone_computation_is_noticed() {
    let flights = flights();
    let lone = lone(flights, "a");
    let _inside = lone.enter();
    let JoinedLone::Follow(flight, _) = flights.join_lone(1, "a".to_owned()) else {
        panic!("two of one key")
    };
    assert!(matches!(wait(Follow::own(flight)), Landed::Circle));
}
