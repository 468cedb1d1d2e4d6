//! What goes wrong is told by its kind, and nothing is lost or made up by it.

use crate::odd::Odd;
use crate::{bytes, plain};
use cache_stores::object_store::Error;
use cache_stores::{OpenExt, Temporary};
use std::io::{ErrorKind, Read};
use std::sync::atomic::Ordering;

#[test]
fn f11_not_found_an_io_error_and_empty_are_three_things() {
    let store = Temporary::new().unwrap();
    let missing = store.open("missing").unwrap().read_all().unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert!(matches!(missing.get_ref().unwrap().downcast_ref(), Some(Error::NotFound { .. })));

    let mut empty = store.open("empty").unwrap();
    empty.put("").unwrap();
    assert_eq!(empty.read_all().unwrap(), "");
    assert_eq!(empty.read_to_end(&mut Vec::new()).unwrap(), 0);
    assert_eq!(empty.stat().unwrap().size, 0);

    // A link that leads to itself.
    std::os::unix::fs::symlink("loop", store.folder().join("loop")).unwrap();
    let broken = store.open("loop").unwrap().read_all().unwrap_err();
    assert_eq!(format!("{:?}", broken.kind()), "FilesystemLoop", "{broken}");
}

#[test]
fn f16_slashes_make_folders_and_nothing_leads_out() {
    let store = Temporary::new().unwrap();
    store.open("a/b/c.txt").unwrap().put("deep").unwrap();
    assert_eq!(std::fs::read(store.folder().join("a/b/c.txt")).unwrap(), b"deep");
    let outside = store.folder().parent().unwrap().join("secret");
    std::fs::write(&outside, "secret").unwrap();
    for path in ["../secret", "a/../../secret", outside.to_str().unwrap(), "a//b", "a\0b", ""] {
        for error in [store.open(path).unwrap_err(), store.create(path).unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains(&path.escape_debug().to_string()), "{error}");
        }
        assert!(store.open_async(path).is_err());
    }
    // Other spellings are names like all others.
    for path in ["%2e%2e/secret", "..%2fsecret", "..\\secret", "%2e%2e%2fsecret", "a/.../b"] {
        let mut handle = store.open(path).unwrap();
        assert_eq!(handle.read_all().unwrap_err().kind(), ErrorKind::NotFound, "{path}");
        handle.put("mine").unwrap();
        assert_eq!(handle.read_all().unwrap(), "mine", "{path}");
    }
    assert_eq!(std::fs::read(&outside).unwrap(), b"secret");
}

#[test]
fn a_stream_that_is_too_short_is_an_error_and_no_end() {
    let store = Odd::default();
    store.open("a").unwrap().put(bytes(10_000)).unwrap();
    *store.seen.cuts.lock() = vec![1000];
    store.seen.short.store(7000, Ordering::SeqCst);
    let (mut handle, mut read) = (store.open("a").unwrap(), Vec::new());
    let error = handle.read_to_end(&mut read).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error}");
    assert_eq!(read, bytes(10_000)[..7000]);
    let info = handle.info().unwrap();
    assert_eq!((info.success, info.size), (false, Some(10_000)));
    // The rest can still be had.
    store.seen.short.store(0, Ordering::SeqCst);
    handle.read_to_end(&mut read).unwrap();
    assert_eq!(read, bytes(10_000));
}

#[test]
fn a_store_that_panics_is_an_error_of_its_callers() {
    let store = Odd::default();
    store.open("a").unwrap().put("text").unwrap();
    store.seen.panics.store(true, Ordering::SeqCst);
    let mut handle = store.open("a").unwrap();
    for error in [
        handle.read(&mut [0; 4]).unwrap_err(),
        handle.read_all().unwrap_err(),
        handle.stat().unwrap_err(),
        handle.put("more").unwrap_err(),
        handle.delete().unwrap_err(),
    ] {
        assert!(error.to_string().contains("the store panicked"), "{error}");
    }
    store.seen.panics.store(false, Ordering::SeqCst);
    assert_eq!(handle.read_all().unwrap(), "text");
}

#[test]
fn what_a_handle_cannot_do_is_refused_before_anything_happens() {
    use std::io::{Seek, SeekFrom, Write};
    for store in plain() {
        let mut handle = store.open("a").unwrap();
        handle.put("the old text").unwrap();
        // Appending would lose what is there.
        handle.seek(SeekFrom::End(0)).unwrap();
        let error = handle.write(b"more").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("`rewind` first"), "{error}");
        handle.close().unwrap();
        handle.rewind().unwrap();
        handle.write_all(b"new").unwrap();
        for error in [
            handle.read(&mut [0; 2]).unwrap_err(),
            handle.seek(SeekFrom::Start(0)).unwrap_err(),
            handle.seek(SeekFrom::End(0)).unwrap_err(),
            handle.read_all().unwrap_err(),
            handle.put("other").unwrap_err(),
            handle.delete().unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(error.to_string().contains("`close` it first"), "{error}");
        }
        assert_eq!(handle.stream_position().unwrap(), 3);
        assert_eq!(store.open("a").unwrap().read_all().unwrap(), "the old text");
        handle.abort();
        assert_eq!(handle.read_all().unwrap(), "the old text");
    }
}
