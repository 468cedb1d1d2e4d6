//! Reading: no I/O before it, bounded memory, one version, any thread.

use crate::odd::{BLOCK, Odd};
use crate::{bytes, plain, until};
use cache_stores::OpenExt;
use std::io::{BufRead, ErrorKind, Read, Seek, SeekFrom};
use std::sync::atomic::Ordering;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

#[test]
fn f15_open_does_no_io_whatever_the_path() {
    let store = Odd::default();
    let mut handle = store.open("not/there").unwrap();
    let _created = store.create("nor/this").unwrap();
    let _async = store.open_async("nor/that").unwrap();
    assert_eq!(handle.seek(SeekFrom::Start(7)).unwrap(), 7);
    assert_eq!(store.requests(), 0);
    assert_eq!(handle.read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(store.requests() > 0);
}

#[test]
fn f15_a_handle_reads_seeks_writes_and_deletes_as_a_stream() {
    for store in plain() {
        let mut handle = store.open("folder/file").unwrap();
        std::io::copy(&mut &b"one two three"[..], &mut handle).unwrap();
        handle.close().unwrap();
        let mut word = [0; 3];
        handle.seek(SeekFrom::Start(4)).unwrap();
        handle.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"two");
        handle.seek_relative(-7).unwrap();
        handle.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"one");
        let mut rest = String::new();
        handle.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, " two three");
        assert_eq!(handle.read(&mut word).unwrap(), 0);
        handle.delete().unwrap();
        assert_eq!(handle.stat().unwrap_err().kind(), ErrorKind::NotFound);
        handle.rewind().unwrap();
        assert_eq!(handle.read(&mut word).unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[test]
fn ten_gibibytes_are_read_with_a_few_in_memory() {
    const SIZE: u64 = 10 << 30;
    let store = Odd::default();
    store.seen.endless.store(SIZE, Ordering::SeqCst);
    let mut handle = store.open("endless").unwrap();
    let (mut read, mut ahead) = (0, 0);
    loop {
        let length = handle.fill_buf().unwrap().len();
        if length == 0 {
            break;
        }
        handle.consume(length);
        read += length as u64;
        ahead = ahead.max(store.seen.given.load(Ordering::SeqCst) - read);
    }
    assert_eq!(read, SIZE);
    assert!(ahead <= (3 << 20) + BLOCK as u64, "{ahead} bytes were in memory");
}

#[test]
fn who_reads_slowly_or_not_at_all_keeps_a_bounded_part() {
    let store = Odd::default();
    store.seen.endless.store(1 << 40, Ordering::SeqCst);
    let mut handle = store.open("endless").unwrap();
    handle.read_exact(&mut [0; 10]).unwrap();
    let ahead = || store.seen.given.load(Ordering::SeqCst);
    until("it reads ahead", || ahead() >= 2 << 20);
    assert!(ahead() <= (3 << 20) + BLOCK as u64, "{} bytes", ahead());
    // Dropping the handle drops the store's stream.
    assert_eq!(store.seen.streams.load(Ordering::SeqCst), 1);
    drop(handle);
    until("the stream ends", || store.seen.streams.load(Ordering::SeqCst) == 0);
}

#[test]
fn small_pieces_do_not_cost_a_request_each_and_a_short_step_ahead_costs_none() {
    let (store, whole) = (Odd::default(), bytes(900_000));
    store.open("a").unwrap().put(whole.clone()).unwrap();
    *store.seen.cuts.lock() = vec![100];
    let (mut handle, before) = (store.open("a").unwrap(), store.requests());
    let mut read = vec![0; 1000];
    for at in (0..900_000).step_by(30_000) {
        handle.seek(SeekFrom::Start(at)).unwrap();
        handle.read_exact(&mut read).unwrap();
        assert_eq!(read, whole[at as usize..at as usize + 1000]);
    }
    assert_eq!(store.requests() - before, 1);
    // Back again is another request.
    handle.rewind().unwrap();
    handle.read_exact(&mut read).unwrap();
    assert_eq!(store.requests() - before, 2);
}

#[test]
fn a_handle_gives_bytes_of_one_version_only() {
    for store in plain() {
        let mut writer = store.open("a").unwrap();
        writer.put("first version").unwrap();
        let mut handle = store.open("a").unwrap();
        handle.read_exact(&mut [0; 5]).unwrap();
        writer.put("other version").unwrap();
        handle.rewind().unwrap();
        let mut text = String::new();
        let error = handle.read_to_string(&mut text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StaleNetworkFileHandle, "{error}");
        assert_eq!(text, "");
        assert!(!handle.info().unwrap().success);
        handle.refresh();
        handle.read_to_string(&mut text).unwrap();
        assert_eq!(text, "other version");
        assert!(handle.info().unwrap().success);
    }
}

#[test]
fn a_seek_from_the_end_and_a_read_behind_it_are_as_with_a_file() {
    for store in plain() {
        store.open("a").unwrap().put("0123456789").unwrap();
        let mut handle = store.open("a").unwrap();
        assert_eq!(handle.seek(SeekFrom::End(-3)).unwrap(), 7);
        let mut text = String::new();
        handle.read_to_string(&mut text).unwrap();
        assert_eq!(text, "789");
        // Without having read, nobody knows that there is nothing.
        let mut other = store.open("a").unwrap();
        other.seek(SeekFrom::Start(10)).unwrap();
        assert_eq!(other.read(&mut [0; 4]).unwrap(), 0);
        other.seek(SeekFrom::Start(1000)).unwrap();
        assert_eq!(other.read(&mut [0; 4]).unwrap(), 0);
        let error = other.seek(SeekFrom::End(-11)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(other.stream_position().unwrap(), 1000);
    }
}

#[tokio::test]
async fn sync_calls_without_end_work_in_a_task_of_a_single_threaded_runtime() {
    // More than a task may do before it has to give way.
    for store in plain() {
        let mut handle = store.open("a").unwrap();
        for number in 0..400 {
            handle.put(vec![number as u8; 3]).unwrap();
            assert_eq!(handle.read_all().unwrap(), vec![number as u8; 3]);
            handle.rewind().unwrap();
            let mut read = Vec::new();
            handle.read_to_end(&mut read).unwrap();
            assert_eq!(read.len(), 3);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sync_calls_work_in_the_workers_of_a_runtime() {
    let store = Odd::default();
    store.open_async("a").unwrap().put(bytes(3 << 20)).await.unwrap();
    *store.seen.cuts.lock() = vec![8192];
    let reads = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut read = Vec::new();
            store.open("a").unwrap().read_to_end(&mut read).unwrap();
            read.len()
        })
    });
    for read in futures::future::join_all(reads).await {
        assert_eq!(read.unwrap(), 3 << 20);
    }
}

async fn read_twice(store: crate::Shared) {
    let mut handle = store.open_async("a").unwrap();
    handle.put("some text").await.unwrap();
    let mut text = String::new();
    handle.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "some text");
    assert_eq!(handle.seek(SeekFrom::End(-4)).await.unwrap(), 5);
    let mut rest = [0; 4];
    handle.read_exact(&mut rest).await.unwrap();
    assert_eq!(&rest, b"text");
    assert_eq!(handle.stat().await.unwrap().size, 9);
    assert_eq!(handle.read_all().await.unwrap(), "some text");
    assert_eq!(handle.path(), "a");
    let mut sync = handle.into_sync();
    assert_eq!(sync.stream_position().unwrap(), 9);
    sync.delete().unwrap();
}

