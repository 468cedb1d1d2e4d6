//! The threads on which stores are read and written: fetches outlive the caller that began them and his runtime.

use std::future::Future;
use std::sync::OnceLock;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Enough to fetch while a copy is being checked; what blocks has threads of its own.
const WORKERS: usize = 2;

/// The runtime of all stores, started on first use.
///
/// # Panics
/// When the system has no thread to give.
pub(crate) fn handle() -> &'static Handle {
    static HANDLE: OnceLock<Handle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("larder-store")
            .enable_all()
            .build()
            .expect("larder's stores need threads from the system");
        let handle = runtime.handle().clone();
        // Stores live as long as the program, and so does it.
        std::mem::forget(runtime);
        handle
    })
}

/// Runs a future on the stores' threads; the result can be awaited anywhere. Dropping that does not stop the
/// future. `None`: it panicked.
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

/// Whether stores can be polled here: some want a tokio runtime around them.
pub(crate) fn is_here() -> bool {
    Handle::try_current().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_without_a_runtime_can_wait_for_what_needs_one() {
        assert!(!is_here());
        assert_eq!(cache_core::wait(run(async { is_here() })), Some(true));
        assert_eq!(cache_core::wait(run(async { panic!("on purpose") })), None::<()>);
    }
}
