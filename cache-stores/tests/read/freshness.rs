//! How far a copy is believed, and what the remote is asked then.

use crate::common::{Fails, Fault, Faults};
use crate::stand::{CHUNK, Stand, bytes};
use bytes::Bytes;
use cache_stores::object_store::path::Path;
use cache_stores::object_store::{Error, GetOptions, ObjectStore, ObjectStoreExt};
use cache_stores::{Refresh, ServedFrom, Ttl};
use std::time::Duration;

#[tokio::test]
async fn f2_past_its_ttl_a_copy_is_fetched_anew_if_it_has_changed() {
    let stand = Stand::new(|store| store.policy(Ttl("60s")));
    stand.put("a", &bytes(3000)).await;
    stand.read("a").await.unwrap();
    stand.complete(3).await;
    stand.put("a", &bytes(4000)).await;
    stand.time.advance(Duration::from_millis(59_999));
    assert_eq!(stand.read("a").await.unwrap(), (bytes(3000), ServedFrom::Local));
    stand.time.advance(Duration::from_millis(1));
    assert_eq!(stand.read("a").await.unwrap(), (bytes(4000), ServedFrom::Remote));
    assert_eq!(stand.store.stats().misses.expired, 1);
}

#[tokio::test]
async fn a_copy_that_has_not_changed_costs_no_transfer() {
    let stand = Stand::new(|store| store.policy(Ttl("60s")));
    let content = bytes(9 * CHUNK);
    stand.put("a", &content).await;
    stand.read("a").await.unwrap();
    stand.complete(9).await;
    let before = stand.remote.bytes();
    stand.time.advance(Duration::from_secs(61));
    assert_eq!(stand.read("a").await.unwrap(), (content.clone(), ServedFrom::Local));
    assert_eq!((stand.remote.bytes(), stand.remote.gets()), (before, 2));
    let asked = stand.remote.asked();
    assert!(asked[1].if_none_match.is_some());
    assert_eq!(stand.store.stats().renewed, 1);
    // It is young again.
    assert_eq!(stand.read("a").await.unwrap(), (content, ServedFrom::Local));
    assert_eq!(stand.remote.gets(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_readers_of_an_expired_copy_ask_once() {
    let stand = Stand::new(|store| store.policy(Ttl("60s")));
    let content = bytes(9 * CHUNK);
    stand.put("a", &content).await;
    stand.read("a").await.unwrap();
    stand.complete(9).await;
    stand.put("a", &bytes(20 * CHUNK)).await;
    stand.time.advance(Duration::from_secs(61));
    let gate = stand.remote.hold();
    let readers: Vec<_> = (0..20)
        .map(|_| {
            let store = stand.store.clone();
            tokio::spawn(async move { store.get(&Path::from("a")).await?.bytes().await })
        })
        .collect();
    gate.add_permits(1);
    stand.settled(|stand| stand.store.stats().joined == 19).await;
    gate.add_permits(1000);
    for reader in readers {
        assert_eq!(reader.await.unwrap().unwrap(), bytes(20 * CHUNK));
    }
    assert_eq!(stand.remote.gets(), 2);
}

#[tokio::test]
async fn f9_refresh_asks_the_remote_and_makes_the_copy_anew() {
    let stand = Stand::new(|store| store);
    stand.put("a", &bytes(3000)).await;
    stand.read("a").await.unwrap();
    stand.complete(3).await;
    stand.put("a", &bytes(2000)).await;
    assert_eq!(stand.read("a").await.unwrap(), (bytes(3000), ServedFrom::Local));
    assert_eq!(stand.refresh("a").await.unwrap(), (bytes(2000), ServedFrom::Remote));
    stand.complete(5).await;
    assert_eq!(stand.read("a").await.unwrap(), (bytes(2000), ServedFrom::Local));
    // What has not changed is not transferred again.
    let before = stand.remote.bytes();
    assert_eq!(stand.refresh("a").await.unwrap(), (bytes(2000), ServedFrom::Local));
    assert_eq!(stand.remote.bytes(), before);
}

#[tokio::test]
async fn f11_missing_refused_failed_and_empty_are_four_things() {
    let stand = Stand::new(|store| store);
    stand.put("empty", &bytes(0)).await;
    assert!(matches!(stand.get("missing").await, Err(Error::NotFound { .. })));
    assert_eq!(stand.read("empty").await.unwrap().0, "");
    stand.remote.fail(Faults { get: Some(Fault::Denied), ..Faults::default() });
    assert!(matches!(stand.get("a").await, Err(Error::PermissionDenied { .. })));
    stand.remote.fail(Faults { get: Some(Fault::Away), ..Faults::default() });
    let error = stand.get("a").await.unwrap_err();
    assert!(matches!(&error, Error::Generic { store: "Watched", .. }), "{error:?}");
    assert!(error.to_string().contains("nobody answers"), "{error}");
    assert_eq!(stand.store.stats().remote_errors, 2);
}

#[tokio::test]
async fn f13_a_stale_copy_stands_in_for_a_remote_that_is_away_if_that_is_allowed() {
    let away = Faults { get: Some(Fault::Away), ..Faults::default() };
    let content = bytes(3000);
    let strict = Stand::new(|store| store.policy(Ttl("60s")));
    let lenient = Stand::new(|store| store.policy(Ttl("60s")).stale_if_error("1h"));
    for stand in [&strict, &lenient] {
        stand.put("a", &content).await;
        stand.read("a").await.unwrap();
        stand.complete(3).await;
        stand.remote.fail(away);
        assert_eq!(stand.read("a").await.unwrap().1, ServedFrom::Local);
        stand.time.advance(Duration::from_secs(61));
    }
    assert!(matches!(strict.get("a").await, Err(Error::Generic { .. })));
    let head = strict.store.head(&Path::from("a")).await;
    assert!(matches!(head, Err(Error::Generic { .. })), "{head:?}");
    assert_eq!(lenient.read("a").await.unwrap(), (content, ServedFrom::Stale));
    assert_eq!(lenient.store.stats().stale_hits, 1);
    let head = lenient.store.head(&Path::from("a")).await.unwrap();
    assert_eq!(head.size, 3000);
    // A refusal is an answer, and that it is gone, too.
    lenient.remote.fail(Faults { get: Some(Fault::Denied), ..Faults::default() });
    assert!(matches!(lenient.get("a").await, Err(Error::PermissionDenied { .. })));
    let head = lenient.store.head(&Path::from("a")).await;
    assert!(matches!(head, Err(Error::PermissionDenied { .. })), "{head:?}");
    lenient.remote.fail(away);
    lenient.time.advance(Duration::from_secs(3598));
    assert_eq!(lenient.read("a").await.unwrap().1, ServedFrom::Stale);
    lenient.time.advance(Duration::from_secs(1));
    assert!(matches!(lenient.get("a").await, Err(Error::Generic { .. })));
}

#[tokio::test]
async fn f13_a_copy_without_a_ttl_stands_in_when_a_write_is_in_doubt_and_the_remote_away() {
    let stand = Stand::new(|store| store.stale_if_error("1h"));
    let content = bytes(3000);
    stand.put("a", &content).await;
    stand.read("a").await.unwrap();
    stand.complete(3).await;
    stand.remote.fail(Fails::Unsure);
    stand.store.put(&Path::from("a"), bytes(10).into()).await.unwrap_err();
    stand.remote.fail(Fails::Away);
    assert_eq!(stand.read("a").await.unwrap(), (content, ServedFrom::Stale));
    stand.remote.fail(Fails::No);
    assert_eq!(stand.read("a").await.unwrap(), (bytes(10), ServedFrom::Remote));
}

#[tokio::test]
async fn f9_a_head_asks_the_remote_if_it_is_to_or_if_who_asks_knows_of_another_version() {
    let stand = Stand::new(|store| store);
    let path = Path::from("a");
    for by_tag in [false, true] {
        stand.put("a", &bytes(3000)).await;
        stand.refresh("a").await.unwrap();
        stand.settled(|stand| stand.store.status()[0].is_complete()).await;
        stand.put("a", &bytes(2000)).await;
        assert_eq!(stand.store.head(&path).await.unwrap().size, 3000);
        let mut options = GetOptions::new().with_head(true);
        match by_tag {
            true => options.if_match = stand.remote.head(&path).await.unwrap().e_tag,
            false => _ = options.extensions.insert(Refresh),
        }
        let head = stand.store.get_opts(&path, options).await.unwrap();
        assert_eq!(head.meta.size, 2000, "by its tag: {by_tag}");
    }
}

#[tokio::test]
async fn an_object_that_is_gone_takes_its_copy_with_it() {
    let stand = Stand::new(|store| store.policy(Ttl("60s")).stale_if_error("1h"));
    stand.put("a", &bytes(3000)).await;
    stand.read("a").await.unwrap();
    stand.complete(3).await;
    stand.remote.delete(&Path::from("a")).await.unwrap();
    assert_eq!(stand.read("a").await.unwrap().1, ServedFrom::Local);
    stand.time.advance(Duration::from_secs(61));
    assert!(matches!(stand.get("a").await, Err(Error::NotFound { .. })));
    assert!(stand.places().await.is_empty());
    assert!(stand.store.status().is_empty());
}

#[tokio::test]
async fn conditions_are_answered_without_a_transfer() {
    let stand = Stand::new(|store| store);
    stand.put("a", &bytes(9000)).await;
    let path = Path::from("a");
    let tag = stand.remote.head(&path).await.unwrap().e_tag;
    let unless = GetOptions::new().with_if_none_match(tag.clone());
    for gets in 0..2 {
        // Cold, and then from the copy.
        let answer = stand.store.get_opts(&path, unless.clone()).await;
        assert!(matches!(answer, Err(Error::NotModified { .. })), "{answer:?}");
        assert_eq!(stand.remote.gets(), gets);
        stand.store.get_opts(&path, GetOptions::new().with_if_match(tag.clone())).await.unwrap();
    }
    let other = GetOptions::new().with_if_match(Some("\"another\""));
    assert!(matches!(stand.store.get_opts(&path, other).await, Err(Error::Precondition { .. })));
    // Who knows of a newer version than the copy is gets that.
    stand.put("a", &bytes(100)).await;
    let tag = stand.remote.head(&path).await.unwrap().e_tag;
    let newer = GetOptions::new().with_if_match(tag);
    assert_eq!(
        stand.store.get_opts(&path, newer).await.unwrap().bytes().await.unwrap(),
        bytes(100)
    );
}

#[tokio::test]
async fn a_head_comes_from_a_copy_that_is_believed_and_corrects_one_that_is_not() {
    let stand = Stand::new(|store| store.policy(Ttl("60s")));
    let path = Path::from("a");
    stand.put("a", &bytes(9000)).await;
    assert_eq!(stand.store.head(&path).await.unwrap(), stand.remote.head(&path).await.unwrap());
    stand.read("a").await.unwrap();
    stand.complete(9).await;
    let heads = stand.remote.heads();
    assert_eq!(stand.store.head(&path).await.unwrap().size, 9000);
    assert_eq!(stand.remote.heads(), heads);
    stand.time.advance(Duration::from_secs(61));
    stand.store.head(&path).await.unwrap();
    assert_eq!(stand.read("a").await.unwrap().1, ServedFrom::Local);
    assert_eq!((stand.remote.gets(), stand.remote.heads()), (1, heads + 1));
    stand.put("a", &bytes(10)).await;
    stand.time.advance(Duration::from_secs(61));
    assert_eq!(stand.store.head(&path).await.unwrap().size, 10);
    assert!(stand.store.status().is_empty());
}

#[tokio::test]
async fn a_head_renews_no_copy_of_which_it_does_not_know_that_it_is_the_same() {
    for has_tags in [true, false] {
        let stand = Stand::new(|store| store.policy(Ttl("60s")));
        if !has_tags {
            stand.remote.without_tags();
        }
        stand.put("a", &bytes(3000)).await;
        stand.read("a").await.unwrap();
        stand.complete(3).await;
        // As long, and another one.
        let new = Bytes::from(vec![7; 3000]);
        stand.put("a", &new).await;
        stand.time.advance(Duration::from_secs(61));
        assert_eq!(stand.store.head(&Path::from("a")).await.unwrap().size, 3000);
        assert_eq!(stand.read("a").await.unwrap().0, new, "tags: {has_tags}");
    }
}

#[tokio::test]
async fn a_copy_goes_when_a_head_says_that_its_object_has_gone() {
    let stand = Stand::new(|store| store.policy(Ttl("60s")));
    stand.put("a", &bytes(3000)).await;
    stand.read("a").await.unwrap();
    stand.complete(3).await;
    stand.remote.delete(&Path::from("a")).await.unwrap();
    stand.time.advance(Duration::from_secs(61));
    let head = stand.store.head(&Path::from("a")).await;
    assert!(matches!(head, Err(Error::NotFound { .. })), "{head:?}");
    assert!(stand.store.status().is_empty() && stand.places().await.is_empty());
}

#[tokio::test]
async fn f24_a_read_says_where_it_came_from_how_old_it_is_and_which_version() {
    let stand = Stand::new(|store| store);
    stand.put("a", &bytes(900)).await;
    stand.read("a").await.unwrap();
    stand.complete(1).await;
    stand.time.advance(Duration::from_secs(7));
    let result = stand.get("a").await.unwrap();
    let served = *result.extensions.get::<cache_stores::Served>().unwrap();
    assert!(served.is_cached());
    assert_eq!((served.from, served.age), (ServedFrom::Local, Some(Duration::from_secs(7))));
    assert_eq!(result.meta, stand.remote.head(&Path::from("a")).await.unwrap());
    let told = stand.store.explain(&Path::from("a"));
    assert!(told.would_hit(), "{told}");
    assert!(told.to_string().contains("fresh") && told.to_string().contains("7 s"), "{told}");
}

#[tokio::test]
async fn an_answer_is_not_kept_when_a_younger_one_has_said_that_there_is_another_version() {
    for gone in [false, true] {
        let stand = Stand::new(|store| store);
        stand.put("a", &bytes(1000)).await;
        let (gate, store) = (stand.remote.gate(), stand.store.clone());
        let reader = tokio::spawn(async move { store.get(&Path::from("a")).await?.bytes().await });
        stand.settled(|stand| stand.remote.gets() == 1).await;
        stand.remote.no_gate();
        let mut options = GetOptions::new().with_head(true);
        options.extensions.insert(Refresh);
        if gone {
            stand.remote.delete(&Path::from("a")).await.unwrap();
        } else {
            stand.put("a", &bytes(4000)).await;
        }
        let told = stand.store.get_opts(&Path::from("a"), options).await;
        gate.add_permits(1);
        // He was first.
        assert_eq!(reader.await.unwrap().unwrap(), bytes(1000));
        let read = stand.read("a").await;
        match gone {
            true => {
                assert!(matches!(told, Err(Error::NotFound { .. })), "{told:?}");
                assert!(matches!(read, Err(Error::NotFound { .. })), "{read:?}");
            }
            false => {
                assert_eq!(told.unwrap().meta.size, 4000);
                assert_eq!(read.unwrap(), (bytes(4000), ServedFrom::Remote));
            }
        }
    }
}

#[tokio::test]
async fn a_version_that_is_too_large_for_local_takes_the_place_of_the_copy_all_the_same() {
    for has_index in [true, false] {
        let stand = Stand::new(|store| if has_index { store } else { store.presence() });
        stand.put("a", &bytes(3000)).await;
        stand.read("a").await.unwrap();
        stand.settled(|stand| stand.local.puts() == 3).await;
        assert_eq!(stand.read("a").await.unwrap().0, bytes(3000));
        stand.put("a", &bytes(5000)).await;
        stand.remote.boasts();
        let mut refresh = GetOptions::new();
        refresh.extensions.insert(Refresh);
        for options in [refresh, GetOptions::new()] {
            // The remote's own answer.
            let read = stand.store.get_opts(&Path::from("a"), options).await.unwrap();
            assert_eq!(read.bytes().await.unwrap(), bytes(5000), "with an index: {has_index}");
        }
        assert_eq!(stand.store.stats().objects, 0);
    }
}
