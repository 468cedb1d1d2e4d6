//! What is kept, in which order it goes, and that it goes (F3, F4, F20, F22).

use crate::pair::{Pair, data, keep, kept, read, until};
use crate::stand::Kind;
use bytes::Bytes;
use cache_stores::{CachedStore, Fifo, ServedFrom, Ttl};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use std::time::Duration;

async fn put(store: &CachedStore, path: &str, data: &Bytes) {
    store.put(&Path::from(path), data.clone().into()).await.unwrap();
}

pub(crate) async fn f3_fifo_keeps_the_newest_by_insertion(pair: Pair) {
    let store = pair.store(|builder| builder.policy(Fifo(3)));
    for path in ["a", "b", "c"] {
        pair.elsewhere(path, &data(1, 5_000)).await;
        keep(&store, path).await;
        pair.later(1);
    }
    assert_eq!(kept(&store), ["a", "b", "c"]);
    // A read changes no order.
    assert_eq!(read(&store, "a").await.unwrap().1, ServedFrom::Local);
    assert_eq!(kept(&store), ["a", "b", "c"]);
    // A write makes it the newest.
    put(&store, "a", &data(2, 3_000)).await;
    assert_eq!(kept(&store), ["b", "c", "a"]);
    put(&store, "d", &data(3, 3_000)).await;
    assert_eq!(kept(&store), ["c", "a", "d"]);
    let before = pair.far.requests();
    for (path, seed) in [("a", 2), ("d", 3)] {
        assert_eq!(read(&store, path).await.unwrap(), (data(seed, 3_000), ServedFrom::Local));
    }
    assert_eq!(pair.far.requests(), before);
    assert_ne!(read(&store, "b").await.unwrap().1, ServedFrom::Local);
}

pub(crate) async fn f4_what_is_evicted_or_expired_is_deleted_from_the_local_store(pair: Pair) {
    let store = pair.store(|builder| builder.policy(Fifo(2) | Ttl("60s")));
    for path in ["a", "b", "c", "d"] {
        put(&store, path, &data(1, 10_000)).await;
    }
    assert_eq!(kept(&store), ["c", "d"]);
    // Three chunks each.
    until("what was evicted is deleted", || pair.near.present().len() == 6).await;
    assert_eq!(store.stats().evicted_objects, 2);
    assert_eq!(store.stats().bytes, bytes(&pair).await);
    pair.later(60);
    store.purge().await;
    assert_eq!(kept(&store), [""; 0]);
    until("what has expired is deleted", || pair.near.present().is_empty()).await;
    assert_eq!(store.stats().bytes, 0);
    assert_eq!(bytes(&pair).await, 0);
}

/// What lies in the local store.
async fn bytes(pair: &Pair) -> u64 {
    let mut sum = 0;
    for path in pair.near.present() {
        sum += pair.local.store.head(&path).await.unwrap().size;
    }
    sum
}

pub(crate) async fn f20_the_status_lists_what_is_kept_with_age_in_order(pair: Pair) {
    let store = pair.store(|builder| builder);
    for (path, length) in [("old", 9_000), ("young", 100)] {
        put(&store, path, &data(1, length)).await;
        pair.later(10);
    }
    let status = store.status();
    let seen: Vec<_> =
        status.iter().map(|one| (one.path().as_ref(), one.size(), one.age())).collect();
    let seconds = Duration::from_secs;
    assert_eq!(seen, [("old", 9_000, seconds(20)), ("young", 100, seconds(10))]);
    assert!(status.iter().all(|one| one.is_complete() && one.kept() > one.size()), "{status:?}");
    // Used: it would go last.
    read(&store, "old").await.unwrap();
    assert_eq!(kept(&store), ["young", "old"]);
}

pub(crate) async fn f22_an_index_on_disk_serves_and_evicts_after_a_restart(pair: Pair) {
    let index = pair.folder.path().join("index");
    let open = || pair.store(|builder| builder.policy(Fifo(2)).index(&index));
    let store = open();
    for path in ["a", "b", "c"] {
        put(&store, path, &data(1, 9_000)).await;
    }
    until("what was evicted is deleted", || pair.near.present().len() == 6).await;
    store.close().await;
    let store = open();
    let before = pair.far.requests();
    assert_eq!(kept(&store), ["b", "c"]);
    for path in ["b", "c"] {
        assert_eq!(read(&store, path).await.unwrap(), (data(1, 9_000), ServedFrom::Local));
    }
    assert_eq!(pair.far.requests(), before);
    put(&store, "d", &data(1, 9_000)).await;
    assert_eq!(kept(&store), ["c", "d"]);
    until("what was evicted is deleted", || pair.near.present().len() == 6).await;
    assert_eq!(store.stats().bytes, bytes(&pair).await);
    if pair.local.kind != Kind::Redis {
        store.close().await;
        // Damaged: it is made anew from what lies in the local store.
        for entry in std::fs::read_dir(&index).unwrap().flatten() {
            std::fs::write(entry.path(), b"damaged beyond recognition").unwrap();
        }
        let store = open();
        let before = pair.far.conditional();
        // Nobody knows what was written since: the remote says that it is the same.
        assert_eq!(read(&store, "d").await.unwrap(), (data(1, 9_000), ServedFrom::Local));
        assert_eq!(pair.far.conditional(), before + 1);
        let before = pair.far.requests();
        assert_eq!(read(&store, "d").await.unwrap(), (data(1, 9_000), ServedFrom::Local));
        assert_eq!(pair.far.requests(), before);
        assert_eq!(store.stats().bytes, bytes(&pair).await);
    }
}
