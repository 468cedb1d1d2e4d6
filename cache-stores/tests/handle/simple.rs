//! F21: stores of three functions, in any place.

use crate::bytes;
use bytes::Bytes;
use cache_stores::object_store::memory::InMemory;
use cache_stores::object_store::path::Path;
use cache_stores::object_store::prefix::PrefixStore;
use cache_stores::object_store::{
    Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, UpdateVersion,
};
use cache_stores::{Blocking, OpenExt, Simple, SimpleBlocking, SimpleStore};
use futures::TryStreamExt;
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The least that somebody writes.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<HashMap<String, Bytes>>);

impl Shelf {
    fn look(&self, path: &str) -> io::Result<Option<Bytes>> {
        match path {
            "forbidden" => Err(ErrorKind::PermissionDenied.into()),
            "broken" => Err(io::Error::other("the shelf is broken")),
            _ => Ok(self.0.lock().unwrap().get(path).cloned()),
        }
    }
}

impl Simple for Shelf {
    async fn read(&self, path: &str) -> io::Result<Option<Bytes>> {
        // Needs a runtime of tokio's.
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        self.look(path)
    }
    async fn write(&self, path: &str, data: Bytes) -> io::Result<()> {
        self.0.lock().unwrap().insert(path.to_owned(), data);
        Ok(())
    }
    async fn delete(&self, path: &str) -> io::Result<()> {
        self.0.lock().unwrap().remove(path);
        Ok(())
    }
}

impl SimpleBlocking for Shelf {
    fn read(&self, path: &str) -> io::Result<Option<Bytes>> {
        self.look(path)
    }
    fn write(&self, path: &str, data: Bytes) -> io::Result<()> {
        self.0.lock().unwrap().insert(path.to_owned(), data);
        Ok(())
    }
    fn delete(&self, path: &str) -> io::Result<()> {
        self.0.lock().unwrap().remove(path);
        Ok(())
    }
}

pub(crate) fn both() -> [Arc<dyn ObjectStore>; 2] {
    let blocking = SimpleStore::new(Blocking::new(Shelf::default()));
    [Arc::new(SimpleStore::new(Shelf::default())), Arc::new(blocking)]
}

#[test]
fn f21_three_functions_make_a_store_that_handles_work_over() {
    for store in both() {
        let whole = bytes(20 << 20);
        let mut handle = store.create("a/b").unwrap();
        handle.write_all(&whole).unwrap();
        assert_eq!(store.open("a/b").unwrap().read_all().unwrap_err().kind(), ErrorKind::NotFound);
        handle.close().unwrap();
        let mut read = Vec::new();
        handle.read_to_end(&mut read).unwrap();
        assert!(read == whole);
        handle.delete().unwrap();
        handle.delete().unwrap();
        assert_eq!(handle.stat().unwrap_err().kind(), ErrorKind::NotFound);
        for (path, kind) in
            [("forbidden", ErrorKind::PermissionDenied), ("broken", ErrorKind::Other)]
        {
            let error = store.open(path).unwrap().read_all().unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
        }
    }
}

#[test]
fn f21_a_simple_store_is_an_object_store_as_far_as_three_functions_go() {
    // Also in a thread without a runtime.
    futures::executor::block_on(async {
        for store in both() {
            let path = Path::from("a");
            let put = store.put(&path, "0123456789".into()).await.unwrap();
            assert_eq!(store.get_range(&path, 2..5).await.unwrap(), "234");
            let ranges = store.get_ranges(&path, &[0..1, 8..20]).await.unwrap();
            assert_eq!(ranges, ["0", "89"]);
            let suffix = GetOptions::new().with_range(Some(GetRange::Suffix(3)));
            assert_eq!(store.get_opts(&path, suffix).await.unwrap().bytes().await.unwrap(), "789");
            store.get_range(&path, 20..30).await.unwrap_err();
            let head = store.head(&path).await.unwrap();
            assert_eq!((head.size, &head.e_tag), (10, &put.e_tag));
            let same = GetOptions::new().with_if_none_match(put.e_tag.clone());
            let error = store.get_opts(&path, same).await.unwrap_err();
            assert!(matches!(error, Error::NotModified { .. }), "{error}");
            store.copy(&path, &Path::from("b")).await.unwrap();
            store.rename(&Path::from("b"), &Path::from("c")).await.unwrap();
            assert!(matches!(store.head(&Path::from("b")).await, Err(Error::NotFound { .. })));
            assert_eq!(store.head(&Path::from("c")).await.unwrap().e_tag, put.e_tag);
        }
    });
}

