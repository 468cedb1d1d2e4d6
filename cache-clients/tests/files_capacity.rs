//! Room for values: bytes in use, who goes first, what a purge removes and what it leaves.

#![cfg(feature = "files")]

use cache_clients::server::{Claim, Put, Server, When};
use cache_clients::{Files, FilesOptions};
use cache_core::{ManualClock, wait};
use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const SECOND: Duration = Duration::from_secs(1);
/// The file of a value of 1000 bytes under a key of 4.
const EACH: u64 = 1000 + 4 + 56;

struct Cache {
    folder: tempfile::TempDir,
    time: ManualClock,
    files: Files,
}

impl Cache {
    /// Room for so many values of the usual size.
    fn of(values: u64) -> Cache {
        let (folder, time) = (tempfile::tempdir().unwrap(), ManualClock::new());
        let files = open(folder.path(), &time, values * EACH);
        Cache { folder, time, files }
    }

    fn put(&self, n: usize) {
        self.put_for(n, None);
    }

    /// Later than all before.
    fn put_for(&self, n: usize, keep: Option<Duration>) {
        self.time.advance(SECOND);
        let (key, bytes) = (format!("k{n:03}"), vec![n as u8; 1000].into());
        let put = Put { key, bytes, keep, when: When::Always };
        assert!(wait(self.files.put_many(vec![put])).remove(0).unwrap());
    }

    fn has(&self, n: usize) -> bool {
        let key = [format!("k{n:03}")];
        let answer = wait(self.files.get_many(&key, Claim::Nothing)).remove(0).unwrap();
        answer.stored.is_some_and(|stored| stored.bytes == vec![n as u8; 1000])
    }

    /// Reads a value later than everything before.
    fn read(&self, n: usize) {
        self.time.advance(SECOND);
        assert!(self.has(n));
    }

    /// Which of the first so many are there, by what is on the disk.
    fn there(&self, of: usize) -> Vec<usize> {
        let keys: Vec<String> = values(self.folder.path()).iter().map(|path| key(path)).collect();
        (0..of).filter(|n| keys.contains(&format!("k{n:03}"))).collect()
    }
}

fn open(path: &Path, time: &ManualClock, capacity: u64) -> Files {
    let options = FilesOptions::new().with_capacity(capacity).with_clock(time.clock());
    Files::open_with(path, options).unwrap()
}

/// All files of values.
fn values(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in fs::read_dir(root.join("data")).unwrap() {
        found
            .extend(fs::read_dir(folder.unwrap().path()).unwrap().map(|file| file.unwrap().path()));
    }
    found
}

fn key(path: &Path) -> String {
    String::from_utf8(fs::read(path).unwrap()[56..60].to_vec()).unwrap()
}

fn size(root: &Path) -> u64 {
    values(root).iter().map(|path| path.metadata().unwrap().len()).sum()
}

#[test]
fn c83_usage_stays_below_the_capacity_and_is_what_is_there() {
    let cache = Cache::of(10);
    for n in 0..50 {
        cache.put(n % 30);
        let usage = cache.files.usage().unwrap();
        assert_eq!(usage, size(cache.folder.path()), "after {n}");
        assert!(usage <= cache.files.capacity(), "after {n}: {usage}");
    }
    assert_eq!(cache.there(30), (10..20).collect::<Vec<_>>());
}

