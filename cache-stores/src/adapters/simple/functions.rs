//! The three functions that somebody writes, async or not.

use crate::runtime;
use bytes::Bytes;
use std::fmt::Debug;
use std::io;
use std::sync::Arc;

/// A place for whole objects: three async functions. [`SimpleBlocking`] is the same without `async`.
///
/// [`SimpleStore`](super::SimpleStore) makes an `ObjectStore` of it. Paths are names joined by `/`, none of them empty, `.` or `..`.
/// The functions run on the stores' threads, where tokio's sockets and timers work. Errors of the kinds `NotFound`
/// and `PermissionDenied` are told as such, others as trouble of the store.
///
/// ```
/// use bytes::Bytes;
/// use cache_stores::{OpenExt, Simple, SimpleStore};
/// use std::collections::HashMap;
/// use std::io::Result;
/// use std::sync::Mutex;
///
/// #[derive(Debug, Default)]
/// struct Shelf(Mutex<HashMap<String, Bytes>>);
///
/// impl Simple for Shelf {
///     async fn read(&self, path: &str) -> Result<Option<Bytes>> {
///         Ok(self.0.lock().unwrap().get(path).cloned())
///     }
///     async fn write(&self, path: &str, data: Bytes) -> Result<()> {
///         self.0.lock().unwrap().insert(path.to_owned(), data);
///         Ok(())
///     }
///     async fn delete(&self, path: &str) -> Result<()> {
///         self.0.lock().unwrap().remove(path);
///         Ok(())
///     }
/// }
///
/// let store = SimpleStore::new(Shelf::default());
/// store.open("a/b")?.put("data")?;
/// assert_eq!(store.open("a/b")?.read_all()?, "data");
/// assert_eq!(store.open("c")?.read_all().unwrap_err().kind(), std::io::ErrorKind::NotFound);
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait Simple: Debug + Send + Sync + 'static {
    /// The whole object; `None`: there is none, which is no error.
    fn read(&self, path: &str) -> impl Future<Output = io::Result<Option<Bytes>>> + Send;
    /// Puts an object in the place of whatever was there, or where there was none; what the path leads through
    /// is made. Readers must never see a part of it, also while others write the same.
    fn write(&self, path: &str, data: Bytes) -> impl Future<Output = io::Result<()>> + Send;
    /// Removes it, so that there is none. `Ok` also if there was none: whoever deletes what another has just
    /// deleted would get the error.
    fn delete(&self, path: &str) -> impl Future<Output = io::Result<()>> + Send;
}

/// [`Simple`] without `async`: the functions may block. [`Blocking`] makes the other of it.
///
/// ```
/// use bytes::Bytes;
/// use cache_stores::{Blocking, OpenExt, SimpleBlocking, SimpleStore};
/// use std::fs;
/// use std::io::{ErrorKind, Result};
/// use std::path::PathBuf;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// /// Objects lie in the folder `kept`, and in `new` until they are whole.
/// #[derive(Debug)]
/// struct Attic {
///     folder: PathBuf,
///     writes: AtomicU64,
/// }
///
/// impl Attic {
///     fn place(&self, path: &str) -> PathBuf {
///         self.folder.join("kept").join(path)
///     }
/// }
///
/// /// There is none: an answer, and no error.
/// fn there<T>(done: Result<T>) -> Result<Option<T>> {
///     match done {
///         Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
///         done => done.map(Some),
///     }
/// }
///
/// impl SimpleBlocking for Attic {
///     fn read(&self, path: &str) -> Result<Option<Bytes>> {
///         Ok(there(fs::read(self.place(path)))?.map(Bytes::from))
///     }
///     fn write(&self, path: &str, data: Bytes) -> Result<()> {
///         // A name for each write: several may be on their way.
///         let new = self.folder.join("new");
///         fs::create_dir_all(&new)?;
///         let new = new.join(self.writes.fetch_add(1, Ordering::Relaxed).to_string());
///         fs::write(&new, data)?;
///         let place = self.place(path);
///         place.parent().map_or(Ok(()), fs::create_dir_all)?;
///         fs::rename(new, place)
///     }
///     fn delete(&self, path: &str) -> Result<()> {
///         there(fs::remove_file(self.place(path))).map(drop)
///     }
/// }
///
/// # let folder = tempfile::tempdir()?;
/// let attic = Attic { folder: folder.path().into(), writes: AtomicU64::new(0) };
/// let store = SimpleStore::new(Blocking::new(attic));
/// store.open("box/hat")?.put("brown")?;
/// assert_eq!(store.open("box/hat")?.read_all()?, "brown");
/// store.open("box/hat")?.delete()?;
/// store.open("box/hat")?.delete()?;
/// assert_eq!(store.open("box/hat")?.read_all().unwrap_err().kind(), ErrorKind::NotFound);
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait SimpleBlocking: Debug + Send + Sync + 'static {
    /// As [`Simple::read`].
    fn read(&self, path: &str) -> io::Result<Option<Bytes>>;
    /// As [`Simple::write`].
    fn write(&self, path: &str, data: Bytes) -> io::Result<()>;
    /// As [`Simple::delete`].
    fn delete(&self, path: &str) -> io::Result<()>;
}

/// Makes a [`Simple`] of a [`SimpleBlocking`], whose functions run on threads that may block.
#[derive(Debug)]
pub struct Blocking<S>(Arc<S>);

impl<S: SimpleBlocking> Blocking<S> {
    /// Of these functions.
    pub fn new(simple: S) -> Self {
        Blocking(Arc::new(simple))
    }

    async fn run<T: Send + 'static>(
        &self,
        path: &str,
        job: impl FnOnce(&S, &str) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let (simple, path) = (self.0.clone(), path.to_owned());
        let done = runtime::handle().spawn_blocking(move || job(&simple, &path)).await;
        done.unwrap_or_else(|lost| Err(io::Error::other(lost)))
    }
}

impl<S: SimpleBlocking> Simple for Blocking<S> {
    async fn read(&self, path: &str) -> io::Result<Option<Bytes>> {
        self.run(path, |simple, path| simple.read(path)).await
    }
    async fn write(&self, path: &str, data: Bytes) -> io::Result<()> {
        self.run(path, |simple, path| simple.write(path, data)).await
    }
    async fn delete(&self, path: &str) -> io::Result<()> {
        self.run(path, |simple, path| simple.delete(path)).await
    }
}
