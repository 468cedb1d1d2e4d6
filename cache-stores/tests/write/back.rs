//! Write-back: what was acknowledged waits for the remote, in order, and is there meanwhile.

use crate::common::Fails;
use crate::world::{World, bytes, drained, names, put, read, until};
use cache_stores::Size;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
};
use std::time::Duration;

#[tokio::test]
async fn a_write_is_done_without_the_remote_and_is_there_for_readers_and_lists() {
    let world = World::disk();
    let store = world.back();
    world.remote.fail(Fails::Away);
    put(&store, "a/b", &bytes(1, 3000)).await.unwrap();
    put(&store, "a/none", &bytes(1, 0)).await.unwrap();
    let gets = world.remote.reads();
    assert_eq!(read(&store, "a/b").await.unwrap(), bytes(1, 3000));
    assert_eq!(store.head(&Path::from("a/none")).await.unwrap().size, 0);
    assert_eq!(world.remote.reads(), gets);
    assert_eq!(names(&store, Some("a")).await, ["a/b", "a/none"]);
    let pending = store.pending();
    assert_eq!((pending.writes, pending.bytes), (2, 3000));
    until("the remote was tried", || store.pending().trouble.is_some()).await;
    assert!(store.pending().trouble.unwrap().contains("nobody answers"));
    assert_eq!(store.stats().unsent, 2);
    world.remote.fail(Fails::No);
    drained(&world, &store).await;
    assert_eq!(world.far("a/b").await.unwrap(), bytes(1, 3000));
    // Now it is a copy as any other, of the version that the remote has.
    let e_tag = world.memory.head(&Path::from("a/b")).await.unwrap().e_tag;
    assert_eq!(store.head(&Path::from("a/b")).await.unwrap().e_tag, e_tag);
    assert_eq!(read(&store, "a/b").await.unwrap(), bytes(1, 3000));
    world.settled(&store).await;
}

#[tokio::test]
async fn a_remote_that_is_away_is_tried_ever_less_often_and_gets_everything_when_it_is_back() {
    let world = World::disk();
    let store = world.back();
    world.remote.fail(Fails::Away);
    put(&store, "a", &bytes(1, 100)).await.unwrap();
    for (tries, pause) in [(1, 200), (2, 400), (3, 800), (4, 1600)] {
        until("it was tried", || world.remote.writes() == tries).await;
        until("that failed", || store.stats().remote_errors == tries as u64).await;
        world.clock.advance(Duration::from_millis(pause - 1));
        put(&store, "b", &bytes(2, 100)).await.unwrap();
        assert_eq!(world.remote.writes(), tries, "not before its time");
        world.clock.advance(Duration::from_millis(1));
    }
    until("it was tried", || store.stats().remote_errors == 5).await;
    assert_eq!(store.pending().oldest, Some(Duration::from_secs(3)));
    world.remote.fail(Fails::No);
    world.clock.advance(Duration::from_millis(3200));
    drained(&world, &store).await;
    assert_eq!(world.far("a").await.unwrap(), bytes(1, 100));
    assert_eq!(world.far("b").await.unwrap(), bytes(2, 100));
}

#[tokio::test]
async fn a_store_that_is_opened_again_sends_what_the_last_one_did_not() {
    let world = World::disk();
    world.memory.put(&Path::from("old"), "old".into()).await.unwrap();
    let store = world.back();
    world.remote.fail(Fails::Away);
    put(&store, "a", &bytes(1, 3000)).await.unwrap();
    store.delete(&Path::from("old")).await.unwrap();
    drop(store);
    let store = world.back();
    assert_eq!(read(&store, "a").await.unwrap(), bytes(1, 3000));
    assert_eq!(read(&store, "old").await, None);
    assert_eq!(store.pending().writes, 2);
    world.remote.fail(Fails::No);
    store.flush().await.unwrap();
    assert_eq!(world.far("a").await.unwrap(), bytes(1, 3000));
    assert_eq!(world.far("old").await, None);
    drop(store);
    let store = world.back();
    assert_eq!(store.pending().writes, 0, "it is not sent twice");
    world.settled(&store).await;
}