#[tokio::test]
async fn an_object_of_three_functions_that_is_renamed_to_itself_stays() {
    for store in both() {
        crate::itself::stays(&store).await;
        crate::itself::stays(&PrefixStore::new(store, "below")).await;
    }
}

#[tokio::test]
async fn what_three_functions_cannot_do_is_not_supported() {
    let modes = [PutMode::Create, PutMode::Update(UpdateVersion { e_tag: None, version: None })];
    for store in both() {
        let path = Path::from("a");
        for mode in modes.clone() {
            let error = store.put_opts(&path, "b".into(), mode.into()).await.unwrap_err();
            assert!(matches!(error, Error::NotSupported { .. }), "{error}");
        }
        store.put(&path, "b".into()).await.unwrap();
        let dated = GetOptions::new().with_if_modified_since(Some(chrono::Utc::now()));
        for error in [
            store.copy_if_not_exists(&path, &Path::from("b")).await.unwrap_err(),
            store.list(None).try_collect::<Vec<_>>().await.unwrap_err(),
            store.list_with_delimiter(None).await.unwrap_err(),
            store.get_opts(&path, dated).await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::NotSupported { .. }), "{error}");
        }
    }
}

/// A store over the sync handles of another.
#[derive(Debug)]
struct Over(Arc<dyn ObjectStore>);

impl Simple for Over {
    async fn read(&self, path: &str) -> io::Result<Option<Bytes>> {
        match self.0.open(path)?.read_all() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
    async fn write(&self, path: &str, data: Bytes) -> io::Result<()> {
        self.0.open(path)?.put(data).map(drop)
    }
    async fn delete(&self, path: &str) -> io::Result<()> {
        self.0.open(path)?.delete()
    }
}

#[test]
fn a_store_over_handles_over_a_store_over_handles_does_not_starve_the_threads() {
    let mut store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    for _ in 0..3 {
        store = Arc::new(SimpleStore::new(Over(store)));
    }
    std::thread::scope(|scope| {
        for reader in 0..8 {
            let store = &store;
            scope.spawn(move || {
                let mut handle = store.open(&format!("of/{reader}")).unwrap();
                for round in 0..20 {
                    handle.put(vec![round; 100]).unwrap();
                    assert_eq!(handle.read_all().unwrap(), vec![round; 100]);
                }
                handle.delete().unwrap();
                assert_eq!(handle.read_all().unwrap_err().kind(), ErrorKind::NotFound);
            });
        }
    });
}

/// Takes nothing at first.
#[derive(Debug, Default)]
struct Moody(Shelf, AtomicUsize);

impl Simple for Moody {
    async fn read(&self, path: &str) -> io::Result<Option<Bytes>> {
        self.0.look(path)
    }
    async fn write(&self, path: &str, data: Bytes) -> io::Result<()> {
        match self.1.fetch_add(1, Ordering::SeqCst) {
            0 => Err(io::Error::other("not now")),
            _ => Simple::write(&self.0, path, data).await,
        }
    }
    async fn delete(&self, path: &str) -> io::Result<()> {
        Simple::delete(&self.0, path).await
    }
}

#[tokio::test]
async fn an_upload_that_is_completed_again_is_whole_and_one_that_is_over_takes_no_more() {
    let store = SimpleStore::new(Moody::default());
    let path = Path::from("a");
    let mut upload = store.put_multipart(&path).await.unwrap();
    upload.put_part("all ".into()).await.unwrap();
    upload.put_part("of it".into()).await.unwrap();
    assert!(upload.complete().await.unwrap_err().to_string().contains("not now"));
    upload.complete().await.unwrap();
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "all of it");
    for error in [
        upload.put_part("more".into()).await.unwrap_err(),
        upload.complete().await.unwrap_err(),
        upload.abort().await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("the upload of `a` is over"), "{error}");
    }
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "all of it");
}
