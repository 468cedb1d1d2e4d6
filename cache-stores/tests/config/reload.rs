//! Configurations that are read again: what has not changed stays, what has is there for new calls.

use super::{Stand, read};
use cache_regions::{Configuration, Replace, reload};
use cache_stores::store;
use std::fs;
use std::time::{Duration, Instant};

/// Files that are read again are the process's: one test at a time, by one function.
#[test]
fn unchanged_stores_stay_and_changed_ones_are_there_for_new_calls() {
    let stand = Stand::new();
    let path = stand.path("larder.toml");
    let write = |text: &str| fs::write(&path, text).unwrap();
    cache_stores::register().unwrap();
    let kept = stand.table("kept", "one", "ttl = '60s'\n");
    let changed = |ttl: &str| stand.table("changed", "two", &format!("ttl = '{ttl}'\n"));
    let memory = |count: u8| {
        let archive = stand.path("archive");
        format!("[store.small]\nremote = {archive:?}\nlocal = 'memory'\ncount = {count}\n")
    };
    write(&(kept.clone() + &changed("60s") + &memory(1)));
    Configuration::new().with_replace(Replace::Existing).configure(&path).unwrap();
    let (old, old_changed, old_small) =
        (store("kept").unwrap(), store("changed").unwrap(), store("small").unwrap());
    assert_eq!(read(&old, "may.csv"), "1,17\n");
    assert_eq!(read(&old_changed, "may.csv"), "1,17\n");
    assert_eq!(read(&old_small, "may.csv"), "1,17\n");

    write(&(kept.clone() + &changed("5m") + &memory(2)));
    reload().unwrap();
    assert_eq!(store("kept").unwrap().stats().fetches, 1, "it is the same one");
    assert_eq!(store("small").unwrap().stats().fetches, 0, "it is another one at once");
    assert_eq!(old_small.stats().fetches, 1, "who has the old one keeps it");
    assert_eq!(store("changed").unwrap().stats().fetches, 1, "somebody has the directory open");
    drop(old_changed);
    // The last chunk may still be on its way to the disk; that event is waited for.
    let began = Instant::now();
    while store("changed").unwrap().stats().fetches == 1
        && began.elapsed() < Duration::from_secs(20)
    {
        std::thread::sleep(Duration::from_millis(5));
    }
    let new = store("changed").unwrap();
    assert_eq!((new.stats().fetches, new.stats().objects), (0, 1), "opened anew, with its copies");
    assert_eq!(read(&new, "may.csv"), "1,17\n");
    drop(new);

    write(&(kept.clone() + &changed("soon") + &memory(3)));
    let error = reload().unwrap_err().to_string();
    assert!(error.contains("larder.toml:8:7: `ttl` is \"soon\": "), "{error}");
    read(&store("small").unwrap(), "may.csv");
    assert_eq!(store("small").unwrap().stats().objects, 1);

    // A remote that is gone is told before anything is exchanged.
    let elsewhere = format!("{:?}", stand.path("lost"));
    write(
        &kept.replace(&format!("{:?}", stand.path("archive")), &elsewhere).replace("one", "three"),
    );
    let error = reload().unwrap_err().to_string();
    assert!(error.contains("lost"), "{error}");
    assert_eq!(read(&store("kept").unwrap(), "may.csv"), "1,17\n");
}