#[tokio::test]
async fn of_each_path_the_last_write_is_what_the_remote_gets_and_a_deletion_is_one() {
    let world = World::disk();
    let store = world.back();
    world.memory.put(&Path::from("b"), "from before".into()).await.unwrap();
    world.remote.fail(Fails::Away);
    for seed in 1..=4 {
        put(&store, "a", &bytes(seed, 2000)).await.unwrap();
        put(&store, "b", &bytes(seed, 2000)).await.unwrap();
        assert_eq!(read(&store, "a").await.unwrap(), bytes(seed, 2000));
    }
    store.delete(&Path::from("b")).await.unwrap();
    assert_eq!(read(&store, "b").await, None);
    assert!(matches!(store.head(&Path::from("b")).await, Err(Error::NotFound { .. })));
    assert_eq!(names(&store, None).await, ["a"]);
    store.delete(&Path::from("a")).await.unwrap();
    put(&store, "a", &bytes(9, 2000)).await.unwrap();
    world.remote.fail(Fails::No);
    store.flush().await.unwrap();
    assert_eq!(world.far("a").await.unwrap(), bytes(9, 2000));
    assert_eq!((world.far("b").await, read(&store, "b").await), (None, None));
    assert_eq!(read(&store, "a").await.unwrap(), bytes(9, 2000));
    world.settled(&store).await;
}

#[tokio::test]
async fn listings_are_as_if_everything_was_sent() {
    let world = World::disk();
    for name in ["a/old", "a/gone", "b/only", "c/x"] {
        world.memory.put(&Path::from(name), "old".into()).await.unwrap();
    }
    let store = world.back();
    world.remote.fail(Fails::Away);
    for name in ["a/new", "d/e/f", "top"] {
        put(&store, name, &bytes(1, 10)).await.unwrap();
    }
    for name in ["a/gone", "b/only"] {
        store.delete(&Path::from(name)).await.unwrap();
    }
    assert_eq!(names(&store, None).await, ["a/new", "a/old", "c/x", "d/e/f", "top"]);
    assert_eq!(names(&store, Some("a")).await, ["a/new", "a/old"]);
    let behind: Vec<_> =
        futures::TryStreamExt::try_collect(store.list_with_offset(None, &Path::from("a/old")))
            .await
            .unwrap();
    let mut behind = Vec::from_iter(behind.into_iter().map(|meta| meta.location.to_string()));
    behind.sort();
    assert_eq!(behind, ["c/x", "d/e/f", "top"]);
    let level = store.list_with_delimiter(None).await.unwrap();
    assert_eq!(level.common_prefixes, ["a", "c", "d"].map(Path::from));
    assert_eq!(level.objects.len(), 1);
}

#[tokio::test]
async fn a_flush_ends_with_the_first_failure_and_what_was_refused_is_told() {
    let world = World::disk();
    let store = world.back();
    world.remote.fail(Fails::Away);
    put(&store, "mine", &bytes(1, 2000)).await.unwrap();
    put(&store, "theirs", &bytes(2, 2000)).await.unwrap();
    let error = store.flush().await.unwrap_err();
    assert!(error.to_string().contains("nobody answers"), "{error}");
    world.remote.fail_for(Fails::Denied, "theirs");
    let error = store.flush().await.unwrap_err();
    assert!(matches!(error, Error::PermissionDenied { .. }), "{error}");
    until("the other was sent", || store.pending().writes == 1).await;
    assert_eq!(world.far("mine").await.unwrap(), bytes(1, 2000));
    let refused = store.pending().refused;
    assert_eq!((refused.len(), refused[0].path.as_ref()), (1, "theirs"));
    assert!(refused[0].why.contains("not for you"), "{}", refused[0].why);
    assert_eq!(read(&store, "theirs").await.unwrap(), bytes(2, 2000), "it is not lost");
    world.remote.fail(Fails::No);
    store.flush().await.unwrap();
    assert_eq!(world.far("theirs").await.unwrap(), bytes(2, 2000));
}

#[tokio::test]
async fn what_the_local_side_does_not_take_goes_through_after_what_waits() {
    let world = World::disk();
    let store = world.back();
    world.remote.fail(Fails::Away);
    put(&store, "a", &bytes(1, 2000)).await.unwrap();
    world.local.fail(Fails::Full);
    put(&store, "a", &bytes(2, 2000)).await.unwrap_err();
    assert_eq!(store.pending().writes, 1, "the older one waits");
    world.remote.fail(Fails::No);
    let writing = store.clone();
    let put = tokio::spawn(async move { put(&writing, "a", &bytes(3, 2000)).await });
    // What failed may still come.
    until("it went through", || {
        world.clock.advance(Duration::from_secs(1));
        put.is_finished()
    })
    .await;
    put.await.unwrap().unwrap();
    assert_eq!(world.far("a").await.unwrap(), bytes(3, 2000));
    assert_eq!(store.pending().writes, 0);
    assert!(store.stats().local_errors > 0);
    world.local.fail(Fails::No);
    assert_eq!(read(&store, "a").await.unwrap(), bytes(3, 2000));
}

