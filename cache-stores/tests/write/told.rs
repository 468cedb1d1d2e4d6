//! What `explain` tells of writes that wait.

use crate::common::Fails;
use crate::world::{World, bytes, put, until};
use cache_core::{ChangeKind, Reason, SendTrouble, UnsentChange, Verdict};
use cache_stores::CachedStore;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use std::time::Duration;

fn unsent(store: &CachedStore, path: &str) -> Option<UnsentChange> {
    store.explain(&Path::from(path)).unsent
}

fn trouble(store: &CachedStore, path: &str) -> Option<SendTrouble> {
    unsent(store, path)?.trouble
}

#[tokio::test]
async fn a_write_that_waits_is_explained_with_its_time_and_the_last_error() {
    let world = World::disk();
    let store = world.back();
    world.remote.fail(Fails::Away);
    put(&store, "a", &bytes(1, 100)).await.unwrap();
    until("that failed", || store.stats().remote_errors == 1).await;
    world.clock.advance(Duration::from_millis(150));
    let told = store.explain(&Path::from("a"));
    assert_eq!(told.verdict, Verdict::Hit);
    let change = told.unsent.clone().unwrap();
    assert_eq!((change.kind, change.waits), (ChangeKind::Write, Duration::from_millis(150)));
    assert!(
        matches!(&change.trouble, Some(SendTrouble::Away(why)) if why.contains("nobody answers")),
        "{change:?}"
    );
    let words = told.to_string();
    let start =
        "what was written has been waiting to be sent for 150 ms, nothing can be sent now: ";
    assert!(words.contains(start) && words.ends_with("nobody answers"), "{words}");
    assert_eq!(unsent(&store, "b"), None);
    world.remote.fail(Fails::No);
    store.flush().await.unwrap();
    assert_eq!(unsent(&store, "a"), None);
    assert!(!store.explain(&Path::from("a")).to_string().contains("sent"));
}

#[tokio::test]
async fn a_write_and_a_deletion_that_the_remote_refuses_are_explained_as_such() {
    let world = World::disk();
    let store = world.back();
    world.memory.put(&Path::from("no/gone"), "x".into()).await.unwrap();
    world.remote.fail_for(Fails::Denied, "no/");
    put(&store, "no/a", &bytes(1, 100)).await.unwrap();
    store.delete(&Path::from("no/gone")).await.unwrap();
    until("both were refused", || store.pending().refused.len() == 2).await;
    for path in ["no/a", "no/gone"] {
        let why = trouble(&store, path);
        assert!(
            matches!(&why, Some(SendTrouble::Refused(why)) if why.contains("not for you")),
            "{why:?}"
        );
    }
    let gone = store.explain(&Path::from("no/gone"));
    assert_eq!(gone.verdict, Verdict::Miss(Reason::Invalidated));
    assert_eq!(gone.unsent.as_ref().unwrap().kind, ChangeKind::Deletion);
    assert!(gone.to_string().contains("; its deletion has been waiting to be sent for "), "{gone}");
    assert!(gone.to_string().contains(", it was refused: "), "{gone}");
    // Others are sent all the same.
    put(&store, "yes", &bytes(2, 100)).await.unwrap();
    until("the other one was sent", || unsent(&store, "yes").is_none()).await;
    world.remote.fail(Fails::No);
    store.flush().await.unwrap();
    assert_eq!((unsent(&store, "no/a"), unsent(&store, "no/gone")), (None, None));
    assert_eq!(world.far("no/gone").await, None);
}
