//! The adapter over real servers: redis, memcached, files.

use crate::bytes;
use bytes::Bytes;
use cache_clients::Files;
use cache_clients::memcached::{Memcached, MemcachedOptions};
use cache_clients::redis::{Redis, RedisOptions};
use cache_stores::object_store::path::Path;
use cache_stores::object_store::prefix::PrefixStore;
use cache_stores::object_store::{
    Attribute, Attributes, CopyOptions, Error, GetOptions, ObjectStore, ObjectStoreExt, PutMode,
    PutOptions, UpdateVersion, integration,
};
use cache_stores::{ClientStore, LocalTtl, OpenExt};
use futures::TryStreamExt;
use larder_test_servers::{self as servers, say};
use std::any::Any;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::time::Duration;

/// Longer than a busy machine takes.
const LIMIT: Duration = Duration::from_secs(30);

fn redis(server: &servers::Redis) -> Redis {
    let options = RedisOptions::new(server.url())
        .with_connect_timeout(LIMIT)
        .with_response_timeout(LIMIT)
        .with_deadline(LIMIT);
    Redis::new(options).unwrap()
}

fn all() -> Vec<(ClientStore, Box<dyn Any>)> {
    let server = servers::Redis::start();
    let over_redis = ClientStore::new(redis(&server));
    let memcached = servers::Memcached::start();
    let options = MemcachedOptions::default()
        .with_connect_timeout(LIMIT)
        .with_answer_timeout(LIMIT)
        .with_deadline(LIMIT);
    let over_memcached = ClientStore::new(Memcached::with(memcached.address(), options).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let over_files = ClientStore::new(Files::open(folder.path()).unwrap());
    vec![
        (over_redis, Box::new(server)),
        (over_memcached, Box::new(memcached)),
        (over_files, Box::new(folder)),
    ]
}

fn keys(server: &servers::Redis) -> u64 {
    say(server, "DBSIZE").parse().unwrap()
}

#[test]
fn f10_objects_of_any_length_come_back_from_every_server() {
    for (store, _server) in all() {
        for length in [0, 1, 64 << 10, (64 << 10) + 1, 1 << 20, (4 << 20) + 300, 20 << 20] {
            let whole = bytes(length);
            let mut handle = store.create("folder/a b/ü.bin").unwrap();
            handle.write_all(&whole).unwrap();
            handle.close().unwrap();
            let mut read = Vec::new();
            handle.read_to_end(&mut read).unwrap();
            assert!(read == whole, "{length} bytes over {store}");
            assert_eq!(handle.stat().unwrap().size, length as u64);
            let from = length as u64 / 3;
            handle.seek(SeekFrom::Start(from)).unwrap();
            let mut some = Vec::new();
            handle.take(100).read_to_end(&mut some).unwrap();
            assert!(some == whole[from as usize..].iter().take(100).copied().collect::<Vec<_>>());
        }
        store.open("text").unwrap().put("grün").unwrap();
        assert_eq!(store.open("text").unwrap().read_all().unwrap(), "grün".as_bytes());
        let missing = store.open("missing").unwrap().read_all().unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
    }
}

#[test]
fn f16_any_path_has_a_key_of_its_own_on_every_server() {
    let long = "long/".repeat(80) + "name";
    let longer = "long/".repeat(80) + "names";
    let paths = ["a", "a/b", "a:b", "a b", "a#b", "a+1.0.0", "ü", "🙀/😀", &long, &longer];
    for (store, _server) in all() {
        for path in paths {
            store.open(path).unwrap().put(path.to_owned()).unwrap();
        }
        for path in paths {
            assert_eq!(store.open(path).unwrap().read_all().unwrap(), path, "{store}");
        }
    }
}

#[tokio::test]
async fn the_suite_of_object_store_holds_as_far_as_it_does_not_list() {
    for (store, _server) in all() {
        integration::get_opts(&store).await;
        integration::put_get_attributes(&store).await;
        integration::multipart_out_of_order(&store).await;
        let missing = integration::get_nonexistent_object(&store, None).await.unwrap_err();
        assert!(matches!(missing, Error::NotFound { .. }), "{missing}");
        integration::multipart_race_condition(&store, true).await;
        for error in [
            store.list(None).try_collect::<Vec<_>>().await.unwrap_err(),
            store.list_with_delimiter(None).await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::NotSupported { .. }), "{error}");
        }
    }
}

