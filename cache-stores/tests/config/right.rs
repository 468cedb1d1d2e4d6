//! What is right opens stores that do as they are told.

use super::{Stand, configure, read, read_cached, reader};
use cache_core::ManualClock;
use cache_regions::Format;
use cache_stores::store;
#[cfg(feature = "s3")]
use larder_test_servers::Moto;
#[cfg(feature = "redis")]
use larder_test_servers::Redis;
use std::fs;

#[test]
fn f1_a_store_is_found_by_its_name_and_keeps_what_it_reads() {
    let stand = Stand::new();
    configure(&stand.table("plain", "cache", "ttl = '60s'\nsize = '1GiB'\n")).unwrap();
    let plain = store("plain").unwrap();
    assert_eq!(plain.name(), "plain");
    assert_eq!(read(&plain, "may.csv"), "1,17\n");
    read_cached(&plain, "may.csv");
    fs::remove_file(stand.path("archive/may.csv")).unwrap();
    assert_eq!(read(&store("plain").unwrap(), "may.csv"), "1,17\n", "all handles are one store");
    let error = store("plane").unwrap_err().to_string();
    assert!(
        error.starts_with("no store `plane` is configured: there are ") && error.contains("plain"),
        "{error}"
    );
    let error = configure(&stand.table("plain", "other", "")).unwrap_err().to_string();
    assert_eq!(
        error,
        "text:1:8: store `plain` is configured already: ask for its replacement, or configure it once"
    );
}

#[test]
fn f2_the_ttl_of_the_table_holds_by_the_clock_of_the_configuration() {
    let (stand, time) = (Stand::new(), ManualClock::new());
    let reader = reader().with_clock(time.clock());
    reader.configure_str(&stand.table("timed", "cache", "ttl = '60s'\n"), Format::Toml).unwrap();
    let timed = store("timed").unwrap();
    // Kept before the clock moves: a put that takes longer than `local_deadline` by it counts as failed.
    read_cached(&timed, "may.csv");
    fs::write(stand.path("archive/may.csv"), "2,18,changed\n").unwrap();
    time.advance(std::time::Duration::from_secs(59));
    assert_eq!(read(&timed, "may.csv"), "1,17\n");
    time.advance(std::time::Duration::from_secs(1));
    assert_eq!(read(&timed, "may.csv"), "2,18,changed\n");
}

#[test]
fn f3_count_and_eviction_of_the_table_hold() {
    let stand = Stand::new();
    for name in ["a", "b", "c"] {
        fs::write(stand.path("archive").join(name), name).unwrap();
    }
    let text = stand.table("fifo", "one", "count = 2\neviction = 'fifo'\n");
    configure(&(text + &stand.table("lru", "two", "count = 2\n"))).unwrap();
    let kept = |name: &str| -> Vec<String> {
        let store = store(name).unwrap();
        ["a", "b", "a", "c"].iter().for_each(|path| drop(read(&store, path)));
        let mut kept: Vec<String> =
            store.status().iter().map(|status| status.path().to_string()).collect();
        kept.sort();
        kept
    };
    assert_eq!(kept("fifo"), ["b", "c"]);
    assert_eq!(kept("lru"), ["a", "c"]);
}

#[test]
fn f18_stores_of_stores_are_opened_in_whatever_order_they_stand() {
    let stand = Stand::new();
    let near = "[store.third]\nremote = 'store:second'\nlocal = 'memory'\n\
                [store.second]\nremote = 'store:first'\nlocal = 'temporary'\n";
    configure(&(near.to_owned() + &stand.table("first", "cache", ""))).unwrap();
    assert_eq!(read(&store("third").unwrap(), "may.csv"), "1,17\n");
    for name in ["first", "second", "third"] {
        assert_eq!(store(name).unwrap().stats().fetches, 1, "{name}");
    }
}

#[test]
fn f22_the_index_is_where_the_table_says() {
    let stand = Stand::new();
    let index = stand.path("elsewhere");
    configure(&stand.table("indexed", "cache", &format!("index = {index:?}\n"))).unwrap();
    read(&store("indexed").unwrap(), "may.csv");
    assert!(index.is_dir() && !stand.path("cache/index").exists());
    configure(&stand.table("unindexed", "memory", "index = 'memory'\n")).unwrap();
    read_cached(&store("unindexed").unwrap(), "may.csv");
    assert!(!stand.path("memory/index").exists());
    assert!(stand.path("memory/objects").read_dir().unwrap().next().is_some());
}

#[test]
fn writes_wait_in_the_journal_of_the_table() {
    let stand = Stand::new();
    let journal = stand.path("journal");
    configure(&stand.table("patient", "cache", &format!("write_back = {journal:?}\n"))).unwrap();
    let patient = store("patient").unwrap();
    patient.open("june.csv").unwrap().put("1,23\n").unwrap();
    assert!(journal.is_dir());
    cache_core::wait(patient.flush()).unwrap();
    assert_eq!(fs::read(stand.path("archive/june.csv")).unwrap(), b"1,23\n");
}

