//! Writing: through, or not at all (F5, F6, F7, F10).

use crate::pair::{Pair, data, keep, kept, read, until};
use crate::stand::watched::Trouble;
use bytes::Bytes;
use cache_stores::ServedFrom;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt};

pub(crate) async fn f5_a_write_goes_to_the_remote_then_to_the_local_store(pair: Pair) {
    let store = pair.store(|builder| builder);
    let (path, written) = (Path::from("a/b"), data(1, 10_000));
    store.put(&path, written.clone().into()).await.unwrap();
    let there = pair.remote.store.get(&path).await.unwrap().bytes().await.unwrap();
    assert_eq!(there, written);
    assert_eq!(pair.near.present().len(), 3, "one local object a chunk");
    let before = pair.far.requests();
    assert_eq!(read(&store, "a/b").await.unwrap(), (written, ServedFrom::Local));
    assert_eq!(pair.far.requests(), before);
}

pub(crate) async fn f6_a_failed_write_changes_nothing_and_is_told(pair: Pair) {
    let store = pair.store(|builder| builder);
    let (path, old) = (Path::from("a"), data(1, 5_000));
    store.put(&path, old.clone().into()).await.unwrap();
    let (status, lying) = (kept(&store), pair.near.present());

    // Refused: it did not happen.
    pair.far.set(Trouble::Denied);
    let denied = store.put(&path, data(2, 5_000).into()).await.unwrap_err();
    assert!(matches!(denied, Error::PermissionDenied { .. }), "{denied:?}");
    let before = pair.far.requests();
    assert_eq!(read(&store, "a").await.unwrap(), (old.clone(), ServedFrom::Local));
    assert_eq!(pair.far.requests(), before);
    assert_eq!((kept(&store), pair.near.present()), (status.clone(), lying));

    // No answer: it may have happened, and the next read asks.
    pair.far.set(Trouble::Away);
    let away = store.put(&path, data(3, 5_000).into()).await.unwrap_err();
    assert!(matches!(away, Error::Generic { .. }), "{away:?}");
    pair.far.set(None);
    let before = pair.far.reads();
    assert_eq!(read(&store, "a").await.unwrap().0, old);
    assert!(pair.far.reads() > before, "the remote was not asked");
    assert_eq!(kept(&store), status);
}

pub(crate) async fn f7_a_delete_removes_it_everywhere(pair: Pair) {
    let store = pair.store(|builder| builder);
    let path = Path::from("a/b");
    store.put(&path, data(1, 10_000).into()).await.unwrap();
    store.delete(&path).await.unwrap();
    until("its data are deleted", || pair.near.present().is_empty()).await;
    assert_eq!(kept(&store), [""; 0]);
    let gone = pair.remote.store.get(&path).await.unwrap_err();
    assert!(matches!(gone, Error::NotFound { .. }), "{gone:?}");
    let gone = read(&store, "a/b").await.unwrap_err();
    assert!(matches!(gone, Error::NotFound { .. }), "{gone:?}");
    pair.elsewhere("never-read", &data(1, 100)).await;
    store.delete(&Path::from("never-read")).await.unwrap();
    let gone = pair.remote.store.head(&Path::from("never-read")).await.unwrap_err();
    assert!(matches!(gone, Error::NotFound { .. }), "{gone:?}");
}

pub(crate) async fn f10_text_bytes_and_nothing_come_back_as_they_were(pair: Pair) {
    let store = pair.store(|builder| builder);
    let text = Bytes::from("smörgåsbord, 日本, 🥫\n");
    let all: Bytes = (0..=255).cycle().take(20_000).collect();
    for (path, data) in [("text", text), ("bytes", all), ("nothing", Bytes::new())] {
        store.put(&Path::from(path), data.clone().into()).await.unwrap();
        let there = pair.remote.store.get(&Path::from(path)).await.unwrap();
        assert_eq!(there.bytes().await.unwrap(), data, "{path} on the remote");
        assert_eq!(read(&store, path).await.unwrap(), (data.clone(), ServedFrom::Local));
        // Also where somebody else wrote it.
        let elsewhere = format!("{path}-elsewhere");
        pair.elsewhere(&elsewhere, &data).await;
        assert_eq!(keep(&store, &elsewhere).await, data);
        assert_eq!(read(&store, &elsewhere).await.unwrap(), (data, ServedFrom::Local));
    }
}
