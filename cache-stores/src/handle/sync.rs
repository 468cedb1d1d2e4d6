//! The sync handle: `Read`, `BufRead`, `Write`, `Seek`, in any thread.

use super::asynchronous::AsyncHandle;
use super::info::{Info, Stat};
use super::state::State;
use crate::runtime;
use bytes::Bytes;
use object_store::{PutOptions, PutPayload, PutResult};
use std::fmt;
use std::future::poll_fn;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use tokio::task::coop::unconstrained;

/// An object as a file: `Read`, `BufRead`, `Write` and `Seek`.
///
/// It works in any thread, also in one of a runtime, which it blocks like a file does; the I/O itself is done on
/// threads of larder's. Opening does nothing but look at the path.
///
/// **Reading** streams from the position on, up to 3 MiB ahead, whatever the length of the object. All reads of a
/// handle are of one version: when the object changes meanwhile, an error of the kind
/// [`StaleNetworkFileHandle`](io::ErrorKind::StaleNetworkFileHandle) says so, and [`refresh`](Self::refresh) goes
/// on with the new one. A seek costs nothing, but for the first one from
/// an end that nobody knows yet, which is asked for; the next read begins another stream, unless what is wanted lies less
/// than 1 MiB ahead.
///
/// **Writing** replaces the whole object, so it begins at 0, and nothing of it is seen before
/// [`close`](Self::close). Up to 8 MiB are one put; what is longer is sent in parts, of which at most 4 are in
/// memory. A handle that is dropped without `close` aborts its write. While it writes, it neither reads nor seeks;
/// after `close` it stands at 0 and can do both. `flush` does nothing.
///
/// Errors are of the kind that says what happened, with the store's own inside.
///
/// ```
/// use cache_stores::OpenExt;
/// use cache_stores::object_store::memory::InMemory;
/// use std::io::{Read, Seek, SeekFrom, Write};
/// use std::sync::Arc;
///
/// let store = Arc::new(InMemory::new());
/// let mut handle = store.open("notes/today.txt")?;
/// handle.write_all(b"buy milk, buy bread")?;
/// assert_eq!(store.open("notes/today.txt")?.read_all().unwrap_err().kind(), std::io::ErrorKind::NotFound);
/// handle.close()?;
///
/// let mut text = String::new();
/// handle.seek(SeekFrom::End(-5))?;
/// handle.read_to_string(&mut text)?;
/// assert_eq!(text, "bread");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Handle(State);

impl Handle {
    pub(super) fn new(state: State) -> Self {
        Handle(state)
    }

