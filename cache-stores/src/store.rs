//! The store: a handle, and what all of its handles share.

use crate::builder::StoreBuilder;
use crate::fetch::Flights;
use crate::index::Index;
use crate::layout::Layout;
use crate::object::CopyId;
use crate::options::Options;
use crate::patience::Patience;
use crate::presence::{Outdated, Turns};
use crate::stats::Counters;
use crate::unlisted::Unlisted;
use crate::write::{Unanswered, Writes};
use cache_core::Clock;
use object_store::ObjectStore;
use std::fmt;
use std::path::Path as Directory;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Weak};
use tokio::sync::watch;

/// An object store behind a fast local copy of it; itself an [`ObjectStore`].
///
/// The remote store has the truth. The local one keeps copies, in chunks. A read is answered from the copy, or
/// joins the fetch that is in progress, or begins one; a write goes through. Whatever goes wrong on the local side
/// is counted and costs time, never an answer. A handle is cheap to clone; all clones are one store.
///
/// ```
/// use cache_stores::object_store::{ObjectStoreExt, memory::InMemory, path::Path};
/// use cache_stores::{CachedStore, Lru, Size, Ttl};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let store = CachedStore::new(InMemory::new(), InMemory::new())
///     .policy(Ttl("60s") | Size("10GiB") | Lru)
///     .build()?;
/// store.put(&Path::from("a/b"), "text".into()).await?;
/// assert_eq!(store.get(&Path::from("a/b")).await?.bytes().await?, "text");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct CachedStore {
    pub(crate) inner: Arc<Inner>,
}

/// What all handles of a store share.
pub(crate) struct Inner {
    pub(crate) name: Arc<str>,
    pub(crate) local: Arc<dyn ObjectStore>,
    pub(crate) remote: Arc<dyn ObjectStore>,
    pub(crate) index: Index,
    pub(crate) options: Options,
    pub(crate) layout: Layout,
    pub(crate) stats: Counters,
    pub(crate) flights: Flights,
    pub(crate) clock: Clock,
    /// How long local may take.
    pub(crate) patience: Patience,
    /// Puts into local that take longer, and have not ended.
    pub(crate) late: AtomicUsize,
    /// The same of what is being deleted there.
    pub(crate) late_deletes: AtomicUsize,
    /// For tasks that wait for local alone: they do not keep the store alive.
    pub(crate) own: Weak<Inner>,
    /// Without an index: who may change local.
    pub(crate) turns: Turns,
    /// The same: what is not believed.
    pub(crate) outdated: Outdated,
    /// What the index could not be told of.
    pub(crate) unlisted: Unlisted,
    /// What the remote was asked for, and may still do.
    pub(crate) unanswered: Unanswered,
    /// With write-back: what waits for the remote.
    pub(crate) writes: Option<Writes>,
    /// Goes when all of it has gone: who closes the store waits for that.
    pub(crate) ended: watch::Sender<()>,
}

impl CachedStore {
    /// A store over these two, to be completed by [`build`](StoreBuilder::build).
    ///
    /// ```
    /// use cache_stores::object_store::memory::InMemory;
    /// let store = cache_stores::CachedStore::new(InMemory::new(), InMemory::new()).build()?;
    /// assert_eq!(store.name(), "InMemory");
    /// # Ok::<(), cache_stores::Error>(())
    /// ```
    // What it makes becomes a store by `build`.
    #[expect(clippy::new_ret_no_self, reason = "the way to a store begins at its name")]
    pub fn new(local: impl ObjectStore, remote: impl ObjectStore) -> StoreBuilder {
        StoreBuilder::new(Arc::new(local), Arc::new(remote))
    }

    /// A store that keeps copies and index in a directory, which is made if it is missing.
    ///
    /// ```no_run
    /// use cache_stores::object_store::memory::InMemory;
    /// use cache_stores::{CachedStore, Size};
    ///
    /// let remote = InMemory::new();
    /// let store = CachedStore::on_disk("/var/cache/reports", remote).policy(Size("10GiB")).build()?;
    /// # Ok::<(), cache_stores::Error>(())
    /// ```
    pub fn on_disk(directory: impl AsRef<Directory>, remote: impl ObjectStore) -> StoreBuilder {
        StoreBuilder::on_disk(directory.as_ref(), Arc::new(remote))
    }

    /// What the store is called in reports; by default after its remote.
    ///
    /// ```
    /// use cache_stores::object_store::memory::InMemory;
    /// let store = cache_stores::CachedStore::new(InMemory::new(), InMemory::new()).name("reports").build()?;
    /// assert_eq!(store.name(), "reports");
    /// # Ok::<(), cache_stores::Error>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Gives this handle back, and waits until the store has come to rest: other handles and readers have gone, what
    /// was fetched last is kept, and with write-back what was being sent has ended. A program that ends without it
    /// loses nothing but such copies.
    ///
    /// ```
    /// use cache_stores::object_store::memory::InMemory;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let directory = folder.path();
    /// let store = cache_stores::CachedStore::on_disk(directory, InMemory::new()).build()?;
    /// store.open("may.csv").unwrap().put("day,visits\n").unwrap();
    /// cache_core::wait(store.close());
    /// // The directory can be opened again, by this process or another one.
    /// let store = cache_stores::CachedStore::on_disk(directory, InMemory::new()).build()?;
    /// assert_eq!(store.stats().objects, 1);
    /// # Ok::<(), cache_stores::Error>(())
    /// ```
    pub async fn close(self) {
        let mut ended = self.inner.ended.subscribe();
        drop(self);
        // Nothing is ever sent: the channel ends with the store.
        while ended.changed().await.is_ok() {}
    }
}

impl Inner {
    /// Since 1970, by the store's clock.
    pub(crate) fn now(&self) -> std::time::Duration {
        self.clock.unix()
    }

    /// Where a chunk lies in the local store.
    pub(crate) fn place(&self, copy: CopyId, chunk: u32) -> object_store::path::Path {
        self.layout.chunk(copy, chunk)
    }
}

impl fmt::Debug for CachedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CachedStore").field(&self.inner).finish()
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("name", &self.name)
            .field("local", &self.local)
            .field("remote", &self.remote)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for CachedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CachedStore({} over {})", self.inner.local, self.inner.remote)
    }
}
