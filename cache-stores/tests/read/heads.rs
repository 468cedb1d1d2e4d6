//! One request for all who ask at the same time: heads of what the index does not know, and reads during a write.

use crate::common::{Fault, Faults};
use crate::stand::{CHUNK, Stand, bytes};
use cache_stores::object_store::path::Path;
use cache_stores::object_store::{
    Error, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, Result,
};
use cache_stores::{CachedStore, Refresh, ServedFrom, Ttl};
use tokio::task::JoinHandle;

type Asking = JoinHandle<Result<ObjectMeta>>;

/// So many tasks that ask what `a` is.
fn ask(store: &CachedStore, count: usize) -> Vec<Asking> {
    let one = |_| {
        let store = store.clone();
        tokio::spawn(async move { store.head(&Path::from("a")).await })
    };
    (0..count).map(one).collect()
}

async fn sizes(asking: Vec<Asking>) -> Vec<u64> {
    let mut sizes = Vec::new();
    for one in asking {
        sizes.push(one.await.unwrap().unwrap().size);
    }
    sizes.dedup();
    sizes
}

async fn errors(asking: Vec<Asking>) -> Vec<Error> {
    let mut errors = Vec::new();
    for one in asking {
        errors.push(one.await.unwrap().unwrap_err());
    }
    errors
}