#[test]
fn c83_the_least_recently_used_goes_first() {
    let cache = Cache::of(10);
    (0..10).for_each(|n| cache.put(n));
    cache.read(0);
    cache.put(10);
    assert_eq!(cache.there(11), [0, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    cache.put(11);
    assert_eq!(cache.there(12), [0, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
}

#[test]
fn c83_the_least_recently_used_go_first_also_when_many_must_go() {
    let cache = Cache::of(40);
    (0..40).for_each(|n| cache.put(n));
    for n in [7, 3, 31, 19, 0] {
        cache.read(n);
    }
    // 25 of them must go for this one: all but 15, of which five were read.
    let put = Put {
        key: "big".into(),
        bytes: vec![0; (25 * EACH - 59) as usize].into(),
        keep: None,
        when: When::Always,
    };
    assert!(wait(cache.files.put_many(vec![put])).remove(0).unwrap());
    let expected = [0, 3, 7, 19, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39];
    let there = cache.there(40);
    assert!(expected.iter().all(|n| there.contains(n)), "{there:?}");
    assert_eq!(there.len(), 15, "{there:?}");
    assert!(there.contains(&29), "{there:?}");
}

#[test]
fn what_is_over_goes_before_what_was_used_least_recently() {
    let cache = Cache::of(10);
    (0..5).for_each(|n| cache.put(n));
    (5..10).for_each(|n| cache.put_for(n, Some(SECOND * 60)));
    cache.time.advance(SECOND * 100);
    (10..15).for_each(|n| cache.put(n));
    assert_eq!(cache.there(15), [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]);
}

#[test]
fn a_value_larger_than_the_capacity_is_an_error_and_drives_nobody_out() {
    let cache = Cache::of(3);
    (0..3).for_each(|n| cache.put(n));
    let bytes = vec![0; 10_000].into();
    let put = Put { key: "huge".into(), bytes, keep: None, when: When::Always };
    let error = wait(cache.files.put_many(vec![put])).remove(0).unwrap_err();
    assert!(error.to_string().contains("a value of 10060 bytes in a capacity of 3180"), "{error}");
    assert_eq!(cache.there(3), [0, 1, 2]);
    assert_eq!(fs::read_dir(cache.folder.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn replacing_a_value_drives_out_nobody_in_a_full_cache() {
    let cache = Cache::of(3);
    (0..3).for_each(|n| cache.put(n));
    (0..30).for_each(|n| cache.put(n % 3));
    assert_eq!(cache.there(3), [0, 1, 2]);
    assert_eq!(cache.files.usage().unwrap(), 3 * EACH);
}

#[test]
fn a_smaller_capacity_is_reached_by_a_purge() {
    let cache = Cache::of(20);
    (0..20).for_each(|n| cache.put(n));
    let smaller = open(cache.folder.path(), &cache.time, 5 * EACH);
    wait(smaller.purge()).unwrap();
    assert_eq!(cache.there(20), [15, 16, 17, 18, 19]);
}

#[test]
fn c84_a_damaged_or_missing_count_is_made_again_when_it_is_opened() {
    let cache = Cache::of(100);
    (0..30).for_each(|n| cache.put(n));
    let (usage, counts) = (cache.files.usage().unwrap(), cache.folder.path().join("usage"));
    let whole = fs::read(&counts).unwrap();
    let mut flipped = whole.clone();
    flipped.iter_mut().step_by(7).for_each(|byte| *byte ^= 0x55);
    let damages = [Vec::new(), whole[..100].to_vec(), vec![0xff; whole.len()], flipped, vec![0; 9]];
    for damage in damages {
        fs::write(&counts, &damage).unwrap();
        let again = open(cache.folder.path(), &cache.time, 100 * EACH);
        assert_eq!(again.usage().unwrap(), usage, "after {damage:?}");
    }
    fs::remove_file(&counts).unwrap();
    assert_eq!(open(cache.folder.path(), &cache.time, 100 * EACH).usage().unwrap(), usage);
    // The handle that had the removed file open sees that it is gone.
    assert_eq!(cache.files.usage().unwrap(), usage);
    cache.put(30);
    assert_eq!(cache.files.usage().unwrap(), usage + EACH);
}

#[test]
fn c84_a_count_that_was_damaged_in_use_is_made_again() {
    let cache = Cache::of(10);
    (0..10).for_each(|n| cache.put(n));
    fs::write(cache.folder.path().join("usage"), b"damaged").unwrap();
    (10..20).for_each(|n| cache.put(n));
    assert_eq!(cache.there(20), (10..20).collect::<Vec<_>>());
    assert_eq!(cache.files.usage().unwrap(), size(cache.folder.path()));
}

#[test]
fn files_removed_by_hand_are_room_again() {
    let cache = Cache::of(10);
    (0..10).for_each(|n| cache.put(n));
    values(cache.folder.path()).iter().for_each(|path| fs::remove_file(path).unwrap());
    wait(cache.files.purge()).unwrap();
    assert_eq!(cache.files.usage().unwrap(), 0);
    (0..10).for_each(|n| cache.put(n));
    assert_eq!(cache.there(10).len(), 10);
}

#[test]
fn a_purge_removes_what_is_over_and_says_how_many() {
    let cache = Cache::of(100);
    (0..5).for_each(|n| cache.put(n));
    (5..12).for_each(|n| cache.put_for(n, Some(SECOND * 60)));
    // A read lets the system set a file's times as it likes.
    (0..12).for_each(|n| cache.read(n));
    assert_eq!(wait(cache.files.purge()).unwrap(), 0);
    cache.time.advance(SECOND * 60);
    assert_eq!(wait(cache.files.purge()).unwrap(), 7);
    assert_eq!(cache.there(12), [0, 1, 2, 3, 4]);
    assert_eq!(cache.files.usage().unwrap(), 5 * EACH);
    assert_eq!(wait(cache.files.purge()).unwrap(), 0);
}

fn make_old(file: &File) {
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    file.set_times(FileTimes::new().set_modified(long_ago)).unwrap();
}

#[test]
fn c86_a_purge_leaves_writes_in_progress_and_removes_those_of_the_dead() {
    let cache = Cache::of(10);
    let temp = cache.folder.path().join("tmp");
    let write = |name: &str| {
        let file = File::create(temp.join(name)).unwrap();
        make_old(&file);
        file
    };
    let (young, writing) = (File::create(temp.join("1-a")).unwrap(), write("1-b"));
    writing.lock().unwrap();
    drop(write("1-c"));
    wait(cache.files.purge()).unwrap();
    let mut left: Vec<_> =
        fs::read_dir(&temp).unwrap().map(|file| file.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["1-a", "1-b"]);
    drop((young, writing));
    wait(cache.files.purge()).unwrap();
    assert!(temp.join("1-a").exists(), "its writer may not have locked it yet");
    assert!(!temp.join("1-b").exists());
}

#[test]
fn a_purge_leaves_files_that_are_not_larders() {
    let cache = Cache::of(10);
    cache.put(1);
    let foreign = values(cache.folder.path())[0].with_file_name("notes.txt");
    fs::write(&foreign, b"mine").unwrap();
    wait(cache.files.purge()).unwrap();
    (0..30).for_each(|n| cache.put(n));
    assert_eq!(fs::read(&foreign).unwrap(), b"mine");
}

#[test]
fn only_one_purges_at_a_time() {
    let cache = Cache::of(10);
    cache.put_for(1, Some(SECOND));
    cache.time.advance(SECOND * 10);
    let lock = File::create(cache.folder.path().join("purge.lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(wait(cache.files.purge()).unwrap(), 0);
    lock.unlock().unwrap();
    assert_eq!(wait(cache.files.purge()).unwrap(), 1);
}

#[test]
fn c85_a_damaged_file_is_a_miss_and_is_removed() {
    let cache = Cache::of(10);
    let damages: [fn(&mut Vec<u8>); 5] = [
        |bytes| bytes.truncate(bytes.len() - 1),
        |bytes| bytes.push(0),
        |bytes| bytes.clear(),
        |bytes| bytes[30] ^= 1,
        |bytes| bytes[4] = 99,
    ];
    for damage in damages {
        cache.put(1);
        let path = values(cache.folder.path()).remove(0);
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        assert!(!cache.has(1));
        assert!(!path.exists());
    }
    cache.put(1);
    assert!(cache.has(1));
}

#[test]
fn reads_note_their_time_no_more_often_than_asked() {
    let cache = Cache::of(10);
    cache.put(1);
    let path = values(cache.folder.path()).remove(0);
    let modified = || path.metadata().unwrap().modified().unwrap();
    let put = modified();
    cache.time.advance(SECOND - Duration::from_millis(1));
    assert!(cache.has(1));
    assert_eq!(modified(), put);
    cache.time.advance(Duration::from_millis(1));
    assert!(cache.has(1));
    assert_eq!(modified(), put + SECOND);
}
