//! Puts, deletions and copies that go through to the remote.

use crate::common::Fails;
use crate::world::{World, bytes, names, put, read, until};
use bytes::Bytes;
use cache_stores::KeepWrites;
use futures::future::join_all;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, UpdateVersion};

#[tokio::test]
async fn f5_a_write_goes_to_the_remote_then_to_local_and_a_following_read_is_local_and_equal() {
    for world in [World::memory(), World::disk()] {
        let store = world.store();
        for size in [0, 1, 1023, 1024, 1025, 5000] {
            let data = bytes(7, size);
            put(&store, "a/b", &data).await.unwrap();
            assert_eq!(world.far("a/b").await.unwrap(), data);
            let (gets, hits) = (world.remote.reads(), store.stats().hits);
            assert_eq!(read(&store, "a/b").await.unwrap(), data);
            assert_eq!(
                (world.remote.reads(), store.stats().hits),
                (gets, hits + 1),
                "{size} bytes"
            );
            world.settled(&store).await;
        }
        let e_tag = store.head(&Path::from("a/b")).await.unwrap().e_tag;
        assert_eq!(e_tag, world.memory.head(&Path::from("a/b")).await.unwrap().e_tag);
    }
}

#[tokio::test]
async fn f6_if_the_remote_refuses_a_write_local_and_index_are_unchanged_and_the_caller_sees_the_error()
 {
    for world in [World::memory(), World::disk()] {
        let store = world.store();
        put(&store, "a", &bytes(1, 3000)).await.unwrap();
        let (gets, writes) = (world.remote.reads(), world.local.writes());
        world.remote.fail(Fails::Denied);
        let error = put(&store, "a", &bytes(2, 3000)).await.unwrap_err();
        assert!(matches!(error, Error::PermissionDenied { .. }), "{error}");
        let error = store
            .put_opts(&Path::from("b"), "new".into(), PutMode::Create.into())
            .await
            .unwrap_err();
        assert!(matches!(error, Error::PermissionDenied { .. }), "{error}");
        world.remote.fail(Fails::No);
        let error = store
            .put_opts(&Path::from("a"), "new".into(), PutMode::Create.into())
            .await
            .unwrap_err();
        assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
        assert_eq!(read(&store, "a").await.unwrap(), bytes(1, 3000));
        assert_eq!((world.remote.reads(), world.local.writes()), (gets, writes));
        assert_eq!(read(&store, "b").await, None);
        world.settled(&store).await;
    }
}

#[tokio::test]
async fn after_an_unsure_failure_the_next_read_asks_the_remote() {
    let world = World::disk();
    let store = world.store();
    put(&store, "a", &bytes(1, 3000)).await.unwrap();
    world.remote.fail(Fails::Unsure);
    put(&store, "a", &bytes(2, 3000)).await.unwrap_err();
    world.remote.fail(Fails::No);
    assert_eq!(read(&store, "a").await.unwrap(), bytes(2, 3000), "it was written");
    world.remote.fail(Fails::Away);
    put(&store, "a", &bytes(3, 3000)).await.unwrap_err();
    world.remote.fail(Fails::No);
    let renewed = store.stats().renewed;
    assert_eq!(read(&store, "a").await.unwrap(), bytes(2, 3000), "it was not written");
    assert_eq!(store.stats().renewed, renewed + 1, "and nothing was transferred");
    world.remote.fail(Fails::Unsure);
    store.delete(&Path::from("a")).await.unwrap_err();
    world.remote.fail(Fails::No);
    assert_eq!(read(&store, "a").await, None, "it was deleted");
    world.settled(&store).await;
}

#[tokio::test]
async fn f7_delete_removes_from_index_local_and_remote_and_what_was_never_local_is_deleted_too() {
    for world in [World::memory(), World::disk()] {
        let store = world.store();
        put(&store, "a", &bytes(1, 3000)).await.unwrap();
        store.delete(&Path::from("a")).await.unwrap();
        assert_eq!(read(&store, "a").await, None);
        assert_eq!((world.far("a").await, store.stats().objects), (None, 0));
        assert_eq!(world.laid().await, 0);
        world.memory.put(&Path::from("b"), "never read".into()).await.unwrap();
        store.delete(&Path::from("b")).await.unwrap();
        assert_eq!((world.far("b").await, read(&store, "b").await), (None, None));
    }
}

