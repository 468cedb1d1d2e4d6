//! What one handle is asked for in a row, when something before it failed or was given up.

use crate::odd::Odd;
use crate::until;
use cache_stores::object_store::ObjectStoreExt;
use cache_stores::object_store::path::Path;
use cache_stores::{CachedStore, OpenExt, Temporary};
use futures::FutureExt;
use std::io::{ErrorKind, Read};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};

const MIB: usize = 1 << 20;

/// A cached store with a copy of what its remote had, which has something else now.
async fn outdated(remote: &Odd, old: Vec<u8>, new: Vec<u8>) -> CachedStore {
    let path = Path::from("a");
    remote.put(&path, old.clone().into()).await.unwrap();
    let local = Temporary::new().unwrap();
    let store = CachedStore::new(local, remote.clone()).build().unwrap();
    for _ in 0..2 {
        assert!(store.get(&path).await.unwrap().bytes().await.unwrap() == old);
    }
    remote.put(&path, new.into()).await.unwrap();
    store
}

#[tokio::test]
async fn a_refresh_that_failed_is_still_wanted_by_the_next_read() {
    let remote = Odd::default();
    let store = outdated(&remote, "old".into(), "new".into()).await;
    let mut handle = store.open_async("a").unwrap();
    handle.refresh();
    remote.seen.panics.store(true, SeqCst);
    handle.read_u8().await.unwrap_err();
    remote.seen.panics.store(false, SeqCst);
    let mut text = String::new();
    handle.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "new");
    assert!(!handle.info().unwrap().cached);
}

#[tokio::test]
async fn a_refresh_is_still_wanted_when_its_reader_goes_elsewhere_before_it_is_answered() {
    let remote = Odd::default();
    remote.seen.cuts.lock().push(100_000);
    let store = outdated(&remote, vec![1; 3 * MIB], vec![2; 3 * MIB]).await;
    let mut handle = store.open_async("a").unwrap();
    handle.refresh();
    let gate = remote.hold();
    assert!(handle.read_u8().now_or_never().is_none(), "the remote is asked");
    handle.seek(SeekFrom::Start(2 * MIB as u64)).await.unwrap();
    gate.add_permits(1000);
    assert_eq!(handle.read_u8().await.unwrap(), 2);
}

#[tokio::test]
async fn a_seek_that_nobody_waits_for_does_not_move_what_was_read_or_written_after_it() {
    let store = Odd::default();
    store.put(&Path::from("a"), "0123456789".into()).await.unwrap();
    for writes in [false, true] {
        let mut handle = store.open_async("a").unwrap();
        let gate = store.hold();
        assert!(handle.seek(SeekFrom::End(0)).now_or_never().is_none(), "the size is asked");
        gate.add_permits(1);
        store.let_go();
        if writes {
            handle.put("abcdefghijklm").await.unwrap();
            handle.seek(SeekFrom::Start(1)).await.unwrap();
            assert_eq!(handle.read_u8().await.unwrap(), b'b');
        } else {
            assert_eq!(handle.read_u8().await.unwrap(), b'0');
            assert_eq!(handle.seek(SeekFrom::Current(1)).await.unwrap(), 2);
            assert_eq!(handle.read_u8().await.unwrap(), b'2');
        }
    }
}

#[tokio::test]
async fn what_was_given_up_while_it_was_stored_does_not_come_behind_what_the_handle_does_next() {
    for what in ["a write", "a put", "a deletion"] {
        let store = Odd::default();
        let mut handle = store.open_async("a").unwrap();
        let gate = store.hold();
        handle.write_all(b"older").await.unwrap();
        assert!(handle.close().now_or_never().is_none(), "it is being stored");
        until("the store was asked", || store.requests() == 1);
        handle.abort();
        store.let_go();
        let next = tokio::spawn(async move {
            match what {
                "a write" => {
                    handle.write_all(b"newer").await.unwrap();
                    handle.close().await.unwrap();
                }
                "a put" => drop(handle.put("newer").await.unwrap()),
                _ => handle.delete().await.unwrap(),
            }
        });
        // It would be done by then.
        tokio::time::sleep(Duration::from_millis(100)).await;
        gate.add_permits(1);
        next.await.unwrap();
        until("all is stored", || store.seen.put.load(SeqCst) > usize::from(what != "a deletion"));
        match store.get(&Path::from("a")).await {
            Ok(found) => assert_eq!(found.bytes().await.unwrap(), "newer", "{what}"),
            Err(error) => assert!(what == "a deletion", "{error}"),
        }
    }
}

#[test]
fn a_deletion_or_a_put_that_failed_leaves_its_handle_where_it_stood() {
    let store = Odd::default();
    store.open("a").unwrap().put("0123456789").unwrap();
    let mut handle = store.open("a").unwrap();
    let mut byte = [0];
    handle.read_exact(&mut byte).unwrap();
    store.seen.panics.store(true, SeqCst);
    handle.delete().unwrap_err();
    handle.put("another").unwrap_err();
    store.seen.panics.store(false, SeqCst);
    let mut rest = String::new();
    handle.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "123456789");
    handle.delete().unwrap();
    assert_eq!(handle.read(&mut byte).unwrap_err().kind(), ErrorKind::NotFound);
}
