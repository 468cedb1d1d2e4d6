//! Handles and adapters over cached stores.

use crate::odd::Odd;
use crate::simple::{self, Shelf};
use crate::{bytes, until};
use cache_clients::redis::{Redis, RedisOptions};
use cache_core::ManualClock;
use cache_stores::object_store::ObjectStore;
use cache_stores::object_store::memory::InMemory;
use cache_stores::{
    CachedStore, ClientStore, LocalTtl, OpenExt, SimpleStore, StoreBuilder, Temporary, Ttl,
};
use larder_test_servers::{self as servers, say};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

fn redis(server: &servers::Redis) -> Redis {
    let options = RedisOptions::new(server.url())
        .with_connect_timeout(LIMIT)
        .with_response_timeout(LIMIT)
        .with_deadline(LIMIT);
    Redis::new(options).unwrap()
}

fn built(builder: StoreBuilder) -> CachedStore {
    builder.chunk("64KiB").build().unwrap()
}

/// What was put in the remote behind the store's back.
fn put(remote: &Odd, path: &str, data: Vec<u8>) {
    remote.open(path).unwrap().put(data).unwrap();
}

#[test]
fn f1_f24_a_handle_knows_whether_it_was_served_from_the_cache() {
    let remote = Odd::default();
    put(&remote, "a", bytes(200_000));
    let (time, store) = (ManualClock::new(), CachedStore::temporary(remote.clone()));
    let store = built(store.policy(Ttl("60s")).clock(time.clock()));
    let mut first = store.open("a").unwrap();
    let mut read = Vec::new();
    first.read_to_end(&mut read).unwrap();
    assert_eq!(read, bytes(200_000));
    let info = first.info().unwrap();
    assert_eq!((info.success, info.cached, info.size), (true, false, Some(200_000)));

    let before = remote.requests();
    time.advance(Duration::from_secs(7));
    let mut second = store.open("a").unwrap();
    second.seek(SeekFrom::End(-10)).unwrap();
    let mut end = Vec::new();
    second.read_to_end(&mut end).unwrap();
    assert_eq!(end, read[199_990..]);
    let info = second.info().unwrap();
    assert_eq!((info.success, info.cached), (true, true));
    assert_eq!(info.age, Some(Duration::from_secs(7)));
    assert_eq!(info.e_tag, first.info().unwrap().e_tag);
    let stat = second.stat().unwrap();
    assert!(stat.cached && stat.age == Some(Duration::from_secs(7)) && stat.size == 200_000);
    assert_eq!(second.read_all().unwrap(), read);
    assert!(second.info().unwrap().cached);
    assert_eq!(remote.requests(), before);
}

#[test]
fn f9_a_handle_that_is_refreshed_reads_the_remote_and_renews_the_copy() {
    let remote = Odd::default();
    put(&remote, "a", b"old".to_vec());
    let store = built(CachedStore::temporary(remote.clone()));
    let mut handle = store.open("a").unwrap();
    assert_eq!(handle.read_all().unwrap(), "old");
    put(&remote, "a", b"new".to_vec());
    assert_eq!(handle.read_all().unwrap(), "old");
    handle.refresh();
    assert_eq!(handle.read_all().unwrap(), "new");
    assert!(!handle.info().unwrap().cached);
    let before = remote.requests();
    assert_eq!(store.open("a").unwrap().read_all().unwrap(), "new");
    // The same through `Read`.
    put(&remote, "a", b"newest".to_vec());
    handle.refresh();
    let mut text = String::new();
    handle.read_to_string(&mut text).unwrap();
    assert_eq!(text, "newest");
    assert_eq!(store.open("a").unwrap().read_all().unwrap(), "newest");
    assert!(remote.requests() > before);
}

#[test]
fn f5_f7_f10_what_a_handle_writes_and_deletes_is_so_in_the_remote_and_in_the_copy() {
    let remote = Odd::default();
    let store = built(CachedStore::temporary(remote.clone()));
    for length in [0, 10, 200_000, 20 << 20] {
        let whole = bytes(length);
        let mut handle = store.create("a/b").unwrap();
        handle.write_all(&whole).unwrap();
        handle.close().unwrap();
        assert!(remote.open("a/b").unwrap().read_all().unwrap() == whole);
        let mut read = Vec::new();
        handle.read_to_end(&mut read).unwrap();
        assert!(read == whole, "{length} bytes");
        handle.delete().unwrap();
        for store in [store.open("a/b"), remote.open("a/b")] {
            assert_eq!(store.unwrap().stat().unwrap_err().kind(), ErrorKind::NotFound);
        }
    }
}

