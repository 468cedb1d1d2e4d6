//! Local trouble never becomes a reader's, and the remote's trouble is told as it is.

use crate::common::{Fault, Faults, PIECE};
use crate::stand::{CHUNK, Stand, bytes};
use bytes::Bytes;
use cache_stores::ServedFrom;
use cache_stores::object_store::path::Path;
use cache_stores::object_store::{Error, ObjectStore, ObjectStoreExt};
use futures::StreamExt;

#[tokio::test]
async fn f8_a_copy_whose_data_are_missing_falls_back_to_the_remote() {
    for stand in [Stand::new(|store| store), Stand::on_disk(|store| store)] {
        let content = bytes(4 * CHUNK);
        stand.put("a", &content).await;
        stand.read("a").await.unwrap();
        stand.complete(4).await;
        for place in stand.places().await {
            stand.local.delete(&place).await.unwrap();
        }
        assert_eq!(stand.read("a").await.unwrap(), (content.clone(), ServedFrom::Remote));
        assert_eq!(stand.store.stats().misses.damaged, 1);
        let began = std::time::Instant::now();
        // What the fetch of before still holds is kept by a later one.
        while !stand.store.status()[0].is_complete() {
            assert!(began.elapsed().as_secs() < 20, "it is not kept");
            assert_eq!(stand.read("a").await.unwrap().0, content);
        }
        assert_eq!(stand.read("a").await.unwrap(), (content, ServedFrom::Local));
        // That there was nothing to delete is no trouble.
        assert_eq!(stand.store.stats().local_errors, 1);
    }
}

#[tokio::test]
async fn f12_a_local_store_that_fails_costs_no_answer() {
    let (get, put) = (Some(Fault::Away), Some(Fault::Away));
    let panics = (Some(Fault::Panic), Some(Fault::Panic));
    let faults = [(get, put), (None, put), (get, None), panics, (Some(Fault::Denied), None)];
    for (get, put) in faults {
        let stand = Stand::new(|store| store);
        for length in [0, 10, 20 * CHUNK] {
            stand.local.fail(Faults { get, put, ..Faults::default() });
            let (name, content) = (format!("a{length}"), bytes(length));
            stand.put(&name, &content).await;
            for _ in 0..3 {
                let read = stand.get(&name).await.unwrap();
                let read = tokio::spawn(read.bytes()).await.unwrap();
                assert_eq!(read.unwrap(), content, "{get:?} {put:?}");
            }
        }
        let stats = stand.store.stats();
        // An empty object needs nothing of local.
        assert!(stats.local_errors > 0 || put.is_none(), "{stats:?}");
    }
}

#[tokio::test]
async fn what_local_does_not_take_is_not_fetched_again_for_every_chunk() {
    let stand = Stand::new(|store| store);
    stand.local.fail(Faults { put: Some(Fault::Away), ..Faults::default() });
    let content = bytes(100 * CHUNK);
    stand.put("a", &content).await;
    assert_eq!(stand.read("a").await.unwrap().0, content);
    assert!(stand.remote.gets() <= 2, "{}", stand.remote.gets());
    assert!(stand.remote.bytes() <= content.len() as u64 + 8 * CHUNK as u64);
    assert!(stand.places().await.is_empty());
    assert_eq!(stand.store.stats().bytes, 0);
}

#[tokio::test]
async fn a_local_store_that_fails_for_a_while_loses_no_copies() {
    let stand = Stand::new(|store| store);
    let content = bytes(3 * CHUNK);
    stand.put("a", &content).await;
    stand.read("a").await.unwrap();
    stand.complete(3).await;
    stand.local.fail(Faults { get: Some(Fault::Away), ..Faults::default() });
    assert_eq!(stand.read("a").await.unwrap(), (content.clone(), ServedFrom::Remote));
    stand.local.fail(Faults::default());
    assert_eq!(stand.read("a").await.unwrap(), (content, ServedFrom::Local));
}

#[tokio::test]
async fn a_fetch_that_breaks_tells_who_waits_and_the_next_reader_begins_anew() {
    let stand = Stand::new(|store| store);
    let content = bytes(10 * CHUNK);
    stand.put("a", &content).await;
    stand.remote.fail(Faults { body: Some(3 * PIECE), ..Faults::default() });
    let mut reader = stand.get("a").await.unwrap().into_stream();
    let mut got = Vec::new();
    let error = loop {
        match reader.next().await {
            Some(Ok(piece)) => got.extend_from_slice(&piece),
            Some(Err(error)) => break error,
            None => panic!("a stream that is too short is an error"),
        }
    };
    assert!(error.to_string().contains("reset by peer"), "{error}");
    assert!(content.starts_with(&got));
    assert!(reader.next().await.is_none());
    stand.remote.fail(Faults::default());
    assert_eq!(stand.read("a").await.unwrap().0, content);
}

#[tokio::test]
async fn a_remote_that_panics_is_an_error_for_all_who_wait() {
    let stand = Stand::new(|store| store);
    stand.put("a", &bytes(10)).await;
    stand.remote.fail(Faults { get: Some(Fault::Panic), ..Faults::default() });
    assert!(matches!(stand.get("a").await, Err(Error::Generic { .. })));
    stand.remote.fail(Faults::default());
    assert_eq!(stand.read("a").await.unwrap().0, bytes(10));
}