async fn joined(stand: &Stand, count: u64) {
    stand.settled(|stand| stand.store.stats().joined == count).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f19_64_heads_of_an_unknown_object_make_one_request() {
    for stand in [Stand::new(|store| store), Stand::new(|store| store.presence())] {
        stand.put("a", &bytes(3000)).await;
        let gate = stand.remote.hang();
        let asking = ask(&stand.store, 64);
        joined(&stand, 63).await;
        gate.add_permits(1000);
        assert_eq!(sizes(asking).await, [3000]);
        assert_eq!((stand.remote.heads(), stand.remote.gets()), (1, 0));
        assert_eq!(stand.store.stats().fetches, 1);
        // Nothing was kept of it: who comes later asks anew.
        assert_eq!(sizes(ask(&stand.store, 1)).await, [3000]);
        assert_eq!(stand.remote.heads(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_that_begins_answers_heads_too() {
    let stand = Stand::new(|store| store);
    stand.put("a", &bytes(3 * CHUNK)).await;
    let gate = stand.remote.hang();
    let store = stand.store.clone();
    let reading =
        tokio::spawn(async move { store.get(&Path::from("a")).await.unwrap().bytes().await });
    stand.settled(|stand| stand.remote.gets() == 1).await;
    let asking = ask(&stand.store, 64);
    joined(&stand, 64).await;
    gate.add_permits(1000);
    assert_eq!(sizes(asking).await, [3 * CHUNK as u64]);
    assert_eq!(reading.await.unwrap().unwrap(), bytes(3 * CHUNK));
    assert_eq!((stand.remote.heads(), stand.remote.gets()), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_after_a_put_begins_join_each_other_and_none_from_before_it() {
    let stand = Stand::new(|store| store.policy(Ttl("60s")));
    stand.put("a", &bytes(3000)).await;
    let gate = stand.remote.hang();
    let early = ask(&stand.store, 1);
    stand.settled(|stand| stand.remote.heads() == 1).await;
    let (store, path) = (stand.store.clone(), Path::from("a"));
    // Its own head waits behind the gate, too.
    let writing = tokio::spawn(async move { store.put(&path, bytes(50).into()).await });
    stand.settled(|stand| stand.remote.heads() == 2).await;
    let late = ask(&stand.store, 8);
    stand.settled(|stand| stand.remote.heads() == 3).await;
    joined(&stand, 7).await;
    gate.add_permits(1000);
    writing.await.unwrap().unwrap();
    assert_eq!(sizes(late).await, [50]);
    // What the early one says is from before the write or after it.
    early.into_iter().next().unwrap().await.unwrap().unwrap();
    assert_eq!(stand.store.head(&Path::from("a")).await.unwrap().size, 50);
    assert_eq!(stand.read("a").await.unwrap().0, bytes(50));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_during_a_put_share_one_request_and_none_from_before_it() {
    let stand = Stand::new(|store| store.policy(Ttl("60s")));
    stand.put("a", &bytes(3000)).await;
    let read = |store: &CachedStore| {
        let store = store.clone();
        tokio::spawn(async move { store.get(&Path::from("a")).await?.bytes().await })
    };
    let gate = stand.remote.hang();
    let early = read(&stand.store);
    stand.settled(|stand| stand.remote.gets() == 1).await;
    let (store, path) = (stand.store.clone(), Path::from("a"));
    // Its head waits behind the gate.
    let writing = tokio::spawn(async move { store.put(&path, bytes(50).into()).await });
    stand.settled(|stand| stand.remote.heads() == 1).await;
    let late: Vec<_> = (0..8).map(|_| read(&stand.store)).collect();
    stand.settled(|stand| stand.remote.gets() == 2).await;
    joined(&stand, 7).await;
    gate.add_permits(1000);
    writing.await.unwrap().unwrap();
    for one in late {
        assert_eq!(one.await.unwrap().unwrap(), bytes(50));
    }
    // What the early one reads is from before the write or after it.
    early.await.unwrap().unwrap();
    assert_eq!(stand.remote.gets(), 2);
    assert_eq!(stand.read("a").await.unwrap().0, bytes(50));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_given_to_all_who_wait_for_a_head() {
    let stand = Stand::new(|store| store);
    let gate = stand.remote.hang();
    let asking = ask(&stand.store, 16);
    joined(&stand, 15).await;
    gate.add_permits(1);
    for error in errors(asking).await {
        assert!(matches!(&error, Error::NotFound { path, .. } if path == "a"), "{error:?}");
    }
    assert_eq!((stand.remote.heads(), stand.store.stats().remote_errors), (1, 0));
    let faults = [
        (Fault::Away, "nobody answers"),
        (Fault::Denied, "not for you"),
        (Fault::Panic, "the remote store panicked"),
    ];
    for (n, (fault, expected)) in faults.into_iter().enumerate() {
        stand.remote.fail(Faults { get: Some(fault), ..Faults::default() });
        let asking = ask(&stand.store, 16);
        joined(&stand, 15 * (n as u64 + 2)).await;
        gate.add_permits(1);
        let errors = errors(asking).await;
        for error in &errors {
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(
                matches!(error, Error::PermissionDenied { .. }),
                fault == Fault::Denied,
                "{error:?}"
            );
        }
        assert_eq!(stand.remote.heads(), n as u64 + 2);
    }
    assert_eq!(stand.store.stats().remote_errors, 2);
    // The last one panicked, and is not joined any more.
    stand.remote.fail(Faults::default());
    stand.put("a", &bytes(10)).await;
    gate.add_permits(1);
    assert_eq!(sizes(ask(&stand.store, 1)).await, [10]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_for_the_remote_itself_joins_no_head_from_before() {
    let stand = Stand::new(|store| store);
    stand.put("a", &bytes(3000)).await;
    let gate = stand.remote.hang();
    let early = ask(&stand.store, 1);
    stand.settled(|stand| stand.remote.heads() == 1).await;
    let store = stand.store.clone();
    let refresh = tokio::spawn(async move {
        let mut options = GetOptions::new().with_head(true);
        options.extensions.insert(Refresh);
        store.get_opts(&Path::from("a"), options).await.map(|result| result.meta)
    });
    stand.settled(|stand| stand.remote.heads() == 2).await;
    gate.add_permits(1000);
    assert_eq!(sizes(early).await, [3000]);
    assert_eq!(refresh.await.unwrap().unwrap().size, 3000);
    assert_eq!(stand.store.stats().joined, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_for_the_remote_itself_joins_no_read_from_before() {
    let stand = Stand::new(|store| store);
    stand.put("a", &bytes(3000)).await;
    stand.read("a").await.unwrap();
    stand.complete(3).await;
    let gate = stand.remote.hang();
    let ask = |options: GetOptions| {
        let store = stand.store.clone();
        tokio::spawn(async move {
            store.get_opts(&Path::from("a"), options).await.map(|result| result.meta)
        })
    };
    let mut refresh = GetOptions::new();
    refresh.extensions.insert(Refresh);
    // Who knows of another version than the copy is, too.
    let other = GetOptions::new().with_if_match(Some("\"another\""));
    let mut asking = Vec::new();
    for (n, options) in [refresh.clone(), refresh, other].into_iter().enumerate() {
        asking.push(ask(options));
        stand.settled(|stand| stand.remote.gets() == n as u64 + 2).await;
    }
    gate.add_permits(1000);
    let other = asking.pop().unwrap().await.unwrap();
    assert!(matches!(other, Err(Error::Precondition { .. })), "{other:?}");
    assert_eq!(sizes(asking).await, [3000]);
    assert_eq!(stand.store.stats().joined, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f9_a_refresh_of_what_is_not_known_joins_no_read_from_before() {
    let stand = Stand::new(|store| store);
    stand.put("a", &bytes(3000)).await;
    let gate = stand.remote.hang();
    let mut refresh = GetOptions::new();
    refresh.extensions.insert(Refresh);
    let mut asking = Vec::new();
    let head = refresh.clone().with_head(true);
    for (n, options) in [GetOptions::new(), refresh, head].into_iter().enumerate() {
        let store = stand.store.clone();
        asking.push(tokio::spawn(async move {
            store.get_opts(&Path::from("a"), options).await.map(|result| result.meta)
        }));
        stand.settled(|stand| stand.remote.reads() == n as u64 + 1).await;
    }
    gate.add_permits(1000);
    assert_eq!(sizes(asking).await, [3000]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_of_an_expired_copy_ask_once_and_renew_it() {
    let stand = Stand::new(|store| store.policy(Ttl("60s")).stale_if_error("1h"));
    stand.put("a", &bytes(3000)).await;
    stand.read("a").await.unwrap();
    stand.complete(3).await;
    stand.time.advance(std::time::Duration::from_secs(61));
    let gate = stand.remote.hang();
    let asking = ask(&stand.store, 16);
    joined(&stand, 15).await;
    gate.add_permits(1);
    assert_eq!(sizes(asking).await, [3000]);
    assert_eq!((stand.remote.heads(), stand.store.stats().renewed), (1, 1));
    assert_eq!(stand.read("a").await.unwrap().1, ServedFrom::Local);
    // Away: the copy stands in for each of them.
    stand.time.advance(std::time::Duration::from_secs(61));
    stand.remote.fail(Faults { get: Some(Fault::Away), ..Faults::default() });
    let asking = ask(&stand.store, 16);
    joined(&stand, 30).await;
    gate.add_permits(1);
    assert_eq!(sizes(asking).await, [3000]);
    assert_eq!((stand.remote.heads(), stand.store.stats().stale_hits), (2, 16));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_who_waits_for_a_head_has_conditions_of_his_own() {
    let stand = Stand::new(|store| store);
    stand.put("a", &bytes(3000)).await;
    let tag = stand.remote.head(&Path::from("a")).await.unwrap().e_tag;
    let gate = stand.remote.hang();
    let plain = ask(&stand.store, 1);
    let conditional = |options: GetOptions| {
        let store = stand.store.clone();
        tokio::spawn(async move {
            store
                .get_opts(&Path::from("a"), options.with_head(true))
                .await
                .map(|result| result.meta)
        })
    };
    let unless = conditional(GetOptions::new().with_if_none_match(tag.clone()));
    let other = conditional(GetOptions::new().with_if_match(Some("\"another\"")));
    let same = conditional(GetOptions::new().with_if_match(tag));
    joined(&stand, 3).await;
    gate.add_permits(1);
    assert_eq!(sizes(plain).await, [3000]);
    assert!(matches!(unless.await.unwrap(), Err(Error::NotModified { .. })));
    assert!(matches!(other.await.unwrap(), Err(Error::Precondition { .. })));
    assert_eq!(same.await.unwrap().unwrap().size, 3000);
    assert_eq!(stand.remote.heads(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gives_up_a_head_leaves_the_answer_to_the_others() {
    let stand = Stand::new(|store| store);
    stand.put("a", &bytes(3000)).await;
    let gate = stand.remote.hang();
    let first = ask(&stand.store, 1);
    stand.settled(|stand| stand.remote.heads() == 1).await;
    let others = ask(&stand.store, 4);
    joined(&stand, 4).await;
    first.into_iter().for_each(|one| one.abort());
    gate.add_permits(1);
    assert_eq!(sizes(others).await, [3000]);
    assert_eq!(stand.remote.heads(), 1);
}
