//! A local store that does not answer holds nobody beyond its deadline, and what comes late is accounted for.

use crate::stand::{CHUNK, Stand, bytes, from};
use cache_core::ManualClock;
use cache_stores::object_store::memory::InMemory;
use cache_stores::object_store::path::Path;
use cache_stores::object_store::{ObjectStore, ObjectStoreExt};
use cache_stores::{CachedStore, ServedFrom};
use futures::StreamExt;
use std::future::Future;
use std::time::Duration;

pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// Moves the clock on until it is done; a failure if it never is.
pub(crate) async fn passing<T>(time: &ManualClock, what: impl Future<Output = T>) -> T {
    let mut what = std::pin::pin!(what);
    for _ in 0..2000 {
        // Other threads work for it: a short while of their time, and a deadline of the store's.
        match tokio::time::timeout(Duration::from_millis(10), &mut what).await {
            Ok(done) => return done,
            Err(_) => time.advance(DEADLINE),
        }
    }
    panic!("it hangs");
}

fn impatient() -> Stand {
    Stand::new(|store| store.local_deadline(DEADLINE))
}

#[tokio::test]
async fn f12_a_local_store_that_never_answers_a_read_costs_a_deadline_and_no_answer() {
    let stand = impatient();
    let content = bytes(10 * CHUNK);
    stand.put("a", &content).await;
    stand.read("a").await.unwrap();
    stand.complete(10).await;
    let gate = stand.local.hang();
    let before = stand.time.elapsed();
    let (read, from) = passing(&stand.time, stand.read("a")).await.unwrap();
    assert_eq!((read, from), (content.clone(), ServedFrom::Remote));
    assert!(stand.time.elapsed() - before >= DEADLINE, "it was not waited for");
    assert_eq!(stand.store.stats().local_errors, 1, "{:?}", stand.store.stats());
    // It was slow, not empty: the copy is there when it answers again.
    gate.add_permits(1000);
    assert_eq!(stand.read("a").await.unwrap(), (content, ServedFrom::Local));
}

#[tokio::test]
async fn f12_a_local_store_that_never_takes_a_chunk_does_not_hold_a_fetch() {
    let stand = impatient();
    let _gate = stand.local.hold_puts();
    let content = bytes(50 * CHUNK);
    stand.put("a", &content).await;
    assert_eq!(passing(&stand.time, stand.read("a")).await.unwrap().0, content);
    assert_eq!(stand.store.stats().bytes, 0);
    assert!(stand.store.stats().local_errors > 0);
    assert!(stand.remote.bytes() <= content.len() as u64 + 8 * CHUNK as u64);
    // What never ends is not heaped up.
    for n in 0..20 {
        let path = format!("b{n}");
        stand.put(&path, &content).await;
        assert_eq!(passing(&stand.time, stand.read(&path)).await.unwrap().0, content);
    }
    assert!(stand.local.held() <= 8 * 2 * CHUNK, "{} bytes wait", stand.local.held());
    let path = Path::from("c");
    passing(&stand.time, stand.store.put(&path, content.clone().into())).await.unwrap();
    assert_eq!(passing(&stand.time, stand.read("c")).await.unwrap().0, content);
}

#[tokio::test]
async fn a_chunk_that_local_takes_late_is_kept_and_accounted_for() {
    let stand = impatient();
    let gate = stand.local.hold_puts();
    let content = bytes(CHUNK);
    stand.put("a", &content).await;
    assert_eq!(stand.read("a").await.unwrap().0, content);
    stand.settled(|stand| stand.local.puts() == 1).await;
    passing(&stand.time, stand.settled(|stand| stand.store.stats().local_errors == 1)).await;
    assert_eq!((stand.store.stats().bytes, stand.places().await.len()), (0, 0));
    gate.add_permits(1);
    stand.complete(1).await;
    assert_eq!(stand.places().await.len(), 1);
    assert_eq!(stand.read("a").await.unwrap(), (content, ServedFrom::Local));
    assert_eq!(stand.remote.gets(), 1);
}