#[tokio::test]
async fn what_waits_is_never_evicted_and_what_would_not_fit_goes_through() {
    let world = World::disk();
    let store = world.builder().policy(Size(9000)).write_back(world.journal()).build().unwrap();
    world.remote.fail(Fails::Away);
    put(&store, "a", &bytes(1, 4000)).await.unwrap();
    put(&store, "b", &bytes(2, 4000)).await.unwrap();
    put(&store, "c", &bytes(3, 4000)).await.unwrap_err();
    world.memory.put(&Path::from("other"), bytes(4, 4000).into()).await.unwrap();
    world.remote.fail_for(Fails::Away, "a");
    for _ in 0..3 {
        assert_eq!(read(&store, "other").await.unwrap(), bytes(4, 4000));
    }
    assert_eq!(read(&store, "a").await.unwrap(), bytes(1, 4000));
    world.remote.fail(Fails::No);
    put(&store, "c", &bytes(3, 4000)).await.unwrap();
    // Through, or in the background if there was room again.
    store.flush().await.unwrap();
    assert_eq!(world.far("c").await.unwrap(), bytes(3, 4000));
    for seed in 1..=3 {
        let name = ["a", "b", "c"][usize::from(seed) - 1];
        assert_eq!(read(&store, name).await.unwrap(), bytes(seed, 4000));
    }
    world.settled(&store).await;
    assert!(store.stats().bytes <= 9000);
}

#[tokio::test]
async fn conditional_writes_and_copies_see_what_was_written_before() {
    let world = World::disk();
    let store = world.back();
    put(&store, "a", &bytes(1, 2000)).await.unwrap();
    let create = PutOptions::from(PutMode::Create);
    let error = store.put_opts(&Path::from("a"), "new".into(), create).await.unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    put(&store, "a", &bytes(2, 2000)).await.unwrap();
    store.copy(&Path::from("a"), &Path::from("b")).await.unwrap();
    assert_eq!(read(&store, "b").await.unwrap(), bytes(2, 2000));
    put(&store, "a", &bytes(3, 2000)).await.unwrap();
    store.rename(&Path::from("a"), &Path::from("c")).await.unwrap();
    assert_eq!((read(&store, "a").await, read(&store, "c").await), (None, Some(bytes(3, 2000))));
}

#[tokio::test]
async fn a_large_object_waits_too_and_goes_in_parts_with_its_attributes() {
    let world = World::disk();
    let store = world.builder().chunk("1MiB").write_back(world.journal()).build().unwrap();
    world.remote.fail(Fails::Away);
    let attributes = Attributes::from_iter([(Attribute::ContentType, "text/plain")]);
    let options = object_store::PutMultipartOptions { attributes, ..Default::default() };
    let mut upload = store.put_multipart_opts(&Path::from("a"), options).await.unwrap();
    let whole = bytes(5, 20_000_000);
    for part in 0..4 {
        upload
            .put_part(whole.slice(part * 5_000_000..(part + 1) * 5_000_000).into())
            .await
            .unwrap();
    }
    let error = store.get(&Path::from("a")).await.unwrap_err();
    assert!(error.to_string().contains("nobody answers"), "not yet: {error}");
    upload.complete().await.unwrap();
    assert!(read(&store, "a").await.unwrap() == whole);
    world.remote.fail(Fails::No);
    store.flush().await.unwrap();
    assert!(world.far("a").await.unwrap() == whole);
    let far = world.memory.get(&Path::from("a")).await.unwrap();
    assert_eq!(far.attributes.get(&Attribute::ContentType).map(AsRef::as_ref), Some("text/plain"));
}

#[tokio::test]
async fn a_large_object_that_the_local_side_does_not_take_goes_past_it() {
    let world = World::disk();
    let store = world.back();
    let mut upload = store.put_multipart(&Path::from("a")).await.unwrap();
    upload.put_part(bytes(1, 3000).into()).await.unwrap();
    world.local.fail(Fails::Full);
    upload.put_part(bytes(2, 3000).into()).await.unwrap();
    upload.put_part(bytes(3, 3000).into()).await.unwrap();
    upload.complete().await.unwrap();
    let whole = [bytes(1, 3000), bytes(2, 3000), bytes(3, 3000)].concat();
    assert_eq!(world.far("a").await.unwrap(), whole);
    world.local.fail(Fails::No);
    assert_eq!(read(&store, "a").await.unwrap(), whole);
    let mut dropped = store.put_multipart(&Path::from("b")).await.unwrap();
    dropped.put_part(bytes(1, 3000).into()).await.unwrap();
    drop(dropped);
    world.settled(&store).await;
    assert_eq!(read(&store, "b").await, None);
}

