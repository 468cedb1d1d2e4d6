//! A computation that stays in the thread that asks for it: it may borrow what cannot leave.
//!
//! A flight's future is driven by whoever waits for it, in any thread. So the future only puts down
//! a wish, and the thread that asks fulfils it between two looks at the flight.

use crate::direct::ComputeOptions;
use crate::region::Region;
use cache_core::{Error, wait};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::{Future, poll_fn};
use std::hash::Hash;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// Why there is no value.
pub(super) enum Fault<E> {
    /// The body failed.
    Body(E),
    /// The region cannot be used.
    Cache(Error),
}

impl<E> From<Error> for Fault<E> {
    fn from(error: Error) -> Self {
        Fault::Cache(error)
    }
}

/// Where the wish and its fulfilment are put down.
struct Desk<R>(Mutex<Wish<R>>);

enum Wish<R> {
    /// Nobody has asked; who is to be told if somebody does.
    None(Option<Waker>),
    /// Somebody waits.
    Made(Waker),
    /// The asking thread is at it; somebody waits.
    Taken(Waker),
    Fulfilled(R),
    /// The asking thread is gone.
    Void,
}

impl<R> Desk<R> {
    /// Puts down the wish, or takes what came of it; `None`: nothing ever will.
    async fn wish(self: Arc<Self>) -> Option<R> {
        poll_fn(|cx| {
            let mut wish = self.0.lock();
            let (next, answer) = match mem::replace(&mut *wish, Wish::Void) {
                Wish::None(asking) => {
                    *wish = Wish::Made(cx.waker().clone());
                    drop(wish);
                    asking.into_iter().for_each(Waker::wake);
                    return Poll::Pending;
                }
                Wish::Made(_) => (Wish::Made(cx.waker().clone()), Poll::Pending),
                Wish::Taken(_) => (Wish::Taken(cx.waker().clone()), Poll::Pending),
                Wish::Fulfilled(made) => (Wish::Void, Poll::Ready(Some(made))),
                Wish::Void => (Wish::Void, Poll::Ready(None)),
            };
            *wish = next;
            answer
        })
        .await
    }

    /// Whether there is a wish to fulfil; else its maker wakes `asking`.
    fn take(&self, asking: &Waker) -> bool {
        let mut wish = self.0.lock();
        match mem::replace(&mut *wish, Wish::Void) {
            Wish::Made(waiting) => {
                *wish = Wish::Taken(waiting);
                true
            }
            Wish::None(_) => {
                *wish = Wish::None(Some(asking.clone()));
                false
            }
            other => {
                *wish = other;
                false
            }
        }
    }

    fn settle(&self, outcome: Wish<R>) {
        let before = mem::replace(&mut *self.0.lock(), outcome);
        if let Wish::Made(waiting) | Wish::Taken(waiting) = before {
            waiting.wake();
        }
    }
}

/// Whoever waits learns when the asking thread is gone, also by a panic.
struct Asking<R>(Arc<Desk<R>>);

impl<R> Drop for Asking<R> {
    fn drop(&mut self) {
        if !matches!(*self.0.0.lock(), Wish::Fulfilled(_)) {
            self.0.settle(Wish::Void);
        }
    }
}

/// The value of a key, made by `make` in this thread if there is none and nobody else makes it.
pub(super) fn compute<K, V, E>(
    region: &Region,
    key: &K,
    options: ComputeOptions<V>,
    make: impl FnOnce() -> Result<V, E>,
) -> Result<V, Fault<E>>
where
    K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
    V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    E: Send + 'static,
{
    let asking = Asking(Arc::new(Desk(Mutex::new(Wish::None(None)))));
    let desk = asking.0.clone();
    let creator = move || async move {
        let gone = || Err(Fault::Cache(Error::invalid("whoever was computing the value is gone")));
        desk.wish().await.unwrap_or_else(gone)
    };
    let mut make = Some(make);
    let mut value = pin!(region.try_get_or_compute_with(key, options, creator));
    wait(poll_fn(|cx| {
        loop {
            if let Poll::Ready(value) = value.as_mut().poll(cx) {
                return Poll::Ready(value);
            }
            if !asking.0.take(cx.waker()) {
                return Poll::Pending;
            }
            if let Some(make) = make.take() {
                asking.0.settle(Wish::Fulfilled(make().map_err(Fault::Body)));
            }
        }
    }))
}
