//! `open` and `create` for every store.

use super::asynchronous::AsyncHandle;
use super::state::State;
use super::sync::Handle;
use crate::location::location;
use object_store::ObjectStore;
use std::io;
use std::sync::Arc;

/// Objects of any store as files; a [`CachedStore`](crate::CachedStore) has the same without this trait.
///
/// ```
/// use cache_stores::OpenExt;
/// use cache_stores::object_store::{ObjectStore, memory::InMemory};
/// use std::io::{BufRead, Write};
/// use std::sync::Arc;
///
/// let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
/// let mut report = store.create("reports/may.csv")?;
/// writeln!(report, "day,visits")?;
/// writeln!(report, "1,17")?;
/// report.close()?;
///
/// let lines: Vec<String> = store.open("reports/may.csv")?.lines().collect::<Result<_, _>>()?;
/// assert_eq!(lines, ["day,visits", "1,17"]);
///
/// let error = store.open("../passwords").unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait OpenExt {
    /// A handle of an object, which may or may not exist: only the path is looked at, nothing is asked.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput): a path that is empty or absolute, or has an empty segment,
    /// `.`, `..` or a control character.
    fn open(&self, path: &str) -> io::Result<Handle>;

    /// The same, with a write begun: after [`close`](Handle::close) the object is what was written, be that nothing.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    fn create(&self, path: &str) -> io::Result<Handle>;

    /// An async handle.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    fn open_async(&self, path: &str) -> io::Result<AsyncHandle> {
        self.open(path).map(Handle::into_async)
    }

    /// An async handle, with a write begun.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    fn create_async(&self, path: &str) -> io::Result<AsyncHandle> {
        self.create(path).map(Handle::into_async)
    }
}

impl<S: ObjectStore + Clone> OpenExt for S {
    fn open(&self, path: &str) -> io::Result<Handle> {
        Ok(Handle::new(State::new(Arc::new(self.clone()), location(path)?)))
    }

    fn create(&self, path: &str) -> io::Result<Handle> {
        let mut state = State::new(Arc::new(self.clone()), location(path)?);
        state.create();
        Ok(Handle::new(state))
    }
}
