//! Sends that take long: nothing comes behind what was written later, and nobody else waits for them.

use crate::stubborn::Stubborn;
use crate::world::{World, bytes, copy_all, drained, put, read, reopened, until};
use cache_stores::CachedStore;
use futures::FutureExt;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// After so long without an answer a send is given up.
const STALL: Duration = Duration::from_secs(300);
const LARGE: usize = 20_000_000;

/// Over a remote that is stubborn.
fn over(world: &World, remote: &Stubborn) -> CachedStore {
    reopened(|| {
        let builder = CachedStore::new(world.local.clone(), remote.clone()).chunk("1MiB");
        let builder = builder.index(world.folder.path().join("index")).clock(world.clock.clock());
        builder.write_back(world.journal()).build()
    })
}

fn stubborn() -> (World, Stubborn, CachedStore) {
    let world = World::disk();
    let remote = Stubborn::new(world.memory.clone());
    let store = over(&world, &remote);
    (world, remote, store)
}

/// A write that was given up, and arrives when the gate opens; whatever follows arrives at once.
async fn given_up() -> (World, Stubborn, CachedStore, Arc<Semaphore>) {
    let (world, remote, store) = stubborn();
    let gate = remote.hold();
    put(&store, "a", &bytes(1, 2000)).await.unwrap();
    until("it is on its way", || remote.begun() == 1).await;
    world.clock.advance(STALL);
    until("it was given up", || store.pending().refused.len() == 1).await;
    remote.let_go();
    (world, remote, store, gate)
}

