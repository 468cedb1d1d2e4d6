//! Stores of stores, and stores of other kinds (F14, F18, F21, F23).

use crate::pair::{Pair, data, keep, read, until};
use crate::stand::watched::Trouble;
use crate::stand::{Side, client, folder};
use bytes::Bytes;
use cache_stores::{CachedStore, LocalTtl, ServedFrom, Simple, SimpleStore};
use larder_test_servers::{Redis, say};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::HashMap;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

pub(crate) async fn f14_without_an_index_the_local_store_decides(pair: Pair) {
    let store = pair.store(|builder| builder.presence());
    let (path, there) = (Path::from("a"), data(1, 9_000));
    store.put(&path, there.clone().into()).await.unwrap();
    let before = pair.far.requests();
    assert_eq!(read(&store, "a").await.unwrap(), (there.clone(), ServedFrom::Local));
    assert_eq!(pair.far.requests(), before);
    // Another process over the same local store finds it there, without an index.
    let second = pair.store(|builder| builder.presence());
    assert_eq!(read(&second, "a").await.unwrap(), (there.clone(), ServedFrom::Local));
    assert_eq!(pair.far.requests(), before);
    // The local store forgets it, as by its own TTL.
    for chunk in pair.near.present() {
        pair.local.store.delete(&chunk).await.unwrap();
    }
    let (again, from) = read(&store, "a").await.unwrap();
    assert_eq!(again, there);
    assert_ne!(from, ServedFrom::Local);
    // How long it keeps one object can be said with the write.
    store.put_opts(&path, there.into(), LocalTtl(Duration::from_secs(300)).into()).await.unwrap();
    if let Some(redis) = pair.local.server() {
        let ttls = ttls(redis);
        assert!(!ttls.is_empty() && ttls.iter().all(|ttl| (1..=300).contains(ttl)), "{ttls:?}");
    }
}

/// What Redis says of each of its keys: seconds, -1 for ever.
fn ttls(redis: &Redis) -> Vec<i64> {
    let script = "EVAL \"local all = {} for _, key in ipairs(redis.call('KEYS', '*')) do \
                  all[#all + 1] = tostring(redis.call('TTL', key)) end \
                  return table.concat(all, ' ')\" 0";
    say(redis, script).split_whitespace().filter_map(|ttl| ttl.parse().ok()).collect()
}

pub(crate) async fn f18_three_levels_are_one_store(pair: Pair) {
    let middle = pair.store(|builder| builder);
    let top = CachedStore::new(Side::memory().store, middle.clone()).chunk("8KiB").build().unwrap();
    let there = data(1, 30_000);
    pair.elsewhere("a", &there).await;
    assert_eq!(keep(&top, "a").await, there);
    assert_eq!(pair.far.gets(), 1);
    keep(&middle, "a").await;
    pair.far.set(Trouble::Away);
    assert_eq!(read(&top, "a").await.unwrap(), (there.clone(), ServedFrom::Local));
    // A new one above has only the middle.
    let other = CachedStore::new(Side::memory().store, middle.clone()).build().unwrap();
    assert_eq!(read(&other, "a").await.unwrap().0, there);
    pair.far.set(None);
    // Written through both; and a store as the local side of another.
    let written = data(2, 30_000);
    top.put(&Path::from("a"), written.clone().into()).await.unwrap();
    assert_eq!(read(&middle, "a").await.unwrap().0, written);
    let near = pair.store(|builder| builder);
    let folder = folder();
    let far = CachedStore::on_disk(folder.path(), pair.remote.store.clone()).build().unwrap();
    let both = CachedStore::new(near, far).build().unwrap();
    assert_eq!(keep(&both, "a").await, written);
    assert_eq!(read(&both, "a").await.unwrap(), (written, ServedFrom::Local));
    top.delete(&Path::from("a")).await.unwrap();
    assert!(read(&middle, "a").await.is_err() && read(&top, "a").await.is_err());
}

/// A place for whole objects, and nothing more.
#[derive(Debug, Default)]
struct Shelf(Mutex<HashMap<String, Bytes>>);

impl Simple for Shelf {
    async fn read(&self, path: &str) -> io::Result<Option<Bytes>> {
        Ok(self.0.lock().unwrap().get(path).cloned())
    }

    async fn write(&self, path: &str, data: Bytes) -> io::Result<()> {
        self.0.lock().unwrap().insert(path.to_owned(), data);
        Ok(())
    }

    async fn delete(&self, path: &str) -> io::Result<()> {
        self.0.lock().unwrap().remove(path);
        Ok(())
    }
}

pub(crate) async fn f21_a_store_of_three_functions_works_in_any_position(pair: Pair) {
    let shelf = || SimpleStore::new(Shelf::default());
    let there = data(1, 9_000);
    let mut stores = vec![
        CachedStore::new(shelf(), pair.remote.store.clone()).build().unwrap(),
        CachedStore::new(shelf(), shelf()).build().unwrap(),
    ];
    stores.push(CachedStore::new(pair.local.store.clone(), shelf()).build().unwrap());
    let inner = CachedStore::new(shelf(), shelf()).build().unwrap();
    stores.push(CachedStore::new(shelf(), inner).build().unwrap());
    for (n, store) in stores.iter().enumerate() {
        let path = Path::from(format!("a/{n}"));
        store.put(&path, there.clone().into()).await.unwrap();
        let (data, from) = read(store, path.as_ref()).await.unwrap();
        assert_eq!((data, from), (there.clone(), ServedFrom::Local), "store {n}");
        store.delete(&path).await.unwrap();
        assert!(read(store, path.as_ref()).await.is_err(), "store {n}");
    }
}

/// Host and port are used: of two servers the one that was named has the data.
#[tokio::test]
async fn f23_the_redis_that_was_named_is_the_one_that_is_used() {
    let (named, other) = (Redis::start(), Redis::start());
    let local = client(&named);
    let store = CachedStore::new(local, Side::memory().store).build().unwrap();
    store.put(&Path::from("a"), data(1, 100).into()).await.unwrap();
    until("the named one has it", || say(&named, "DBSIZE") != "0").await;
    assert_eq!(say(&other, "DBSIZE"), "0");
}
