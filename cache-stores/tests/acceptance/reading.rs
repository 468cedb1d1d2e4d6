//! Reading: what comes from where (F1, F2, F8, F9, F11, F12, F13, F19).

use crate::pair::{Pair, data, keep, read, read_with, until};
use crate::stand::watched::Trouble;
use cache_stores::{Refresh, ServedFrom, Ttl};
use object_store::path::Path;
use object_store::{Error, Extensions, GetOptions, ObjectStoreExt};

pub(crate) async fn f1_the_first_read_fetches_and_keeps_and_the_second_does_not_touch_the_remote(
    pair: Pair,
) {
    let store = pair.store(|builder| builder);
    let there = data(1, 10_000);
    pair.elsewhere("a/b", &there).await;
    let (first, from) = read(&store, "a/b").await.unwrap();
    assert_eq!(first, there);
    assert_ne!(from, ServedFrom::Local);
    assert_eq!(pair.far.gets(), 1);
    keep(&store, "a/b").await;
    let before = pair.far.requests();
    let (second, from) = read(&store, "a/b").await.unwrap();
    assert_eq!(second, there);
    assert_eq!(from, ServedFrom::Local);
    let part = store.get_range(&Path::from("a/b"), 4_000..9_000).await.unwrap();
    assert_eq!(part, there.slice(4_000..9_000));
    assert_eq!(store.head(&Path::from("a/b")).await.unwrap().size, 10_000);
    assert_eq!(pair.far.requests(), before, "the remote was asked");
}

pub(crate) async fn f2_at_its_ttl_a_copy_is_asked_for_and_renewed(pair: Pair) {
    let store = pair.store(|builder| builder.policy(Ttl("60s")));
    let old = data(1, 5_000);
    pair.elsewhere("a", &old).await;
    keep(&store, "a").await;
    pair.later(59);
    let before = pair.far.requests();
    assert_eq!(read(&store, "a").await.unwrap(), (old.clone(), ServedFrom::Local));
    assert_eq!(pair.far.requests(), before, "it was young enough");
    pair.later(1);
    assert_eq!(read(&store, "a").await.unwrap().0, old);
    assert_eq!(pair.far.conditional(), 1, "at its TTL the remote is asked");
    // Not changed: believed for another TTL.
    pair.later(59);
    let before = pair.far.requests();
    assert_eq!(read(&store, "a").await.unwrap().0, old);
    assert_eq!(pair.far.requests(), before);
    let new = data(2, 6_000);
    pair.elsewhere("a", &new).await;
    pair.later(1);
    assert_eq!(read(&store, "a").await.unwrap().0, new);
    assert_eq!(keep(&store, "a").await, new);
}

pub(crate) async fn f8_a_copy_whose_data_are_missing_is_fetched_again(pair: Pair) {
    let store = pair.store(|builder| builder);
    let there = data(1, 10_000);
    pair.elsewhere("a", &there).await;
    keep(&store, "a").await;
    let chunks = pair.near.present();
    assert_eq!(chunks.len(), 3, "{chunks:?}");
    for chunk in &chunks {
        pair.local.store.delete(chunk).await.unwrap();
    }
    let (again, from) = read(&store, "a").await.unwrap();
    assert_eq!(again, there);
    assert_ne!(from, ServedFrom::Local);
    keep(&store, "a").await;
    assert_eq!(read(&store, "a").await.unwrap(), (there, ServedFrom::Local));
}

pub(crate) async fn f9_a_refresh_reads_the_remote_and_renews_the_copy(pair: Pair) {
    let store = pair.store(|builder| builder.policy(Ttl("1h")));
    let (old, new) = (data(1, 5_000), data(2, 5_000));
    pair.elsewhere("a", &old).await;
    keep(&store, "a").await;
    pair.elsewhere("a", &new).await;
    assert_eq!(read(&store, "a").await.unwrap(), (old, ServedFrom::Local));
    let mut extensions = Extensions::new();
    extensions.insert(Refresh);
    let options = GetOptions { extensions, ..GetOptions::default() };
    let (fresh, from) = read_with(&store, "a", options).await.unwrap();
    assert_eq!(fresh, new);
    assert_ne!(from, ServedFrom::Local);
    keep(&store, "a").await;
    let before = pair.far.requests();
    assert_eq!(read(&store, "a").await.unwrap(), (new, ServedFrom::Local));
    assert_eq!(pair.far.requests(), before);
}

