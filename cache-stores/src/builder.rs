//! How a store is built, and what can be decided about it.

mod build;
mod litter;
mod rebuild;

use crate::directory::Directory as Local;
use crate::options::{Amount, KeepWrites, Period, Presence, Unread, Verify};
use crate::policy::Policy;
use cache_core::{Clock, Result};
use object_store::ObjectStore;
use std::fmt;
use std::path::{Path as Directory, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The bytes of a chunk, unless said otherwise: large enough for throughput, small enough for three in memory.
pub(crate) const CHUNK: u64 = 4 << 20;

/// What an operation of the local store may take, unless said otherwise.
pub(crate) const LOCAL_DEADLINE: Duration = Duration::from_secs(10);

/// A store in the making: see [`CachedStore::new`](crate::CachedStore::new).
///
/// ```
/// use cache_stores::object_store::memory::InMemory;
/// use cache_stores::{CachedStore, Lru, Size, Ttl};
///
/// let store = CachedStore::new(InMemory::new(), InMemory::new())
///     .policy(Ttl("60s") | Size("10GiB") | Lru)
///     .chunk("1MiB")
///     .stale_if_error("1h")
///     .name("reports")
///     .build()?;
/// # Ok::<(), cache_stores::Error>(())
/// ```
#[must_use = "`build` makes it a store"]
pub struct StoreBuilder {
    local: Result<Arc<dyn ObjectStore>>,
    remote: Arc<dyn ObjectStore>,
    name: Option<String>,
    policy: Policy,
    /// Where the copies lie as files, and the index that has a lock for them.
    files: Option<[PathBuf; 2]>,
    index: Option<PathBuf>,
    presence: Presence,
    chunk: Amount,
    /// The local store is a directory of ours, and takes direct writes.
    is_directory: bool,
    direct_writes: Option<Amount>,
    stale_if_error: Option<Period>,
    local_deadline: Period,
    verify: Verify,
    unread: Unread,
    keep_writes: KeepWrites,
    write_back: Option<PathBuf>,
    clock: Clock,
}

impl StoreBuilder {
    pub(crate) fn new(local: Arc<dyn ObjectStore>, remote: Arc<dyn ObjectStore>) -> Self {
        StoreBuilder::over(Ok(local), remote)
    }

    pub(crate) fn over(local: Result<Arc<dyn ObjectStore>>, remote: Arc<dyn ObjectStore>) -> Self {
        StoreBuilder {
            local,
            remote,
            name: None,
            policy: Policy::default(),
            files: None,
            index: None,
            presence: Presence::Index,
            chunk: Amount::from(CHUNK),
            is_directory: false,
            direct_writes: None,
            stale_if_error: None,
            local_deadline: LOCAL_DEADLINE.into(),
            verify: Verify::default(),
            unread: Unread::default(),
            keep_writes: KeepWrites::default(),
            write_back: None,
            clock: Clock::system(),
        }
    }

    /// Copies in `objects`, the index in `index`.
    pub(crate) fn on_disk(directory: &Directory, remote: Arc<dyn ObjectStore>) -> Self {
        let (objects, index) = (directory.join("objects"), directory.join("index"));
        let mut builder = StoreBuilder::in_directory(&objects, remote).index(&index);
        builder.files = Some([objects, index]);
        builder
    }

    /// Copies in `objects`, and nothing said of the index.
    pub(crate) fn in_directory(objects: &Directory, remote: Arc<dyn ObjectStore>) -> Self {
        let local = Local::new(objects).map(|local| Arc::new(local) as Arc<dyn ObjectStore>);
        StoreBuilder { is_directory: true, ..StoreBuilder::over(local, remote) }
    }

    /// How long copies are believed, how many are kept, which go first. By default everything is kept and believed
    /// until it is written or deleted here.
    ///
    /// ```
    /// use cache_stores::object_store::memory::InMemory;
    /// use cache_stores::{CachedStore, Fifo};
    /// let store = CachedStore::new(InMemory::new(), InMemory::new()).policy(Fifo(3)).build()?;
    /// # Ok::<(), cache_stores::Error>(())
    /// ```
    pub fn policy(mut self, policy: impl Into<Policy>) -> Self {
        self.policy = policy.into();
        self
    }

    /// Keeps the index in a directory of its own, which is made if it is missing: the copies are known again after a
    /// restart. One process at a time can have it open. Without, the index is in memory, and is made anew from what
    /// lies in the local store whenever the store is built.
    ///
    /// ```no_run
    /// use cache_stores::CachedStore;
    /// use cache_stores::object_store::{local::LocalFileSystem, memory::InMemory};
    ///
    /// let local = LocalFileSystem::new_with_prefix("/var/cache/reports")?;
    /// let store = CachedStore::new(local, InMemory::new()).index("/var/lib/reports/index").build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn index(mut self, directory: impl Into<PathBuf>) -> Self {
        self.index = Some(directory.into());
        self
    }

    /// No index: what lies in the local store is believed for as long as it lies there, by its own TTL. For local
    /// stores that several processes share, such as Redis. The policy can say nothing then.
    ///
    /// ```
    /// use cache_stores::CachedStore;
    /// use cache_stores::object_store::memory::InMemory;
    /// let store = CachedStore::new(InMemory::new(), InMemory::new()).presence().build()?;
    /// # Ok::<(), cache_stores::Error>(())
    /// ```
    pub fn presence(mut self) -> Self {
        self.presence = Presence::Local;
        self
    }

    /// The bytes of a chunk of new copies, from 1 KiB to 256 MiB; 4 MiB by default. A range is fetched and kept in
    /// whole chunks, and three chunks are in memory for each fetch.
    ///
    /// ```
    /// use cache_stores::CachedStore;
    /// use cache_stores::object_store::memory::InMemory;
    ///
    /// let store = CachedStore::new(InMemory::new(), InMemory::new());
    /// let error = store.chunk("3 apples").build().unwrap_err();
    /// assert!(error.to_string().contains("not a size: \"3 apples\""));
    /// ```
    pub fn chunk(mut self, bytes: impl Into<Amount>) -> Self {
        self.chunk = bytes.into();
        self
    }

    /// Copies of objects of at least so many bytes are written past the system's page cache (`O_DIRECT`); by default
    /// none. Takes 1 MiB of memory.
    ///
    /// The processor has less to do for a first read, and what others have in the page cache stays there; but the
    /// second read comes from the disk, and not from memory. What the disk is too slow for goes into the page cache
    /// nevertheless, as do small chunks, and all where the file system does not know direct writes. An object that
    /// is written in parts counts as large. Only on Linux, and only for [`on_disk`](crate::CachedStore::on_disk).
    ///
    /// ```no_run
    /// use cache_stores::CachedStore;
    /// use cache_stores::object_store::memory::InMemory;
    /// let store = CachedStore::on_disk("/var/cache/reports", InMemory::new())
    ///     .direct_writes("64MiB")
    ///     .build()?;
    ///
    /// let error = CachedStore::new(InMemory::new(), InMemory::new()).direct_writes("64MiB").build();
    /// assert!(error.unwrap_err().to_string().contains("only copies in a directory"));
    /// # Ok::<(), cache_stores::Error>(())
    /// ```
    pub fn direct_writes(mut self, from: impl Into<Amount>) -> Self {
        self.direct_writes = Some(from.into());
        self
    }

    /// For how long past its TTL a copy stands in while the remote is away. Refusals are never hidden by it, nor
    /// that an object is not there any more.
    ///
    /// ```
    /// use cache_stores::{CachedStore, Ttl};
    /// use cache_stores::object_store::memory::InMemory;
    /// let store = CachedStore::new(InMemory::new(), InMemory::new())
    ///     .policy(Ttl("60s"))
    ///     .stale_if_error("1h")
    ///     .build()?;
    /// # Ok::<(), cache_stores::Error>(())
    /// ```
    pub fn stale_if_error(mut self, past: impl Into<Period>) -> Self {
        self.stale_if_error = Some(past.into());
        self
    }

    /// What an operation of the local store may take, such as reading or writing a chunk; 10 seconds by default. One
    /// that takes longer counts as trouble of the local store, and the data come from the remote. A write that ends
    /// later is kept all the same; while four of them have not ended, nothing more is written there.
    ///
    /// ```
    /// use cache_stores::CachedStore;
    /// use cache_stores::object_store::memory::InMemory;
    ///
    /// let store = CachedStore::new(InMemory::new(), InMemory::new()).local_deadline("2s").build()?;
    /// let error = CachedStore::new(InMemory::new(), InMemory::new()).local_deadline("0s").build();
    /// assert!(error.unwrap_err().to_string().contains("right is more than 0"));
    /// # Ok::<(), cache_stores::Error>(())
    /// ```
    pub fn local_deadline(mut self, most: impl Into<Period>) -> Self {
        self.local_deadline = most.into();
        self
    }

    /// How often checksums are looked at; by default once after a start.
    ///
    /// ```
    /// use cache_stores::{CachedStore, Verify};
    /// use cache_stores::object_store::memory::InMemory;
    /// let store =
    ///     CachedStore::new(InMemory::new(), InMemory::new()).verify(Verify::Always).build()?;
    /// # Ok::<(), cache_stores::Error>(())
    /// ```
    pub fn verify(mut self, verify: Verify) -> Self {
        self.verify = verify;
        self
    }

    /// What becomes of a fetch that nobody reads any more; by default it stops.
    ///
    /// ```
    /// use cache_stores::{CachedStore, Unread};
    /// use cache_stores::object_store::memory::InMemory;
    /// let store =
    ///     CachedStore::new(InMemory::new(), InMemory::new()).unread(Unread::Finish).build()?;
    /// # Ok::<(), cache_stores::Error>(())
    /// ```
    pub fn unread(mut self, unread: Unread) -> Self {
        self.unread = unread;
        self
    }

    /// Whether what is written is kept locally; by default it is.
    ///
    /// ```
    /// use cache_stores::{CachedStore, KeepWrites};
    /// use cache_stores::object_store::memory::InMemory;
    /// let store =
    ///     CachedStore::new(InMemory::new(), InMemory::new()).keep_writes(KeepWrites::Never).build()?;
    /// # Ok::<(), cache_stores::Error>(())
    /// ```
    pub fn keep_writes(mut self, keep: KeepWrites) -> Self {
        self.keep_writes = keep;
        self
    }

    /// Writes are done when they are in the local store and in a journal in this directory; they are sent to the
    /// remote in the background, in their order, also after a crash: by the next store over the same directories. The
    /// local store has to survive with the journal, so it is no place for `InMemory`;
    /// it survives a power cut if it syncs what it writes. What is lost nevertheless is told by
    /// [`pending`](crate::CachedStore::pending). As long as writes wait, the store cannot be built without it.
    ///
    /// ```no_run
    /// use cache_stores::CachedStore;
    /// use cache_stores::object_store::memory::InMemory;
    /// let store = CachedStore::on_disk("/var/cache/reports", InMemory::new())
    ///     .write_back("/var/lib/reports/journal")
    ///     .build()?;
    /// # Ok::<(), cache_stores::Error>(())
    /// ```
    pub fn write_back(mut self, journal: impl Into<PathBuf>) -> Self {
        self.write_back = Some(journal.into());
        self
    }

    /// What the store is called in reports and in its statistics.
    ///
    /// ```
    /// use cache_stores::CachedStore;
    /// use cache_stores::object_store::memory::InMemory;
    /// let store = CachedStore::new(InMemory::new(), InMemory::new()).name("reports").build()?;
    /// assert_eq!(store.name(), "reports");
    /// # Ok::<(), cache_stores::Error>(())
    /// ```
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The clock by which copies age; for tests.
    ///
    /// ```
    /// use cache_core::ManualClock;
    /// use cache_stores::CachedStore;
    /// use cache_stores::object_store::memory::InMemory;
    /// let time = ManualClock::new();
    /// let store = CachedStore::new(InMemory::new(), InMemory::new()).clock(time.clock()).build()?;
    /// # Ok::<(), cache_stores::Error>(())
    /// ```
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }
}

impl fmt::Debug for StoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreBuilder")
            .field("local", &self.local)
            .field("remote", &self.remote)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
