//! larder's I/O thread: it owns the sockets and the timers of far clients, so that their futures can
//! be waited for in any thread, with or without a runtime.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The runtime of the I/O thread, started on first use.
///
/// # Panics
/// When the system has no thread to give.
pub(crate) fn handle() -> &'static Handle {
    static HANDLE: OnceLock<Handle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("larder's I/O thread needs a poller from the system");
        let handle = runtime.handle().clone();
        std::thread::Builder::new()
            .name("larder-io".into())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))
            .expect("larder's I/O thread could not be started");
        handle
    })
}

/// Runs a future on the I/O thread; the result can be awaited anywhere. Dropping that does not
/// stop the future. `None`: it panicked.
pub(crate) async fn run<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let (done, result) = oneshot::channel();
    handle().spawn(async move {
        // Nobody may be waiting any more.
        let _ = done.send(future.await);
    });
    result.await.ok()
}

/// Completes after a time, in any thread.
pub(crate) async fn sleep(time: Duration) {
    run(async move { tokio::time::sleep(time).await }).await;
}
