//! Copies that are written past the page cache: `direct_writes`.

use crate::stand::bytes;
use bytes::Bytes;
use cache_stores::object_store::memory::InMemory;
use cache_stores::object_store::path::Path;
use cache_stores::object_store::{ObjectStoreExt, WriteMultipart};
use cache_stores::{CachedStore, StoreBuilder};
use std::fs;
use std::path::Path as Folder;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const CHUNK: usize = 1 << 20;

fn builder(folder: &TempDir, remote: &Arc<InMemory>) -> StoreBuilder {
    CachedStore::on_disk(folder.path(), remote.clone()).chunk(CHUNK).direct_writes("2MiB")
}

async fn read(store: &CachedStore, path: &str) -> Bytes {
    store.get(&Path::from(path)).await.unwrap().bytes().await.unwrap()
}

/// All copies are whole; that is waited for.
async fn complete(store: &CachedStore, objects: usize) {
    let began = Instant::now();
    loop {
        let status = store.status();
        if status.len() == objects && status.iter().all(|one| one.is_complete()) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{status:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The names and lengths of all files below.
fn files(folder: &Folder) -> Vec<(String, u64)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => all.extend(self::files(&entry.path())),
            false => all
                .push((entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len())),
        }
    }
    all
}

#[tokio::test]
async fn large_objects_are_there_byte_for_byte_after_a_restart_however_they_came() {
    let (folder, remote) = (tempfile::tempdir().unwrap(), Arc::new(InMemory::new()));
    // Below, at, and beyond what is large; ends of all kinds.
    let lengths = [1000, CHUNK + 1, 2 * CHUNK, 3 * CHUNK - 1, 5 * CHUNK + 4097];
    let store = builder(&folder, &remote).build().unwrap();
    for (n, length) in lengths.into_iter().enumerate() {
        let content = bytes(length);
        remote.put(&Path::from(format!("far/{n}")), content.clone().into()).await.unwrap();
        assert!(read(&store, &format!("far/{n}")).await == content, "{length}");
        store.put(&Path::from(format!("put/{n}")), content.clone().into()).await.unwrap();
        let parts = store.put_multipart(&Path::from(format!("parts/{n}"))).await.unwrap();
        let mut parts = WriteMultipart::new_with_chunk_size(parts, CHUNK + 7);
        parts.write(&content);
        parts.finish().await.unwrap();
    }
    complete(&store, 3 * lengths.len()).await;
    let said = store.stats();
    assert_eq!(said.local_errors, 0);
    store.close().await;

    let files = files(&folder.path().join("objects"));
    assert_eq!(files.iter().map(|(_, bytes)| bytes).sum::<u64>(), said.bytes, "{files:?}");
    assert!(files.iter().all(|(name, _)| !name.contains('#')), "{files:?}");
    // Opened anew, and with an index that is made from the files: what is written in parts does not survive that.
    for (rebuilt, ways) in [(false, &["far", "put", "parts"][..]), (true, &["far", "put"])] {
        if rebuilt {
            fs::remove_dir_all(folder.path().join("index")).unwrap();
        }
        let store = builder(&folder, &remote).build().unwrap();
        for way in ways {
            for (n, length) in lengths.into_iter().enumerate() {
                let path = format!("{way}/{n}");
                assert!(read(&store, &path).await == bytes(length), "{way} {length}");
            }
        }
        assert_eq!(store.stats().bytes_remote, 0, "all of it lies here");
        store.close().await;
    }
}

#[tokio::test]
async fn a_chunk_that_cannot_be_written_directly_is_local_trouble_and_no_failure() {
    let (folder, remote) = (tempfile::tempdir().unwrap(), Arc::new(InMemory::new()));
    let content = bytes(3 * CHUNK);
    remote.put(&Path::from("a"), content.clone().into()).await.unwrap();
    let store = builder(&folder, &remote).build().unwrap();
    // Where the folders of chunks would be made.
    let objects = folder.path().join("objects");
    fs::write(objects.join("larder"), "in the way").unwrap();
    assert!(read(&store, "a").await == content);
    let began = Instant::now();
    while store.stats().local_errors == 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "nobody was told");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(read(&store, "a").await == content);
    assert_eq!(store.stats().bytes, 0);
}

#[test]
fn what_cannot_be_is_said_with_its_value() {
    let (folder, remote) = (tempfile::tempdir().unwrap(), Arc::new(InMemory::new()));
    let on_disk = || CachedStore::on_disk(folder.path(), remote.clone());
    let elsewhere = || CachedStore::new(InMemory::new(), remote.clone());
    for (wrong, part) in [
        (on_disk().direct_writes("large"), "`direct_writes`: not a size: \"large\""),
        (on_disk().direct_writes(-1), "`direct_writes`: not a size: -1"),
        (on_disk().direct_writes(0), "`direct_writes`: 0 bytes; right is 1 at least"),
        (elsewhere().direct_writes("64MiB"), "`direct_writes`: only copies in a directory"),
    ] {
        let error = wrong.build().unwrap_err();
        assert!(error.is_invalid() && error.to_string().contains(part), "{error}");
    }
}
