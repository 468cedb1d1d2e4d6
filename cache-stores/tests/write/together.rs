//! Several changes of one path at a time: nothing older than the last of them is believed after it.

use crate::common::{Fails, Fault, Faults};
use crate::stubborn::Stubborn;
use crate::world::{World, bytes, put, read, until};
use cache_stores::{CachedStore, KeepWrites, Ttl};
use futures::StreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{Error, GetOptions, ObjectStore, ObjectStoreExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

#[tokio::test]
async fn what_was_asked_before_a_write_was_sent_is_not_believed_after_it() {
    let world = World::disk();
    let store = world.builder().keep_writes(KeepWrites::Never).write_back(world.journal());
    let store = store.build().unwrap();
    world.memory.put(&Path::from("a"), bytes(1, 1000).into()).await.unwrap();
    // A condition is checked before anything is transferred: this reader asks twice.
    let (heads, reading) = (world.remote.gate(), store.clone());
    let options = GetOptions::new().with_if_none_match(Some("\"another\""));
    let reader =
        tokio::spawn(
            async move { reading.get_opts(&Path::from("a"), options).await?.bytes().await },
        );
    until("he has asked", || world.remote.heads() == 1).await;
    let puts = world.remote.hold_puts();
    put(&store, "a", &bytes(2, 1000)).await.unwrap();
    until("it is on its way", || world.remote.puts() == 1).await;
    let gets = world.remote.gate();
    heads.add_permits(1);
    until("he has asked again", || world.remote.gets() == 1).await;
    world.remote.no_gate();
    puts.add_permits(1);
    until("it was sent", || store.pending().writes == 0).await;
    gets.add_permits(1);
    // He began before the write.
    assert_eq!(reader.await.unwrap().unwrap(), bytes(1, 1000));
    assert_eq!(read(&store, "a").await.unwrap(), bytes(2, 1000));
    world.settled(&store).await;
}

#[tokio::test]
async fn of_two_writes_at_a_time_what_was_before_them_does_not_stand_in_for_the_remote() {
    let world = World::memory();
    let store = world.builder().policy(Ttl("60s")).stale_if_error("1h").build().unwrap();
    put(&store, "a", &bytes(1, 2000)).await.unwrap();
    let gate = world.remote.hold_puts();
    let puts = [2, 3].map(|seed| {
        let store = store.clone();
        tokio::spawn(async move { put(&store, "a", &bytes(seed, 2000)).await })
    });
    until("both are on their way", || world.remote.puts() == 3).await;
    gate.add_permits(2);
    for put in puts {
        put.await.unwrap().unwrap();
    }
    world.remote.fail(Fails::Away);
    let read = store.get(&Path::from("a")).await;
    assert!(matches!(read, Err(Error::Generic { .. })), "{read:?}");
    world.settled(&store).await;
}

#[tokio::test]
async fn what_was_before_an_upload_does_not_stand_in_for_the_remote_while_another_write_goes_on() {
    let world = World::memory();
    let store = world.builder().policy(Ttl("60s")).stale_if_error("1h").build().unwrap();
    put(&store, "a", &bytes(1, 2000)).await.unwrap();
    let (gate, writing) = (world.remote.hold_puts(), store.clone());
    let other = tokio::spawn(async move { put(&writing, "a", &bytes(2, 2000)).await });
    until("it is on its way", || world.remote.puts() == 2).await;
    let mut upload = store.put_multipart(&Path::from("a")).await.unwrap();
    upload.put_part(bytes(3, 2000).into()).await.unwrap();
    upload.complete().await.unwrap();
    world.remote.fail(Faults { get: Some(Fault::Away), ..Faults::default() });
    let read = store.get(&Path::from("a")).await;
    assert!(matches!(read, Err(Error::Generic { .. })), "{read:?}");
    world.remote.fail(Fails::No);
    gate.add_permits(1);
    other.await.unwrap().unwrap();
    world.settled(&store).await;
}

#[tokio::test]
async fn a_path_that_is_deleted_twice_is_gone_after_the_second_time_whatever_was_written_between() {
    let remote = Stubborn::new(Arc::new(InMemory::new()));
    let store = CachedStore::new(InMemory::new(), remote.clone()).build().unwrap();
    let path = Path::from("a");
    put(&store, "a", &bytes(1, 2000)).await.unwrap();
    let gates = remote.hold_deletions(2);
    let twice = futures::stream::iter([Ok(path.clone()), Ok(path.clone())]).boxed();
    let mut deleted = store.delete_stream(twice);
    let (first, ()) = futures::join!(deleted.next(), async {
        until("both are on their way", || remote.unasked_deletions() == 0).await;
        gates[0].add_permits(1);
    });
    first.unwrap().unwrap();
    put(&store, "a", &bytes(2, 2000)).await.unwrap();
    assert_eq!(read(&store, "a").await.unwrap(), bytes(2, 2000));
    gates[1].add_permits(1);
    deleted.next().await.unwrap().unwrap();
    assert_eq!(read(&store, "a").await, None);
    assert!(deleted.next().await.is_none());
}

/// The remote does a put of this and a deletion of that when the gates open; both were given up by its client, and
/// then written anew.
async fn overtaken(store: &CachedStore, remote: &Stubborn) -> [Arc<Semaphore>; 2] {
    for path in ["a", "b"] {
        put(store, path, &bytes(1, 2000)).await.unwrap();
    }
    let gate = remote.hold();
    let deletion = remote.hold_deletions(1).remove(0);
    remote.hurry();
    put(store, "a", &bytes(2, 2000)).await.unwrap_err();
    store.delete(&Path::from("b")).await.unwrap_err();
    remote.let_go();
    for path in ["a", "b"] {
        put(store, path, &bytes(3, 2000)).await.unwrap();
        assert_eq!(read(store, path).await.unwrap(), bytes(3, 2000));
    }
    [gate, deletion]
}

#[tokio::test]
async fn what_the_client_of_the_remote_gave_up_and_comes_late_is_not_hidden_by_what_was_written_after_it()
 {
    for has_index in [true, false] {
        let world = World::memory();
        let remote = Stubborn::new(world.memory.clone());
        let builder = CachedStore::new(InMemory::new(), remote.clone()).clock(world.clock.clock());
        let store = if has_index { builder } else { builder.presence() }.build().unwrap();
        let gates = overtaken(&store, &remote).await;
        gates.iter().for_each(|gate| gate.add_permits(1));
        let far = async || (world.far("a").await, world.far("b").await);
        while far().await != (Some(bytes(2, 2000)), None) {
            tokio::task::yield_now().await;
        }
        assert_eq!(read(&store, "a").await.unwrap(), bytes(2, 2000), "index: {has_index}");
        assert_eq!(read(&store, "b").await, None, "index: {has_index}");
    }
}

#[tokio::test]
async fn what_was_written_after_a_write_that_was_given_up_is_believed_when_that_cannot_come_any_more()
 {
    let world = World::memory();
    let remote = Stubborn::new(world.memory.clone());
    let builder = CachedStore::new(InMemory::new(), remote.clone()).clock(world.clock.clock());
    let store = builder.build().unwrap();
    let _gates = overtaken(&store, &remote).await;
    assert_eq!(store.stats().renewed, 2, "it is here, and the remote was asked");
    world.clock.advance(Duration::from_secs(30));
    for path in ["a", "b"] {
        for reads in 0.. {
            let before = store.stats().renewed;
            assert_eq!(read(&store, path).await.unwrap(), bytes(3, 2000));
            if store.stats().renewed == before {
                break;
            }
            assert!(reads < 6000, "it is never believed");
            // Another thread sees that the time is over.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
