//! Write-back that keeps nothing of what was sent.

use crate::world::{World, bytes, put, read};
use cache_stores::KeepWrites;
use futures::StreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt};

#[tokio::test]
async fn what_is_not_to_be_kept_goes_when_it_was_sent() {
    let world = World::disk();
    let builder = world.builder().keep_writes(KeepWrites::Never);
    let store = builder.write_back(world.journal()).build().unwrap();
    put(&store, "a", &bytes(1, 3000)).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!((world.laid().await, store.stats().objects), (0, 0));
    assert_eq!(read(&store, "a").await.unwrap(), bytes(1, 3000));
}

#[tokio::test]
async fn who_reads_what_is_sent_and_not_kept_gets_the_rest_from_the_remote() {
    let world = World::disk();
    let builder = world.builder().keep_writes(KeepWrites::Never);
    let store = builder.write_back(world.journal()).build().unwrap();
    let (puts, content) = (world.remote.hold_puts(), bytes(1, 5000));
    put(&store, "a", &content).await.unwrap();
    let mut reading = store.get(&Path::from("a")).await.unwrap().into_stream();
    let mut read = reading.next().await.unwrap().unwrap().to_vec();
    puts.add_permits(1);
    store.flush().await.unwrap();
    world.settled(&store).await;
    assert_eq!(world.laid().await, 0);
    while let Some(piece) = reading.next().await {
        read.extend(piece.unwrap());
    }
    assert!(read == content);
    // What was written over while it waited is nowhere.
    put(&store, "a", &content).await.unwrap();
    let mut reading = store.get(&Path::from("a")).await.unwrap().into_stream();
    reading.next().await.unwrap().unwrap();
    put(&store, "a", &bytes(2, 5000)).await.unwrap();
    world.remote.hold_puts().add_permits(9);
    puts.add_permits(9);
    store.flush().await.unwrap();
    world.settled(&store).await;
    let rest: Vec<_> = reading.collect().await;
    let error = rest.into_iter().find_map(Result::err).unwrap();
    assert!(matches!(error, Error::Precondition { .. }), "{error}");
    assert!(error.to_string().contains("the object has changed while it was read"), "{error}");
}