#[test]
fn f17_the_directory_of_a_temporary_cached_store_is_gone_with_it() {
    let remote = Odd::default();
    put(&remote, "a", bytes(300_000));
    let local = Temporary::new().unwrap();
    let folder = local.folder().to_owned();
    let store = built(CachedStore::new(local, remote));
    assert_eq!(store.open("a").unwrap().read_all().unwrap(), bytes(300_000));
    until("chunks lie in the directory", || folder.read_dir().unwrap().next().is_some());
    drop(store);
    until("the directory is removed", || !folder.exists());
}

#[test]
fn f14_without_an_index_redis_own_ttl_decides_and_a_put_may_say_another() {
    let (server, remote) = (servers::Redis::start(), Odd::default());
    put(&remote, "a", bytes(150_000));
    let local = ClientStore::new(redis(&server)).with_ttl(Duration::from_secs(60));
    let store = built(CachedStore::new(local.clone(), remote.clone()).presence());
    let read = |path: &str| {
        let mut handle = store.open(path).unwrap();
        let bytes = handle.read_all().unwrap();
        (bytes, handle.info().unwrap().cached)
    };
    assert_eq!(read("a"), (bytes(150_000).into(), false));
    let least = "local t = -3 for _,k in ipairs(redis.call('KEYS','*')) do local p = redis.call('PTTL', k) if t == -3 or p < t then t = p end end return t";
    let left = || say(&server, &format!("EVAL \"{least}\" 0")).parse::<i64>().unwrap();
    until("the chunks are in redis", || say(&server, "DBSIZE").parse::<u64>().unwrap() >= 3);
    assert!((1..=60_000).contains(&left()), "{}", left());
    until("it is a hit", || read("a").1);
    // Another process sees the same copies.
    let other = built(CachedStore::new(local, remote.clone()).presence());
    let before = remote.requests();
    let mut handle = other.open("a").unwrap();
    assert_eq!(handle.read_all().unwrap(), bytes(150_000));
    assert!(handle.info().unwrap().cached);
    assert_eq!(remote.requests(), before);
    // Redis lets all of it expire.
    let expire =
        "for _,k in ipairs(redis.call('KEYS','*')) do redis.call('PEXPIRE', k, 0) end return 1";
    say(&server, &format!("EVAL \"{expire}\" 0"));
    assert_eq!(read("a"), (bytes(150_000).into(), false));

    // In one where nothing else is.
    let server = servers::Redis::start();
    let local = ClientStore::new(redis(&server)).with_ttl(Duration::from_secs(60));
    let store = built(CachedStore::new(local, remote).presence());
    let longer = LocalTtl(Duration::from_secs(300)).into();
    store.open("b").unwrap().with_options(longer).put("written").unwrap();
    let left = || say(&server, &format!("EVAL \"{least}\" 0")).parse::<i64>().unwrap();
    until("it is in redis", || left() > 0);
    assert!((240_000..=300_000).contains(&left()), "{}", left());
    let mut handle = store.open("b").unwrap();
    assert_eq!(handle.read_all().unwrap(), "written");
    assert!(handle.info().unwrap().cached);
}

#[test]
fn redis_is_the_local_side_also_with_an_index() {
    let (server, remote) = (servers::Redis::start(), Odd::default());
    let folder = tempfile::tempdir().unwrap();
    put(&remote, "a", bytes(9 << 20));
    let over = || {
        let local = ClientStore::new(redis(&server));
        CachedStore::new(local, remote.clone()).index(folder.path()).build()
    };
    let store = over().unwrap();
    assert!(store.open("a").unwrap().read_all().unwrap() == bytes(9 << 20));
    until("it is a hit", || store.open("a").unwrap().stat().unwrap().cached);
    let mut handle = store.open("a").unwrap();
    until("all of it is local", || {
        let read = handle.read_all().unwrap();
        assert!(read == bytes(9 << 20));
        handle.info().unwrap().cached
    });
    drop((handle, store));
    // The index is known again after a restart.
    let mut store = None;
    until("the former store is gone", || {
        store = over().ok();
        store.is_some()
    });
    let before = remote.requests();
    let mut handle = store.unwrap().open("a").unwrap();
    assert!(handle.read_all().unwrap() == bytes(9 << 20));
    assert!(handle.info().unwrap().cached);
    assert_eq!(remote.requests(), before);
    // Redis is away: the remote has it.
    server.stop();
    assert!(handle.read_all().unwrap() == bytes(9 << 20));
    assert!(remote.requests() > before);
}

