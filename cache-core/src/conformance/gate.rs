//! Computations that go on when the test says so, without a clock.

use parking_lot::Mutex;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Futures wait here until it is opened.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    open: bool,
    wakers: Vec<Waker>,
}

impl Gate {
    pub(super) fn open(&self) {
        let wakers = {
            let mut state = self.0.lock();
            state.open = true;
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn passed(&self) -> impl Future<Output = ()> + Send + 'static {
        let gate = self.clone();
        poll_fn(move |cx| {
            let mut state = gate.0.lock();
            if state.open {
                return Poll::Ready(());
            }
            state.wakers.push(cx.waker().clone());
            Poll::Pending
        })
    }
}

/// Polls once, as a runtime would that then turns to something else.
pub(super) fn begin<F: Future + ?Sized>(future: &mut Pin<Box<F>>) {
    let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "the computation ended before the gate was opened");
}

/// Polls until something has happened: where I/O comes first, once is not enough.
pub(super) fn begin_until<F: Future + ?Sized>(future: &mut Pin<Box<F>>, done: impl Fn() -> bool) {
    begin(future);
    while !done() {
        std::thread::yield_now();
        begin(future);
    }
}
