//! Waiting for somebody else's computation, and helping with it where that is possible.

use super::{Failure, Flight, Landing};
use crate::gather;
use crate::trail::Waiting;
use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What a follower gets.
pub(crate) enum Landed<V> {
    Value(V),
    /// The failure itself: this follower is the one that got it.
    Sole(Failure),
    /// A copy of the failure.
    Shared(Arc<dyn Any + Send + Sync>),
    /// It failed, and somebody else got the failure; try again.
    Gone,
    /// Waiting would never end: the flight waits for this follower's own computation.
    Circle,
}

/// Ready when the flight has landed. Polls an async body itself, so it needs no leader that is alive.
pub(crate) struct Follow<K: Send + Sync + 'static, V: Send + Sync + 'static> {
    flight: Arc<Flight<K, V>>,
    place: Option<u64>,
    waiting: Option<Waiting>,
    /// The moment of the call, as [`epoch`](crate::tags::epoch) counts: a value that a tag has made worthless before it
    /// is of no use here.
    called: u64,
}

impl<K: Send + Sync + 'static, V: Send + Sync + 'static> Follow<K, V> {
    /// `called` is the moment before the first flight that this call joined.
    pub(crate) fn new(flight: Arc<Flight<K, V>>, called: u64) -> Self {
        Follow { flight, place: None, waiting: None, called }
    }

    /// Of the flight's own leader, who takes what there is.
    pub(crate) fn own(flight: Arc<Flight<K, V>>) -> Self {
        Follow::new(flight, 0)
    }

    pub(crate) fn flight(&self) -> &Arc<Flight<K, V>> {
        &self.flight
    }

    pub(crate) fn register(&mut self, cx: &Context<'_>) {
        let mut waiters = self.flight.waiters.lock();
        if let Some(place) = self.place
            && let Some((_, waker)) = waiters.wakers.iter_mut().find(|(id, _)| *id == place)
        {
            if waker.will_wake(cx.waker()) {
                return;
            }
            let old = std::mem::replace(waker, cx.waker().clone());
            drop(waiters);
            drop(old);
            return;
        }
        let place = waiters.next;
        waiters.next += 1;
        waiters.wakers.push((place, cx.waker().clone()));
        self.place = Some(place);
    }
}

impl<K: Send + Sync + 'static, V: Clone + Send + Sync + 'static> Follow<K, V> {
    /// Whether one of the tags was invalidated after the computation began, and before this call. What began after the
    /// call is good enough, whatever happens: so nobody is sent away twice.
    fn is_outdated(&self) -> bool {
        let note = self.flight.note.get().filter(|_| self.flight.began < self.called);
        note.is_some_and(|note| note.tags.were_invalidated_by(self.called))
    }

    /// Tells the computation that waits what it gets.
    fn hand_note(&self) {
        if let Some(note) = self.flight.note.get() {
            gather::hand(note);
        }
    }

    fn landed(&self) -> Option<Landed<V>> {
        let landing = self.flight.landed.get()?;
        // A failure may be outdated too, or an answer: `None` is one.
        if self.is_outdated() {
            return Some(Landed::Gone);
        }
        let landed = match landing {
            Landing::Value(value) => Landed::Value(value.clone()),
            Landing::Failed { sole, shared } => match (sole.lock().take(), shared) {
                (Some(failure), _) => Landed::Sole(failure),
                (None, Some(failure)) => Landed::Shared(failure.clone()),
                (None, None) => return Some(Landed::Gone),
            },
        };
        self.hand_note();
        Some(landed)
    }
}

impl<K, V> Future for Follow<K, V>
where
    K: Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Output = Landed<V>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Landed<V>> {
        if let Some(landed) = self.landed() {
            return Poll::Ready(landed);
        }
        if self.waiting.is_none() {
            match Waiting::begin(self.flight.id) {
                None => return Poll::Ready(Landed::Circle),
                waiting => self.waiting = waiting,
            }
        }
        // First the place, then the look: a landing or a wake-up in between finds the waker.
        self.register(cx);
        self.flight.drive();
        match self.landed() {
            Some(landed) => Poll::Ready(landed),
            None => Poll::Pending,
        }
    }
}

impl<K: Send + Sync + 'static, V: Send + Sync + 'static> Drop for Follow<K, V> {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        if self.flight.has_landed() {
            return;
        }
        let left = {
            let mut waiters = self.flight.waiters.lock();
            if let Some(at) = waiters.wakers.iter().position(|(id, _)| *id == place) {
                drop(waiters.wakers.swap_remove(at));
            }
            !waiters.wakers.is_empty()
        };
        // This follower may have swallowed the wake-up that was meant for whoever polls next.
        if left {
            self.flight.wake_all();
        } else if self.flight.has_task() {
            self.flight.adopt();
        }
    }
}
