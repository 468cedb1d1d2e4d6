//! Without an index: what lies in the local store decides.

use crate::common::{Fails, Fault, Faults};
use crate::stand::{CHUNK, Stand, bytes};
use bytes::Bytes;
use cache_stores::object_store::path::Path;
use cache_stores::object_store::{
    Attribute, AttributeValue, Attributes, Error, GetOptions, ObjectStore, ObjectStoreExt,
    PutOptions,
};
use cache_stores::{CachedStore, Refresh, Served, ServedFrom};
use parking_lot::Mutex;
use std::sync::mpsc;
use std::time::{Duration, Instant};

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
        let range = length as u64 / 3..length as u64;
        if !range.is_empty() {
            let part = stand.store.get_range(&Path::from("a"), range).await.unwrap();
            assert_eq!(part, content.slice(length / 3..));
        }
        assert_eq!((stand.remote.gets(), stand.remote.heads()), (gets, 0));
        // Another process over the same local store finds it, too.
        let other = CachedStore::new(stand.local.clone(), stand.remote.clone());
        let other = other.chunk(CHUNK).presence().build().unwrap();
        let read = other.get(&Path::from("a")).await.unwrap().bytes().await.unwrap();
        assert_eq!((read, stand.remote.gets()), (content.clone(), gets));
        // Local lets it go, which is no trouble: it is fetched and kept again.
        empty(&stand).await;
        assert_eq!(stand.read("a").await.unwrap(), (content.clone(), ServedFrom::Remote));
        let began = Instant::now();
        // What the fetch of before still holds is kept by a later one.
        while stand.places().await.len() < chunks as usize {
            assert!(began.elapsed().as_secs() < 20, "it is not kept");
            assert_eq!(stand.read("a").await.unwrap().0, content);
        }
        let last = stand.places().await.pop().unwrap();
        stand.local.delete(&last).await.unwrap();
        assert_eq!(stand.read("a").await.unwrap().0, content);
        assert_eq!(stand.store.stats().local_errors, 0);
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
    // It will lie there again, in the place of the old one: the first reads may be given what the fetch of before
    // still holds.
    let began = Instant::now();
    loop {
        let reads = stand.remote.reads();
        let (read, from) = stand.read("a").await.unwrap();
        assert_eq!(read, new);
        if from == ServedFrom::Local {
            assert_eq!(stand.remote.reads(), reads);
            return;
        }
        assert!(began.elapsed().as_secs() < 20, "it is not kept");
    }
}

#[tokio::test]
async fn without_an_index_what_was_being_fetched_when_it_was_deleted_is_not_kept() {
    let stand = stand();
    stand.put("a", &bytes(3 * CHUNK)).await;
    let gate = stand.remote.hold();
    gate.add_permits(1);
    let reader = stand.get("a").await.unwrap();
    stand.store.delete(&Path::from("a")).await.unwrap();
    gate.add_permits(100);
    // He has what he began to read, or an error.
    let _ = reader.bytes().await;
    stand.settled(|stand| !stand.store.explain(&Path::from("a")).in_flight).await;
    let Stand { store, local, remote, .. } = stand;
    store.close().await;
    let another = CachedStore::new(local.clone(), remote).chunk(CHUNK).presence().build().unwrap();
    let read = another.get(&Path::from("a")).await;
    assert!(matches!(read, Err(Error::NotFound { .. })), "{read:?}");
}

#[tokio::test]
async fn without_an_index_what_lies_in_the_place_of_another_is_a_miss() {
    // Of another path, as if their hashes agreed; another chunk of the same path.
    for (from, to) in [("b", 0), ("a", 1)] {
        let stand = stand();
        let of =
            |seed: u8| Bytes::from(bytes(2 * CHUNK).iter().map(|n| n ^ seed).collect::<Vec<_>>());
        stand.store.put(&Path::from("a"), of(0).into()).await.unwrap();
        let first = stand.places().await;
        stand.store.put(&Path::from("b"), of(1).into()).await.unwrap();
        let (mine, theirs): (Vec<_>, Vec<_>) =
            stand.places().await.into_iter().partition(|place| first.contains(place));
        let wrong = if from == "a" { &mine[to] } else { &theirs[to] };
        let wrong = stand.local.get(wrong).await.unwrap().bytes().await.unwrap();
        stand.local.put(&mine[0], wrong.into()).await.unwrap();
        assert_eq!(stand.read("a").await.unwrap().0, of(0), "{from} {to}");
        assert!(stand.store.stats().local_errors > 0);
    }
}

