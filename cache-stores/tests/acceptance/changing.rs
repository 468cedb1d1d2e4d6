//! Readers of what is being written (F17).

use crate::pair::{Pair, data, read};
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt};

const LENGTH: usize = 20_000;

pub(crate) async fn f17_no_reader_sees_a_torn_object(pair: Pair) {
    let store = pair.store(|builder| builder);
    let path = Path::from("a");
    store.put(&path, data(0, LENGTH).into()).await.unwrap();
    let writer = {
        let (store, path) = (store.clone(), path.clone());
        tokio::spawn(async move {
            for seed in 1..=15 {
                store.put(&path, data(seed, LENGTH).into()).await.unwrap();
            }
        })
    };
    let mut seen = 0;
    while !writer.is_finished() {
        match read(&store, "a").await {
            Ok((bytes, _)) => {
                let version = (0..=15).find(|seed| bytes == data(*seed, LENGTH));
                let version = version.expect("one version, and all of it");
                assert!(version >= seen, "version {version} after {seen}");
                seen = version;
            }
            // It was replaced while it was being read.
            Err(error) => assert!(matches!(error, Error::Precondition { .. }), "{error:?}"),
        }
    }
    writer.await.unwrap();
    assert_eq!(read(&store, "a").await.unwrap().0, data(15, LENGTH));
}