#[tokio::test]
async fn an_object_that_changes_while_it_is_read_is_never_mixed() {
    for heeds_conditions in [true, false] {
        let stand = Stand::new(|store| store);
        if !heeds_conditions {
            stand.remote.without_conditions();
        }
        let (old, new) = (bytes(20 * CHUNK), Bytes::from(vec![7; 20 * CHUNK]));
        stand.put("a", &old).await;
        let path = Path::from("a");
        // The first chunks are kept; then the object changes.
        let first = stand.store.get_range(&path, 0..4 * CHUNK as u64).await.unwrap();
        assert_eq!(first, old.slice(..4 * CHUNK));
        stand.settled(|stand| stand.local.puts() == 4).await;
        stand.settled(|stand| stand.store.status()[0].kept() > 4 * CHUNK as u64).await;
        let whole = stand.get("a").await.unwrap();
        stand.put("a", &new).await;
        let error = whole.bytes().await.unwrap_err();
        assert!(matches!(error, Error::Precondition { .. }), "{error:?}");
        // What is not wanted any more need not be sent.
        assert!(stand.remote.asked().last().unwrap().if_match.is_some());
        // The copy that can never be complete has gone.
        assert_eq!(stand.read("a").await.unwrap(), (new, ServedFrom::Remote));
    }
}

#[tokio::test]
async fn an_object_that_changed_before_the_first_byte_is_read_in_its_new_version() {
    for in_ranges in [false, true] {
        let stand = Stand::new(|store| store);
        stand.put("a", &bytes(20 * CHUNK)).await;
        let path = Path::from("a");
        stand.store.get_range(&path, 0..10).await.unwrap();
        stand.settled(|stand| stand.local.puts() == 1).await;
        let new = Bytes::from(vec![7; 30 * CHUNK]);
        stand.put("a", &new).await;
        // The chunk is not in the copy, and the remote does not have it any more.
        let range = 15 * CHUNK as u64..15 * CHUNK as u64 + 9;
        let read = match in_ranges {
            true => stand.store.get_ranges(&path, &[range]).await.unwrap().remove(0),
            false => stand.store.get_range(&path, range).await.unwrap(),
        };
        assert_eq!(read, vec![7; 9]);
        assert_eq!(stand.read("a").await.unwrap().0, new);
    }
}

#[tokio::test]
async fn a_write_during_a_fetch_is_what_later_readers_see() {
    let stand = Stand::new(|store| store);
    let (old, new) = (bytes(20 * CHUNK), Bytes::from(vec![7; 5 * CHUNK]));
    stand.put("a", &old).await;
    let gate = stand.remote.hold();
    gate.add_permits(2);
    let mut before = stand.get("a").await.unwrap().into_stream();
    let first = before.next().await.unwrap().unwrap();
    stand.store.put(&Path::from("a"), new.clone().into()).await.unwrap();
    gate.add_permits(1000);
    assert_eq!(stand.read("a").await.unwrap().0, new);
    // Who began before has one version or none.
    let rest: Result<Vec<Bytes>, _> = before.collect::<Vec<_>>().await.into_iter().collect();
    match rest {
        Ok(rest) => assert_eq!([&first[..], &rest.concat()].concat(), old),
        Err(error) => assert!(matches!(error, Error::Precondition { .. }), "{error:?}"),
    }
    assert_eq!(stand.read("a").await.unwrap().0, new);
}

#[tokio::test]
async fn a_delete_during_a_fetch_leaves_nothing_behind() {
    let stand = Stand::new(|store| store);
    stand.put("a", &bytes(20 * CHUNK)).await;
    let gate = stand.remote.hold();
    gate.add_permits(3);
    let mut before = stand.get("a").await.unwrap().into_stream();
    before.next().await.unwrap().unwrap();
    stand.store.delete(&Path::from("a")).await.unwrap();
    gate.add_permits(1000);
    while before.next().await.is_some_and(|piece| piece.is_ok()) {}
    assert!(matches!(stand.get("a").await, Err(Error::NotFound { .. })));
    // What was on its way into local when the path was deleted is deleted there, too.
    let began = std::time::Instant::now();
    while !stand.places().await.is_empty() {
        assert!(began.elapsed().as_secs() < 20);
        tokio::task::yield_now().await;
    }
    assert_eq!(stand.store.stats().bytes, 0);
}

#[tokio::test]
async fn a_read_that_was_asked_before_a_write_is_not_what_later_readers_join() {
    let stand = Stand::new(|store| store);
    stand.put("a", &bytes(10)).await;
    let path = Path::from("a");
    let store = stand.store.clone();
    let early = tokio::spawn(async move { store.get(&Path::from("a")).await });
    tokio::task::yield_now().await;
    stand.store.put(&path, "new".into()).await.unwrap();
    assert_eq!(stand.read("a").await.unwrap().0, "new");
    match early.await.unwrap().unwrap().bytes().await {
        Ok(early) => assert!(early == "new" || early == bytes(10), "{early:?}"),
        Err(error) => assert!(matches!(error, Error::Precondition { .. }), "{error:?}"),
    }
    assert_eq!(stand.read("a").await.unwrap().0, "new");
}

#[tokio::test]
async fn a_chunk_that_is_evicted_under_its_reader_comes_from_the_remote() {
    let stand = Stand::new(|store| store);
    let content = bytes(20 * CHUNK);
    stand.put("a", &content).await;
    stand.read("a").await.unwrap();
    stand.complete(20).await;
    let mut reader = stand.get("a").await.unwrap().into_stream();
    let first = reader.next().await.unwrap().unwrap();
    for place in stand.places().await {
        stand.local.delete(&place).await.unwrap();
    }
    let rest: Vec<Bytes> = reader.map(Result::unwrap).collect().await;
    assert_eq!([&first[..], &rest.concat()].concat(), content);
    assert!(stand.remote.gets() <= 3, "{}", stand.remote.gets());
}
