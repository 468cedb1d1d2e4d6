//! Without an index: what lies in the local store decides.

use crate::common::{Fails, Fault, Faults};
use crate::stand::{CHUNK, Stand, bytes};
use bytes::Bytes;
use cache_stores::object_store::path::Path;
use cache_stores::object_store::{Error, ObjectStoreExt};
use cache_stores::{CachedStore, ServedFrom};

fn stand() -> Stand {
    Stand::new(|store| store.presence())
}

async fn empty(stand: &Stand) {
    for place in stand.places().await {
        stand.local.delete(&place).await.unwrap();
    }
}

#[tokio::test]
async fn f14_without_an_index_what_lies_in_local_decides() {
    for length in [0, 10, 5 * CHUNK + 3] {
        let stand = stand();
        let content = bytes(length);
        let chunks = length.div_ceil(CHUNK).max(1) as u64;
        stand.put("a", &content).await;
        assert_eq!(stand.read("a").await.unwrap(), (content.clone(), ServedFrom::Remote));
        stand.settled(|stand| stand.local.puts() == chunks).await;
        while stand.places().await.len() < chunks as usize {
            tokio::task::yield_now().await;
        }
        let gets = stand.remote.gets();
        assert_eq!(stand.read("a").await.unwrap(), (content.clone(), ServedFrom::Local));
        assert_eq!(stand.store.head(&Path::from("a")).await.unwrap().size, length as u64);
        assert_eq!((stand.remote.gets(), stand.remote.heads()), (gets, 0));
        // Another process over the same local store finds it, too.
        let other = CachedStore::new(stand.local.clone(), stand.remote.clone());
        let other = other.chunk(CHUNK).presence().build().unwrap();
        let read = other.get(&Path::from("a")).await.unwrap().bytes().await.unwrap();
        assert_eq!((read, stand.remote.gets()), (content.clone(), gets));
        // Local lets it go: it is fetched and kept again.
        empty(&stand).await;
        assert_eq!(stand.read("a").await.unwrap(), (content.clone(), ServedFrom::Remote));
        stand.settled(|stand| stand.local.puts() == 2 * chunks).await;
        assert_eq!(stand.read("a").await.unwrap().0, content);
    }
}

#[tokio::test]
async fn without_an_index_a_write_is_read_and_a_delete_leaves_nothing() {
    let stand = stand();
    let path = Path::from("a");
    for length in [3 * CHUNK, 10, 2 * CHUNK + 1] {
        stand.store.put(&path, bytes(length).into()).await.unwrap();
        let gets = stand.remote.gets();
        assert_eq!(stand.read("a").await.unwrap(), (bytes(length), ServedFrom::Local));
        assert_eq!(stand.remote.gets(), gets);
    }
    stand.store.delete(&path).await.unwrap();
    assert!(matches!(stand.get("a").await, Err(Error::NotFound { .. })));
    assert!(stand.places().await.is_empty());
}

#[tokio::test]
async fn without_an_index_chunks_of_two_versions_are_never_mixed() {
    let stand = stand();
    let (old, new) = (bytes(5 * CHUNK), Bytes::from(vec![7; 5 * CHUNK]));
    let path = Path::from("a");
    stand.store.put(&path, old.clone().into()).await.unwrap();
    let reader = stand.get("a").await.unwrap();
    stand.store.put(&path, new.clone().into()).await.unwrap();
    match reader.bytes().await {
        Ok(read) => assert_eq!(read, old),
        Err(error) => assert!(matches!(error, Error::Precondition { .. }), "{error:?}"),
    }
    assert_eq!(stand.read("a").await.unwrap().0, new);
    let range = stand.store.get_range(&path, 4 * CHUNK as u64..5 * CHUNK as u64).await.unwrap();
    assert_eq!(range, new.slice(4 * CHUNK..));
}

#[tokio::test]
async fn without_an_index_a_damaged_chunk_is_a_miss() {
    let stand = stand();
    let content = bytes(2 * CHUNK);
    stand.store.put(&Path::from("a"), content.clone().into()).await.unwrap();
    for place in stand.places().await {
        let mut chunk = stand.local.get(&place).await.unwrap().bytes().await.unwrap().to_vec();
        chunk[3] ^= 1;
        stand.local.put(&place, chunk.into()).await.unwrap();
    }
    assert_eq!(stand.read("a").await.unwrap().0, content);
}

#[tokio::test]
async fn without_an_index_a_copy_that_local_did_not_delete_is_not_believed() {
    let stand = stand();
    let path = Path::from("a");
    let (old, new) = (bytes(CHUNK), Bytes::from(vec![7; CHUNK]));
    stand.store.put(&path, old.into()).await.unwrap();
    // Local gives what it has, and neither takes nor deletes anything.
    stand.local.fail(Faults { change: Some(Fault::Denied), ..Faults::default() });
    stand.store.put(&path, new.clone().into()).await.unwrap();
    assert_eq!(stand.read("a").await.unwrap(), (new.clone(), ServedFrom::Remote));
    assert_eq!(stand.store.head(&path).await.unwrap().size, CHUNK as u64);
    stand.local.fail(Fails::No);
    assert_eq!(stand.read("a").await.unwrap(), (new.clone(), ServedFrom::Remote));
    // It lies there again, in the place of the old one.
    stand.settled(|stand| stand.local.told().len() >= 2 && stand.local.held() == 0).await;
    let reads = stand.remote.reads();
    assert_eq!(stand.read("a").await.unwrap(), (new, ServedFrom::Local));
    assert_eq!(stand.remote.reads(), reads);
}
