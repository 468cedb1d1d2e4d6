//! Async computations that nobody polls: as tasks of the caller's runtime, or of larder's own.

use crate::flight::{Flight, Follow};
use crate::gather::{Gathered, Note};
use crate::handoff::{Giver, handoff};
use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A future that owns what it needs and may cross threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a panic leaves.
pub(crate) type Panic = Box<dyn Any + Send>;

/// Gives the panic of a future as a value.
pub(crate) struct CatchUnwind<'a, F>(pub(crate) Pin<&'a mut F>);

impl<F: Future> Future for CatchUnwind<'_, F> {
    type Output = Result<F::Output, Panic>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(out)) => Poll::Ready(Ok(out)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

/// Runs a future to its end without anybody waiting for it, on larder's own thread for tasks. A
/// panic ends it silently.
///
/// ```
/// use std::sync::mpsc::channel;
///
/// let (done, result) = channel();
/// cache_core::in_background(async move { done.send(49).unwrap() });
/// assert_eq!(result.recv(), Ok(49));
/// ```
pub fn in_background(future: impl Future<Output = ()> + Send + 'static) {
    let future = Box::pin(async move { drop(CatchUnwind(std::pin::pin!(future)).await) });
    // Not by the pool: what waits there would keep its threads from computing.
    #[cfg(all(not(feature = "tokio"), not(loom)))]
    crate::own::spawn(future);
    #[cfg(any(feature = "tokio", loom))]
    spawn_on_own(future);
}

/// Sees to it that a flight's future is polled to its end, whoever loses interest.
pub(crate) fn adopt<K, V>(flight: Arc<Flight<K, V>>)
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    spawn(Box::pin(Adopted { flight, place: None }));
}

/// Runs a future as a task of its own; the future returned gives what it gave.
pub(crate) fn detach<F>(name: &Arc<str>, future: F) -> BoxFuture<'static, F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let (giver, taker) = handoff(name);
    spawn(Box::pin(Detached { work: Some((Gathered::new(Box::pin(future)), giver)) }));
    Box::pin(taker)
}

/// A future and who waits for its outcome; it changes the runtime rather than be dropped.
struct Detached<F: Future<Output: Send> + Send + 'static> {
    work: Option<(Gathered<Pin<Box<F>>>, Giver<F::Output>)>,
}

impl<F: Future<Output: Send> + Send + 'static> Future for Detached<F> {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some((future, giver)) = &mut self.work else { return Poll::Ready(()) };
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let _inside = giver.enter();
            Pin::new(future).poll(cx)
        }));
        let (outcome, note) = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready((out, note))) => (Ok(out), note),
            Err(panic) => (Err(panic), Note::default()),
        };
        if let Some((_, giver)) = self.work.take() {
            giver.give(outcome, note);
        }
        Poll::Ready(())
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Detached<F> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            spawn_on_own(Box::pin(Detached { work: Some(work) }));
        }
    }
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
        let place = self.place.get_or_insert_with(|| Follow::own(flight));
        place.register(cx);
        self.flight.drive();
        if self.flight.has_landed() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl<K: Send + Sync + 'static, V: Send + Sync + 'static> Drop for Adopted<K, V> {
    /// A runtime that shuts down drops its tasks. Those who wait may rely on this one, so that it
    /// goes on elsewhere; where nobody does, the work ends here.
    fn drop(&mut self) {
        self.place = None;
        if self.flight.has_landed() {
            return;
        }
        if self.flight.has_waiters() {
            spawn_on_own(Box::pin(Adopted { flight: self.flight.clone(), place: None }));
        } else {
            self.flight.orphan();
            self.flight.abandon();
        }
    }
}

/// The runtime that a body was begun in, if there was one. Whoever polls the body does so inside
/// of it, since the body may use its timers and sockets.
#[cfg(all(feature = "tokio", not(loom)))]
pub(crate) struct Home(Option<tokio::runtime::Handle>);

#[cfg(all(feature = "tokio", not(loom)))]
impl Home {
    pub(crate) fn here() -> Self {
        Home(tokio::runtime::Handle::try_current().ok())
    }

    /// The same, or larder's own runtime.
    pub(crate) fn here_or_own() -> Self {
        Home(Some(tokio::runtime::Handle::try_current().unwrap_or_else(|_| own_runtime().clone())))
    }

    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn enter(&self) -> Option<tokio::runtime::EnterGuard<'_>> {
        self.0.as_ref().map(tokio::runtime::Handle::enter)
    }
}

/// Without tokio, bodies need nothing around them.
#[cfg(not(all(feature = "tokio", not(loom))))]
pub(crate) struct Home;

#[cfg(not(all(feature = "tokio", not(loom))))]
impl Home {
    pub(crate) fn here() -> Self {
        Home
    }
    pub(crate) fn here_or_own() -> Self {
        Home
    }
    pub(crate) fn is_some(&self) -> bool {
        true
    }
    pub(crate) fn enter(&self) {}
}

#[cfg(all(feature = "tokio", not(loom)))]
fn spawn(future: BoxFuture<'static, ()>) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn(future)),
        Err(_) => spawn_on_own(future),
    }
}

#[cfg(all(feature = "tokio", not(loom)))]
fn spawn_on_own(future: BoxFuture<'static, ()>) {
    drop(own_runtime().spawn(future));
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

#[cfg(all(not(feature = "tokio"), not(loom)))]
fn spawn_on_own(future: BoxFuture<'static, ()>) {
    spawn(future);
}

#[cfg(loom)]
fn spawn_on_own(future: BoxFuture<'static, ()>) {
    spawn(future);
}

#[cfg(loom)]
fn spawn(future: BoxFuture<'static, ()>) {
    drop(loom::thread::spawn(move || loom::future::block_on(future)));
}
