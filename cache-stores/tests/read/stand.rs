//! A remote with an object, a local store, and a cached store over them.

use crate::common::Watched;
use bytes::Bytes;
use cache_core::ManualClock;
use cache_stores::object_store::local::LocalFileSystem;
use cache_stores::object_store::memory::InMemory;
use cache_stores::object_store::path::Path;
use cache_stores::object_store::{GetOptions, GetResult, ObjectStore, ObjectStoreExt, Result};
use cache_stores::{CachedStore, Refresh, Served, ServedFrom, StoreBuilder};
use tempfile::TempDir;

/// Small, so that a few kilobytes are many chunks.
pub(crate) const CHUNK: usize = 1024;

pub(crate) struct Stand {
    pub(crate) local: Watched,
    pub(crate) remote: Watched,
    pub(crate) store: CachedStore,
    pub(crate) time: ManualClock,
    /// The directory of a local store on disk.
    pub(crate) _directory: Option<TempDir>,
}

impl Stand {
    /// In memory.
    pub(crate) fn new(options: impl FnOnce(StoreBuilder) -> StoreBuilder) -> Self {
        Stand::over(Watched::new(InMemory::new()), None, options)
    }

    pub(crate) fn on_disk(options: impl FnOnce(StoreBuilder) -> StoreBuilder) -> Self {
        let directory = TempDir::new().expect("a directory");
        let local = LocalFileSystem::new_with_prefix(directory.path()).expect("a store");
        Stand::over(Watched::new(local), Some(directory), options)
    }

    pub(crate) fn over(
        local: Watched,
        directory: Option<TempDir>,
        options: impl FnOnce(StoreBuilder) -> StoreBuilder,
    ) -> Self {
        let (remote, time) = (Watched::new(InMemory::new()), ManualClock::new());
        let builder = CachedStore::new(local.clone(), remote.clone()).chunk(CHUNK).name("stand");
        let store = options(builder.clock(time.clock())).build().expect("a store");
        Stand { local, remote, store, time, _directory: directory }
    }

    /// Puts an object into the remote, behind the store's back.
    pub(crate) async fn put(&self, path: &str, bytes: &Bytes) {
        self.remote.put(&Path::from(path), bytes.clone().into()).await.expect("put");
    }

    pub(crate) async fn get(&self, path: &str) -> Result<GetResult> {
        self.store.get(&Path::from(path)).await
    }

    /// Reads an object to its end, and says where it came from.
    pub(crate) async fn read(&self, path: &str) -> Result<(Bytes, ServedFrom)> {
        let result = self.get(path).await?;
        let from = from(&result);
        Ok((result.bytes().await?, from))
    }

    pub(crate) async fn refresh(&self, path: &str) -> Result<(Bytes, ServedFrom)> {
        let mut options = GetOptions::new();
        options.extensions.insert(Refresh);
        let result = self.store.get_opts(&Path::from(path), options).await?;
        let from = from(&result);
        Ok((result.bytes().await?, from))
    }

    /// What lies in local.
    pub(crate) async fn places(&self) -> Vec<Path> {
        use futures::TryStreamExt;
        let list = self.local.list(None).map_ok(|meta| meta.location);
        list.try_collect().await.expect("a list")
    }

    /// The fetches go on for a while after their last reader has his bytes.
    pub(crate) async fn settled(&self, mut done: impl FnMut(&Stand) -> bool) {
        let began = std::time::Instant::now();
        while !done(self) {
            assert!(began.elapsed().as_secs() < 20, "it does not come: {:?}", self.store.stats());
            // Another thread works for it.
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }

    /// All chunks of the only object are in local.
    pub(crate) async fn complete(&self, chunks: usize) {
        self.settled(|stand| {
            let status = stand.store.status();
            status.iter().any(|entry| entry.is_complete()) && stand.local.puts() >= chunks as u64
        })
        .await;
    }
}

pub(crate) fn from(result: &GetResult) -> ServedFrom {
    result.extensions.get::<Served>().expect("it says where it is from").from
}

/// Bytes in which every place can be told from others.
pub(crate) fn bytes(length: usize) -> Bytes {
    (0..length as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}