    /// The same handle for async code; a read or write in progress goes on there.
    ///
    /// ```
    /// # use cache_stores::{OpenExt, object_store::memory::InMemory};
    /// let handle = std::sync::Arc::new(InMemory::new()).open("a")?.into_async();
    /// assert_eq!(handle.into_sync().path(), "a");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn into_async(self) -> AsyncHandle {
        AsyncHandle::new(self.0)
    }

    /// What the object is written with: attributes, tags, a condition, [`LocalTtl`](crate::LocalTtl) among the
    /// extensions. To be given before the first byte is written; a put on a condition has at most 8 MiB.
    ///
    /// ```
    /// use cache_stores::OpenExt;
    /// use cache_stores::object_store::{PutMode, PutOptions, memory::InMemory};
    ///
    /// let store = std::sync::Arc::new(InMemory::new());
    /// let mut handle = store.open("once")?.with_options(PutOptions::from(PutMode::Create));
    /// handle.put("first")?;
    /// assert_eq!(handle.put("second").unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn with_options(mut self, options: PutOptions) -> Self {
        self.0.set_options(options);
        self
    }

    /// How long the parts of a long write are (8 MiB); less than 5 MiB, which no S3 takes, becomes 5 MiB. S3 takes
    /// 10 000 parts. To be given before the first byte is written.
    ///
    /// ```
    /// # use cache_stores::{OpenExt, object_store::memory::InMemory};
    /// # let store = std::sync::Arc::new(InMemory::new());
    /// let handle = store.create("backup.tar")?.with_part_size(64 << 20);
    /// # Ok::<(), std::io::Error>(())
    /// ```
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

    /// Makes what was written visible, and ends the write; nothing if nothing was written. Then the handle stands
    /// at 0.
    ///
    /// # Errors
    /// What was written could not be stored: all of it is given up, and the object is as it was. Where the answer
    /// of the store was lost, it may also have been written.
    pub fn close(&mut self) -> io::Result<()> {
        block(self.0.close()).map(drop)
    }

    /// Gives up a write in progress, as dropping the handle does. Then it stands at 0. What is being closed already may be
    /// stored all the same; what this handle writes next comes behind it.
    pub fn abort(&mut self) {
        self.0.abort();
    }

    /// Writes the whole object at once. Bytes that are shared are not copied. Then the handle stands at 0.
    ///
    /// # Errors
    /// The object could not be written, or this handle is writing it. The handle stands where it stood.
    ///
    /// ```
    /// # use cache_stores::{OpenExt, object_store::memory::InMemory};
    /// # let store = std::sync::Arc::new(InMemory::new());
    /// store.open("empty")?.put("")?;
    /// assert_eq!(store.open("empty")?.read_all()?, "");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn put(&mut self, bytes: impl Into<PutPayload>) -> io::Result<PutResult> {
        block(self.0.put(bytes.into()))
    }

    /// The whole object as it is now, in memory, whatever the position, which stays.
    ///
    /// # Errors
    /// [`NotFound`](io::ErrorKind::NotFound), [`PermissionDenied`](io::ErrorKind::PermissionDenied), or what else
    /// the store says; an empty object is no error.
    pub fn read_all(&mut self) -> io::Result<Bytes> {
        block(self.0.read_all())
    }

    /// What is known of the object, without its bytes.
    ///
    /// # Errors
    /// As [`read_all`](Self::read_all).
    ///
    /// ```
    /// # use cache_stores::{OpenExt, object_store::memory::InMemory};
    /// # let store = std::sync::Arc::new(InMemory::new());
    /// let mut handle = store.open("a")?;
    /// handle.put("four")?;
    /// assert_eq!(handle.stat()?.size, 4);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stat(&mut self) -> io::Result<Stat> {
        block(self.0.stat()).map(Stat::from)
    }

    /// Removes the object.
    ///
    /// # Errors
    /// The store could not, or this handle is writing it. Whether the absence of an object is an error is the
    /// store's to say: to most it is none.
    pub fn delete(&mut self) -> io::Result<()> {
        block(self.0.delete())
    }

    /// How the last read went, from its first byte on: success, size, whether it came from a cache, and the error.
    #[must_use]
    pub fn info(&self) -> Option<&Info> {
        self.0.info()
    }

    /// The next read, [`read_all`](Self::read_all) or through `Read`, asks the remote, whatever the cache has, and
    /// may give a newer version than the last one did.
    pub fn refresh(&mut self) {
        self.0.refresh();
    }

    fn fill(&mut self) -> io::Result<()> {
        block(poll_fn(|context| self.0.poll_fill(context)))
    }
}

/// Waits in this thread. A task's budget would be used up by a long loop of sync calls, and the next one would
/// wait for ever.
fn block<F: Future>(future: F) -> F::Output {
    let future = unconstrained(future);
    if is_ours() {
        // A store that is written over handles: others of our few threads must go on.
        tokio::task::block_in_place(|| cache_core::wait(future))
    } else {
        cache_core::wait(future)
    }
}

/// Whether this is one of the stores' own threads.
fn is_ours() -> bool {
    use tokio::runtime::Handle;
    Handle::try_current().is_ok_and(|here| here.id() == runtime::handle().id())
}

impl Read for Handle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let bytes = self.fill_buf()?;
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Handle {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.0.bytes().is_empty() {
            self.fill()?;
        }
        Ok(self.0.bytes())
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

impl Write for Handle {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        block(poll_fn(|context| self.0.poll_write(context, bytes)))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Handle {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.start_seek(to)?;
        block(poll_fn(|context| self.0.poll_seek(context)))
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        Ok(self.0.position())
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.0).finish()
    }
}
