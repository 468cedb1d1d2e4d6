//! One request for all, chunks for ranges, and bytes as they come.

use crate::common::PIECE;
use crate::stand::{CHUNK, Stand, bytes, from};
use bytes::Bytes;
use cache_stores::object_store::path::Path;
use cache_stores::object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use cache_stores::{ServedFrom, Unread};
use futures::StreamExt;
use std::ops::Range;

#[tokio::test]
async fn f1_the_first_read_fetches_and_the_second_does_not_touch_the_remote() {
    for stand in [Stand::new(|store| store), Stand::on_disk(|store| store)] {
        let content = bytes(5 * CHUNK + 7);
        stand.put("a/b", &content).await;
        assert_eq!(stand.read("a/b").await.unwrap(), (content.clone(), ServedFrom::Remote));
        stand.complete(6).await;
        let (gets, heads) = (stand.remote.gets(), stand.remote.heads());
        assert_eq!(stand.read("a/b").await.unwrap(), (content, ServedFrom::Local));
        assert_eq!((stand.remote.gets(), stand.remote.heads()), (gets, heads));
        assert_eq!((gets, heads), (1, 0));
        let stats = stand.store.stats();
        assert_eq!((stats.hits, stats.misses.never, stats.fetches), (1, 1, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f19_64_first_readers_make_one_request() {
    let stand = Stand::new(|store| store);
    let content = bytes(20 * CHUNK + 1);
    stand.put("a", &content).await;
    let gate = stand.remote.hold();
    let readers: Vec<_> = (0..64)
        .map(|_| {
            let store = stand.store.clone();
            tokio::spawn(async move { store.get(&Path::from("a")).await?.bytes().await })
        })
        .collect();
    gate.add_permits(1);
    stand.settled(|stand| stand.store.stats().joined == 63).await;
    gate.add_permits(1000);
    for reader in readers {
        assert_eq!(reader.await.unwrap().unwrap(), content);
    }
    assert_eq!(stand.remote.gets(), 1);
    assert_eq!(stand.remote.bytes(), content.len() as u64);
}

#[tokio::test]
async fn the_first_reader_of_a_small_object_does_not_read_it_back() {
    let stand = Stand::new(|store| store);
    for n in 0..200 {
        let (path, content) = (format!("a/{n}"), bytes(n));
        stand.put(&path, &content).await;
        assert_eq!(stand.read(&path).await.unwrap(), (content, ServedFrom::Remote));
    }
    assert_eq!(stand.local.gets(), 0);
    // Nothing is held any more.
    let complete = |stand: &Stand| stand.store.status().iter().filter(|e| e.is_complete()).count();
    stand.settled(|stand| complete(stand) == 200).await;
    assert_eq!(stand.read("a/7").await.unwrap(), (bytes(7), ServedFrom::Local));
    assert_eq!(stand.local.gets(), 1);
}

#[tokio::test]
async fn a_reader_begins_before_the_fetch_ends() {
    let stand = Stand::new(|store| store);
    let content = bytes(8 * CHUNK);
    stand.put("a", &content).await;
    let gate = stand.remote.hold();
    gate.add_permits(1);
    let mut first = stand.get("a").await.unwrap().into_stream();
    assert_eq!(first.next().await.unwrap().unwrap(), content.slice(..PIECE));
    // Whoever comes now has at once what has come so far.
    let joined = stand.get("a").await.unwrap();
    assert_eq!(from(&joined), ServedFrom::Flight);
    let mut joined = joined.into_stream();
    assert_eq!(joined.next().await.unwrap().unwrap(), content.slice(..PIECE));
    gate.add_permits(100);
    for rest in [first, joined] {
        let rest: Vec<Bytes> = rest.map(Result::unwrap).collect().await;
        assert_eq!(rest.concat(), content[PIECE..]);
    }
    assert_eq!(stand.remote.gets(), 1);
}

async fn range(stand: &Stand, range: Range<usize>) -> Bytes {
    let range = range.start as u64..range.end as u64;
    stand.store.get_range(&Path::from("a"), range).await.unwrap()
}

#[tokio::test]
async fn a_range_fetches_the_chunks_that_it_touches_and_no_others() {
    let stand = Stand::new(|store| store);
    let content = bytes(10 * CHUNK);
    stand.put("a", &content).await;
    let wanted = 2 * CHUNK + 10..4 * CHUNK + 1;
    assert_eq!(range(&stand, wanted.clone()).await, content.slice(wanted.clone()));
    stand.settled(|stand| stand.local.puts() == 3).await;
    assert_eq!(stand.remote.bytes(), 3 * CHUNK as u64);
    // The same again, and less.
    stand.settled(|stand| stand.store.stats().bytes > 3 * CHUNK as u64).await;
    assert_eq!(range(&stand, wanted.clone()).await, content.slice(wanted));
    assert_eq!(
        range(&stand, 3 * CHUNK..3 * CHUNK + 1).await,
        content.slice(3 * CHUNK..3 * CHUNK + 1)
    );
    assert_eq!(stand.remote.gets(), 1);
    // More: what is missing before and behind it, in two requests.
    assert_eq!(range(&stand, 0..10 * CHUNK).await, content);
    assert_eq!(stand.remote.bytes(), content.len() as u64);
    assert_eq!(stand.remote.gets(), 3);
}

#[tokio::test]
async fn several_ranges_are_of_one_version_and_touch_few_chunks() {
    let stand = Stand::new(|store| store);
    let content = bytes(500 * CHUNK);
    stand.put("a", &content).await;
    let ranges = [400 * CHUNK..400 * CHUNK + 5, 5..9, 7..2000, 400 * CHUNK + 3..400 * CHUNK + 9];
    let asked: Vec<_> = ranges.iter().map(|one| one.start as u64..one.end as u64).collect();
    let got = stand.store.get_ranges(&Path::from("a"), &asked).await.unwrap();
    let expected: Vec<_> = ranges.iter().map(|one| content.slice(one.clone())).collect();
    assert_eq!(got, expected);
    assert!(stand.remote.bytes() <= 4 * CHUNK as u64, "{}", stand.remote.bytes());
    stand.settled(|stand| stand.local.puts() == 3).await;
    let gets = stand.remote.gets();
    stand.settled(|stand| stand.store.stats().bytes > 3 * CHUNK as u64).await;
    assert_eq!(stand.store.get_ranges(&Path::from("a"), &asked).await.unwrap(), expected);
    assert_eq!(stand.remote.gets(), gets);
    assert!(stand.store.get_ranges(&Path::from("a"), &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn ranges_beyond_the_end_are_errors_that_harm_nobody_else() {
    let stand = Stand::new(|store| store);
    let content = bytes(2 * CHUNK + 5);
    stand.put("a", &content).await;
    let path = Path::from("a");
    let beyond = 9 * CHUNK as u64..10 * CHUNK as u64;
    for _ in 0..2 {
        // The first time nobody knows the size.
        let error = stand.store.get_range(&path, beyond.clone()).await.unwrap_err().to_string();
        assert!(error.contains("2053 bytes long"), "{error}");
        let inverted = GetOptions::new().with_range(Some(GetRange::Bounded(5..5)));
        assert!(stand.store.get_opts(&path, inverted).await.is_err());
        assert!(stand.store.get_ranges(&path, &[0..4, beyond.clone()]).await.is_err());
    }
    assert_eq!(range(&stand, 2 * CHUNK..9 * CHUNK).await, content.slice(2 * CHUNK..));
    assert_eq!(stand.read("a").await.unwrap().0, content);
}

#[tokio::test]
async fn a_range_beyond_the_end_is_no_failure_for_who_joins_it_with_another() {
    let stand = Stand::new(|store| store);
    let content = bytes(2 * CHUNK);
    stand.put("a", &content).await;
    let gate = stand.remote.hang();
    let ask = |range: Range<u64>| {
        let store = stand.store.clone();
        tokio::spawn(async move { store.get_range(&Path::from("a"), range).await })
    };
    let beyond = ask(9 * CHUNK as u64..10 * CHUNK as u64);
    stand.settled(|stand| stand.remote.gets() == 1).await;
    let within = ask(5..9);
    stand.settled(|stand| stand.store.stats().joined == 1).await;
    gate.add_permits(1000);
    assert!(beyond.await.unwrap().is_err());
    assert_eq!(within.await.unwrap().unwrap(), content.slice(5..9));
}

#[tokio::test]
async fn a_remote_that_gives_other_bytes_than_were_asked_for_is_an_error() {
    let stand = Stand::new(|store| store);
    stand.put("a", &bytes(20 * CHUNK)).await;
    assert_eq!(range(&stand, 0..5).await, bytes(5));
    stand.settled(|stand| stand.local.puts() == 1).await;
    stand.settled(|stand| !stand.store.explain(&Path::from("a")).in_flight).await;
    stand.remote.without_ranges();
    let path = Path::from("a");
    let error = stand.store.get_range(&path, 9 * CHUNK as u64..10 * CHUNK as u64).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("asked for bytes 9216..10240 of a, got 0..20480"), "{error}");
}

#[tokio::test]
async fn every_form_of_a_range_gives_what_a_plain_store_gives() {
    let content = bytes(4 * CHUNK + 100);
    let forms = [
        GetRange::Suffix(10),
        GetRange::Suffix(1_000_000),
        GetRange::Offset(0),
        GetRange::Offset(CHUNK as u64),
        GetRange::Offset(CHUNK as u64 * 4 + 99),
        GetRange::Bounded(0..1),
        GetRange::Bounded(1023..1025),
        GetRange::Bounded(4000..1_000_000),
    ];
    for form in forms {
        // Cold, and then warm.
        let stand = Stand::new(|store| store);
        stand.put("a", &content).await;
        let plain = GetOptions::new().with_range(Some(form.clone()));
        let plain = stand.remote.get_opts(&Path::from("a"), plain).await.unwrap();
        let (expected, meta) = (plain.range.clone(), plain.meta.clone());
        for _ in 0..2 {
            let options = GetOptions::new().with_range(Some(form.clone()));
            let got = stand.store.get_opts(&Path::from("a"), options).await.unwrap();
            assert_eq!((&got.range, &got.meta), (&expected, &meta), "{form:?}");
            let part = expected.start as usize..expected.end as usize;
            assert_eq!(got.bytes().await.unwrap(), content.slice(part), "{form:?}");
        }
    }
}

#[tokio::test]
async fn f10_empty_and_binary_objects_come_back_unchanged() {
    for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1] {
        let stand = Stand::on_disk(|store| store);
        let content = bytes(length);
        stand.put("a", &content).await;
        assert_eq!(stand.read("a").await.unwrap().0, content);
        stand.complete(1).await;
        assert_eq!(stand.read("a").await.unwrap(), (content, ServedFrom::Local), "{length}");
    }
}

#[tokio::test]
async fn dropping_the_first_reader_does_not_disturb_the_others() {
    let stand = Stand::new(|store| store);
    let content = bytes(9 * CHUNK);
    stand.put("a", &content).await;
    let gate = stand.remote.hold();
    gate.add_permits(2);
    let mut first = stand.get("a").await.unwrap().into_stream();
    first.next().await.unwrap().unwrap();
    let second = stand.get("a").await.unwrap();
    drop(first);
    gate.add_permits(100);
    assert_eq!(second.bytes().await.unwrap(), content);
    assert_eq!(stand.remote.gets(), 1);
}

#[tokio::test]
async fn a_caller_that_gives_up_before_the_answer_leaves_the_flight_to_the_others() {
    let stand = Stand::new(|store| store);
    let content = bytes(3 * CHUNK);
    stand.put("a", &content).await;
    let path = Path::from("a");
    let mut first = Box::pin(stand.store.get(&path));
    let waker = futures::task::noop_waker();
    let _ = first.as_mut().poll(&mut std::task::Context::from_waker(&waker));
    drop(first);
    assert_eq!(stand.read("a").await.unwrap().0, content);
}

#[tokio::test]
async fn a_fetch_that_nobody_reads_stops_after_its_chunk() {
    let stand = Stand::new(|store| store);
    stand.put("a", &bytes(50 * CHUNK)).await;
    let gate = stand.remote.hold();
    gate.add_permits(1);
    let mut reader = stand.get("a").await.unwrap().into_stream();
    reader.next().await.unwrap().unwrap();
    drop(reader);
    gate.add_permits(1000);
    stand.settled(|stand| stand.local.puts() == 1).await;
    stand.settled(|stand| !stand.store.explain(&Path::from("a")).in_flight).await;
    assert!(stand.remote.bytes() <= 3 * PIECE as u64, "{}", stand.remote.bytes());
    assert_eq!(stand.local.puts(), 1);
}

#[tokio::test]
async fn a_fetch_that_is_to_finish_finishes() {
    let stand = Stand::new(|store| store.unread(Unread::Finish));
    let content = bytes(50 * CHUNK);
    stand.put("a", &content).await;
    drop(stand.get("a").await.unwrap());
    stand.complete(50).await;
    assert_eq!(stand.read("a").await.unwrap(), (content, ServedFrom::Local));
    assert_eq!(stand.remote.gets(), 1);
}

#[tokio::test]
async fn a_reader_far_ahead_does_not_wait_for_the_fetch_behind_him() {
    let stand = Stand::new(|store| store);
    let content = bytes(100 * CHUNK);
    stand.put("a", &content).await;
    let gate = stand.remote.hold();
    gate.add_permits(1);
    let mut slow = stand.get("a").await.unwrap().into_stream();
    slow.next().await.unwrap().unwrap();
    stand.remote.let_go();
    assert_eq!(range(&stand, 90 * CHUNK..91 * CHUNK).await, content.slice(90 * CHUNK..91 * CHUNK));
    gate.add_permits(1000);
    let rest: Vec<Bytes> = slow.map(Result::unwrap).collect().await;
    assert_eq!(rest.concat(), content[PIECE..]);
}

#[test]
fn callers_need_no_runtime() {
    let stand = Stand::on_disk(|store| store);
    let content = bytes(5 * CHUNK);
    cache_core::wait(stand.put("a", &content));
    for _ in 0..3 {
        let read = cache_core::wait(stand.read("a")).unwrap();
        assert_eq!(read.0, content);
    }
    assert!(cache_core::wait(stand.get("missing")).is_err());
    let ranges = cache_core::wait(stand.store.get_ranges(&Path::from("a"), &[1..4, 9..12]));
    assert_eq!(ranges.unwrap(), [content.slice(1..4), content.slice(9..12)]);
}

#[test]
fn a_read_that_was_begun_in_one_runtime_is_finished_in_another() {
    let stand = Stand::on_disk(|store| store);
    let content = bytes(50 * CHUNK);
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut reader = runtime().block_on(async {
        stand.put("a", &content).await;
        stand.get("a").await.unwrap().into_stream()
    });
    let first = runtime().block_on(reader.next()).unwrap().unwrap();
    let rest: Vec<Bytes> = cache_core::wait(reader.map(Result::unwrap).collect());
    assert_eq!([&first[..], &rest.concat()].concat(), content);
}
