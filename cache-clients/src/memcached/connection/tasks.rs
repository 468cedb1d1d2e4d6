//! What runs on the I/O thread for each connection.

use super::Link;
use super::link::Look;
use crate::io;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::runtime::Handle;

/// How often an active connection is looked after.
const LOOK: Duration = Duration::from_millis(1);
/// After so many looks without anything to do the watch sleeps.
const LOOKS: u32 = 50;

/// Starts them; on the I/O thread.
pub(super) fn start(link: &Arc<Link>) {
    tokio::spawn(serve_here(link.clone()));
    tokio::spawn(watch(link.clone()));
}

/// Lets a task of this runtime, which must have I/O, read and write what callers do not.
pub(crate) fn lend(link: &Arc<Link>, runtime: &Handle) {
    link.set_lent(true);
    let lent = Lent(link.clone());
    runtime.spawn(async move { serve(lent.0.clone(), true).await });
}

/// Gives a connection back to the I/O thread, which reads for those who wait still.
struct Lent(Arc<Link>);

impl Drop for Lent {
    fn drop(&mut self) {
        if self.0.is_closed() {
            return;
        }
        self.0.set_lent(false);
        io::handle().spawn(serve_here(self.0.clone()));
        // Where there is no I/O, another one would fare no better.
        if !std::thread::panicking() {
            self.0.retire();
        }
    }
}

/// The socket, as the poller wants it.
struct Watched(Arc<Link>);

impl AsRawFd for Watched {
    fn as_raw_fd(&self) -> RawFd {
        self.0.port.socket.as_raw_fd()
    }
}

/// On the I/O thread. Whoever did so before may not have seen that the connection was lent: then he goes on.
async fn serve_here(link: Arc<Link>) {
    let _turn = link.port.serving.lock().await;
    serve(link.clone(), false).await;
}

/// Reads and writes what callers do not.
async fn serve(link: Arc<Link>, lent: bool) {
    let over = |link: &Link| link.is_closed() || link.is_lent() != lent;
    while !over(&link) {
        if !link.is_watched() {
            link.port.wanted.notified().await;
            continue;
        }
        #[expect(deprecated, reason = "what it does not check holds: the socket lives in the link")]
        match AsyncFd::new(Watched(link.clone())) {
            Ok(socket) => {
                while !over(&link) && !link.unwatch() {
                    step(&link, &socket).await;
                }
            }
            Err(error) => link.close(&error.to_string().into()),
        }
    }
}

/// Waits until something can be done, and does it.
async fn step(link: &Link, socket: &AsyncFd<Watched>) {
    let mut told = pin!(link.port.wanted.notified());
    std::future::poll_fn(|context| {
        match socket.poll_read_ready(context) {
            Poll::Ready(Ok(mut ready)) => {
                if link.receive() {
                    ready.clear_ready();
                }
                return Poll::Ready(());
            }
            Poll::Ready(Err(error)) => {
                link.close(&error.to_string().into());
                return Poll::Ready(());
            }
            Poll::Pending => {}
        }
        if link.is_full()
            && let Poll::Ready(Ok(mut ready)) = socket.poll_write_ready(context)
        {
            if !link.resume() {
                ready.clear_ready();
            }
            return Poll::Ready(());
        }
        told.as_mut().poll(context)
    })
    .await;
}

async fn watch(link: Arc<Link>) {
    let mut idle = 0;
    loop {
        match link.look() {
            Look::Closed => return,
            Look::Busy => idle = 0,
            Look::Idle => idle += 1,
        }
        if idle > LOOKS && link.is_retired() {
            link.close(&"it is not used any more".into());
        } else if idle > LOOKS && link.sleep() {
            link.port.awake.notified().await;
            idle = 0;
        } else {
            tokio::time::sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memcached::connection::{Exchange, to_nobody, to_nowhere};
    use crate::memcached::options::MemcachedOptions;
    use crate::memcached::wire::Request;
    use std::future::Future;
    use std::sync::mpsc;
    use std::task::{Context, Waker};
    use std::time::Instant;
    use tokio::runtime::{Builder, Runtime};

    fn runtime() -> Runtime {
        Builder::new_current_thread().enable_all().build().unwrap()
    }

    /// All tasks of the I/O thread have their turn.
    fn let_io_run() {
        let (done, is_done) = mpsc::channel();
        io::handle().spawn(async move {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            done.send(()).unwrap();
        });
        is_done.recv().unwrap();
    }

    #[test]
    fn a_connection_that_was_lent_is_the_io_threads_again_when_its_runtime_ends() {
        let link = to_nowhere(&MemcachedOptions::default().settings);
        let runtime = runtime();
        lend(&link, runtime.handle());
        assert!(link.is_lent() && link.is_at_hand());
        drop(runtime);
        assert!(!link.is_lent());
        assert!(!link.is_at_hand(), "nobody is to ask there any more");
    }

    #[test]
    fn a_connection_that_is_given_back_before_the_io_thread_has_seen_that_it_was_lent_goes_on() {
        let (link, _server) = to_nobody(&MemcachedOptions::default().settings);
        let mut request = Request::default();
        request.get(b"k", None);
        let give_up = Instant::now() + Duration::from_secs(60);
        let mut asked = pin!(Exchange::new(&link, request, give_up, None));
        assert!(asked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        {
            let _here = io::handle().enter();
            start(&link);
        }
        let_io_run();
        let (go_on, is_held) = mpsc::channel::<()>();
        io::handle().spawn(async move { is_held.recv() });
        let runtime = runtime();
        lend(&link, runtime.handle());
        drop(runtime);
        go_on.send(()).unwrap();
        let_io_run();
        assert!(!link.is_closed());
        link.close(&"the test ends".into());
    }
}