#[test]
fn f21_a_store_of_three_functions_is_local_or_remote_or_both() {
    let folder = tempfile::tempdir().unwrap();
    for (number, remote) in simple::both().into_iter().enumerate() {
        let store = built(CachedStore::temporary(remote.clone()));
        through(&store, &remote);
        // Over one that cannot list the index is on disk, or begins empty in memory.
        let remote: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let over = || CachedStore::new(SimpleStore::new(Shelf::default()), remote.clone());
        through(&built(over().index(folder.path().join(number.to_string()))), &remote);
        through(&built(over()), &remote);
    }
    let remote: Arc<dyn ObjectStore> = Arc::new(SimpleStore::new(Shelf::default()));
    let local = SimpleStore::new(Shelf::default());
    through(&built(CachedStore::new(local, remote.clone()).presence()), &remote);
}

fn through(store: &CachedStore, remote: &Arc<dyn ObjectStore>) {
    let whole = bytes(200_000);
    remote.open("a/b").unwrap().put(whole.clone()).unwrap();
    assert_eq!(store.open("a/b").unwrap().read_all().unwrap(), whole);
    let mut handle = store.open("a/b").unwrap();
    until("it is a hit", || {
        assert_eq!(handle.read_all().unwrap(), whole);
        handle.info().unwrap().cached
    });
    let mut writer = store.create("c").unwrap();
    writer.write_all(b"text").unwrap();
    writer.close().unwrap();
    assert_eq!(remote.open("c").unwrap().read_all().unwrap(), "text");
    assert_eq!(store.open("c").unwrap().read_all().unwrap(), "text");
    writer.delete().unwrap();
    assert_eq!(store.open("c").unwrap().read_all().unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(remote.open("c").unwrap().read_all().unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn f18_three_levels_read_and_write_through_handles() {
    let remote = Odd::default();
    put(&remote, "deep/a", bytes(500_000));
    let middle = built(CachedStore::temporary(remote.clone()));
    let inner_local = built(CachedStore::new(InMemory::new(), Temporary::new().unwrap()));
    let store = built(CachedStore::new(inner_local, middle.clone()));
    let mut handle = store.open("deep/a").unwrap();
    let mut read = Vec::new();
    handle.read_to_end(&mut read).unwrap();
    assert_eq!(read, bytes(500_000));
    until("it is a hit above", || {
        handle.read_all().unwrap();
        handle.info().unwrap().cached
    });
    let before = remote.requests();
    assert_eq!(middle.open("deep/a").unwrap().read_all().unwrap(), bytes(500_000));
    assert_eq!(remote.requests(), before);
    let mut writer = store.create("deep/b").unwrap();
    writer.write_all(&bytes(9 << 20)).unwrap();
    writer.close().unwrap();
    for mut handle in
        [store.open("deep/b"), middle.open("deep/b"), remote.open("deep/b")].map(Result::unwrap)
    {
        assert!(handle.read_all().unwrap() == bytes(9 << 20));
    }
    store.open("deep/b").unwrap().delete().unwrap();
    assert_eq!(remote.open("deep/b").unwrap().stat().unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn f11_f15_f16_errors_of_a_cached_store_are_told_by_its_handles() {
    let remote = Odd::default();
    let store = built(CachedStore::temporary(remote.clone()));
    let mut handle = store.open("not/there").unwrap();
    assert_eq!(remote.requests(), 0);
    assert_eq!(handle.read_all().unwrap_err().kind(), ErrorKind::NotFound);
    let error = store.open("../a").unwrap_err();
    assert!(error.kind() == ErrorKind::InvalidInput && error.to_string().contains("`../a`"));
    assert!(store.create("/a").is_err() && store.open_async("a//b").is_err());
    assert!(store.create_async("a\0").is_err());
    store.create("empty").unwrap().close().unwrap();
    assert_eq!(store.open("empty").unwrap().read_all().unwrap(), "");
}