async fn arrives(world: &World, content: &[u8]) {
    let began = Instant::now();
    while world.far("a").await.as_deref() != Some(content) {
        assert!(began.elapsed() < Duration::from_secs(60), "it does not arrive");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_dropped_store_has_its_journal_until_what_it_was_sending_has_ended() {
    let (world, remote, store) = stubborn();
    let gate = remote.hold();
    put(&store, "a", &bytes(1, 2000)).await.unwrap();
    until("it is on its way", || remote.begun() == 1).await;
    drop(store);
    let error = world.builder().write_back(world.journal()).build().unwrap_err().to_string();
    assert!(error.contains("in use by process") && error.contains("`close`"), "{error}");
    remote.let_go();
    gate.add_permits(1);
    let store = over(&world, &remote);
    assert_eq!(store.pending().writes, 0, "what has arrived is not sent again");
    put(&store, "a", &bytes(2, 2000)).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(world.far("a").await.unwrap(), bytes(2, 2000));
    world.settled(&store).await;
}

#[tokio::test]
async fn a_store_is_closed_when_what_it_was_sending_has_arrived() {
    let (world, remote, store) = stubborn();
    let gate = remote.hold();
    put(&store, "a", &bytes(1, 2000)).await.unwrap();
    until("it is on its way", || remote.begun() == 1).await;
    let mut closing = pin!(store.close());
    assert!(closing.as_mut().now_or_never().is_none(), "it is still being sent");
    gate.add_permits(1);
    closing.await;
    assert_eq!(world.far("a").await.unwrap(), bytes(1, 2000));
    assert_eq!(over(&world, &remote).pending().writes, 0);
}

#[tokio::test]
async fn a_large_object_of_a_dropped_store_ends_with_its_part_and_leaves_nothing_at_the_remote() {
    let world = World::disk();
    let store = world.builder().chunk("1MiB").write_back(world.journal()).build().unwrap();
    let last = Arc::new(Mutex::new(Some(store.clone())));
    world.remote.on_step(move |step| {
        if step.starts_with("after a part") {
            last.lock().unwrap().take();
        }
    });
    put(&store, "a", &bytes(1, LARGE)).await.unwrap();
    drop(store);
    until("the upload was aborted", || !world.remote.told().is_empty()).await;
    assert_eq!(world.remote.told(), ["xa"]);
    let store = reopened(|| world.builder().chunk("1MiB").write_back(world.journal()).build());
    store.flush().await.unwrap();
    assert!(world.far("a").await.unwrap() == bytes(1, LARGE));
}

#[tokio::test]
async fn a_remote_that_never_answers_for_some_keeps_none_of_the_others() {
    let world = World::disk();
    let store = world.back();
    let paths = ["a", "b", "c", "d"];
    let _never = world.remote.hold_puts();
    for path in paths {
        put(&store, path, &bytes(1, 2000)).await.unwrap();
    }
    until("all of them are on their way", || world.remote.puts() == 4).await;
    world.remote.hold_puts().add_permits(1000);
    put(&store, "e", &bytes(2, 2000)).await.unwrap();
    world.clock.advance(STALL);
    until("the other one was sent", || store.pending().writes == 4).await;
    assert_eq!(world.far("e").await.unwrap(), bytes(2, 2000));
    let refused = store.pending().refused;
    assert_eq!(refused.len(), 4);
    assert!(refused[0].why.contains("the remote did not answer within 300s"), "{}", refused[0].why);
    drained(&world, &store).await;
    for path in paths {
        assert_eq!(world.far(path).await.unwrap(), bytes(1, 2000));
    }
}

#[tokio::test]
async fn a_deletion_that_is_never_answered_is_told_and_tried_again() {
    let world = World::disk();
    world.memory.put(&Path::from("a"), "old".into()).await.unwrap();
    let store = world.back();
    let gate = world.remote.hang();
    store.delete(&Path::from("a")).await.unwrap();
    until("it is on its way", || world.remote.deletes() == 1).await;
    world.clock.advance(STALL);
    until("it was given up", || store.pending().refused.len() == 1).await;
    gate.add_permits(100);
    drained(&world, &store).await;
    assert_eq!(world.far("a").await, None);
}

#[tokio::test]
async fn a_large_object_has_its_time_for_each_of_its_parts() {
    let (world, remote, store) = stubborn();
    let gate = remote.hold();
    put(&store, "a", &bytes(1, LARGE)).await.unwrap();
    for part in 1..=3 {
        until("the next part is on its way", || remote.begun() == part).await;
        world.clock.advance(STALL - Duration::from_secs(1));
        gate.add_permits(1);
    }
    store.flush().await.unwrap();
    assert_eq!((store.stats().remote_errors, remote.begun()), (0, 3));
    assert!(world.far("a").await.unwrap() == bytes(1, LARGE));
}

#[tokio::test]
async fn a_part_that_is_never_taken_is_given_up_with_its_upload() {
    let (world, remote, store) = stubborn();
    let gate = remote.hold();
    gate.add_permits(1);
    put(&store, "a", &bytes(1, LARGE)).await.unwrap();
    until("the second part is on its way", || remote.begun() == 2).await;
    world.clock.advance(STALL);
    until("it was given up", || store.pending().refused.len() == 1).await;
    assert_eq!(remote.aborted(), 1);
    remote.let_go();
    store.flush().await.unwrap();
    assert!(world.far("a").await.unwrap() == bytes(1, LARGE));
}

#[tokio::test]
async fn what_was_given_up_and_comes_late_does_not_stay_in_the_place_of_what_was_written_after_it()
{
    let (world, remote, store, gate) = given_up().await;
    put(&store, "a", &bytes(2, 2000)).await.unwrap();
    until("the newer one was sent", || remote.begun() == 2).await;
    arrives(&world, &bytes(2, 2000)).await;
    // The remote does now what it was asked for before.
    gate.add_permits(1);
    arrives(&world, &bytes(1, 2000)).await;
    assert_eq!(read(&store, "a").await.unwrap(), bytes(2, 2000));
    drained(&world, &store).await;
    assert_eq!(world.far("a").await.unwrap(), bytes(2, 2000));
    assert_eq!(read(&store, "a").await.unwrap(), bytes(2, 2000));
}

#[tokio::test]
async fn what_was_given_up_and_sent_again_does_not_come_behind_what_is_written_later() {
    let (world, remote, store, gate) = given_up().await;
    // The second attempt arrives; the first one is on its way still.
    store.flush().await.unwrap();
    assert_eq!((remote.begun(), store.pending().writes), (2, 0));
    put(&store, "a", &bytes(2, 2000)).await.unwrap();
    until("the newer one was sent", || remote.begun() == 3).await;
    arrives(&world, &bytes(2, 2000)).await;
    gate.add_permits(1);
    arrives(&world, &bytes(1, 2000)).await;
    drained(&world, &store).await;
    assert_eq!(world.far("a").await.unwrap(), bytes(2, 2000));
    assert_eq!(read(&store, "a").await.unwrap(), bytes(2, 2000));
}

/// A write of which the client of the remote said that it took too long; it arrives when the gate opens.
async fn hurried() -> (World, Stubborn, CachedStore, Arc<Semaphore>) {
    let (world, remote, store) = stubborn();
    let gate = remote.hold();
    remote.hurry();
    put(&store, "a", &bytes(1, 2000)).await.unwrap();
    until("it has failed", || store.pending().trouble.is_some()).await;
    remote.let_go();
    (world, remote, store, gate)
}

/// Opens the gate for so many that were given up, and waits until they were done.
async fn arrive(remote: &Stubborn, gate: &Semaphore, late: usize) {
    let before = remote.ended();
    gate.add_permits(late);
    until("they have arrived", || remote.ended() == before + late).await;
}

#[tokio::test]
async fn what_the_client_of_the_remote_gave_up_does_not_stay_in_the_place_of_what_was_written_after_it()
 {
    let (world, remote, store, gate) = hurried().await;
    let late = remote.begun();
    put(&store, "a", &bytes(2, 2000)).await.unwrap();
    // The clock stands still: nobody waits until it was looked after.
    store.flush().await.unwrap();
    assert_eq!(world.far("a").await.unwrap(), bytes(2, 2000));
    assert_eq!(store.pending().writes, 1, "it is looked after");
    assert_eq!(store.unsent(), [], "the remote has it");
    arrive(&remote, &gate, late).await;
    assert_eq!(world.far("a").await.unwrap(), bytes(1, 2000));
    drained(&world, &store).await;
    assert_eq!(world.far("a").await.unwrap(), bytes(2, 2000));
    assert_eq!(read(&store, "a").await.unwrap(), bytes(2, 2000));
}

#[tokio::test]
async fn what_is_looked_after_keeps_no_other_write_and_no_newer_one_of_its_path() {
    let (world, remote, store, gate) = hurried().await;
    let late = remote.begun();
    put(&store, "a", &bytes(2, 2000)).await.unwrap();
    for other in ["b", "c", "d", "e"] {
        put(&store, other, &bytes(1, 2000)).await.unwrap();
    }
    store.flush().await.unwrap();
    assert_eq!(store.pending().writes, 1, "four others, while one is looked after");
    put(&store, "a", &bytes(3, 2000)).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(world.far("a").await.unwrap(), bytes(3, 2000));
    arrive(&remote, &gate, late).await;
    drained(&world, &store).await;
    assert_eq!(world.far("a").await.unwrap(), bytes(3, 2000));
}

#[tokio::test]
async fn a_store_is_closed_while_it_looks_after_a_write_and_the_next_one_goes_on_with_that() {
    let (world, remote, store, gate) = hurried().await;
    let late = remote.begun();
    put(&store, "a", &bytes(2, 2000)).await.unwrap();
    store.flush().await.unwrap();
    store.close().await;
    arrive(&remote, &gate, late).await;
    assert_eq!(world.far("a").await.unwrap(), bytes(1, 2000));
    let store = over(&world, &remote);
    drained(&world, &store).await;
    assert_eq!(world.far("a").await.unwrap(), bytes(2, 2000));
}

#[tokio::test]
async fn what_an_earlier_process_gave_up_does_not_stay_in_the_place_of_what_is_written_after_it() {
    let (world, remote, store, gate) = given_up().await;
    store.close().await;
    let store = over(&world, &remote);
    put(&store, "a", &bytes(2, 2000)).await.unwrap();
    store.flush().await.unwrap();
    arrive(&remote, &gate, 1).await;
    assert_eq!(world.far("a").await.unwrap(), bytes(1, 2000));
    drained(&world, &store).await;
    assert_eq!(world.far("a").await.unwrap(), bytes(2, 2000));
    assert_eq!(read(&store, "a").await.unwrap(), bytes(2, 2000));
}

#[tokio::test]
async fn what_was_on_its_way_at_a_kill_does_not_stay_in_the_place_of_what_waited_behind_it() {
    let (world, remote, store) = stubborn();
    let gate = remote.hold();
    put(&store, "a", &bytes(1, 2000)).await.unwrap();
    until("it is on its way", || remote.begun() == 1).await;
    put(&store, "a", &bytes(2, 2000)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    copy_all(world.folder.path(), folder.path());
    let left = World::on(folder, InMemory::new());
    remote.let_go();
    // The remote is the same one.
    let killed = over(&left, &remote);
    killed.flush().await.unwrap();
    assert_eq!(world.far("a").await.unwrap(), bytes(2, 2000));
    drop(store);
    arrive(&remote, &gate, 1).await;
    assert_eq!(world.far("a").await.unwrap(), bytes(1, 2000));
    drained(&left, &killed).await;
    assert_eq!(world.far("a").await.unwrap(), bytes(2, 2000));
}

#[tokio::test]
async fn what_goes_past_the_journal_waits_for_what_was_given_up() {
    let (world, remote, store, gate) = given_up().await;
    world.memory.put(&Path::from("b"), bytes(7, 2000).into()).await.unwrap();
    store.flush().await.unwrap();
    let copying = store.clone();
    let copy = tokio::spawn(async move { copying.copy(&Path::from("b"), &Path::from("a")).await });
    // It would be done by then.
    tokio::time::sleep(Duration::from_millis(100)).await;
    arrive(&remote, &gate, 1).await;
    world.clock.advance(Duration::from_secs(30));
    copy.await.unwrap().unwrap();
    assert_eq!(world.far("a").await.unwrap(), bytes(7, 2000));
}

#[tokio::test]
async fn stores_that_are_soon_closed_do_not_send_the_same_write_for_ever() {
    let (world, remote, mut store, _gate) = given_up().await;
    put(&store, "a", &bytes(2, 2000)).await.unwrap();
    for _ in 0..4 {
        store.flush().await.unwrap();
        store.close().await;
        store = over(&world, &remote);
    }
    assert_eq!(store.pending().writes, 0);
    assert_eq!(remote.begun(), 4, "the first, the second, and that once more by the next two");
    assert_eq!(world.far("a").await.unwrap(), bytes(2, 2000));
}
