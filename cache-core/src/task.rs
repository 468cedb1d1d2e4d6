//! Async computations that nobody polls: as tasks of the caller's runtime, or of larder's own.

use crate::flight::{Flight, Follow};
use crate::handoff::handoff;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A future that owns what it needs and may cross threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sees to it that a flight's future is polled to its end, whoever loses interest.
pub(crate) fn adopt<K, V>(flight: Arc<Flight<K, V>>)
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    spawn(Box::pin(Adopted { flight, place: None }));
}

/// Runs a future as a task of its own; the future returned gives what it gave.
pub(crate) fn detach<F>(future: F) -> BoxFuture<'static, F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let (giver, taker) = handoff();
    let mut future = Box::pin(future);
    spawn(Box::pin(async move {
        let outcome = std::future::poll_fn(|cx| {
            match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(out)) => Poll::Ready(Ok(out)),
                Err(panic) => Poll::Ready(Err(panic)),
            }
        })
        .await;
        giver.give(outcome);
    }));
    Box::pin(taker)
}

/// Drives a flight without wanting its value.
struct Adopted<K: Send + Sync + 'static, V: Send + Sync + 'static> {
    flight: Arc<Flight<K, V>>,
    place: Option<Follow<K, V>>,
}

impl<K: Send + Sync + 'static, V: Send + Sync + 'static> Future for Adopted<K, V> {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.flight.has_landed() {
            return Poll::Ready(());
        }
        let flight = self.flight.clone();
        let place = self.place.get_or_insert_with(|| Follow::new(flight).without_driving());
        place.register(cx);
        self.flight.drive();
        if self.flight.has_landed() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl<K: Send + Sync + 'static, V: Send + Sync + 'static> Drop for Adopted<K, V> {
    /// A runtime that shuts down drops its tasks: whoever waits polls on, else the work ends here.
    fn drop(&mut self) {
        self.place = None;
        if !self.flight.has_landed() && !self.flight.has_waiters() {
            self.flight.abandon();
        }
    }
}

#[cfg(all(feature = "tokio", not(loom)))]
fn spawn(future: BoxFuture<'static, ()>) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn(future)),
        Err(_) => drop(own_runtime().spawn(future)),
    }
}

/// Whether bodies may be polled in this thread that need a runtime around them.
#[cfg(all(feature = "tokio", not(loom)))]
pub(crate) fn is_inside_runtime() -> bool {
    tokio::runtime::Handle::try_current().is_ok()
}

#[cfg(not(all(feature = "tokio", not(loom))))]
pub(crate) fn is_inside_runtime() -> bool {
    true
}

/// One thread that runs the tasks of callers who have no runtime.
#[cfg(all(feature = "tokio", not(loom)))]
fn own_runtime() -> &'static tokio::runtime::Handle {
    static RUNTIME: std::sync::OnceLock<tokio::runtime::Handle> = std::sync::OnceLock::new();
    RUNTIME.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("larder could not build a runtime for its tasks");
        let handle = runtime.handle().clone();
        std::thread::Builder::new()
            .name("larder-tasks".into())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))
            .expect("larder could not start the thread of its tasks");
        handle
    })
}

#[cfg(all(not(feature = "tokio"), not(loom)))]
fn spawn(future: BoxFuture<'static, ()>) {
    crate::pool::submit_or_run(Box::new(move || crate::wait(future)));
}

#[cfg(loom)]
fn spawn(future: BoxFuture<'static, ()>) {
    drop(loom::thread::spawn(move || loom::future::block_on(future)));
}
