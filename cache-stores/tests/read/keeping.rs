//! What is kept, what goes, and what a restart finds.

use crate::common::Watched;
use crate::stand::{CHUNK, Stand, bytes};
use bytes::Bytes;
use cache_stores::object_store::local::LocalFileSystem;
use cache_stores::object_store::memory::InMemory;
use cache_stores::object_store::path::Path;
use cache_stores::object_store::{ObjectStore, ObjectStoreExt};
use cache_stores::{CachedStore, Count, Fifo, Lru, ServedFrom, Size, Verify};
use futures::StreamExt;
use std::fs;
use tempfile::TempDir;

#[tokio::test]
async fn f4_what_is_evicted_is_deleted_and_accounted() {
    let stand = Stand::new(|store| store.policy(Count(2) | Lru));
    for name in ["a", "b"] {
        stand.put(name, &bytes(3000)).await;
        stand.read(name).await.unwrap();
    }
    stand.settled(|stand| stand.local.puts() == 6).await;
    stand.settled(|stand| stand.store.status().iter().all(|entry| entry.is_complete())).await;
    stand.read("a").await.unwrap();
    stand.put("c", &bytes(3000)).await;
    stand.read("c").await.unwrap();
    stand.settled(|stand| stand.local.puts() == 9).await;
    let status = stand.store.status();
    let names: Vec<_> = status.iter().map(|entry| entry.path().to_string()).collect();
    assert_eq!(names, ["a", "c"]);
    let mut places = stand.places().await;
    while places.len() > 6 {
        tokio::task::yield_now().await;
        places = stand.places().await;
    }
    assert_eq!(stand.store.stats().evicted_objects, 1);
    accounted(&stand).await;
}

