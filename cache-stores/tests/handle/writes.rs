//! Writing: seen when it is closed and not before, in bounded memory.

use crate::odd::Odd;
use crate::{bytes, plain, until};
use cache_stores::object_store::{Attribute, Attributes, PutMode, PutOptions, memory::InMemory};
use cache_stores::{OpenExt, Temporary};
use std::io::{BufWriter, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::io::AsyncWriteExt;

const PART: usize = 8 << 20;

#[test]
fn f10_text_is_utf8_and_bytes_are_what_they_were_also_none() {
    for store in plain() {
        let mut handle = store.open("text").unwrap();
        write!(handle, "größer {} 🙀", 17).unwrap();
        handle.close().unwrap();
        assert_eq!(store.open("text").unwrap().read_all().unwrap(), "größer 17 🙀".as_bytes());
        let mut text = String::new();
        store.open("text").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "größer 17 🙀");

        let every: Vec<u8> = (0..=255).cycle().take(70_000).collect();
        store.open("binary").unwrap().put(every.clone()).unwrap();
        assert_eq!(store.open("binary").unwrap().read_all().unwrap(), every);

        store.create("empty").unwrap().close().unwrap();
        assert_eq!(store.open("empty").unwrap().read_all().unwrap(), "");
        store.open("empty").unwrap().put("").unwrap();
        assert_eq!(store.open("empty").unwrap().stat().unwrap().size, 0);
    }
}

#[test]
fn a_write_is_seen_when_it_is_closed_and_not_before() {
    for length in [10, PART, PART + 1, 3 * PART, 3 * PART + 5] {
        for store in plain() {
            let whole = bytes(length);
            store.open("a").unwrap().put("old").unwrap();
            let mut handle = store.create("a").unwrap();
            for piece in whole.chunks(1 << 18) {
                handle.write_all(piece).unwrap();
                handle.flush().unwrap();
            }
            assert_eq!(store.open("a").unwrap().read_all().unwrap(), "old");
            handle.close().unwrap();
            let mut read = Vec::new();
            handle.read_to_end(&mut read).unwrap();
            assert!(read == whole, "{length} bytes over {store}");
            // A second close has nothing to do.
            handle.close().unwrap();
        }
    }
}