#[tokio::test]
async fn the_server_decides_puts_on_a_condition_for_all() {
    for (store, _server) in all() {
        let path = Path::from("once");
        let puts = (0..8).map(|n: u8| {
            let (store, path) = (store.clone(), path.clone());
            // Some are longer than a head.
            let data = Bytes::from(vec![n; usize::from(n) * 20_000]);
            let put =
                async move { store.put_opts(&path, data.into(), PutMode::Create.into()).await };
            tokio::spawn(put)
        });
        let results = futures::future::join_all(puts).await;
        let (won, lost): (Vec<_>, Vec<_>) =
            results.into_iter().map(Result::unwrap).partition(Result::is_ok);
        assert_eq!(won.len(), 1, "{store}");
        for error in lost {
            assert!(matches!(error, Err(Error::AlreadyExists { .. })), "{error:?}");
        }
        let first = store.head(&path).await.unwrap().e_tag;
        let update =
            |e_tag| PutOptions::from(PutMode::Update(UpdateVersion { e_tag, version: None }));
        let second = store.put_opts(&path, "2".into(), update(first.clone())).await.unwrap();
        let error = store.put_opts(&path, "3".into(), update(first)).await.unwrap_err();
        assert!(matches!(error, Error::Precondition { .. }), "{error}");
        assert_eq!(store.head(&path).await.unwrap().e_tag, second.e_tag);
        let missing = Path::from("missing");
        let error = store.put_opts(&missing, "1".into(), update(second.e_tag)).await.unwrap_err();
        assert!(matches!(error, Error::Precondition { .. }), "{error}");
        let error = store.copy_if_not_exists(&path, &path).await.unwrap_err();
        assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    }
}

#[tokio::test]
async fn an_object_of_a_server_that_is_renamed_to_itself_stays() {
    for (store, _server) in all() {
        crate::itself::stays(&store).await;
        crate::itself::stays(&PrefixStore::new(store, "below")).await;
    }
}

#[tokio::test]
async fn a_copy_of_an_object_to_itself_changes_its_ttl_alone() {
    let server = servers::Redis::start();
    let store = ClientStore::new(redis(&server));
    for length in [10, 3 << 20] {
        let path = Path::from("a");
        store.put(&path, bytes(length).into()).await.unwrap();
        let first = store.head(&path).await.unwrap();
        store.copy(&path, &path).await.unwrap();
        store.rename(&path, &path).await.unwrap();
        assert_eq!(store.head(&path).await.unwrap(), first);
        assert_eq!(say(&server, "PTTL larder-store:a"), "-1");
        let mut options = CopyOptions::default();
        options.extensions.insert(LocalTtl(Duration::from_secs(300)));
        store.copy_opts(&path, &path, options).await.unwrap();
        let left = say(&server, "PTTL larder-store:a").parse::<i64>().unwrap();
        assert!((270_000..=300_000).contains(&left), "{left}");
        assert!(store.get(&path).await.unwrap().bytes().await.unwrap() == bytes(length));
        // Its former pages are gone.
        assert_eq!(keys(&server), if length > 10 { 4 } else { 1 });
    }
}

#[tokio::test]
async fn a_reader_of_an_object_that_is_replaced_gets_one_version_or_an_error() {
    for (store, _server) in all() {
        let path = Path::from("a");
        let version = |n: u8| Bytes::from(vec![n; 12 << 20]);
        store.put(&path, version(1).into()).await.unwrap();
        let reader = store.get(&path).await.unwrap();
        store.put(&path, version(2).into()).await.unwrap();
        match reader.bytes().await {
            Ok(bytes) => assert!(bytes == version(1)),
            Err(error) => assert!(matches!(error, Error::Precondition { .. }), "{error}"),
        }
        assert!(store.get(&path).await.unwrap().bytes().await.unwrap() == version(2));
        let ranges = store.get_ranges(&path, &[0..10, (5 << 20)..(7 << 20), 0..20]).await.unwrap();
        assert_eq!(ranges.iter().map(Bytes::len).collect::<Vec<_>>(), [10, 2 << 20, 20]);
    }
}

