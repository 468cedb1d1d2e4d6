//! What a read says of itself, and what it can be asked for.

use std::time::Duration;

/// Where the data of a read come from, in the `extensions` of its `GetResult`.
///
/// ```
/// use cache_stores::object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path};
/// use cache_stores::{CachedStore, Served, ServedFrom};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let (remote, path) = (InMemory::new(), Path::from("a/b"));
/// remote.put(&path, "text".into()).await?;
/// let store = CachedStore::new(InMemory::new(), remote).build()?;
///
/// let first = store.get(&path).await?;
/// assert_eq!(first.extensions.get::<Served>().unwrap().from, ServedFrom::Remote);
/// first.bytes().await?;
/// let second = store.get(&path).await?;
/// assert!(second.extensions.get::<Served>().unwrap().is_cached());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served {
    /// Where the bytes come from, as far as was known at the first of them: a copy that lacks some of them has to ask
    /// the remote, or joins who does. All are of the same version.
    pub from: ServedFrom,
    /// How long ago the remote told of this version; `None`: it does not have it yet.
    pub age: Option<Duration>,
}

/// Where the data of a read come from.
///
/// ```
/// assert_ne!(cache_stores::ServedFrom::Local, cache_stores::ServedFrom::Stale);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServedFrom {
    /// A copy that is believed; if it was past its TTL, the remote said that it has not changed. Also one of which all
    /// that is wanted has been fetched, and is about to be written into the local store.
    Local,
    /// The fetch of another reader, which is still in progress.
    Flight,
    /// The remote, for this reader.
    Remote,
    /// A copy past its TTL: the remote is away, and `stale_if_error` allows it.
    Stale,
}

impl Served {
    pub(crate) fn new(from: ServedFrom, age: Option<Duration>) -> Self {
        Served { from, age }
    }

    /// Whether a copy answered, stale ones included.
    ///
    /// ```
    /// # use cache_stores::object_store::{ObjectStoreExt, memory::InMemory, path::Path};
    /// # use cache_stores::{CachedStore, Served};
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let store = CachedStore::new(InMemory::new(), InMemory::new()).build()?;
    /// store.put(&Path::from("a"), "text".into()).await?;
    /// store.get(&Path::from("a")).await?.bytes().await?;
    /// let read = store.get(&Path::from("a")).await?;
    /// assert!(read.extensions.get::<Served>().unwrap().is_cached());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn is_cached(&self) -> bool {
        matches!(self.from, ServedFrom::Local | ServedFrom::Stale)
    }
}

/// In the `extensions` of `GetOptions`: the remote is asked, whatever the age of the copy. If it has not changed,
/// nothing is transferred; if it has, the copy is made anew.
///
/// ```
/// use cache_stores::object_store::{GetOptions, ObjectStore, ObjectStoreExt, memory::InMemory, path::Path};
/// use cache_stores::{CachedStore, Refresh};
/// use std::sync::Arc;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let (remote, path) = (Arc::new(InMemory::new()), Path::from("a/b"));
/// let store = CachedStore::new(InMemory::new(), remote.clone()).build()?;
/// store.put(&path, "old".into()).await?;
/// remote.put(&path, "new".into()).await?;
///
/// let mut options = GetOptions::new();
/// options.extensions.insert(Refresh);
/// assert_eq!(store.get_opts(&path, options).await?.bytes().await?, "new");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refresh;