#[tokio::test]
async fn a_chunk_that_local_takes_after_its_store_has_gone_is_deleted_again() {
    let stand = impatient();
    let gate = stand.local.hold_puts();
    stand.put("a", &bytes(CHUNK)).await;
    stand.read("a").await.unwrap();
    stand.settled(|stand| stand.local.puts() == 1).await;
    passing(&stand.time, stand.settled(|stand| stand.store.stats().local_errors == 1)).await;
    let Stand { store, local, time, .. } = stand;
    passing(&time, store.close()).await;
    gate.add_permits(1);
    let began = std::time::Instant::now();
    while local.deletes() == 0 || local.list(None).count().await > 0 {
        assert!(began.elapsed().as_secs() < 20, "it lies there, and nobody knows of it");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_local_store_that_was_late_is_given_chunks_again_when_it_has_answered() {
    let stand = impatient();
    let gate = stand.local.hold_puts();
    let name = |n: u64| format!("a/{n}");
    for n in 0..6 {
        stand.put(&name(n), &bytes(CHUNK)).await;
        stand.read(&name(n)).await.unwrap();
        // Each is late, or not even tried.
        let late = |stand: &Stand| stand.store.stats().local_errors == n + 1;
        passing(&stand.time, stand.settled(late)).await;
    }
    assert_eq!(stand.local.puts(), 4, "four are on their way");
    gate.add_permits(1000);
    stand.settled(|stand| stand.local.held() == 0).await;
    let complete = |stand: &Stand| stand.store.status().iter().filter(|e| e.is_complete()).count();
    stand.settled(|stand| complete(stand) == 4).await;
    for n in 6..12 {
        stand.put(&name(n), &bytes(CHUNK)).await;
        stand.read(&name(n)).await.unwrap();
        stand.settled(|stand| complete(stand) as u64 == n - 1).await;
    }
}

#[tokio::test]
async fn a_chunk_that_local_takes_after_its_copy_has_left_is_deleted_again() {
    for presence in [false, true] {
        let stand = Stand::new(|store| {
            let store = store.local_deadline(DEADLINE);
            if presence { store.presence() } else { store }
        });
        let gate = stand.local.hold_puts();
        stand.put("a", &bytes(CHUNK)).await;
        passing(&stand.time, stand.read("a")).await.unwrap();
        stand.settled(|stand| stand.local.puts() == 1).await;
        passing(&stand.time, stand.settled(|stand| stand.store.stats().local_errors >= 1)).await;
        passing(&stand.time, stand.store.delete(&Path::from("a"))).await.unwrap();
        let before = stand.local.deletes();
        gate.add_permits(1);
        stand.settled(|stand| stand.local.deletes() > before).await;
        stand.settled(|stand| stand.local.held() == 0).await;
        assert!(stand.places().await.is_empty(), "presence: {presence}");
        assert_eq!(stand.store.stats().bytes, 0);
        stand.get("a").await.unwrap_err();
    }
}

#[tokio::test]
async fn f1_who_comes_when_all_has_arrived_is_served_from_the_cache_though_local_is_slow() {
    let stand = Stand::new(|store| store);
    let gate = stand.local.hold_puts();
    let content = bytes(2 * CHUNK);
    stand.put("a", &content).await;
    assert_eq!(stand.read("a").await.unwrap(), (content.clone(), ServedFrom::Remote));
    stand.settled(|stand| stand.local.puts() == 2).await;
    let asked = (stand.remote.gets(), stand.remote.heads());
    assert_eq!(stand.read("a").await.unwrap(), (content.clone(), ServedFrom::Local));
    let store = stand.store.clone();
    let handle = move || {
        let mut handle = store.open("a").unwrap();
        (handle.read_all().unwrap(), handle.info().unwrap().cached)
    };
    let read = tokio::task::spawn_blocking(handle).await.unwrap();
    assert_eq!(read, (content, true));
    assert_eq!((stand.remote.gets(), stand.remote.heads()), asked);
    assert_eq!((stand.store.stats().hits, stand.store.stats().bytes), (2, 0));
    gate.add_permits(2);
}

#[tokio::test]
async fn f1_who_joins_bytes_that_are_still_coming_is_told_so() {
    let stand = Stand::new(|store| store);
    let gate = stand.remote.hold();
    let content = bytes(2 * CHUNK);
    stand.put("a", &content).await;
    // The first chunk, and not the second one; before the read, which may wait for its first bytes.
    gate.add_permits(2);
    let first = stand.get("a").await.unwrap();
    assert_eq!(from(&first), ServedFrom::Remote);
    stand.settled(|stand| stand.remote.bytes() == 2000).await;
    let second = stand.get("a").await.unwrap();
    assert_eq!(from(&second), ServedFrom::Flight);
    gate.add_permits(100);
    assert_eq!(first.bytes().await.unwrap(), content);
    assert_eq!(second.bytes().await.unwrap(), content);
    assert_eq!(stand.remote.gets(), 1);
}

#[tokio::test]
async fn f1_a_copy_in_part_is_not_served_from_the_cache_alone() {
    let stand = Stand::new(|store| store);
    let content = bytes(3 * CHUNK);
    stand.put("a", &content).await;
    let first = stand.store.get_range(&Path::from("a"), 0..CHUNK as u64).await.unwrap();
    assert_eq!(first, content.slice(..CHUNK));
    let began = std::time::Instant::now();
    // As long as the fetch holds it, it comes from there.
    while stand.local.gets() == 0 {
        assert!(began.elapsed().as_secs() < 20, "it is not kept");
        let again = stand.store.get_range(&Path::from("a"), 0..CHUNK as u64).await.unwrap();
        assert_eq!(again, first);
    }
    let (whole, from) = stand.read("a").await.unwrap();
    assert!(whole == content, "it is what the remote has");
    // The fetch of the first chunk may still be winding up.
    assert!(matches!(from, ServedFrom::Remote | ServedFrom::Flight), "{from:?}");
    assert_eq!(stand.remote.gets(), 2);
}

#[tokio::test]
async fn a_delete_that_local_never_ends_holds_neither_readers_nor_the_end_of_the_store() {
    let stand = Stand::new(|store| {
        store.local_deadline(DEADLINE).policy(cache_stores::Count(1) | cache_stores::Lru)
    });
    let content = bytes(3 * CHUNK);
    for path in ["a", "b"] {
        stand.put(path, &content).await;
    }
    stand.read("a").await.unwrap();
    stand.complete(3).await;
    let gate = stand.local.hang();
    // It evicts the other one.
    assert_eq!(passing(&stand.time, stand.read("b")).await.unwrap().0, content);
    stand.settled(|stand| stand.local.deletes() == 1).await;
    passing(&stand.time, stand.store.delete(&Path::from("b"))).await.unwrap();
    let Stand { store, time, .. } = stand;
    passing(&time, store.close()).await;
    drop(gate);
}

#[tokio::test]
async fn what_leaves_the_index_is_deleted_before_a_store_is_closed() {
    let stand = Stand::new(|store| store.policy(cache_stores::Count(1) | cache_stores::Lru));
    let content = bytes(30 * CHUNK);
    for path in ["a", "b"] {
        stand.put(path, &content).await;
        stand.read(path).await.unwrap();
    }
    let Stand { store, local, .. } = stand;
    store.close().await;
    // Those of the second one alone.
    assert_eq!(local.list(None).count().await, 30);
}

#[test]
fn a_deadline_that_cannot_be_is_refused_by_its_name() {
    for (wrong, says) in [("0s", "more than 0"), ("soon", "\"soon\"")] {
        let store = CachedStore::new(InMemory::new(), InMemory::new()).local_deadline(wrong);
        let error = store.build().unwrap_err();
        assert!(error.is_invalid(), "{error}");
        assert!(error.to_string().contains("`local_deadline`"), "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}