#[cfg(feature = "redis")]
#[test]
fn f23_and_f14_a_server_of_the_regions_is_a_local_store_whose_own_ttl_decides() {
    let (stand, redis) = (Stand::new(), Redis::start());
    let archive = stand.path("archive");
    let text = format!(
        "[store.shared]\nremote = {archive:?}\nlocal = {{ backend = 'redis', url = '{}', ttl = '1h' }}\n",
        redis.url()
    );
    configure(&text).unwrap();
    let shared = store("shared").unwrap();
    assert_eq!(read(&shared, "may.csv"), "1,17\n");
    read_cached(&shared, "may.csv");
    fs::remove_file(archive.join("may.csv")).unwrap();
    assert_eq!(read(&shared, "may.csv"), "1,17\n", "from the server of the URL");
}

#[cfg(feature = "s3")]
#[test]
fn a_bucket_of_s3_is_a_remote_with_its_keys_from_where_the_table_says() {
    let bucket = Moto::shared().bucket();
    let text = format!(
        "[store.s3]\nlocal = 'memory'\nremote = {{ url = 's3://{}/below', endpoint = '{}', allow_http = true, \
         access_key_id = 'shop', secret_access_key = {{ env = 'KEY' }}, region = 'us-east-1', retries = 1 }}\n",
        bucket.name(),
        bucket.endpoint()
    );
    configure(&text).unwrap();
    let s3 = store("s3").unwrap();
    s3.open("may.csv").unwrap().put("1,17\n").unwrap();
    assert_eq!(read(&s3, "may.csv"), "1,17\n");
    let error = s3.open("july.csv").unwrap().read_all().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    // The same by the variables that the service's own tools read.
    let reader = reader().with_environment([
        ("AWS_ACCESS_KEY_ID", "shop".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ("AWS_ENDPOINT", bucket.endpoint()),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
    ]);
    let text = format!("[store.env]\nlocal = 'memory'\nremote = 's3://{}'\n", bucket.name());
    reader.configure_str(&text, Format::Toml).unwrap();
    assert_eq!(read(&store("env").unwrap(), "below/may.csv"), "1,17\n", "the prefix is a prefix");
}

#[test]
fn variables_and_flat_maps_say_what_tables_say() {
    let stand = Stand::new();
    let reader = reader().with_environment([("LARDER__STORE__VARIED__COUNT", "1")]);
    reader.configure_str(&stand.table("varied", "cache", "count = 9\n"), Format::Toml).unwrap();
    fs::write(stand.path("archive/june.csv"), "").unwrap();
    let varied = store("varied").unwrap();
    read(&varied, "may.csv");
    read(&varied, "june.csv");
    assert_eq!(varied.stats().objects, 1);
    let archive = stand.path("archive");
    let map = [
        ("shop.store.mapped.remote", archive.to_str().unwrap()),
        ("shop.store.mapped.local", "memory"),
    ];
    reader.configure_map(map, "shop.").unwrap();
    assert_eq!(read(&store("mapped").unwrap(), "may.csv"), "1,17\n");
}

#[test]
fn advice_tells_what_follows_and_opens_nothing() {
    let stand = Stand::new();
    let text = stand.table(
        "advised",
        "cache",
        "ttl = '60s'\nstale_if_error = '1h'\nsize = '10GiB'\ncount = 5\n",
    );
    let advice = reader().advise_str(&text, Format::Toml);
    assert!(advice.is_good(), "{advice}");
    assert_eq!(
        advice.to_string(),
        format!(
            "store `advised`: {} over {}\n  staleness: at most 1m; at most 1h1m while the remote is away\n  \
             room: at most 10GiB and 5 objects\n  memory: 12MiB for each object that is being fetched\n  \
             writes: done when the remote has them\n\n",
            stand.path("cache").display(),
            stand.path("archive").display()
        )
    );
    assert!(!stand.path("cache").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn large_copies_are_written_directly_wherever_the_index_is() {
    let stand = Stand::new();
    let large = "1,17\n".repeat(1 << 20);
    fs::write(stand.path("archive/large.csv"), &large).unwrap();
    for (name, index) in [
        ("past_usual", ""),
        ("past_memory", "index = 'memory'\n"),
        ("past_none", "index = 'none'\n"),
    ] {
        configure(&stand.table(name, name, &format!("{index}direct_writes = '1MiB'\n"))).unwrap();
        let past = store(name).unwrap();
        read_cached(&past, "large.csv");
        assert!(read(&past, "large.csv") == large, "{name}");
        assert_eq!(past.stats().local_errors, 0, "{name}");
    }
}
