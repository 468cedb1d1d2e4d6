//! What waits is there again when a store is opened, however little the index knows, and however slow local is.

use crate::common::Fails;
use crate::world::{World, bytes, copy_all, put, read};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(10);

/// A write waits of which the index knows nothing: it was brought back from before.
async fn forgotten(chunks: usize) -> World {
    let world = World::disk();
    world.memory.put(&Path::from("a"), "from before".into()).await.unwrap();
    world.back().close().await;
    let (index, before) = (world.folder.path().join("index"), world.folder.path().join("before"));
    copy_all(&index, &before);
    world.remote.fail(Fails::Away);
    let store = world.back();
    put(&store, "a", &bytes(1, chunks * 1024)).await.unwrap();
    store.close().await;
    std::fs::remove_dir_all(&index).unwrap();
    copy_all(&before, &index);
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_store_that_does_not_answer_costs_its_deadline_and_not_one_for_each_chunk() {
    let world = forgotten(100).await;
    let gate = world.local.hang();
    let (heads, before) = (world.local.heads(), world.clock.elapsed());
    let builder = world.builder().write_back(world.journal()).local_deadline(DEADLINE);
    let mut building = tokio::task::spawn_blocking(move || builder.build().unwrap());
    let store = loop {
        match tokio::time::timeout(Duration::from_millis(10), &mut building).await {
            Ok(store) => break store.unwrap(),
            // Not before it waits for local.
            Err(_) if world.local.heads() == heads => {}
            Err(_) => world.clock.advance(DEADLINE),
        }
    };
    let asked = world.local.heads() - heads;
    assert!((2..=16).contains(&asked), "{asked} at once");
    assert!(world.clock.elapsed() - before < 5 * DEADLINE, "{:?}", world.clock.elapsed() - before);
    gate.add_permits(10_000);
    assert_eq!(read(&store, "a").await.unwrap(), bytes(1, 100 * 1024));
    world.remote.fail(Fails::No);
    store.flush().await.unwrap();
    assert_eq!(world.far("a").await.unwrap(), bytes(1, 100 * 1024));
    world.settled(&store).await;
}

#[tokio::test]
async fn what_the_index_does_not_know_is_found_by_asking() {
    let world = forgotten(3).await;
    let store = world.back();
    world.settled(&store).await;
    assert_eq!(store.stats().local_errors, 0);
    assert_eq!(read(&store, "a").await.unwrap(), bytes(1, 3 * 1024));
    assert_eq!(store.stats().fetches, 0);
}

#[tokio::test]
async fn a_write_whose_copy_is_lost_altogether_is_an_error_and_not_what_was_before() {
    let world = forgotten(1).await;
    std::fs::remove_dir_all(world.folder.path().join("objects/larder")).unwrap();
    let store = world.back();
    world.remote.fail(Fails::No);
    let error = store.flush().await.unwrap_err().to_string();
    assert!(error.contains("chunk 0 of \"a\""), "{error}");
    let error = match store.get(&Path::from("a")).await {
        Ok(found) => found.bytes().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(error.to_string().contains("waits to be written"), "{error}");
    assert_eq!(store.stats().bytes, 0);
    put(&store, "a", &bytes(2, 1024)).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(world.far("a").await.unwrap(), bytes(2, 1024));
    world.settled(&store).await;
}
