//! The async handle: tokio's `AsyncRead`, `AsyncBufRead`, `AsyncWrite`, `AsyncSeek`, in any task of any executor.

use super::info::{Info, Stat};
use super::state::State;
use super::sync::Handle;
use bytes::Bytes;
use object_store::{PutOptions, PutPayload, PutResult};
use std::fmt;
use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

/// An object as an async file: tokio's `AsyncRead`, `AsyncBufRead`, `AsyncWrite` and `AsyncSeek`.
///
/// Everything that [`Handle`] says holds for it. It needs no tokio runtime around it: any executor will do, and
/// `tokio_util::compat` makes `futures`' traits of it. `shutdown` is [`close`](Self::close). A future of it that is
/// dropped breaks nothing; a `close` that was begun may or may not have been done then, and can be called again.
///
/// ```
/// use cache_stores::OpenExt;
/// use cache_stores::object_store::memory::InMemory;
/// use std::sync::Arc;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let store = Arc::new(InMemory::new());
/// let mut handle = store.open_async("greeting")?;
/// handle.write_all(b"hello").await?;
/// handle.close().await?;
///
/// let mut text = String::new();
/// handle.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
pub struct AsyncHandle(State);

impl AsyncHandle {
    pub(super) fn new(state: State) -> Self {
        AsyncHandle(state)
    }

    /// The same handle for sync code; a read or write in progress goes on there.
    #[must_use]
    pub fn into_sync(self) -> Handle {
        Handle::new(self.0)
    }

    /// As [`Handle::with_options`].
    #[must_use]
    pub fn with_options(mut self, options: PutOptions) -> Self {
        self.0.set_options(options);
        self
    }

    /// As [`Handle::with_part_size`].
    #[must_use]
    pub fn with_part_size(mut self, bytes: usize) -> Self {
        self.0.set_part(bytes);
        self
    }

    /// The path that was opened.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.path().as_ref()
    }

    /// As [`Handle::close`].
    ///
    /// # Errors
    /// As there.
    pub async fn close(&mut self) -> io::Result<()> {
        self.0.close().await.map(drop)
    }

    /// As [`Handle::abort`].
    pub fn abort(&mut self) {
        self.0.abort();
    }

    /// As [`Handle::put`].
    ///
    /// # Errors
    /// As there.
    pub async fn put(&mut self, bytes: impl Into<PutPayload>) -> io::Result<PutResult> {
        let bytes = bytes.into();
        self.0.put(bytes).await
    }

    /// As [`Handle::read_all`].
    ///
    /// # Errors
    /// As there.
    pub async fn read_all(&mut self) -> io::Result<Bytes> {
        self.0.read_all().await
    }

    /// As [`Handle::stat`].
    ///
    /// # Errors
    /// As there.
    pub async fn stat(&mut self) -> io::Result<Stat> {
        self.0.stat().await.map(Stat::from)
    }

    /// As [`Handle::delete`].
    ///
    /// # Errors
    /// As there.
    pub async fn delete(&mut self) -> io::Result<()> {
        self.0.delete().await
    }

    /// As [`Handle::info`].
    #[must_use]
    pub fn info(&self) -> Option<&Info> {
        self.0.info()
    }

    /// As [`Handle::refresh`].
    pub fn refresh(&mut self) {
        self.0.refresh();
    }
}

impl AsyncRead for AsyncHandle {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let bytes = ready!(self.as_mut().poll_fill_buf(context))?;
        let length = bytes.len().min(buffer.remaining());
        buffer.put_slice(&bytes[..length]);
        self.consume(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncBufRead for AsyncHandle {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let state = &mut self.get_mut().0;
        if state.bytes().is_empty() {
            ready!(state.poll_fill(context))?;
        }
        Poll::Ready(Ok(state.bytes()))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.get_mut().0.consume(amount);
    }
}

impl AsyncWrite for AsyncHandle {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().0.poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().0.poll_close(context).map_ok(drop)
    }
}

impl AsyncSeek for AsyncHandle {
    fn start_seek(self: Pin<&mut Self>, to: SeekFrom) -> io::Result<()> {
        self.get_mut().0.start_seek(to)
    }

    fn poll_complete(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<u64>> {
        self.get_mut().0.poll_seek(context)
    }
}

impl fmt::Debug for AsyncHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncHandle").field(&self.0).finish()
    }
}