pub(crate) async fn f11_not_found_refused_and_broken_and_empty_are_four_things(pair: Pair) {
    let store = pair.store(|builder| builder);
    let missing = read(&store, "missing").await.unwrap_err();
    assert!(matches!(missing, Error::NotFound { .. }), "{missing:?}");
    assert!(missing.to_string().contains("missing"), "{missing}");
    pair.elsewhere("there", &data(1, 100)).await;
    pair.far.set(Trouble::Denied);
    let denied = read(&store, "there").await.unwrap_err();
    assert!(matches!(denied, Error::PermissionDenied { .. }), "{denied:?}");
    pair.far.set(Trouble::Away);
    let away = read(&store, "there").await.unwrap_err();
    assert!(matches!(away, Error::Generic { .. }), "{away:?}");
    pair.far.set(None);
    pair.elsewhere("empty", &data(0, 0)).await;
    for _ in 0..2 {
        assert!(keep(&store, "empty").await.is_empty());
        assert_eq!(store.head(&Path::from("empty")).await.unwrap().size, 0);
    }
}

pub(crate) async fn f12_trouble_of_the_local_store_is_counted_and_the_data_come_from_the_remote(
    pair: Pair,
) {
    let store = pair.store(|builder| builder);
    let there = data(1, 10_000);
    pair.elsewhere("full", &there).await;
    pair.near.set(Trouble::Full);
    assert_eq!(read(&store, "full").await.unwrap().0, there);
    until("the full disk is counted", || store.stats().local_errors > 0).await;
    pair.near.set(None);
    pair.elsewhere("damaged", &there).await;
    keep(&store, "damaged").await;
    let before = store.stats().local_errors;
    pair.near.set(Trouble::Unreadable);
    let (data, from) = read(&store, "damaged").await.unwrap();
    assert_eq!(data, there);
    assert_ne!(from, ServedFrom::Local);
    assert!(store.stats().local_errors > before);
}

pub(crate) async fn f13_a_stale_copy_stands_in_for_a_remote_that_is_away_where_that_is_wanted(
    pair: Pair,
) {
    let strict = pair.store(|builder| builder.policy(Ttl("60s")));
    let there = data(1, 5_000);
    pair.elsewhere("a", &there).await;
    keep(&strict, "a").await;
    pair.later(61);
    pair.far.set(Trouble::Away);
    let away = read(&strict, "a").await.unwrap_err();
    assert!(matches!(away, Error::Generic { .. }), "{away:?}");
    drop(strict);

    let other = Pair::new(crate::stand::Side::memory(), pair.remote.clone());
    let lenient = other.store(|builder| builder.policy(Ttl("60s")).stale_if_error("1h"));
    keep(&lenient, "a").await;
    other.later(61);
    other.far.set(Trouble::Away);
    assert_eq!(read(&lenient, "a").await.unwrap(), (there, ServedFrom::Stale));
    assert_eq!(lenient.stats().stale_hits, 1);
    other.far.set(Trouble::Denied);
    let denied = read(&lenient, "a").await.unwrap_err();
    assert!(
        matches!(denied, Error::PermissionDenied { .. }),
        "refusals are not hidden: {denied:?}"
    );
    other.far.set(Trouble::Away);
    other.later(3600);
    read(&lenient, "a").await.expect_err("too old even for that");
}

pub(crate) async fn f19_many_first_readers_are_one_request(pair: Pair) {
    let store = pair.store(|builder| builder);
    let there = data(1, 50_000);
    pair.elsewhere("a", &there).await;
    pair.far.hold();
    let readers: Vec<_> = (0..50)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { read(&store, "a").await.unwrap().0 })
        })
        .collect();
    until("the first has asked", || pair.far.gets() > 0).await;
    pair.far.let_go();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), there);
    }
    assert_eq!(pair.far.gets(), 1);
    assert_eq!(pair.far.reads(), 1);
}
