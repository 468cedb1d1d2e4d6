//! Calls that run in their callers' threads and, when those lose interest, to their end on the I/O
//! thread.

use crate::io;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that, dropped half-way, goes on on the I/O thread.
pub(super) struct Carried<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: Send + 'static> Carried<T> {
    pub(super) fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Carried(Some(Box::pin(future)))
    }
}

impl<T: Send + 'static> Future for Carried<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // Taken out, since one that panics must not go on.
        let mut future = self.0.take().expect("polled after its end");
        let poll = future.as_mut().poll(context);
        if poll.is_pending() {
            self.0 = Some(future);
        }
        poll
    }
}

impl<T: Send + 'static> Drop for Carried<T> {
    fn drop(&mut self) {
        if let Some(future) = self.0.take() {
            io::handle().spawn(future);
        }
    }
}

/// All results, in the order of the futures, which run at the same time.
pub(super) async fn together<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut running: Vec<_> = futures.map(|future| (Some(Box::pin(future)), None)).collect();
    poll_fn(|context| {
        let mut all = true;
        for (future, result) in &mut running {
            let Some(waiting) = future else { continue };
            match waiting.as_mut().poll(context) {
                Poll::Ready(value) => (*future, *result) = (None, Some(value)),
                Poll::Pending => all = false,
            }
        }
        if all { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cache_core::wait;
    use std::sync::mpsc;
    use std::task::Waker;
    use tokio::sync::oneshot;

    #[test]
    fn a_call_that_is_dropped_half_way_ends_on_the_io_thread() {
        let (go, gone) = oneshot::channel::<()>();
        let (done, end) = mpsc::channel();
        let mut call = Box::pin(Carried::new(async move {
            let _ = gone.await;
            let _ = done.send(std::thread::current().name().map(str::to_owned));
        }));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(call);
        go.send(()).unwrap();
        assert_eq!(end.recv().unwrap().as_deref(), Some("larder-io"));
    }

    #[test]
    fn results_come_in_the_order_of_the_futures() {
        let (first, one) = oneshot::channel();
        let (second, two) = oneshot::channel();
        second.send(2).unwrap();
        let thread = std::thread::spawn(move || first.send(1).unwrap());
        let results = wait(together([one, two].into_iter()));
        assert_eq!(results, [Ok(1), Ok(2)]);
        thread.join().unwrap();
    }
}
