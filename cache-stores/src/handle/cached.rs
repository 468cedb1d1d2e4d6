//! `open` and `create` of cached stores, without a trait to import.

use super::open::OpenExt;
use super::{AsyncHandle, Handle};
use crate::CachedStore;
use std::io;

impl CachedStore {
    /// A handle of an object, which may or may not exist: only the path is looked at, nothing is asked. A handle is
    /// `Read`, `Write` and `Seek`, and can say whether it was served from the cache.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput): a path that is empty or absolute, or has an empty segment,
    /// `.`, `..` or a control character.
    ///
    /// ```
    /// use cache_stores::CachedStore;
    /// use cache_stores::object_store::memory::InMemory;
    /// use std::io::Read;
    ///
    /// let store = CachedStore::new(InMemory::new(), InMemory::new()).build()?;
    /// let mut file = store.open("path/my.file")?;
    /// file.put("content")?;
    ///
    /// let mut text = String::new();
    /// file.read_to_string(&mut text)?;
    /// assert_eq!(text, "content");
    /// let info = file.info().unwrap();
    /// println!("from the cache: {}, age: {:?}, e_tag: {:?}", info.cached, info.age, info.e_tag);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(&self, path: &str) -> io::Result<Handle> {
        OpenExt::open(self, path)
    }

    /// The same, with a write begun: after [`close`](Handle::close) the object is what was written, be that nothing.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    ///
    /// ```
    /// use cache_stores::CachedStore;
    /// use cache_stores::object_store::memory::InMemory;
    /// use std::io::Write;
    ///
    /// let store = CachedStore::new(InMemory::new(), InMemory::new()).build()?;
    /// let mut log = store.create("log/today")?;
    /// writeln!(log, "it rains")?;
    /// log.close()?; // without it, nothing is written
    /// assert_eq!(store.open("log/today")?.read_all()?, "it rains\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(&self, path: &str) -> io::Result<Handle> {
        OpenExt::create(self, path)
    }

    /// An async handle: tokio's `AsyncRead`, `AsyncWrite` and `AsyncSeek`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    ///
    /// ```
    /// use cache_stores::CachedStore;
    /// use cache_stores::object_store::memory::InMemory;
    /// use tokio::io::AsyncReadExt;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let store = CachedStore::new(InMemory::new(), InMemory::new()).build()?;
    /// let mut file = store.open_async("path/my.file")?;
    /// file.put("content").await?;
    /// let mut text = String::new();
    /// file.read_to_string(&mut text).await?;
    /// assert_eq!(text, "content");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn open_async(&self, path: &str) -> io::Result<AsyncHandle> {
        OpenExt::open_async(self, path)
    }

    /// An async handle, with a write begun.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn create_async(&self, path: &str) -> io::Result<AsyncHandle> {
        OpenExt::create_async(self, path)
    }
}
