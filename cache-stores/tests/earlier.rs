//! Stores for programs that take an `ObjectStore` of version 0.13: that version's own suite holds.

#![cfg(feature = "object-store-013")]

use cache_stores::Earlier;
use cache_stores::object_store as now;
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