#[test]
fn an_async_handle_needs_no_tokio_around_it() {
    for store in plain() {
        futures::executor::block_on(read_twice(store));
    }
}

#[tokio::test]
async fn an_async_handle_works_in_tokio() {
    for store in plain() {
        read_twice(store).await;
    }
}

#[test]
fn f24_info_says_success_cached_error_and_size() {
    for store in plain() {
        let mut handle = store.open("a").unwrap();
        assert_eq!(handle.info(), None);
        assert!(handle.read_to_end(&mut Vec::new()).is_err());
        let info = handle.info().unwrap();
        assert_eq!((info.success, info.cached, info.size), (false, false, None));
        assert_eq!(info.kind, Some(ErrorKind::NotFound));
        assert!(info.error.as_ref().unwrap().contains('a'), "{info:?}");

        handle.put("four").unwrap();
        handle.read_to_end(&mut Vec::new()).unwrap();
        let info = handle.info().unwrap();
        assert_eq!((info.success, info.cached, info.size), (true, false, Some(4)));
        assert_eq!((info.error.as_ref(), info.kind), (None, None));
        let stat = handle.stat().unwrap();
        assert_eq!((stat.e_tag.as_ref(), stat.size), (info_tag(&handle), 4));
        assert_eq!(stat.path, "a");
    }
}

fn info_tag(handle: &cache_stores::Handle) -> Option<&String> {
    handle.info().and_then(|info| info.e_tag.as_ref())
}