#[tokio::test]
async fn a_copy_that_is_lost_before_it_was_sent_is_told_and_nothing_wrong_is_sent() {
    let world = World::disk();
    world.memory.put(&Path::from("a"), "from before".into()).await.unwrap();
    let store = world.back();
    world.remote.fail(Fails::Away);
    put(&store, "a", &bytes(1, 3000)).await.unwrap();
    // Else this store's first try may come to the remote when that is back.
    until("it was tried", || store.pending().trouble.is_some()).await;
    drop(store);
    let chunks = world.local.told();
    let second = chunks.iter().find(|told| told.ends_with(".1")).unwrap();
    let place = world.folder.path().join("objects").join(&second[1..]);
    let mut damaged = std::fs::read(&place).unwrap();
    damaged[5] ^= 1;
    std::fs::write(&place, damaged).unwrap();
    let store = world.back();
    world.remote.fail(Fails::No);
    let error = store.flush().await.unwrap_err().to_string();
    assert!(error.contains("chunk 1 of \"a\"") && error.contains("damaged"), "{error}");
    assert_eq!(store.pending().refused[0].path.as_ref(), "a");
    assert_eq!(world.far("a").await.unwrap(), "from before");
    let error = match store.get(&Path::from("a")).await {
        Ok(found) => found.bytes().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(error.to_string().contains("waits to be written"), "{error}");
    // Written anew it is well again.
    put(&store, "a", &bytes(2, 3000)).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(world.far("a").await.unwrap(), bytes(2, 3000));
    world.settled(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_in_progress_does_not_bring_a_deleted_object_back() {
    let world = World::disk();
    world.memory.put(&Path::from("a"), bytes(1, 5000).into()).await.unwrap();
    let store = world.back();
    let gate = world.remote.gate();
    let reader = tokio::spawn({
        let store = store.clone();
        async move { store.get(&Path::from("a")).await?.bytes().await }
    });
    until("the fetch has read the old object", || world.remote.reads() == 1).await;
    world.remote.no_gate();
    world.remote.fail(Fails::Away);
    store.delete(&Path::from("a")).await.unwrap();
    assert_eq!(read(&store, "a").await, None);
    gate.add_permits(100);
    let _ = reader.await.unwrap();
    assert_eq!(read(&store, "a").await, None);
    world.remote.fail(Fails::No);
    store.flush().await.unwrap();
    assert_eq!(read(&store, "a").await, None);
    world.settled(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_many_write_the_remote_gets_the_last_of_each() {
    let world = World::disk();
    let store = world.back();
    let writers = (0..4_u8).map(|path| {
        let store = store.clone();
        tokio::spawn(async move {
            let name = format!("p{path}");
            for seed in 0..15 {
                match seed % 5 {
                    3 => store.delete(&Path::from(&*name)).await.unwrap(),
                    _ => put(&store, &name, &bytes(seed, 1500)).await.unwrap(),
                }
                let is = read(&store, &name).await;
                assert_eq!(is, (seed % 5 != 3).then(|| bytes(seed, 1500)), "{name} {seed}");
            }
        })
    });
    for writer in futures::future::join_all(writers).await {
        writer.unwrap();
    }
    store.flush().await.unwrap();
    for path in 0..4 {
        let name = format!("p{path}");
        assert_eq!(world.far(&name).await.unwrap(), bytes(14, 1500));
        assert_eq!(read(&store, &name).await.unwrap(), bytes(14, 1500));
    }
    world.settled(&store).await;
}

#[tokio::test]
async fn a_damaged_journal_is_an_error_that_names_it() {
    let world = World::disk();
    let store = world.back();
    world.remote.fail(Fails::Away);
    put(&store, "a", &bytes(1, 100)).await.unwrap();
    put(&store, "b", &bytes(1, 100)).await.unwrap();
    let busy = world.builder().index(world.folder.path().join("other")).write_back(world.journal());
    let error = busy.build().unwrap_err().to_string();
    assert!(error.contains("in use by process"), "{error}");
    drop(store);
    let file = world.journal().join("writes");
    let mut damaged = std::fs::read(&file).unwrap();
    damaged[40] ^= 1;
    std::fs::write(&file, &damaged).unwrap();
    let error = world.builder().write_back(world.journal()).build().unwrap_err().to_string();
    assert!(error.contains("writes\" is damaged at byte 16"), "{error}");
    damaged[40] ^= 1;
    std::fs::write(&file, &damaged).unwrap();
    assert_eq!(read(&world.back(), "a").await.unwrap(), bytes(1, 100), "nothing was lost");
}