#[test]
fn a_handle_that_is_dropped_aborts_its_write() {
    let store = Temporary::new().unwrap();
    for length in [10, 2 * PART + 5] {
        let mut handle = store.create("a").unwrap();
        handle.write_all(&bytes(length)).unwrap();
        drop(handle);
        // Also what was already on the disk goes.
        until("the parts are removed", || {
            std::fs::read_dir(store.folder()).unwrap().next().is_none()
        });
        assert_eq!(store.open("a").unwrap().stat().unwrap_err().kind(), ErrorKind::NotFound);
    }
    // Nothing was written: nothing is made.
    drop(store.create("a").unwrap());
    store.open("a").unwrap().close().unwrap();
    assert_eq!(store.open("a").unwrap().stat().unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_gibibyte_is_written_with_two_parts_on_their_way() {
    let store = Odd::default();
    store.seen.sink.store(true, Ordering::SeqCst);
    let (mut handle, block) = (store.create("a").unwrap(), vec![7; 1 << 20]);
    for _ in 0..1024 {
        handle.write_all(&block).unwrap();
        let position = std::io::Seek::stream_position(&mut handle).unwrap();
        let held = position - store.seen.sunk.load(Ordering::SeqCst);
        assert!(held <= 4 * PART as u64, "{held} bytes were in memory");
    }
    handle.close().unwrap();
    assert_eq!(store.seen.sunk.load(Ordering::SeqCst), 1 << 30);
    assert_eq!(store.seen.parts.load(Ordering::SeqCst), 128);
    assert!(store.seen.most_flying.load(Ordering::SeqCst) <= 2);
}

#[test]
fn a_part_that_fails_ends_the_write_with_its_own_error() {
    let store = Odd::default();
    store.open("a").unwrap().put("old").unwrap();
    store.seen.full_at.store(2, Ordering::SeqCst);
    let mut handle = store.create("a").unwrap();
    let block = vec![7; 1 << 20];
    let wrote = (0..64).try_for_each(|_| handle.write_all(&block));
    assert_eq!(wrote.unwrap_err().kind(), ErrorKind::StorageFull);
    // It stays over until it is closed.
    assert!(handle.write(b"more").unwrap_err().to_string().contains("has failed before"));
    assert!(handle.close().unwrap_err().to_string().contains("nothing of it was stored"));
    assert_eq!(store.seen.aborted.load(Ordering::SeqCst), 1);
    assert_eq!(handle.read_all().unwrap(), "old");
    handle.write_all(b"new").unwrap();
    handle.close().unwrap();
    assert_eq!(handle.read_all().unwrap(), "new");
}

#[test]
fn an_error_of_the_last_part_is_the_close_s() {
    let store = Odd::default();
    store.seen.full_at.store(2, Ordering::SeqCst);
    let mut handle = store.create("a").unwrap();
    handle.write_all(&bytes(PART + 10)).unwrap();
    assert_eq!(handle.close().unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(handle.stat().unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn options_of_a_write_reach_the_store_in_one_put_and_in_parts() {
    let store = Arc::new(InMemory::new());
    let attributes = Attributes::from_iter([(Attribute::ContentType, "text/csv")]);
    for length in [10, PART + 10] {
        let options = PutOptions::from(attributes.clone());
        let mut handle = store.create("a").unwrap().with_options(options);
        handle.write_all(&bytes(length)).unwrap();
        handle.close().unwrap();
        assert_eq!(handle.stat().unwrap().attributes, attributes);
    }
    let once = || PutOptions::from(PutMode::Create);
    let mut handle = store.create("b").unwrap().with_options(once());
    let error = handle.write_all(&bytes(PART + 1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    drop(handle);
    let mut handle = store.create("b").unwrap().with_options(once());
    handle.write_all(b"one").unwrap();
    handle.close().unwrap();
    handle.write_all(b"two").unwrap();
    assert_eq!(handle.close().unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(handle.read_all().unwrap(), "one");
}

#[test]
fn parts_are_as_long_as_they_are_said_to_be_and_five_mebibytes_at_least() {
    for (size, parts) in [(1, 7), (16 << 20, 2)] {
        let store = Odd::default();
        let mut handle = store.create("a").unwrap().with_part_size(size);
        handle.write_all(&bytes(31 << 20)).unwrap();
        handle.close().unwrap();
        assert_eq!(store.seen.parts.load(Ordering::SeqCst), parts);
    }
}

#[test]
fn a_buffered_writer_gives_the_handle_back_to_be_closed() {
    let store = Temporary::new().unwrap();
    let mut writer = BufWriter::new(store.create("lines").unwrap());
    for number in 0..1000 {
        writeln!(writer, "{number}").unwrap();
    }
    writer.into_inner().unwrap().close().unwrap();
    assert_eq!(store.open("lines").unwrap().read_all().unwrap().len(), 3890);
}

async fn write_async(store: crate::Shared) {
    let whole = bytes(2 * PART + 5);
    let mut handle = store.create_async("a").unwrap();
    handle.write_all(&whole).await.unwrap();
    handle.flush().await.unwrap();
    assert_eq!(
        store.open_async("a").unwrap().stat().await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    // What `tokio::io` calls `shutdown` is `close`.
    handle.shutdown().await.unwrap();
    assert!(handle.read_all().await.unwrap() == whole);
    handle.write_all(b"small").await.unwrap();
    handle.close().await.unwrap();
    assert_eq!(handle.read_all().await.unwrap(), "small");
}

#[tokio::test]
async fn an_async_write_is_seen_after_shutdown() {
    for store in plain() {
        write_async(store).await;
    }
}

#[test]
fn an_async_write_needs_no_tokio_around_it() {
    for store in plain() {
        futures::executor::block_on(write_async(store));
    }
}
