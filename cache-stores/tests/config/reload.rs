//! Configurations that are read again: what has not changed stays, what has is there for new calls.

use super::{Stand, read, read_cached};
use cache_core::ManualClock;
use cache_regions::{Configuration, Format, Replace, reload};
use cache_stores::{Standing, store};
use object_store::path::Path;
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
    let changed = |chunk: &str| stand.table("changed", "two", &format!("chunk = '{chunk}'\n"));
    let memory = |chunk: u8| {
        let archive = stand.path("archive");
        format!("[store.small]\nremote = {archive:?}\nlocal = 'memory'\nchunk = '{chunk}MiB'\n")
    };
    write(&(kept.clone() + &changed("64KiB") + &memory(1)));
    Configuration::new().with_replace(Replace::Existing).configure(&path).unwrap();
    let (old, old_changed, old_small) =
        (store("kept").unwrap(), store("changed").unwrap(), store("small").unwrap());
    assert_eq!(read(&old, "may.csv"), "1,17\n");
    assert_eq!(read(&old_changed, "may.csv"), "1,17\n");
    assert_eq!(read(&old_small, "may.csv"), "1,17\n");

    write(&(kept.clone() + &changed("1MiB") + &memory(2)));
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
    assert!(error.contains("larder.toml:8:9: `chunk` is \"soon\": "), "{error}");
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

#[test]
fn how_long_and_how_much_is_kept_changes_in_the_store_that_is_open() {
    let (stand, time) = (Stand::new(), ManualClock::new());
    let configure = |rules: &str| {
        let reader = super::reader().with_clock(time.clock()).with_replace(Replace::Existing);
        reader.configure_str(&stand.table("ruled", "cache", rules), Format::Toml).unwrap();
    };
    for name in ["june.csv", "july.csv"] {
        fs::write(stand.path("archive").join(name), name).unwrap();
    }
    configure("ttl = '60s'\n");
    let store = store("ruled").unwrap();
    for name in ["may.csv", "june.csv", "july.csv"] {
        read_cached(&store, name);
    }
    let may = Path::from("may.csv");
    let standing = || {
        let status = store.status();
        status.iter().find(|status| *status.path() == may).unwrap().standing()
    };
    let fetches = store.stats().fetches;
    time.advance(Duration::from_secs(61));
    assert_eq!(standing(), Standing::Due);
    configure("ttl = '5m'\n");
    assert_eq!(standing(), Standing::Fresh);
    fs::write(stand.path("archive/may.csv"), "2,18,changed\n").unwrap();
    assert_eq!(read(&store, "may.csv"), "1,17\n", "the handle that is there follows");
    configure("");
    time.advance(Duration::from_secs(3600));
    assert_eq!(read(&store, "may.csv"), "1,17\n", "believed for ever");
    assert_eq!(store.stats().fetches, fetches, "it is the same store");

    configure("ttl = '10s'\n");
    assert_eq!(store.explain(&may).grace, None);
    configure("ttl = '10s'\nstale_if_error = '2h'\n");
    assert!(store.explain(&may).grace.is_some_and(|left| left > Duration::from_secs(3000)));
    assert_eq!(read(&store, "may.csv"), "2,18,changed\n");

    // Less room: what does not fit goes at once, the one that was not used for the longest time first.
    read_cached(&store, "may.csv");
    let paths = || -> Vec<String> {
        store.status().iter().map(|status| status.path().to_string()).collect()
    };
    assert_eq!(paths().len(), 3);
    configure("count = 2\n");
    assert_eq!(paths(), ["july.csv", "may.csv"]);
    let one = store.status()[1].kept();
    configure(&format!("size = {}\n", one + 1));
    assert_eq!(paths(), ["may.csv"]);
    assert_eq!(store.stats().evicted_objects, 2);
    // Its files go behind the caller's back: that event is waited for.
    let files = || walk(&stand.path("cache/objects"));
    let began = Instant::now();
    while files() > 1 && began.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(files(), 1, "they are really deleted");
    // And more again.
    configure("");
    read_cached(&store, "june.csv");
    assert_eq!(paths(), ["may.csv", "june.csv"]);
}

fn walk(folder: &std::path::Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { walk(&path) } else { 1 }).sum()
}

#[cfg(target_os = "linux")]
#[test]
fn a_store_is_opened_anew_when_its_direct_writes_change() {
    let stand = Stand::new();
    let configure = |rules: &str| {
        let reader = super::reader().with_replace(Replace::Existing);
        reader.configure_str(&stand.table("past", "past", rules), Format::Toml).unwrap();
    };
    configure("direct_writes = '64MiB'\n");
    read_cached(&store("past").unwrap(), "may.csv");
    let fetches = store("past").unwrap().stats().fetches;
    configure("direct_writes = '64MiB'\n");
    assert_eq!(store("past").unwrap().stats().fetches, fetches, "it is the same one");
    for rules in ["direct_writes = '32MiB'\n", ""] {
        configure(rules);
        // The old one goes with its last task: that is waited for.
        let began = Instant::now();
        while store("past").unwrap().stats().hits > 0 && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let new = store("past").unwrap();
        assert_eq!(
            (new.stats().fetches, new.stats().objects),
            (0, 1),
            "opened anew, with its copies"
        );
        read_cached(&new, "may.csv");
    }
}
