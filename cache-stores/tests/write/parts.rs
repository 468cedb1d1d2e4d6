//! Objects in parts: visible when complete, and not before.

use crate::common::Fails;
use crate::world::{World, bytes, put, read};
use bytes::Bytes;
use cache_stores::{LocalTtl, Size};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMultipartOptions};
use std::time::Duration;

#[tokio::test]
async fn an_object_in_parts_is_visible_when_it_is_complete_and_then_read_locally() {
    for world in [World::memory(), World::disk()] {
        for backwards in [false, true] {
            let store = world.store();
            let old = read(&store, "a").await;
            let parts: Vec<Bytes> =
                [700, 3000, 1, 0, 2371, 1024].iter().map(|&size| bytes(9, size)).collect();
            let mut upload = store.put_multipart(&Path::from("a")).await.unwrap();
            let mut sent: Vec<_> =
                parts.iter().map(|part| upload.put_part(part.clone().into())).collect();
            if backwards {
                sent.reverse();
            }
            for part in sent {
                part.await.unwrap();
            }
            assert_eq!(read(&store, "a").await, old, "not yet");
            upload.complete().await.unwrap();
            let gets = world.remote.reads();
            assert_eq!(read(&store, "a").await.unwrap(), parts.concat());
            assert_eq!(world.remote.reads(), gets, "from local");
            assert_eq!(world.far("a").await.unwrap(), parts.concat());
            let error = upload.complete().await.unwrap_err().to_string();
            assert!(error.contains("\"a\" was completed"), "{error}");
            world.settled(&store).await;
        }
    }
}

#[tokio::test]
async fn an_empty_object_in_parts_is_an_empty_object() {
    let world = World::disk();
    let store = world.store();
    store.put_multipart(&Path::from("a")).await.unwrap().complete().await.unwrap();
    assert_eq!(read(&store, "a").await.unwrap(), Bytes::new());
    world.settled(&store).await;
}

#[tokio::test]
async fn what_is_aborted_or_dropped_leaves_nothing_behind() {
    for world in [World::memory(), World::disk()] {
        let store = world.store();
        put(&store, "a", &bytes(1, 2000)).await.unwrap();
        let laid = world.laid().await;
        let mut upload = store.put_multipart(&Path::from("a")).await.unwrap();
        upload.put_part(bytes(2, 5000).into()).await.unwrap();
        assert!(world.laid().await > laid, "it is staged");
        upload.abort().await.unwrap();
        world.settled(&store).await;
        assert_eq!(world.laid().await, laid);
        let mut upload = store.put_multipart(&Path::from("a")).await.unwrap();
        let unawaited = upload.put_part(bytes(3, 5000).into());
        drop((unawaited, upload));
        crate::world::until("the remote was told", || {
            world.remote.told().iter().filter(|told| *told == "xa").count() == 2
        })
        .await;
        world.settled(&store).await;
        assert_eq!(world.laid().await, laid);
        let gets = world.remote.reads();
        assert_eq!(read(&store, "a").await.unwrap(), bytes(1, 2000));
        assert_eq!(world.remote.reads(), gets);
    }
}

#[tokio::test]
async fn a_refused_completion_changes_nothing_and_an_unsure_one_is_asked_about() {
    let world = World::disk();
    let store = world.store();
    put(&store, "a", &bytes(1, 2000)).await.unwrap();
    for (fails, seed) in [(Fails::Denied, 1), (Fails::Unsure, 2)] {
        let mut upload = store.put_multipart(&Path::from("a")).await.unwrap();
        upload.put_part(bytes(2, 5000).into()).await.unwrap();
        world.remote.fail(fails);
        let error = upload.complete().await.unwrap_err();
        assert_eq!(matches!(error, Error::PermissionDenied { .. }), fails == Fails::Denied);
        world.remote.fail(Fails::No);
        drop(upload);
        let size = if seed == 1 { 2000 } else { 5000 };
        assert_eq!(read(&store, "a").await.unwrap(), bytes(seed, size));
        world.settled(&store).await;
    }
}

#[tokio::test]
async fn a_failed_part_is_the_callers_and_nothing_wrong_is_kept() {
    let world = World::disk();
    let store = world.store();
    let mut upload = store.put_multipart(&Path::from("a")).await.unwrap();
    upload.put_part(bytes(1, 3000).into()).await.unwrap();
    world.remote.fail(Fails::Away);
    upload.put_part(bytes(2, 3000).into()).await.unwrap_err();
    world.remote.fail(Fails::No);
    let _ = upload.complete().await;
    assert_eq!(read(&store, "a").await, world.far("a").await);
    world.settled(&store).await;
}

#[tokio::test]
async fn what_is_larger_than_everything_may_be_passes_through() {
    let world = World::disk();
    let store = world.builder().policy(Size(8000)).build().unwrap();
    put(&store, "small", &bytes(1, 1000)).await.unwrap();
    let mut upload = store.put_multipart(&Path::from("large")).await.unwrap();
    for seed in 0..20 {
        upload.put_part(bytes(seed, 1000).into()).await.unwrap();
        assert!(world.laid().await < 8000 + 2000, "{}", world.laid().await);
    }
    upload.complete().await.unwrap();
    let whole = (0..20).map(|seed| bytes(seed, 1000)).collect::<Vec<_>>().concat();
    assert_eq!(read(&store, "large").await.unwrap(), whole);
    world.settled(&store).await;
    assert!(store.stats().bytes <= 8000);
}

#[tokio::test]
async fn local_trouble_is_not_the_uploads() {
    let world = World::disk();
    let store = world.store();
    let mut upload = store.put_multipart(&Path::from("a")).await.unwrap();
    upload.put_part(bytes(1, 3000).into()).await.unwrap();
    world.local.fail(Fails::Full);
    upload.put_part(bytes(2, 3000).into()).await.unwrap();
    world.local.fail(Fails::No);
    upload.put_part(bytes(3, 3000).into()).await.unwrap();
    upload.complete().await.unwrap();
    assert_eq!(read(&store, "a").await, world.far("a").await);
    assert_eq!(read(&store, "a").await.unwrap().len(), 9000);
    world.settled(&store).await;
}

#[tokio::test]
async fn the_ttl_of_the_local_side_holds_for_an_object_in_parts() {
    let world = World::disk();
    let store = world.store();
    let mut options = PutMultipartOptions::default();
    options.extensions.insert(LocalTtl(Duration::from_secs(7)));
    let mut upload = store.put_multipart_opts(&Path::from("a"), options).await.unwrap();
    upload.put_part(bytes(1, 1500).into()).await.unwrap();
    upload.complete().await.unwrap();
    assert_eq!(world.local.lives(), [Some(Duration::from_secs(7)); 2]);
}
