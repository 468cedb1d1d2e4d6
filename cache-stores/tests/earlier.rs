//! Stores for programs that take an `ObjectStore` of version 0.13: that version's own suite holds.

#![cfg(feature = "object-store-013")]

#[path = "common/mod.rs"]
mod common;

use cache_stores::object_store as now;
use cache_stores::{CachedStore, Earlier};
use common::Watched;
use earlier::integration as suite;
use earlier::path::Path;
use earlier::{
    Attribute, Attributes, GetOptions, GetResultPayload, ObjectStore, ObjectStoreExt, PutMode,
    PutOptions,
};
use futures::StreamExt;
use now::ObjectStoreExt as _;
use std::sync::Arc;

fn pair() -> (Arc<now::memory::InMemory>, Arc<dyn ObjectStore>) {
    let store = Arc::new(now::memory::InMemory::new());
    (store.clone(), Arc::new(Earlier::new(store)))
}

#[tokio::test]
async fn the_suite_of_the_earlier_version_holds() {
    let (_, store) = pair();
    suite::put_get_delete_list(&store).await;
    suite::put_get_attributes(&*store).await;
    suite::get_opts(&*store).await;
    suite::put_opts(&*store, true).await;
    suite::list_uses_directories_correctly(&store).await;
    suite::list_with_delimiter(&store).await;
    suite::list_with_offset_exclusivity(&store).await;
    suite::rename_and_copy(&store).await;
    suite::copy_if_not_exists(&store).await;
    suite::copy_rename_nonexistent_object(&store).await;
    suite::stream_get(&store).await;
    suite::multipart_out_of_order(&*store).await;
}

#[tokio::test]
async fn what_one_version_writes_the_other_reads() {
    let (store, earlier) = pair();
    let attributes = Attributes::from_iter([
        (Attribute::ContentType, "text/plain"),
        (Attribute::Metadata("team".into()), "red"),
    ]);
    let options = PutOptions { attributes: attributes.clone(), ..PutOptions::default() };
    earlier.put_opts(&Path::from("a b/ü.txt"), "hello".into(), options).await.unwrap();
    let found = store.get(&now::path::Path::from("a b/ü.txt")).await.unwrap();
    let kind = found.attributes.get(&now::Attribute::ContentType).unwrap();
    assert_eq!((kind.as_ref(), found.meta.size), ("text/plain", 5));
    let again = earlier.get(&Path::from("a b/ü.txt")).await.unwrap();
    assert_eq!(again.attributes, attributes);
    assert!(matches!(again.payload, GetResultPayload::Stream(_)));
}

#[tokio::test]
async fn an_object_of_a_cached_store_that_is_renamed_to_itself_stays() {
    let memory = now::memory::InMemory::new;
    let store = CachedStore::new(memory(), memory()).build().unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(Earlier::new(Arc::new(store)));
    let path = Path::from("one");
    let absent = store.rename(&path, &path).await.unwrap_err();
    assert!(matches!(absent, earlier::Error::NotFound { .. }), "{absent}");
    store.put(&path, "1".into()).await.unwrap();
    store.rename(&path, &path).await.unwrap();
    let refused = store.rename_if_not_exists(&path, &path).await.unwrap_err();
    assert!(matches!(refused, earlier::Error::AlreadyExists { .. }), "{refused}");
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "1");
}

#[tokio::test]
async fn ranges_of_an_object_are_asked_for_together() {
    let watched = Watched::new(now::memory::InMemory::new());
    let store: Arc<dyn ObjectStore> = Arc::new(Earlier::new(Arc::new(watched.clone())));
    let path = Path::from("one");
    store.put(&path, vec![7; 3 << 20].into()).await.unwrap();
    let far = (3 << 20) - 10;
    let ranges = store.get_ranges(&path, &[0..10, far..far + 10]).await.unwrap();
    assert_eq!(ranges, [vec![7; 10], vec![7; 10]]);
    assert_eq!(watched.gets(), 1);
    let beyond = store.get_ranges(&path, std::slice::from_ref(&(5 << 20..6 << 20))).await;
    assert!(matches!(beyond, Err(earlier::Error::Generic { .. })), "{beyond:?}");
}

#[tokio::test]
async fn errors_keep_their_kinds() {
    let (_, store) = pair();
    let path = Path::from("one");
    let missing = store.get(&path).await.unwrap_err();
    assert!(matches!(missing, earlier::Error::NotFound { .. }), "{missing}");
    store.put(&path, "1".into()).await.unwrap();
    let twice = store.put_opts(&path, "2".into(), PutMode::Create.into()).await.unwrap_err();
    assert!(matches!(twice, earlier::Error::AlreadyExists { .. }), "{twice}");
    let e_tag = store.head(&path).await.unwrap().e_tag;
    let same = GetOptions { if_none_match: e_tag, ..GetOptions::default() };
    let same = store.get_opts(&path, same).await.unwrap_err();
    assert!(matches!(same, earlier::Error::NotModified { .. }), "{same}");
}

#[tokio::test]
async fn a_mistake_in_a_list_of_what_to_delete_comes_back_and_the_rest_is_deleted() {
    let (_, store) = pair();
    store.put(&Path::from("one"), "1".into()).await.unwrap();
    store.put(&Path::from("two"), "2".into()).await.unwrap();
    let mistake = || earlier::Error::NotSupported { source: "on purpose".into() };
    let wanted = vec![Ok(Path::from("one")), Err(mistake()), Ok(Path::from("two"))];
    let wanted = futures::stream::iter(wanted).boxed();
    let deleted: Vec<_> = store.delete_stream(wanted).collect().await;
    let wrong: Vec<_> = deleted.iter().filter_map(|one| one.as_ref().err()).collect();
    assert_eq!((deleted.len(), wrong.len()), (3, 1), "{deleted:?}");
    assert!(wrong[0].to_string().contains("on purpose"));
    assert!(store.list(None).next().await.is_none());
}