#[test]
fn no_page_stays_behind_on_a_server() {
    let server = servers::Redis::start();
    let store = ClientStore::new(redis(&server));
    let mut handle = store.open("a").unwrap();
    handle.put(bytes(5 << 20)).unwrap();
    assert_eq!(keys(&server), 6);
    handle.put(bytes(2 << 20)).unwrap();
    // The page has room for a little less than 1 MiB with its front.
    assert_eq!(keys(&server), 3);
    handle.write_all(&bytes(20 << 20)).unwrap();
    handle.close().unwrap();
    assert_eq!(keys(&server), 21);
    handle.put("small").unwrap();
    assert_eq!(keys(&server), 1);
    // An upload that is given up.
    handle.write_all(&bytes(20 << 20)).unwrap();
    crate::until("a part arrives", || keys(&server) > 1);
    handle.abort();
    crate::until("the pages are removed", || keys(&server) == 1);
    // A put that nobody waits for is done or leaves nothing.
    let (path, long) = (Path::from("dropped"), bytes(20 << 20));
    let put = store.put(&path, long.into());
    assert!(futures::FutureExt::now_or_never(put).is_none());
    crate::until("it is there", || keys(&server) == 22);
    store.open("dropped").unwrap().delete().unwrap();
    // A put that loses.
    let once = PutOptions::from(PutMode::Create);
    store.open("a").unwrap().with_options(once).put(bytes(3 << 20)).unwrap_err();
    assert_eq!(keys(&server), 1);
    futures::executor::block_on(store.copy(&Path::from("a"), &Path::from("b"))).unwrap();
    handle.put(bytes(3 << 20)).unwrap();
    futures::executor::block_on(store.rename(&Path::from("a"), &Path::from("b"))).unwrap();
    assert_eq!(store.open("b").unwrap().read_all().unwrap(), bytes(3 << 20));
    store.open("b").unwrap().delete().unwrap();
    assert_eq!(keys(&server), 0);
    store.open("b").unwrap().delete().unwrap();
}

#[test]
fn the_end_of_an_upload_that_nobody_waits_for_leaves_no_page_behind_on_a_server() {
    use futures::FutureExt;
    use futures::executor::block_on;
    let server = servers::Redis::start();
    let store = ClientStore::new(redis(&server));
    let path = Path::from("a");
    block_on(store.put(&path, bytes(3 << 20).into())).unwrap();
    let whole = keys(&server);
    block_on(store.put(&path, bytes(9 << 20).into())).unwrap();
    let begin = || {
        let mut upload = block_on(store.put_multipart(&path)).unwrap();
        block_on(upload.put_part(bytes(3 << 20).into())).unwrap();
        upload
    };
    let before = keys(&server);
    let mut upload = begin();
    assert!(upload.abort().now_or_never().is_none(), "pages are removed");
    drop(upload);
    crate::until("the pages are removed", || keys(&server) == before);
    let mut upload = begin();
    assert!(upload.complete().now_or_never().is_none(), "the object is put in its place");
    drop(upload);
    crate::until("the former pages are removed", || keys(&server) == whole);
    assert_eq!(block_on(store.head(&path)).unwrap().size, 3 << 20);
    assert!(store.delete(&path).now_or_never().is_none(), "its head is looked at");
    crate::until("all of it is removed", || keys(&server) == 0);
}

