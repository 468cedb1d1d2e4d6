//! What stores tell without being asked: the report, metrics, spans.

#[cfg(feature = "metrics")]
mod exported;
mod reported;
#[cfg(feature = "tracing")]
mod spans;

use cache_core::ManualClock;
use cache_stores::object_store::memory::InMemory;
use cache_stores::object_store::path::Path;
use cache_stores::object_store::{ObjectStore, ObjectStoreExt};
use cache_stores::{CachedStore, Ttl};
use std::sync::Arc;
use std::time::Duration;

fn path(text: &str) -> Path {
    Path::from(text)
}

/// A store of that name, its remote with one object of 5 bytes, and its clock.
async fn store(name: &str) -> (CachedStore, Arc<dyn ObjectStore>, ManualClock) {
    let remote: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    remote.put(&path("people/anna"), "hello".into()).await.unwrap();
    let time = ManualClock::new();
    let store = CachedStore::new(InMemory::new(), remote.clone())
        .policy(Ttl("60s"))
        .clock(time.clock())
        .name(name)
        .build()
        .unwrap();
    (store, remote, time)
}

async fn read(store: &CachedStore) {
    assert_eq!(store.get(&path("people/anna")).await.unwrap().bytes().await.unwrap(), "hello");
}

/// What has been read is kept, beside what the reader sees: waits for that, for 10 s at most.
async fn kept(store: &CachedStore) {
    for _ in 0..1000 {
        if store
            .status()
            .iter()
            .any(|entry| entry.path() == &path("people/anna") && entry.is_complete())
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it was not kept");
}
