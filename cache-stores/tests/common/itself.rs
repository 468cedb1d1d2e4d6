//! An object that is copied or renamed to its own path stays what it is.

use cache_stores::object_store::path::Path;
use cache_stores::object_store::{Error, ObjectStore, ObjectStoreExt};

/// Over a store in which nothing lies there.
pub(crate) async fn stays(store: &dyn ObjectStore) {
    let path = Path::from("itself/one");
    let there = async |what: &str| {
        let bytes = store.get(&path).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(bytes.bytes().await.unwrap(), "what it is", "{what}");
    };
    for absent in [
        store.copy(&path, &path).await,
        store.rename(&path, &path).await,
        store.copy_if_not_exists(&path, &path).await,
        store.rename_if_not_exists(&path, &path).await,
    ] {
        assert!(matches!(absent, Err(Error::NotFound { .. })), "{store}: {absent:?}");
    }
    store.put(&path, "what it is".into()).await.unwrap();
    store.copy(&path, &path).await.unwrap();
    there("a copy").await;
    store.rename(&path, &path).await.unwrap();
    there("a rename").await;
    for (what, refused) in [
        ("a copy to where nothing is", store.copy_if_not_exists(&path, &path).await),
        ("a rename to where nothing is", store.rename_if_not_exists(&path, &path).await),
    ] {
        assert!(matches!(refused, Err(Error::AlreadyExists { .. })), "{store}: {refused:?}");
        there(what).await;
    }
    store.delete(&path).await.unwrap();
}
