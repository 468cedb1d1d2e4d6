//! Two sides, a directory for index and journal, a clock that stands still; and what tests ask of them.

use crate::common::Watched;
use bytes::Bytes;
use cache_core::ManualClock;
use cache_stores::{CachedStore, StoreBuilder};
use futures::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const CHUNK: usize = 1024;

pub(crate) struct World {
    pub(crate) local: Watched,
    pub(crate) remote: Watched,
    pub(crate) memory: Arc<InMemory>,
    pub(crate) clock: ManualClock,
    pub(crate) folder: TempDir,
}

impl World {
    /// Copies in memory.
    pub(crate) fn memory() -> World {
        World::over(Arc::new(InMemory::new()), tempfile::tempdir().unwrap(), InMemory::new())
    }

    /// Copies on disk.
    pub(crate) fn disk() -> World {
        World::on(tempfile::tempdir().unwrap(), InMemory::new())
    }

    /// Copies, index and journal as they lie in a directory.
    pub(crate) fn on(folder: TempDir, remote: InMemory) -> World {
        let objects = folder.path().join("objects");
        std::fs::create_dir_all(&objects).unwrap();
        World::over(Arc::new(LocalFileSystem::new_with_prefix(objects).unwrap()), folder, remote)
    }

    fn over(local: Arc<dyn ObjectStore>, folder: TempDir, remote: InMemory) -> World {
        let memory = Arc::new(remote);
        let (local, remote) = (Watched::new(local), Watched::new(memory.clone()));
        World { local, remote, memory, clock: ManualClock::new(), folder }
    }

    pub(crate) fn builder(&self) -> StoreBuilder {
        CachedStore::new(self.local.clone(), self.remote.clone())
            .chunk(CHUNK)
            .index(self.folder.path().join("index"))
            .clock(self.clock.clock())
    }

    pub(crate) fn store(&self) -> CachedStore {
        self.builder().build().unwrap()
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    /// With write-back.
    pub(crate) fn back(&self) -> CachedStore {
        self.builder().write_back(self.journal()).build().unwrap()
    }

    /// What lies in the local store, in bytes.
    pub(crate) async fn laid(&self) -> u64 {
        let all: Vec<_> = self.local.inner().list(None).try_collect().await.unwrap();
        all.iter().map(|meta| meta.size).sum()
    }

    /// What the remote has.
    pub(crate) async fn far(&self, path: &str) -> Option<Bytes> {
        found(self.memory.get(&Path::from(path)).await)?.bytes().await.ok()
    }

    /// Waits until the accounts agree with what lies there: some is deleted in the background.
    pub(crate) async fn settled(&self, store: &CachedStore) {
        let mut last = (0, 0);
        for _ in 0..6000 {
            last = (store.stats().bytes, self.laid().await);
            if last.0 == last.1 {
                return;
            }
            // The deletion of files by another thread is waited for.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} bytes are accounted, {} lie there", last.0, last.1);
    }
}

/// The store, as soon as the one that was dropped gives its journal back; each try waits a second for that.
pub(crate) fn reopened(open: impl Fn() -> cache_core::Result<CachedStore>) -> CachedStore {
    for _ in 0..60 {
        match open() {
            Err(error) if error.to_string().contains("in use by process") => {}
            opened => return opened.unwrap(),
        }
    }
    panic!("the journal is not given back");
}

/// Everything is sent, whatever pauses there are: the clock stands still.
pub(crate) async fn drained(world: &World, store: &CachedStore) {
    until("everything was sent", || {
        world.clock.advance(Duration::from_secs(31));
        store.pending().writes == 0
    })
    .await;
}

pub(crate) fn found<T>(result: object_store::Result<T>) -> Option<T> {
    match result {
        Ok(found) => Some(found),
        Err(Error::NotFound { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

/// What the store says that a path has.
pub(crate) async fn read(store: &CachedStore, path: &str) -> Option<Bytes> {
    let found = found(store.get(&Path::from(path)).await)?;
    let size = found.meta.size;
    let bytes = found.bytes().await.unwrap();
    assert_eq!(bytes.len() as u64, size);
    Some(bytes)
}

pub(crate) async fn put(
    store: &CachedStore,
    path: &str,
    bytes: &Bytes,
) -> object_store::Result<()> {
    store.put(&Path::from(path), bytes.clone().into()).await.map(drop)
}

/// Bytes that differ by their seed.
pub(crate) fn bytes(seed: u8, size: usize) -> Bytes {
    (0..size).map(|at| (at as u8).wrapping_mul(31).wrapping_add(seed)).collect()
}

pub(crate) async fn names(store: &CachedStore, prefix: Option<&str>) -> Vec<String> {
    let prefix = prefix.map(Path::from);
    let all: Vec<_> = store.list(prefix.as_ref()).try_collect().await.unwrap();
    let mut names = Vec::from_iter(all.into_iter().map(|meta| meta.location.to_string()));
    names.sort();
    names
}

/// Waits for what happens on other threads.
pub(crate) async fn until(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..12_000 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain until {what}");
}

/// A directory as a kill would leave it.
pub(crate) fn copy_all(from: &FilePath, to: &FilePath) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_all(&entry.path(), &to),
            // What is being renamed may be gone.
            false => drop(std::fs::copy(entry.path(), to)),
        }
    }
}
