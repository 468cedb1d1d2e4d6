//! An index that is made anew from what lies in local, where not all of it can be listed.

use crate::common::{Fault, Faults, Watched};
use crate::patience::{DEADLINE, passing};
use crate::stand::{CHUNK, Stand, bytes};
use cache_core::ManualClock;
use cache_stores::CachedStore;
use cache_stores::object_store::path::Path;
use cache_stores::object_store::{ObjectMeta, ObjectStore};
use futures::TryStreamExt;
use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

/// Of which some share a folder.
const OBJECTS: usize = 40;
const CHUNKS: usize = 3;

/// A store that has copies, and what lies in local when it is closed.
async fn left(stand: Stand) -> (Watched, Watched, Vec<ObjectMeta>) {
    for n in 0..OBJECTS {
        let name = format!("p/{n}");
        stand.put(&name, &bytes(CHUNKS * CHUNK)).await;
        stand.read(&name).await.unwrap();
    }
    let Stand { local, remote, store, .. } = stand;
    store.close().await;
    let lies: Vec<_> = local.list(None).try_collect().await.unwrap();
    assert_eq!(lies.len(), OBJECTS * CHUNKS);
    (local, remote, lies)
}

fn folder(meta: &ObjectMeta) -> String {
    meta.location.as_ref().rsplit_once('/').unwrap().0.to_owned()
}

fn reopened(local: &Watched, remote: &Watched) -> CachedStore {
    CachedStore::new(local.clone(), remote.clone()).chunk(CHUNK).build().unwrap()
}

fn bytes_of<'a>(lies: impl Iterator<Item = &'a ObjectMeta>) -> u64 {
    lies.map(|meta| meta.size).sum()
}

#[tokio::test]
async fn a_name_that_cannot_be_read_hides_nothing_in_other_folders() {
    let mut stand = Stand::on_disk(|store| store);
    let directory = stand._directory.take().unwrap();
    let (local, remote, lies) = left(stand).await;
    let name = std::ffi::OsStr::from_bytes(b"\xff\xfe.0");
    let hit = folder(&lies[OBJECTS]);
    // In a folder of chunks, and beside the folders.
    for place in [directory.path().join(&hit), directory.path().join("larder")] {
        std::fs::write(place.join(name), "somebody else's").unwrap();
    }
    let store = reopened(&local, &remote);
    let (apart, near): (Vec<_>, Vec<_>) = lies.iter().partition(|meta| folder(meta) != hit);
    let complete = store.status().iter().filter(|entry| entry.is_complete()).count();
    assert!(complete >= apart.len() / CHUNKS, "{complete} of {}", apart.len() / CHUNKS);
    let stats = store.stats();
    let least = bytes_of(apart.into_iter());
    assert!((least..=least + bytes_of(near.into_iter())).contains(&stats.bytes), "{stats:?}");
    assert_eq!(stats.bytes, store.status().iter().map(|entry| entry.kept()).sum::<u64>());
    // Both were told.
    assert_eq!(stats.local_errors, 2);
}

#[tokio::test]
async fn folders_that_cannot_be_listed_hide_what_lies_in_them_alone() {
    let (local, remote, lies) = left(Stand::new(|store| store)).await;
    let refused = |fault, prefix| Faults { list: Some(fault), prefix, ..Faults::default() };
    // Those that begin so.
    for prefix in ["larder/0", "larder/a", "larder"] {
        local.fail(refused(Fault::Away, prefix));
        let store = reopened(&local, &remote);
        let found = || lies.iter().filter(|meta| !meta.location.as_ref().starts_with(prefix));
        let stats = store.stats();
        assert_eq!(
            (stats.bytes, stats.objects),
            (bytes_of(found()), (found().count() / CHUNKS) as u64)
        );
        let folders: HashSet<_> = lies.iter().map(folder).collect();
        let hidden = folders.iter().filter(|folder| folder.starts_with(prefix)).count() as u64;
        assert_eq!(stats.local_errors, hidden, "{prefix}");
        store.close().await;
    }
    local.fail(Faults::default());
    assert_eq!(reopened(&local, &remote).stats().bytes, bytes_of(lies.iter()));
}

#[tokio::test]
async fn where_the_folders_are_not_told_each_is_listed() {
    let (local, remote, lies) = left(Stand::new(|store| store)).await;
    local.fail(Faults { level: Some(Fault::Away), ..Faults::default() });
    let stats = reopened(&local, &remote).stats();
    assert_eq!((stats.bytes, stats.local_errors), (bytes_of(lies.iter()), 1));
}

#[tokio::test]
async fn a_local_store_that_does_not_list_holds_opening_no_longer_than_its_deadline() {
    let (local, remote, _) = left(Stand::new(|store| store)).await;
    for fault in [
        Faults { level: Some(Fault::Never), ..Faults::default() },
        Faults { list: Some(Fault::Never), ..Faults::default() },
    ] {
        local.fail(fault);
        let time = ManualClock::new();
        let store = CachedStore::new(local.clone(), remote.clone()).chunk(CHUNK);
        let store = store.local_deadline(DEADLINE).clock(time.clock());
        let built = tokio::task::spawn_blocking(|| store.build().unwrap());
        let store = passing(&time, built).await.unwrap();
        assert_eq!(store.stats().bytes, 0);
        assert!((1..=4).contains(&store.stats().local_errors), "{:?}", store.stats());
        let read = store.get_opts(&Path::from("p/1"), Default::default()).await.unwrap();
        assert_eq!(read.bytes().await.unwrap(), bytes(CHUNKS * CHUNK));
    }
}

#[tokio::test]
async fn what_could_not_be_looked_at_is_deleted_when_local_tells_of_it() {
    for purges in [true, false] {
        for fault in [
            Faults { list: Some(Fault::Away), prefix: "larder/", ..Faults::default() },
            Faults { get: Some(Fault::Away), ..Faults::default() },
        ] {
            let (local, remote, lies) = left(Stand::new(|store| store)).await;
            local.fail(fault);
            let time = ManualClock::new();
            let store = CachedStore::new(local.clone(), remote.clone()).chunk(CHUNK);
            let store = store.clock(time.clock()).build().unwrap();
            assert_eq!(store.stats().bytes, 0);
            local.fail(Faults::default());
            // What is kept since then stays.
            let read = store.get_opts(&Path::from("p/1"), Default::default()).await.unwrap();
            assert_eq!(read.bytes().await.unwrap(), bytes(CHUNKS * CHUNK));
            let began = Instant::now();
            let size = bytes_of(lies.iter()) / OBJECTS as u64;
            loop {
                if purges {
                    store.purge().await;
                } else {
                    time.advance(Duration::from_secs(60));
                }
                let lies: Vec<_> = local.list(None).try_collect().await.unwrap();
                if (lies.len(), bytes_of(lies.iter())) == (CHUNKS, store.stats().bytes) {
                    break;
                }
                assert!(began.elapsed().as_secs() < 20, "{} chunks lie there", lies.len());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(store.stats().bytes.abs_diff(size) < 10, "all of one object");
            store.close().await;
        }
    }
}
