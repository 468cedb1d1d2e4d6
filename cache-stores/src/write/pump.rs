//! Streams of the remote, for callers on any thread.

use crate::runtime;
use futures::stream::{BoxStream, StreamExt};
use futures::{FutureExt, stream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// So many items may wait for their reader.
const AHEAD: usize = 64;

/// Runs a stream on the stores' threads. It is made when it is first polled, and ends when it is dropped.
pub(super) fn pump<T: Send + 'static>(
    make: impl FnOnce() -> BoxStream<'static, T> + Send + 'static,
) -> BoxStream<'static, T> {
    let begin = async move {
        let (to, from) = mpsc::channel(AHEAD);
        let task = runtime::handle().spawn(async move {
            let mut stream = make();
            while let Some(item) = stream.next().await {
                if to.send(item).await.is_err() {
                    break;
                }
            }
        });
        let task = Task(task.abort_handle());
        stream::unfold((from, task), |(mut from, task)| async move {
            Some((from.recv().await?, (from, task)))
        })
    };
    begin.into_stream().flatten().fuse().boxed()
}

/// Stops when nobody wants its items any more.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
