//! What waits for the remote: until it is sent nothing of it ends, and nothing is left of what came to nothing.

use crate::common::Fails;
use crate::world::{World, bytes, drained, put, read};
use cache_stores::LocalTtl;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutOptions, TagSet};
use std::time::Duration;

#[tokio::test]
async fn what_waits_does_not_end_with_a_ttl_of_the_local_side() {
    let world = World::disk();
    let store = world.back();
    world.remote.fail(Fails::Away);
    let path = Path::from("a");
    let put = store.put_opts(&path, bytes(1, 1500).into(), LocalTtl(Duration::from_secs(1)).into());
    put.await.unwrap();
    assert_eq!(world.local.lives(), [None, None]);
}

#[tokio::test]
async fn an_upload_past_the_local_side_that_fails_at_its_end_is_aborted_and_told() {
    let world = World::disk();
    let store = world.back();
    world.local.fail(Fails::Full);
    let mut upload = store.put_multipart(&Path::from("a")).await.unwrap();
    upload.put_part(bytes(1, 3000).into()).await.unwrap();
    let before = store.stats().remote_errors;
    world.remote.fail(Fails::Denied);
    let error = upload.complete().await.unwrap_err();
    assert!(matches!(error, Error::PermissionDenied { .. }), "{error}");
    assert_eq!(world.remote.told(), ["xa"]);
    assert_eq!(store.stats().remote_errors, before + 1);
}

#[tokio::test]
async fn a_store_in_which_writes_wait_is_not_opened_without_its_journal() {
    let world = World::disk();
    let store = world.back();
    world.remote.fail(Fails::Away);
    put(&store, "a", &bytes(1, 3000)).await.unwrap();
    drop(store);
    let error = world.builder().build().unwrap_err().to_string();
    assert!(error.contains("1 writes wait") && error.contains("`write_back`"), "{error}");
    let store = world.back();
    world.remote.fail(Fails::No);
    store.flush().await.unwrap();
    assert_eq!(world.far("a").await.unwrap(), bytes(1, 3000));
    drop(store);
    assert_eq!(read(&world.store(), "a").await.unwrap(), bytes(1, 3000));
}

#[tokio::test]
async fn a_write_that_the_journal_does_not_take_leaves_nothing_of_it_in_the_local_store() {
    let world = World::memory();
    let store = world.back();
    let (path, mut tags) = (Path::from("a"), TagSet::default());
    // More than a record can have.
    tags.push("long", &"x".repeat(17 << 20));
    let options = PutOptions { tags, ..PutOptions::default() };
    store.put_opts(&path, bytes(1, 3000).into(), options).await.unwrap();
    assert_eq!(world.far("a").await.unwrap(), bytes(1, 3000), "it went past the journal");
    assert_eq!(read(&store, "a").await.unwrap(), bytes(1, 3000));
    store.delete(&path).await.unwrap();
    drained(&world, &store).await;
    world.settled(&store).await;
    assert_eq!(world.laid().await, 0);
}
