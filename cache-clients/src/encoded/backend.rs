//! Three functions that make a server of anything that keeps bytes.

use bytes::Bytes;
use cache_core::Result;
use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

/// A place for bytes: what someone writes to keep values in a server of his own.
///
/// [`Solo`](super::Solo) makes a [`Server`](crate::server::Server) of it, and
/// [`Encoded`](super::Encoded) a client for any type. Keys are printable ASCII without spaces, at
/// most 200 bytes. The futures run on larder's I/O thread, a tokio runtime of one thread, so that
/// sockets and timers of tokio work in them, and they must not block it. Errors should be
/// [unreachable](cache_core::Error::unreachable). The example of `Encoded` has one in memory.
pub trait Backend: Debug + Send + Sync + 'static {
    /// What was put under this key last.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Bytes>>> + Send;
    /// Puts bytes, which may be dropped after `keep`; they may be kept longer, since they know
    /// themselves how long they are good.
    fn put(
        &self,
        key: &str,
        bytes: Bytes,
        keep: Option<Duration>,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Removes them; false where there were none.
    fn delete(&self, key: &str) -> impl Future<Output = Result<bool>> + Send;
}
