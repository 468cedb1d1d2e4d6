//! F17: temporary stores.

use crate::bytes;
use cache_stores::{OpenExt, Temporary};
use std::io::Read;

#[test]
fn f17_the_directory_is_gone_with_the_last_clone_of_the_store() {
    let store = Temporary::new().unwrap();
    let folder = store.folder().to_owned();
    let clone = store.clone();
    store.open("a/b/c").unwrap().put("data").unwrap();
    let handle = store.open("a/b/c").unwrap();
    drop(store);
    assert_eq!(clone.open("a/b/c").unwrap().read_all().unwrap(), "data");
    drop(clone);
    // A handle has a clone.
    assert!(folder.join("a/b/c").exists());
    drop(handle);
    assert!(!folder.exists() && !folder.parent().unwrap().exists());
}

#[test]
fn f17_no_reader_sees_half_a_write() {
    let store = Temporary::new().unwrap();
    let versions: Vec<Vec<u8>> = (0..4).map(|n| bytes(300_000 + n * 1000)).collect();
    store.open("a").unwrap().put(versions[0].clone()).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for turn in 0..100 {
                store.open("a").unwrap().put(versions[turn % 4].clone()).unwrap();
            }
        });
        let mut reads = 0;
        while !writer.is_finished() || reads == 0 {
            let mut read = Vec::new();
            store.open("a").unwrap().read_to_end(&mut read).unwrap();
            assert!(versions.contains(&read), "{} bytes", read.len());
            reads += 1;
        }
    });
}