#[tokio::test]
async fn without_an_index_a_long_description_is_found_and_so_is_its_age() {
    let stand = stand();
    let long = AttributeValue::from("x".repeat(5000));
    let options =
        PutOptions::from(Attributes::from_iter([(Attribute::Metadata("long".into()), long)]));
    let path = Path::from("a");
    stand.remote.put_opts(&path, bytes(10).into(), options).await.unwrap();
    stand.read("a").await.unwrap();
    stand.settled(|stand| stand.local.told().len() == 1).await;
    stand.time.advance(Duration::from_secs(7));
    let asked = stand.remote.reads();
    assert_eq!(stand.store.head(&path).await.unwrap().size, 10);
    let read = stand.get("a").await.unwrap();
    let age = read.extensions.get::<Served>().unwrap().age;
    assert_eq!((read.attributes.len(), age), (1, Some(Duration::from_secs(7))));
    assert_eq!((read.bytes().await.unwrap(), stand.remote.reads()), (bytes(10), asked));
}

#[tokio::test]
async fn without_an_index_an_old_copy_that_comes_to_lie_there_late_is_not_believed() {
    let stand = stand();
    let (old, new) = (bytes(CHUNK), Bytes::from(vec![7; CHUNK]));
    stand.put("a", &old).await;
    let gate = stand.local.hold_puts();
    assert_eq!(stand.read("a").await.unwrap().0, old);
    stand.settled(|stand| stand.local.puts() == 1).await;
    // Nobody waits for it any more.
    stand
        .settled(|stand| {
            stand.time.advance(Duration::from_secs(11));
            stand.store.stats().local_errors > 0
        })
        .await;
    stand.local.hold_puts().add_permits(1000);
    stand.store.put(&Path::from("a"), new.clone().into()).await.unwrap();
    assert_eq!(stand.read("a").await.unwrap().0, new);
    // It comes behind the newer one, is read before anybody knows, and local does not delete it again.
    let ((landed, lies), (on, go)) = (mpsc::channel(), mpsc::channel::<()>());
    let first = Mutex::new(Some((landed, go)));
    stand.local.on_step(move |step| {
        let taken = first.lock().take_if(|_| step.starts_with("after"));
        if let Some((landed, go)) = taken {
            landed.send(()).unwrap();
            let _ = go.recv_timeout(Duration::from_secs(20));
        }
    });
    stand.local.fail(Faults { change: Some(Fault::Denied), ..Faults::default() });
    let errors = stand.store.stats().local_errors;
    gate.add_permits(1);
    stand.settled(|_| lies.try_recv().is_ok()).await;
    assert_eq!(stand.read("a").await.unwrap().0, new);
    on.send(()).unwrap();
    stand.settled(|stand| stand.store.stats().local_errors > errors).await;
    assert_eq!(stand.read("a").await.unwrap().0, new);
}

#[tokio::test]
async fn without_an_index_what_the_remote_does_not_have_any_more_is_not_believed() {
    for head in [false, true] {
        let stand = stand();
        let path = Path::from("a");
        stand.store.put(&path, bytes(CHUNK).into()).await.unwrap();
        stand.remote.delete(&path).await.unwrap();
        let mut options = GetOptions::new().with_head(head);
        options.extensions.insert(Refresh);
        let told = stand.store.get_opts(&path, options).await;
        assert!(matches!(told, Err(Error::NotFound { .. })), "{told:?}");
        let read = stand.read("a").await;
        assert!(matches!(read, Err(Error::NotFound { .. })), "{read:?}");
    }
}

#[tokio::test]
async fn without_an_index_a_version_that_local_does_not_take_is_not_hidden_by_the_former_one() {
    let full = Faults { put: Some(Fault::Full), ..Faults::default() };
    let refuses = Faults { change: Some(Fault::Denied), ..Faults::default() };
    for fault in [full, refuses] {
        let stand = stand();
        let (old, new) = (bytes(CHUNK), Bytes::from(vec![7; CHUNK]));
        stand.put("a", &old).await;
        stand.read("a").await.unwrap();
        stand.settled(|stand| stand.local.puts() == 1).await;
        assert_eq!(stand.read("a").await.unwrap().0, old);
        stand.put("a", &new).await;
        stand.local.fail(fault);
        assert_eq!(stand.refresh("a").await.unwrap(), (new.clone(), ServedFrom::Remote));
        // What the fetch still holds may be given for a while.
        stand.settled(|stand| stand.store.stats().local_errors > 0).await;
        for _ in 0..20 {
            assert_eq!(stand.read("a").await.unwrap().0, new, "{fault:?}");
        }
        stand.local.fail(Fails::No);
        assert_eq!(stand.read("a").await.unwrap().0, new, "{fault:?}");
    }
}