/// The index says what lies in local, to the byte.
async fn accounted(stand: &Stand) {
    use futures::TryStreamExt;
    let began = std::time::Instant::now();
    loop {
        // Anew each time: what the store does beside its readers changes both.
        let list: Vec<_> = stand.local.list(None).try_collect().await.unwrap();
        let sum: u64 = list.iter().map(|meta| meta.size).sum();
        let said = stand.store.stats().bytes;
        if said == sum {
            return;
        }
        assert!(began.elapsed().as_secs() < 20, "{sum} bytes lie there, the store says {said}");
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn an_object_larger_than_the_limit_passes_through() {
    let stand = Stand::new(|store| store.policy(Size(5 * CHUNK as u64)));
    let content = bytes(40 * CHUNK);
    stand.put("a", &content).await;
    for _ in 0..2 {
        assert_eq!(stand.read("a").await.unwrap().0, content);
    }
    stand.settled(|stand| stand.store.stats().bytes <= 5 * CHUNK as u64).await;
    accounted(&stand).await;
    // At worst what was evicted under the reader comes once more, not once for each chunk.
    assert!(stand.remote.bytes() <= 4 * content.len() as u64, "{}", stand.remote.bytes());
}

#[tokio::test]
async fn f3_fifo_keeps_the_newest_whatever_is_read() {
    let stand = Stand::new(|store| store.policy(Fifo(2)));
    for name in ["a", "b", "c"] {
        stand.put(name, &bytes(10)).await;
        stand.read(name).await.unwrap();
        stand.settled(|stand| stand.store.status().iter().all(|entry| entry.is_complete())).await;
        if name == "b" {
            assert_eq!(stand.read("a").await.unwrap().1, ServedFrom::Local);
        }
    }
    assert_eq!(stand.read("b").await.unwrap().1, ServedFrom::Local);
    assert_eq!(stand.read("a").await.unwrap().1, ServedFrom::Remote);
}

#[tokio::test]
async fn a_fetch_holds_three_chunks_in_memory_however_slow_local_is() {
    let stand = Stand::new(|store| store);
    let content = bytes(30 * CHUNK);
    stand.put("a", &content).await;
    let gate = stand.local.hold_puts();
    let mut reader = stand.get("a").await.unwrap().into_stream();
    let mut got = 0;
    // What comes before local has written anything is in memory.
    for _ in 0..30 {
        let next = tokio::time::timeout(std::time::Duration::from_millis(300), reader.next());
        let Ok(Some(piece)) = next.await else { break };
        got += piece.unwrap().len();
    }
    assert!((2 * CHUNK..=4 * CHUNK).contains(&got), "{got}");
    assert!(stand.local.held() <= 2 * (CHUNK + 200), "{}", stand.local.held());
    let transferred = stand.remote.bytes() as usize;
    assert!(transferred <= 4 * CHUNK, "the remote was read ahead: {transferred}");
    gate.add_permits(1000);
    let rest: Vec<Bytes> = reader.map(Result::unwrap).collect().await;
    assert_eq!(got + rest.concat().len(), content.len());
    assert_eq!(stand.remote.gets(), 1);
}

/// A remote, and a directory that outlives the stores over it.
struct Restart {
    remote: Watched,
    directory: TempDir,
}

impl Restart {
    async fn new(content: &Bytes) -> Self {
        let restart =
            Restart { remote: Watched::new(InMemory::new()), directory: TempDir::new().unwrap() };
        for name in ["a", "b"] {
            restart.remote.put(&Path::from(name), content.clone().into()).await.unwrap();
        }
        restart
    }

    fn store(&self) -> CachedStore {
        let began = std::time::Instant::now();
        loop {
            let store = CachedStore::on_disk(self.directory.path(), self.remote.clone());
            match store.chunk(CHUNK).policy(Count(2) | Lru).build() {
                Ok(store) => return store,
                // The last fetch of the store before has not ended yet.
                Err(error) => assert!(began.elapsed().as_secs() < 20, "{error}"),
            }
            std::thread::yield_now();
        }
    }

    async fn fill(&self, content: &Bytes) {
        let store = self.store();
        for name in ["a", "b"] {
            let read = store.get(&Path::from(name)).await.unwrap().bytes().await.unwrap();
            assert_eq!(&read, content);
        }
        let complete = || store.status().iter().filter(|entry| entry.is_complete()).count() == 2;
        while !complete() {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn f22_after_a_restart_the_index_still_serves_and_still_evicts() {
    let content = bytes(3 * CHUNK + 1);
    let restart = Restart::new(&content).await;
    restart.fill(&content).await;
    let gets = restart.remote.gets();
    let store = restart.store();
    for name in ["b", "a"] {
        let read = store.get(&Path::from(name)).await.unwrap().bytes().await.unwrap();
        assert_eq!(read, content);
    }
    assert_eq!(restart.remote.gets(), gets);
    restart.remote.put(&Path::from("c"), content.clone().into()).await.unwrap();
    store.get(&Path::from("c")).await.unwrap().bytes().await.unwrap();
    let names: Vec<_> = store.status().into_iter().map(|entry| entry.path().to_string()).collect();
    assert_eq!(names, ["a", "c"]);
}

#[tokio::test]
async fn an_index_that_is_lost_is_made_anew_from_the_directory() {
    let content = bytes(3 * CHUNK + 1);
    let restart = Restart::new(&content).await;
    restart.fill(&content).await;
    fs::remove_dir_all(restart.directory.path().join("index")).unwrap();
    let before = restart.remote.bytes();
    let store = restart.store();
    assert_eq!(store.stats().objects, 2);
    let read = store.get(&Path::from("a")).await.unwrap().bytes().await.unwrap();
    assert_eq!(read, content);
    // Nobody knows what happened in between: the remote was asked, and nothing was transferred.
    assert_eq!(restart.remote.bytes(), before);
    assert_eq!(store.stats().renewed, 1);
}

#[tokio::test]
async fn foreign_files_in_the_directory_are_left_alone_and_damaged_chunks_are_deleted() {
    let content = bytes(3 * CHUNK + 1);
    let restart = Restart::new(&content).await;
    restart.fill(&content).await;
    let objects = restart.directory.path().join("objects");
    fs::write(objects.join("notes.txt"), "mine").unwrap();
    let chunk = objects.join("larder/00/00000000000000aa.0");
    fs::create_dir_all(chunk.parent().unwrap()).unwrap();
    fs::write(&chunk, "not a chunk, but named like one").unwrap();
    fs::remove_dir_all(restart.directory.path().join("index")).unwrap();
    let store = restart.store();
    assert_eq!((store.stats().objects, store.stats().local_errors), (2, 1));
    assert!(!chunk.exists());
    assert_eq!(fs::read_to_string(objects.join("notes.txt")).unwrap(), "mine");
}

/// The files of the only object in a directory, the first chunk first.
fn chunks(directory: &TempDir) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    let mut folders = vec![directory.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match entry.is_dir() {
                true => folders.push(entry),
                false => all.push(entry),
            }
        }
    }
    all.sort();
    all
}

#[tokio::test]
async fn a_damaged_chunk_is_fetched_again() {
    for damage in ["flip", "shorten", "empty", "replace", "footer"] {
        // A reader who was slower than the fetch may have checked the chunk already.
        let stand = Stand::on_disk(|store| store.verify(Verify::Always));
        let content = bytes(4 * CHUNK);
        stand.put("a", &content).await;
        stand.read("a").await.unwrap();
        stand.complete(4).await;
        let files = chunks(stand._directory.as_ref().unwrap());
        assert_eq!(files.len(), 4);
        let mut chunk = fs::read(&files[1]).unwrap();
        match damage {
            "flip" => chunk[10] ^= 1,
            "shorten" => chunk.truncate(CHUNK / 2),
            "empty" => chunk.clear(),
            "replace" => chunk = fs::read(&files[2]).unwrap(),
            _ => chunk[CHUNK + 20] ^= 1,
        }
        fs::write(&files[1], chunk).unwrap();
        let before = stand.remote.bytes();
        let (read, from) = stand.read("a").await.unwrap();
        assert!(read == content && from == ServedFrom::Local, "{damage}: {from:?}");
        assert_eq!(stand.remote.bytes() - before, CHUNK as u64, "{damage}");
        assert!(stand.store.stats().local_errors > 0);
        stand.settled(|stand| stand.local.puts() == 5).await;
        stand.complete(5).await;
        assert_eq!(stand.read("a").await.unwrap().0, content);
        assert_eq!(stand.remote.bytes() - before, CHUNK as u64, "{damage}");
    }
}

#[tokio::test]
async fn a_chunk_that_changes_after_it_was_checked_is_seen_if_all_reads_are_to_be_verified() {
    let stand = Stand::on_disk(|store| store.verify(Verify::Always));
    let content = bytes(2 * CHUNK);
    stand.put("a", &content).await;
    stand.read("a").await.unwrap();
    stand.complete(2).await;
    stand.read("a").await.unwrap();
    let files = chunks(stand._directory.as_ref().unwrap());
    let mut chunk = fs::read(&files[0]).unwrap();
    chunk[0] ^= 1;
    fs::write(&files[0], chunk).unwrap();
    assert_eq!(stand.read("a").await.unwrap(), (content, ServedFrom::Remote));
}

#[tokio::test]
async fn a_local_store_with_copies_of_before_is_known_again() {
    let directory = TempDir::new().unwrap();
    let local = || LocalFileSystem::new_with_prefix(directory.path()).unwrap();
    let first = Stand::over(Watched::new(local()), None, |store| store);
    let content = bytes(3 * CHUNK);
    first.put("a", &content).await;
    first.read("a").await.unwrap();
    first.complete(3).await;
    let second = CachedStore::new(local(), first.remote.clone()).chunk(CHUNK).build().unwrap();
    let before = first.remote.bytes();
    let read = second.get(&Path::from("a")).await.unwrap().bytes().await.unwrap();
    assert_eq!((read, first.remote.bytes()), (content, before));
}