#[test]
fn an_object_of_which_the_server_dropped_a_page_is_gone_as_a_whole() {
    let server = servers::Redis::start();
    let store = ClientStore::new(redis(&server));
    let mut handle = store.open("a").unwrap();
    for damage in ["DEL", "APPEND"] {
        handle.put(bytes(3 << 20)).unwrap();
        let page = say(
            &server,
            "EVAL \"for _,k in ipairs(redis.call('KEYS','*+*.1')) do return k end\" 0",
        );
        assert!(page.starts_with("larder-store+"), "{page}");
        say(&server, &format!("{damage} {page} {}", if damage == "DEL" { "" } else { "x" }));
        assert_eq!(handle.read_all().unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(handle.stat().unwrap_err().kind(), ErrorKind::NotFound);
        crate::until("nothing of it is left", || keys(&server) == 0);
    }
    // What somebody else put there is no object, and is replaced.
    say(&server, "SET larder-store:a foreign");
    assert_eq!(handle.read_all().unwrap_err().kind(), ErrorKind::NotFound);
    handle.put("mine").unwrap();
    assert_eq!(handle.read_all().unwrap(), "mine");
}

#[test]
fn f14_the_ttl_of_the_store_and_that_of_a_put_are_redis_own() {
    let server = servers::Redis::start();
    let store = ClientStore::new(redis(&server)).with_ttl(Duration::from_secs(60));
    let left = |key: &str| say(&server, &format!("PTTL {key}")).parse::<i64>().unwrap();
    store.open("usual").unwrap().put("a").unwrap();
    let longer = || LocalTtl(Duration::from_secs(300)).into();
    store.open("longer").unwrap().with_options(longer()).put("b").unwrap();
    assert!((30_000..=60_000).contains(&left("larder-store:usual")));
    assert!((270_000..=300_000).contains(&left("larder-store:longer")));
    // Also through parts, and for each page.
    let mut long = store.create("long").unwrap().with_options(longer());
    long.write_all(&bytes(9 << 20)).unwrap();
    long.close().unwrap();
    let script = "EVAL \"local least = 1e9 for _,k in ipairs(redis.call('KEYS','*')) do if k ~= 'larder-store:usual' then least = math.min(least, redis.call('PTTL', k)) end end return least\" 0";
    assert!((270_000..=300_000).contains(&say(&server, script).parse::<i64>().unwrap()));
    let never = ClientStore::new(redis(&server)).with_space("never").unwrap();
    never.open("a").unwrap().put("c").unwrap();
    assert_eq!(left("never:a"), -1);
    // The server lets it expire.
    assert_eq!(say(&server, "PEXPIRE larder-store:usual 0"), "1");
    let gone = store.open("usual").unwrap().read_all().unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    assert_eq!(store.open("longer").unwrap().read_all().unwrap(), "b");
    let zero = LocalTtl(Duration::ZERO).into();
    let error = store.open("zero").unwrap().with_options(zero).put("d").unwrap_err();
    assert!(error.to_string().contains("a TTL of zero"), "{error}");
}

#[test]
fn f23_the_host_and_port_that_are_given_are_used() {
    let (one, other) = (servers::Redis::start(), servers::Redis::start());
    let url = format!("redis://127.0.0.1:{}", other.port());
    let store = ClientStore::new(Redis::open(&url).unwrap());
    store.open("a").unwrap().put("data").unwrap();
    assert_eq!((keys(&one), keys(&other)), (0, 1));
    assert!(store.to_string().contains(&other.port().to_string()), "{store}");
    other.stop();
    let error = store.open("a").unwrap().read_all().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostUnreachable, "{error}");
    assert!(error.to_string().contains(&other.port().to_string()), "{error}");
}

#[test]
fn two_spaces_of_a_server_are_two_stores() {
    let server = servers::Redis::start();
    let one = ClientStore::new(redis(&server)).with_space("one").unwrap();
    let two = ClientStore::new(redis(&server)).with_space("two").unwrap();
    one.open("a").unwrap().put("1").unwrap();
    assert_eq!(two.open("a").unwrap().read_all().unwrap_err().kind(), ErrorKind::NotFound);
    let error = one.with_space("a:b").unwrap_err();
    assert!(error.is_invalid() && error.to_string().contains("`a:b`"), "{error}");
}

#[tokio::test]
async fn attributes_and_conditional_reads_are_kept_and_held() {
    for (store, _server) in all() {
        let path = Path::from("a");
        let attributes = Attributes::from_iter([
            (Attribute::ContentType, "text/csv"),
            (Attribute::Metadata("owner".into()), "me"),
        ]);
        for length in [10, 3 << 20] {
            let options = PutOptions::from(attributes.clone());
            let put = store.put_opts(&path, bytes(length).into(), options).await.unwrap();
            let got = store.get(&path).await.unwrap();
            assert_eq!((got.attributes, got.meta.e_tag.clone()), (attributes.clone(), put.e_tag));
            let same = GetOptions::new().with_if_none_match(got.meta.e_tag);
            let error = store.get_opts(&path, same).await.unwrap_err();
            assert!(matches!(error, Error::NotModified { .. }), "{error}");
        }
    }
}
