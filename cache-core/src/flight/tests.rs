//! Flights by hand: threads, tasks and jobs around one key.

use super::{Failure, Flights, Follow, Joined, Landed, Landing, Work};
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
    let followers = [Follow::new(lead.flight().clone()), Follow::new(lead.flight().clone())];
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
    let mut unpolled = Box::pin(Follow::new(flight.clone()));
    assert!(poll_once(unpolled.as_mut()).is_pending());
    assert!(matches!(wait(Follow::new(flight)), Landed::Value(7)));
    drop(unpolled);
}

#[test]
fn waiting_for_ones_own_computation_is_noticed() {
    let flights = flights();
    let lead = lead(flights, "a");
    let _inside = Inside::enter(&[], lead.flight().id);
    assert!(matches!(wait(Follow::new(lead.flight().clone())), Landed::Circle));
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
