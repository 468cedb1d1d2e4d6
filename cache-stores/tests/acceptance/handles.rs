//! Handles, paths, and what a read tells (F15, F16, F17, F24).

use crate::pair::{Pair, data, keep};
use crate::stand::watched::Trouble;
use cache_stores::{CachedStore, Temporary};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};

/// Runs what blocks beside the tasks of a test.
async fn blocking<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(run).await.unwrap()
}

pub(crate) async fn f15_open_asks_nothing_and_a_handle_is_a_stream(pair: Pair) {
    let store = pair.store(|builder| builder);
    let before = (pair.near.requests(), pair.far.requests());
    let mut handle = store.open("a/my.file").unwrap();
    assert_eq!((pair.near.requests(), pair.far.requests()), before, "opening asked something");
    blocking(move || {
        let missing = handle.read(&mut [0; 8]).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound, "{missing}");
        let whole = data(1, 30_000);
        for piece in whole.chunks(7_000) {
            handle.write_all(piece).unwrap();
        }
        assert!(!exists(&store, "a/my.file"), "visible before it is finished");
        handle.close().unwrap();
        assert!(exists(&store, "a/my.file"));

        let mut handle = store.open("a/my.file").unwrap();
        let mut all = Vec::new();
        handle.read_to_end(&mut all).unwrap();
        assert_eq!(all, whole);
        assert_eq!(handle.seek(SeekFrom::Start(12_345)).unwrap(), 12_345);
        let mut part = [0; 100];
        handle.read_exact(&mut part).unwrap();
        assert_eq!(part, whole[12_345..12_445]);
        handle.seek(SeekFrom::End(-10)).unwrap();
        all.clear();
        handle.read_to_end(&mut all).unwrap();
        assert_eq!(all, whole[29_990..]);
        assert_eq!(handle.stat().unwrap().size, 30_000);
        handle.delete().unwrap();
        assert!(!exists(&store, "a/my.file"));
    })
    .await;
}

fn exists(store: &CachedStore, path: &str) -> bool {
    match store.open(path).unwrap().stat() {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => panic!("{path}: {error}"),
    }
}

pub(crate) async fn f16_paths_have_folders_and_cannot_leave_the_root(pair: Pair) {
    let store = pair.store(|builder| builder);
    let written = data(1, 100);
    let (other, bytes) = (store.clone(), written.clone());
    blocking(move || other.open("a/b/c.txt").unwrap().put(bytes).unwrap()).await;
    let there = pair.remote.store.get(&Path::from("a/b/c.txt")).await.unwrap();
    assert_eq!(there.bytes().await.unwrap(), written);
    let before = (pair.near.requests(), pair.far.requests());
    for wrong in ["../out", "a/../../out", "/etc/passwd", "a//b", "", ".", "a/./b", "a\0b"] {
        let error = store.open(wrong).expect_err(wrong);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{wrong:?}: {error}");
        let name = wrong.escape_debug().to_string();
        let said = error.to_string();
        assert!(said.contains(wrong) || said.contains(&name), "{wrong:?} is not named: {said}");
    }
    assert_eq!((pair.near.requests(), pair.far.requests()), before);
}

pub(crate) async fn f17_a_temporary_store_leaves_nothing(pair: Pair) {
    let there = data(1, 5_000);
    pair.elsewhere("a", &there).await;
    let local = Temporary::new().unwrap();
    let directory = local.folder().to_owned();
    let store = CachedStore::new(local, pair.remote.store.clone()).build().unwrap();
    assert_eq!(keep(&store, "a").await, there);
    assert!(directory.is_dir());
    let second = store.clone();
    drop(store);
    assert_eq!(keep(&second, "a").await, there);
    drop(second);
    crate::pair::until("its directory is gone", || !directory.exists()).await;
}

pub(crate) async fn f24_a_read_tells_success_cached_error_and_size(pair: Pair) {
    let store = pair.store(|builder| builder);
    let there = data(1, 5_000);
    pair.elsewhere("a", &there).await;
    let info = |store: CachedStore, path: &'static str| {
        blocking(move || {
            let mut handle = store.open(path).unwrap();
            let read = handle.read_all();
            (read, handle.info().expect("there was a read").clone())
        })
    };
    let (read, first) = info(store.clone(), "a").await;
    assert_eq!(read.unwrap(), there);
    assert!(first.success && !first.cached && first.error.is_none(), "{first:?}");
    assert_eq!(first.size, Some(5_000));
    keep(&store, "a").await;
    let (read, second) = info(store.clone(), "a").await;
    assert_eq!(read.unwrap(), there);
    assert!(second.success && second.cached && second.error.is_none(), "{second:?}");
    assert_eq!(second.size, Some(5_000));
    let (read, missing) = info(store.clone(), "missing").await;
    assert_eq!(read.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(!missing.success && !missing.cached, "{missing:?}");
    assert_eq!(missing.kind, Some(ErrorKind::NotFound));
    pair.far.set(Trouble::Denied);
    let (read, denied) = info(store, "other").await;
    assert_eq!(read.unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert!(!denied.success && denied.error.is_some(), "{denied:?}");
}