#[tokio::test]
async fn many_are_deleted_and_those_that_the_remote_refuses_stay_as_they_are_there() {
    let world = World::disk();
    let store = world.store();
    for name in ["keep/1", "go/1", "go/2", "keep/2"] {
        put(&store, name, &bytes(1, 2000)).await.unwrap();
    }
    world.remote.fail_for(Fails::Denied, "keep");
    let paths = ["go/1", "keep/1", "go/2", "keep/2"].map(|path| Ok(Path::from(path)));
    let deleted = store.delete_stream(Box::pin(futures::stream::iter(paths)));
    let results: Vec<_> = futures::StreamExt::collect(deleted).await;
    let refused = results.iter().filter(|r| matches!(r, Err(Error::PermissionDenied { .. })));
    assert_eq!((refused.count(), results.len()), (2, 4));
    world.remote.fail(Fails::No);
    assert_eq!(names(&store, None).await, ["keep/1", "keep/2"]);
    for (name, there) in [("keep/1", true), ("go/1", false), ("go/2", false), ("keep/2", true)] {
        assert_eq!(read(&store, name).await.is_some(), there, "{name}");
    }
    world.settled(&store).await;
}

#[tokio::test]
async fn f10_text_is_utf_8_and_binary_comes_back_unchanged_empty_data_too() {
    for world in [World::memory(), World::disk()] {
        let store = world.store();
        let path = Path::from("grüße/ß.txt");
        store.put(&path, "straße ☃".into()).await.unwrap();
        assert_eq!(
            world.memory.get(&path).await.unwrap().bytes().await.unwrap(),
            "straße ☃".as_bytes()
        );
        assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "straße ☃".as_bytes());
        let all: Bytes = (0..=255).collect();
        put(&store, "all", &all).await.unwrap();
        put(&store, "none", &Bytes::new()).await.unwrap();
        for again in 0..2 {
            assert_eq!(read(&store, "all").await.unwrap(), all, "{again}");
            assert_eq!(read(&store, "none").await.unwrap(), Bytes::new(), "{again}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_in_progress_never_keeps_the_old_object_after_a_write() {
    for delete in [false, true] {
        let world = World::disk();
        let store = world.store();
        world.memory.put(&Path::from("a"), bytes(1, 5000).into()).await.unwrap();
        let gate = world.remote.gate();
        let reader = tokio::spawn({
            let store = store.clone();
            async move { store.get(&Path::from("a")).await?.bytes().await }
        });
        until("the fetch has read the old object", || world.remote.reads() == 1).await;
        world.remote.no_gate();
        let new = match delete {
            true => {
                store.delete(&Path::from("a")).await.unwrap();
                None
            }
            false => {
                put(&store, "a", &bytes(2, 4000)).await.unwrap();
                Some(bytes(2, 4000))
            }
        };
        assert_eq!(read(&store, "a").await, new, "while the fetch is still in progress");
        gate.add_permits(100);
        match reader.await.unwrap() {
            Ok(whole) => {
                assert!(whole == bytes(1, 5000) || Some(whole) == new, "one version, whole")
            }
            Err(Error::Precondition { .. } | Error::NotFound { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        assert_eq!(read(&store, "a").await, new);
        world.settled(&store).await;
    }
}

#[tokio::test]
async fn a_full_local_disk_costs_no_write() {
    let world = World::disk();
    let store = world.store();
    put(&store, "a", &bytes(1, 3000)).await.unwrap();
    world.local.fail(Fails::Full);
    put(&store, "a", &bytes(2, 3000)).await.unwrap();
    put(&store, "b", &bytes(3, 3000)).await.unwrap();
    assert_eq!(read(&store, "a").await.unwrap(), bytes(2, 3000));
    assert_eq!(read(&store, "b").await.unwrap(), bytes(3, 3000));
    assert!(store.stats().local_errors > 0);
    world.local.fail(Fails::No);
    put(&store, "a", &bytes(4, 100)).await.unwrap();
    assert_eq!(read(&store, "a").await.unwrap(), bytes(4, 100));
}

#[tokio::test]
async fn copies_and_renames_are_seen_at_once() {
    let world = World::disk();
    let store = world.store();
    for (name, seed) in [("a", 1), ("b", 2)] {
        put(&store, name, &bytes(seed, 2000)).await.unwrap();
    }
    store.copy(&Path::from("a"), &Path::from("b")).await.unwrap();
    assert_eq!(read(&store, "b").await.unwrap(), bytes(1, 2000));
    let error = store.copy_if_not_exists(&Path::from("b"), &Path::from("a")).await.unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    store.rename(&Path::from("b"), &Path::from("c")).await.unwrap();
    assert_eq!(read(&store, "b").await, None);
    assert_eq!(read(&store, "c").await.unwrap(), bytes(1, 2000));
    assert_eq!(names(&store, None).await, ["a", "c"]);
    world.settled(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_writers_that_raced_everyone_reads_what_the_remote_has() {
    for round in 0..10_u8 {
        let world = World::memory();
        let store = world.store();
        let writers = (0..8_u8).map(|seed| {
            let store = store.clone();
            tokio::spawn(async move {
                match seed {
                    7 => store.delete(&Path::from("a")).await.unwrap(),
                    _ => put(&store, "a", &bytes(seed, 1500 + usize::from(round))).await.unwrap(),
                }
            })
        });
        join_all(writers).await.into_iter().for_each(|written| written.unwrap());
        assert_eq!(read(&store, "a").await, world.far("a").await);
        assert_eq!(
            read(&store, "a").await,
            world.far("a").await,
            "nor does what that read kept differ"
        );
        world.settled(&store).await;
    }
}

#[tokio::test]
async fn a_refused_update_tells_that_the_copy_is_outdated() {
    let world = World::memory();
    let store = world.store();
    let path = Path::from("a");
    let put = store.put(&path, "one".into()).await.unwrap();
    world.memory.put(&path, "by someone else".into()).await.unwrap();
    let version = UpdateVersion { e_tag: put.e_tag, version: None };
    let error =
        store.put_opts(&path, "two".into(), PutMode::Update(version).into()).await.unwrap_err();
    assert!(matches!(error, Error::Precondition { .. }), "{error}");
    assert_eq!(read(&store, "a").await.unwrap(), "by someone else");
}

#[tokio::test]
async fn what_another_wrote_between_is_not_taken_for_ours() {
    let world = World::memory();
    let store = world.store();
    let gate = world.remote.gate();
    let writing = tokio::spawn({
        let store = store.clone();
        async move { put(&store, "a", &bytes(1, 2000)).await }
    });
    // It is written, and the store asks what the remote has.
    until("the store asks", || world.remote.reads() == 1).await;
    world.memory.put(&Path::from("a"), bytes(2, 2000).into()).await.unwrap();
    gate.add_permits(100);
    writing.await.unwrap().unwrap();
    world.remote.no_gate();
    // The answer was of our write: within the TTL the copy is believed. What must not be is our bytes with their tag.
    let head = store.head(&Path::from("a")).await.unwrap();
    let theirs = world.memory.head(&Path::from("a")).await.unwrap();
    let data = read(&store, "a").await.unwrap();
    assert_eq!(head.e_tag == theirs.e_tag, data == bytes(2, 2000));
}

#[tokio::test]
async fn what_was_written_is_read_also_where_nothing_tells_it_from_what_was_there() {
    let world = World::memory();
    world.remote.without_tags();
    let store = world.store();
    for seed in 1..=3 {
        put(&store, "a", &bytes(seed, 2000)).await.unwrap();
        assert_eq!(read(&store, "a").await.unwrap(), bytes(seed, 2000));
    }
    world.settled(&store).await;
}

#[tokio::test]
async fn writes_need_not_be_kept() {
    let world = World::disk();
    let store = world.builder().keep_writes(KeepWrites::Never).build().unwrap();
    put(&store, "a", &bytes(1, 3000)).await.unwrap();
    assert_eq!((world.laid().await, store.stats().objects), (0, 0));
    assert_eq!(read(&store, "a").await.unwrap(), bytes(1, 3000));
}

#[test]
fn every_operation_can_be_awaited_without_a_runtime() {
    let world = World::disk();
    let store = world.store();
    cache_core::wait(async {
        put(&store, "a", &bytes(1, 3000)).await.unwrap();
        store.copy(&Path::from("a"), &Path::from("b")).await.unwrap();
        store.rename(&Path::from("b"), &Path::from("c")).await.unwrap();
        let mut upload = store.put_multipart(&Path::from("d")).await.unwrap();
        upload.put_part(bytes(2, 3000).into()).await.unwrap();
        upload.complete().await.unwrap();
        store.delete(&Path::from("a")).await.unwrap();
        assert_eq!(names(&store, None).await, ["c", "d"]);
        assert_eq!(store.list_with_delimiter(None).await.unwrap().objects.len(), 2);
        assert_eq!(read(&store, "d").await.unwrap(), bytes(2, 3000));
    });
}
