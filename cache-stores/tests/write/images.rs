//! Kills: at every step of either side everything is copied as a killed process would leave it, and opened again.

use crate::common::Fails;
use crate::world::{World, bytes, copy_all, drained, put, read};
use bytes::Bytes;
use cache_stores::{CachedStore, KeepWrites};
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// What each path may have: what was acknowledged, or what is being written.
type Allowed = BTreeMap<&'static str, Vec<Option<Bytes>>>;

struct Image {
    folder: TempDir,
    remote: InMemory,
    allowed: Allowed,
    at: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Through,
    /// The remote is away all the while: nothing is sent that could change an image while it is made.
    Back,
    /// It sends, and keeps nothing of what was sent.
    Sending,
}

/// Makes an image at every step of either side.
struct Photographer {
    images: Arc<Mutex<Vec<Image>>>,
    allowed: Arc<Mutex<Allowed>>,
}

impl Photographer {
    fn new(world: &World) -> Self {
        let images: Arc<Mutex<Vec<Image>>> = Arc::default();
        let allowed: Arc<Mutex<Allowed>> = Arc::default();
        for (side, name) in [(&world.local, "local"), (&world.remote, "remote")] {
            let (images, allowed) = (images.clone(), allowed.clone());
            let (memory, from) = (world.memory.clone(), world.folder.path().to_owned());
            side.on_step(move |step| {
                let folder = tempfile::tempdir().unwrap();
                copy_all(&from, folder.path());
                let allowed = allowed.lock().unwrap().clone();
                let at = format!("{name} {step}");
                images.lock().unwrap().push(Image { folder, remote: memory.fork(), allowed, at });
            });
        }
        Photographer { images, allowed }
    }

    /// From now on the path may have this, too.
    fn begin(&self, path: &'static str, value: Option<Bytes>) {
        self.allowed.lock().unwrap().entry(path).or_insert_with(|| vec![None]).push(value);
    }

    /// It was acknowledged: nothing else is right.
    fn end(&self, path: &'static str) {
        let mut allowed = self.allowed.lock().unwrap();
        let values = allowed.get_mut(path).unwrap();
        *values = vec![values.pop().unwrap()];
    }
}

fn open(world: &World, mode: Mode) -> CachedStore {
    match mode {
        Mode::Through => world.store(),
        Mode::Back => world.back(),
        Mode::Sending => {
            let builder = world.builder().keep_writes(KeepWrites::Never);
            builder.write_back(world.journal()).build().unwrap()
        }
    }
}

/// Puts, overwrites, parts, deletes: each step of it is an image.
async fn work(store: &CachedStore, photos: &Photographer, mode: Mode) {
    for (seed, size) in [(1, 2500), (2, 1500), (3, 0)] {
        let data = bytes(seed, size);
        photos.begin("a", Some(data.clone()));
        put(store, "a", &data).await.unwrap();
        photos.end("a");
    }
    photos.begin("b", Some(bytes(4, 3000)));
    put(store, "b", &bytes(4, 3000)).await.unwrap();
    photos.end("b");
    if mode == Mode::Through {
        photos.begin("b", Some(bytes(5, 2200)));
    }
    let mut upload = match mode {
        Mode::Through => store.put_multipart(&Path::from("b")).await.unwrap(),
        Mode::Back | Mode::Sending => store.put_multipart(&Path::from("c")).await.unwrap(),
    };
    if mode == Mode::Back {
        photos.begin("c", Some(bytes(5, 2200)));
    }
    let data = bytes(5, 2200);
    upload.put_part(data.slice(..1100).into()).await.unwrap();
    upload.put_part(data.slice(1100..).into()).await.unwrap();
    upload.complete().await.unwrap();
    photos.end(if mode == Mode::Through { "b" } else { "c" });
    for path in ["a", "b"] {
        photos.begin(path, None);
        store.delete(&Path::from(path)).await.unwrap();
        photos.end(path);
    }
    photos.begin("a", Some(bytes(6, 1025)));
    put(store, "a", &bytes(6, 1025)).await.unwrap();
    photos.end("a");
}

/// What was acknowledged is there, what was not is there or not, and the accounts are right.
async fn check(image: Image, mode: Mode) {
    let Image { folder, remote, allowed, at } = image;
    let world = World::on(folder, remote);
    let store = open(&world, mode);
    for (path, values) in &allowed {
        let is = read(&store, path).await;
        let size = is.as_ref().map(Bytes::len);
        assert!(
            values.contains(&is),
            "{mode:?}: \"{path}\" has {size:?} bytes after a kill at: {at}"
        );
    }
    if mode == Mode::Through {
        for path in allowed.keys() {
            assert_eq!(read(&store, path).await, world.far(path).await, "{at}");
        }
    } else {
        let now = store.pending().writes;
        store.flush().await.unwrap();
        for (path, values) in &allowed {
            let far = world.far(path).await;
            assert!(
                values.contains(&far),
                "\"{path}\" was not sent, killed at: {at}, {now} waited"
            );
            assert_eq!(read(&store, path).await, far, "{at}");
        }
        drained(&world, &store).await;
    }
    world.settled(&store).await;
}

async fn kills(mode: Mode) -> usize {
    let world = World::disk();
    let store = open(&world, mode);
    if mode == Mode::Back {
        world.remote.fail(Fails::Away);
    }
    let photos = Photographer::new(&world);
    work(&store, &photos, mode).await;
    let images = std::mem::take(&mut *photos.images.lock().unwrap());
    let count = images.len();
    for image in images {
        check(image, mode).await;
    }
    count
}

#[tokio::test]
async fn a_kill_between_any_two_steps_leaves_what_was_acknowledged_and_no_stale_read() {
    assert!(kills(Mode::Through).await > 40);
}

#[tokio::test]
async fn a_kill_between_any_two_steps_loses_nothing_that_waits_for_the_remote() {
    assert!(kills(Mode::Back).await > 30);
}

#[tokio::test]
async fn a_kill_with_the_index_lost_loses_nothing_that_waits_for_the_remote() {
    let world = World::disk();
    let store = world.back();
    world.remote.fail(Fails::Away);
    put(&store, "a", &bytes(1, 5000)).await.unwrap();
    put(&store, "b", &bytes(2, 10)).await.unwrap();
    put(&store, "b", &bytes(3, 3000)).await.unwrap();
    drop(store);
    let image = tempfile::tempdir().unwrap();
    copy_all(world.folder.path(), image.path());
    std::fs::remove_dir_all(image.path().join("index")).unwrap();
    let world = World::on(image, InMemory::new());
    let store = world.back();
    assert_eq!(read(&store, "a").await.unwrap(), bytes(1, 5000));
    store.flush().await.unwrap();
    assert_eq!(world.far("a").await.unwrap(), bytes(1, 5000));
    assert_eq!(world.far("b").await.unwrap(), bytes(3, 3000));
    world.settled(&store).await;
}

#[tokio::test]
async fn a_kill_while_it_sends_leaves_nothing_that_waits_and_is_missing() {
    let world = World::disk();
    let store = open(&world, Mode::Sending);
    world.remote.fail(Fails::Away);
    put(&store, "a", &bytes(1, 2500)).await.unwrap();
    let photos = Photographer::new(&world);
    photos.begin("a", Some(bytes(1, 2500)));
    photos.end("a");
    world.remote.fail(Fails::No);
    store.flush().await.unwrap();
    world.settled(&store).await;
    let images = std::mem::take(&mut *photos.images.lock().unwrap());
    assert!(images.iter().any(|image| image.at.starts_with("local after")));
    for image in images {
        check(image, Mode::Sending).await;
    }
}
