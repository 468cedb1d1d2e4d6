//! What is told of stores: a span for each fetch, and warnings.

use crate::common::until;
use crate::{HEARD, Told, WARNED, listen};
use larder::stores::object_store::local::LocalFileSystem;
use larder::stores::object_store::path::Path;
use larder::stores::object_store::{ObjectStore, ObjectStoreExt};
use larder::stores::{CachedStore, StoreBuilder, Ttl};
use larder::{ManualClock, wait};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

/// A store over two directories.
struct Stand {
    folder: tempfile::TempDir,
    store: CachedStore,
    time: ManualClock,
}

impl Stand {
    fn new(
        name: &str,
        options: impl FnOnce(StoreBuilder, &tempfile::TempDir) -> StoreBuilder,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (remote, time) = (folder.path().join("remote"), ManualClock::new());
        fs::create_dir_all(remote.join("people")).unwrap();
        fs::write(remote.join("people/anna"), "hello").unwrap();
        let remote: Arc<dyn ObjectStore> =
            Arc::new(LocalFileSystem::new_with_prefix(remote).unwrap());
        let builder = CachedStore::on_disk(folder.path().join("cache"), remote);
        let builder = builder.policy(Ttl("60s")).clock(time.clock()).name(name);
        let store = options(builder, &folder).build().unwrap();
        Stand { folder, store, time }
    }

    /// Reads, and waits until there is a copy.
    fn read(&self) {
        let path = Path::from("people/anna");
        let text = wait(async { self.store.get(&path).await.unwrap().bytes().await.unwrap() });
        assert_eq!(text, "hello");
        until("it is kept", || self.store.status().iter().any(|entry| entry.is_complete()));
    }

    /// The remote cannot look for people any more.
    fn break_remote(&self) {
        let people = self.folder.path().join("remote/people");
        fs::remove_dir_all(&people).unwrap();
        fs::write(people, "no directory").unwrap();
    }
}

/// The ended fetches of a store.
fn fetches(store: &str) -> Vec<Told> {
    let heard = HEARD.lock().unwrap();
    let is_it = |told: &&Told| told.get("store") == store && !told.get("outcome").is_empty();
    heard.iter().filter(is_it).cloned().collect()
}

/// The text of the warnings of a store, and whom they are about.
fn warnings(store: &str) -> Vec<(String, String)> {
    let warned = WARNED.lock().unwrap();
    let its = warned.iter().filter(|told| told.get("store") == store);
    its.map(|told| {
        let whom = if told.get("path").is_empty() { "place" } else { "path" };
        (told.get("message").to_owned(), told.get(whom).to_owned())
    })
    .collect()
}

#[test]
fn a_request_of_a_store_is_a_span_with_its_fields_and_a_hit_is_none() {
    listen();
    let stand = Stand::new("spanned store", |builder, _| builder);
    stand.read();
    stand.read();
    stand.time.advance(Duration::from_secs(61));
    stand.read();
    assert!(wait(stand.store.head(&Path::from("people/nobody"))).is_err());
    stand.break_remote();
    assert!(wait(stand.store.get(&Path::from("people/nobody"))).is_err());
    until("all requests have ended", || fetches("spanned store").len() == 4);
    let told = fetches("spanned store");
    let pairs: Vec<_> = told.iter().map(|told| (told.get("outcome"), told.get("bytes"))).collect();
    assert_eq!(pairs, [("complete", "5"), ("renewed", "0"), ("not_found", "0"), ("failed", "0")]);
    for told in &told {
        let fields: Vec<_> = told.fields.keys().copied().collect();
        assert_eq!((told.name, fields), ("fetch", vec!["bytes", "outcome", "seconds", "store"]));
        assert!(told.get("seconds").parse::<f64>().unwrap() >= 0.0, "{told:?}");
        assert!(!format!("{told:?}").contains("people"), "a path: {told:?}");
    }
    assert_eq!(warnings("spanned store"), [], "nothing of this is a warning");
}

#[test]
fn a_stale_copy_trouble_on_the_local_side_and_a_write_that_waits_are_warnings() {
    listen();
    let stand = Stand::new("warning store", |builder, folder| {
        builder.stale_if_error("1h").write_back(folder.path().join("journal"))
    });
    stand.read();
    let chunk = stand.folder.path().join("cache/objects");
    damage(&chunk);
    stand.read();
    let damaged = warnings("warning store");
    let is_local =
        |(why, place): &(String, String)| why.starts_with("the local ") && !place.is_empty();
    assert!(!damaged.is_empty() && damaged.iter().all(is_local), "{damaged:?}");
    stand.break_remote();
    stand.time.advance(Duration::from_secs(61));
    stand.read();
    let told = warnings("warning store").split_off(damaged.len());
    assert!(
        matches!(&told[..], [(why, path)] if why.starts_with("a stale copy is served: ") && path == "people/anna"),
        "{told:?}"
    );
    wait(stand.store.put(&Path::from("people/bert"), "new".into())).unwrap();
    let before = damaged.len() + 1;
    until("it was tried", || warnings("warning store").len() > before);
    let told = warnings("warning store").split_off(before);
    let (why, path) = &told[0];
    assert!(why.starts_with("a write was not sent and waits: "), "{told:?}");
    assert_eq!(path, "people/bert");
}

/// No chunk is what it was.
fn damage(folder: &std::path::Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => damage(&path),
            false => fs::write(path, "damaged").unwrap(),
        }
    }
}
