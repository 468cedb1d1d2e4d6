//! What a sentence is tried on: two watched stores and a clock that stands still.

use crate::stand::Side;
use crate::stand::watched::{Watch, Watched};
use bytes::Bytes;
use cache_core::ManualClock;
use cache_stores::{CachedStore, Served, ServedFrom, StoreBuilder};
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A limit, not a wait.
const LIMIT: Duration = Duration::from_secs(60);

/// Ends with a failure what would never end.
pub(crate) async fn limited(test: impl Future<Output = ()>) {
    tokio::time::timeout(LIMIT, test).await.expect("it hangs");
}

pub(crate) struct Pair {
    pub(crate) local: Side,
    pub(crate) remote: Side,
    /// What the store under test did to either side.
    pub(crate) near: Arc<Watch>,
    pub(crate) far: Arc<Watch>,
    pub(crate) time: ManualClock,
    watched: [crate::stand::Store; 2],
    /// For an index or a journal.
    pub(crate) folder: tempfile::TempDir,
}

impl Pair {
    pub(crate) fn new(local: Side, remote: Side) -> Self {
        let (near_store, near) = Watched::over(local.store.clone());
        let (far_store, far) = Watched::over(remote.store.clone());
        let watched = [near_store, far_store];
        let (time, folder) = (ManualClock::new(), crate::stand::folder());
        Pair { local, remote, near, far, time, watched, folder }
    }

    /// Chunks of 4 KiB, and the clock of the pair.
    pub(crate) fn store(&self, more: impl FnOnce(StoreBuilder) -> StoreBuilder) -> CachedStore {
        let [local, remote] = self.watched.clone();
        let builder = CachedStore::new(local, remote).chunk("4KiB").clock(self.time.clock());
        more(builder).build().unwrap()
    }

    /// Somebody else writes to the remote.
    pub(crate) async fn elsewhere(&self, path: &str, data: &Bytes) {
        self.remote.store.put(&Path::from(path), data.clone().into()).await.unwrap();
    }

    pub(crate) fn later(&self, seconds: u64) {
        self.time.advance(Duration::from_secs(seconds));
    }
}

/// Bytes that differ at each position and from those of other seeds.
pub(crate) fn data(seed: u64, length: usize) -> Bytes {
    let word = |n: usize| (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (seed << 17);
    (0..length).map(|n| (word(n / 8) >> (n % 8 * 8)) as u8 ^ seed as u8).collect()
}

/// The whole object, and where it came from.
pub(crate) async fn read(store: &CachedStore, path: &str) -> Result<(Bytes, ServedFrom)> {
    read_with(store, path, GetOptions::default()).await
}

pub(crate) async fn read_with(
    store: &CachedStore,
    path: &str,
    options: GetOptions,
) -> Result<(Bytes, ServedFrom)> {
    let result = store.get_opts(&Path::from(path), options).await?;
    let served = *result.extensions.get::<Served>().expect("a cached store tells");
    Ok((result.bytes().await?, served.from))
}

/// Reads it, and waits until all of it is kept, which goes on beside the reader.
pub(crate) async fn keep(store: &CachedStore, path: &str) -> Bytes {
    let (data, _) = read(store, path).await.unwrap();
    until(&format!("{path} is kept"), || is_kept(store, path)).await;
    data
}

pub(crate) fn is_kept(store: &CachedStore, path: &str) -> bool {
    store.status().iter().any(|kept| kept.path().as_ref() == path && kept.is_complete())
}

/// What is kept, in the order in which it would be evicted.
pub(crate) fn kept(store: &CachedStore) -> Vec<String> {
    store.status().iter().map(|kept| kept.path().to_string()).collect()
}

/// Waits for what another thread of the store does, within a limit.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(10), "never: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
