//! Files when processes are killed, write at once, or find the disk full.

#![cfg(all(feature = "files", unix))]

use cache_clients::server::{Claim, Leased, Put, Server, When};
use cache_clients::{Files, FilesOptions};
use cache_core::{Result, wait};
use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

const FOLDER: &str = "LARDER_TEST_FILES";
const TASK: &str = "LARDER_TEST_TASK";
/// Less than what the keys hold together, so that room must be made.
const CAPACITY: u64 = 1_500_000;
const KEYS: u64 = 40;

fn open(path: &Path) -> Files {
    Files::open_with(path, FilesOptions::new().with_capacity(CAPACITY)).unwrap()
}

fn put(files: &Files, key: &str, bytes: Vec<u8>, when: When) -> Result<bool> {
    let put = Put { key: key.into(), bytes: bytes.into(), keep: None, when };
    wait(files.put_many(vec![put])).remove(0)
}

fn get(files: &Files, key: &str, claim: Claim) -> cache_clients::server::Answer {
    wait(files.get_many(&[key.to_owned()], claim)).remove(0).unwrap()
}

/// A value that tells whether it is whole: seed and length, then bytes that follow from the seed.
fn value(seed: u64) -> Vec<u8> {
    let len = 16 + (mix(seed) % 100_000) as usize;
    let mut bytes = Vec::with_capacity(len + 8);
    bytes.extend_from_slice(&seed.to_le_bytes());
    bytes.extend_from_slice(&(len as u64).to_le_bytes());
    let mut state = seed;
    while bytes.len() < len {
        state = mix(state);
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

fn mix(seed: u64) -> u64 {
    let x = (seed ^ seed >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    (x ^ x >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ x >> 32
}

fn is_whole(bytes: &[u8]) -> bool {
    bytes.len() >= 16 && {
        let seed = u64::from_le_bytes(bytes[..8].try_into().unwrap());
        bytes == value(seed)
    }
}

fn key(n: u64) -> String {
    format!("key-{}", n % KEYS)
}

fn size(root: &Path) -> u64 {
    let folders = fs::read_dir(root.join("data")).unwrap().map(|folder| folder.unwrap().path());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap());
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

fn start(task: &str, folder: &Path) -> Child {
    child_of(Command::new(std::env::current_exe().unwrap()), task, folder)
}

fn child_of(mut command: Command, task: &str, folder: &Path) -> Child {
    command.args(["--ignored", "--exact", "is_another_process", "--nocapture"]);
    command.env(FOLDER, folder).env(TASK, task).stdout(Stdio::null()).spawn().unwrap()
}

#[test]
#[ignore = "started by the other tests"]
fn is_another_process() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("the test names the folder"));
    let files = open(&folder);
    match std::env::var(TASK).unwrap().as_str() {
        "change until killed" => change(&files, u64::MAX),
        "change" => change(&files, 400),
        "count" => count(&files, 150),
        "fill" => fill(&files, &folder),
        other => panic!("no such task: {other}"),
    }
}

/// Puts, reads, deletes and makes stale, and looks at everything it reads.
fn change(files: &Files, turns: u64) {
    for turn in 0..turns {
        let seed = mix(turn ^ u64::from(std::process::id()) << 32);
        let name = key(seed >> 8);
        match seed % 10 {
            0 => drop(wait(files.delete_many(std::slice::from_ref(&name)))),
            1 => drop(wait(files.expire(&name, Duration::from_secs(60)))),
            2 | 3 => {
                let stored = get(files, &name, Claim::Nothing).stored;
                assert!(stored.is_none_or(|stored| is_whole(&stored.bytes)), "{name} is torn");
            }
            4 => drop(get(files, &name, Claim::Missing(Duration::from_millis(50)))),
            _ => assert!(put(files, &name, value(seed), When::Always).unwrap()),
        }
    }
}

/// Adds one to a number that others add to as well, by tokens.
fn count(files: &Files, times: u64) {
    let mut done = 0;
    while done < times {
        let read = get(files, "count", Claim::Nothing).stored;
        let (before, when) = match &read {
            None => (0, When::Absent),
            Some(stored) => {
                let text = std::str::from_utf8(&stored.bytes).unwrap();
                (text.parse::<u64>().unwrap(), When::Token(stored.token))
            }
        };
        let after = (before + 1).to_string().into_bytes();
        done += u64::from(put(files, "count", after, when).unwrap());
    }
}

/// Puts values until one does not fit on the disk; then everything else still works.
fn fill(files: &Files, folder: &Path) {
    put(files, "small", b"before".to_vec(), When::Always).unwrap();
    let puts = (0..KEYS).map(|n| put(files, &key(n), vec![n as u8; 300_000], When::Always));
    let error = puts.filter_map(Result::err).next().expect("the disk must be full");
    assert!(error.is_unreachable());
    let name = folder.display().to_string();
    assert!(error.to_string().contains(&name), "{error}");
    assert!(error.to_string().contains("cannot write a value of 300"), "{error}");
    assert_eq!(fs::read_dir(folder.join("tmp")).unwrap().count(), 0, "nothing half written stays");
    assert_eq!(get(files, "small", Claim::Nothing).stored.unwrap().bytes, "before");
    assert_eq!(files.usage().unwrap(), size(folder));
    (0..KEYS).for_each(|n| drop(wait(files.delete_many(&[key(n)]))));
    assert!(put(files, "small", b"after".to_vec(), When::Always).unwrap());
    assert_eq!(get(files, "small", Claim::Nothing).stored.unwrap().bytes, "after");
}

/// What must be so whatever was killed before.
fn check(folder: &Path) {
    let files = open(folder);
    for n in 0..KEYS {
        let stored = get(&files, &key(n), Claim::Nothing).stored;
        assert!(stored.is_none_or(|stored| is_whole(&stored.bytes)), "{} is torn", key(n));
    }
    let usage = files.usage().unwrap();
    assert_eq!(usage, size(folder), "the count is what is there");
    assert!(usage <= CAPACITY);
    assert!(put(&files, "after", b"v".to_vec(), When::Always).unwrap(), "no lock stays behind");
}

#[test]
fn x24_a_process_killed_while_it_writes_leaves_whole_values_and_a_right_count() {
    let folder = tempfile::tempdir().unwrap();
    let mut torn = 0;
    for round in 0..40 {
        let mut child = start("change until killed", folder.path());
        let begun = Instant::now();
        // Killed at another point each time, some before they have begun.
        let life = Duration::from_micros(20_000 + mix(round) % 60_000);
        std::thread::sleep(life.saturating_sub(begun.elapsed()));
        child.kill().unwrap();
        child.wait().unwrap();
        torn += fs::read_dir(folder.path().join("tmp")).map_or(0, Iterator::count);
        check(folder.path());
    }
    assert!(torn > 0, "not one of them was killed while it wrote");
    // What they left is removed when it is old.
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    for temp in fs::read_dir(folder.path().join("tmp")).unwrap() {
        let file = File::options().write(true).open(temp.unwrap().path()).unwrap();
        file.set_times(FileTimes::new().set_modified(long_ago)).unwrap();
    }
    wait(open(folder.path()).purge()).unwrap();
    assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
    assert!(size(folder.path()) > 0);
}

#[test]
fn x24_processes_that_write_at_once_read_whole_values_and_keep_the_capacity() {
    let folder = tempfile::tempdir().unwrap();
    let mut children: Vec<Child> = (0..3).map(|_| start("change", folder.path())).collect();
    let files = open(folder.path());
    loop {
        let usage = files.usage().unwrap();
        assert!(usage <= CAPACITY + 3 * 100_100, "one entry each that is being written: {usage}");
        if children.iter_mut().all(|child| child.try_wait().unwrap().is_some()) {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    check(folder.path());
    wait(files.purge()).unwrap();
    check(folder.path());
}

#[test]
fn x24_no_change_by_token_is_lost_between_processes() {
    let folder = tempfile::tempdir().unwrap();
    let mut children: Vec<Child> = (0..3).map(|_| start("count", folder.path())).collect();
    count(&open(folder.path()), 150);
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    let stored = get(&open(folder.path()), "count", Claim::Nothing).stored.unwrap();
    assert_eq!(stored.bytes, "600");
}

#[test]
fn x24_threads_of_one_process_lose_no_change_either() {
    let folder = tempfile::tempdir().unwrap();
    let files = open(folder.path());
    std::thread::scope(|scope| {
        (0..4).for_each(|_| drop(scope.spawn(|| count(&files, 100))));
    });
    assert_eq!(get(&files, "count", Claim::Nothing).stored.unwrap().bytes, "400");
}

/// A small file system, unmounted when dropped.
struct Small(tempfile::TempDir);

impl Small {
    /// `None`: only root may.
    fn mount() -> Option<Small> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(folder.path());
        let mounted = mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        mounted.then_some(Small(folder))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn x24_a_full_disk_is_an_error_of_that_put_only() {
    let Some(small) = Small::mount() else {
        // Not root: what the system refuses to write is as good as a full disk.
        return fill_within_a_limit();
    };
    let folder = small.0.path().join("cache");
    let files = Files::open(&folder).unwrap();
    fill(&files, &folder);
}

#[test]
fn x24_a_limit_of_the_system_is_an_error_of_that_put_only() {
    fill_within_a_limit();
}

/// In a process that may write no file of the size of the values.
fn fill_within_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let mut limited = Command::new("sh");
    // In blocks of 512 bytes or of 1 KiB, as the shell likes.
    limited.args(["-c", "trap '' XFSZ; ulimit -f 250; exec \"$0\" \"$@\""]);
    limited.arg(std::env::current_exe().unwrap());
    let mut child = child_of(limited, "fill", folder.path());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_lock_that_is_never_given_back_costs_the_deadline_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let options = FilesOptions::new().with_deadline(Duration::from_secs(1));
    let files = Files::open_with(folder.path(), options).unwrap();
    assert!(put(&files, "k", b"v".to_vec(), When::Always).unwrap());
    let locks: Vec<File> = fs::read_dir(folder.path().join("locks"))
        .unwrap()
        .map(|lock| File::open(lock.unwrap().path()).unwrap())
        .collect();
    // As a process that was stopped while it had them.
    locks.iter().for_each(|lock| lock.lock().unwrap());
    let begun = Instant::now();
    let error = put(&files, "k", b"w".to_vec(), When::Always).unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    assert!(error.to_string().contains("somebody holds the lock"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(4));
    assert_eq!(get(&files, "k", Claim::Nothing).stored.unwrap().bytes, "v", "reads need no lock");
    assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
    drop(locks);
    assert!(put(&files, "k", b"w".to_vec(), When::Always).unwrap());
}

#[test]
fn a_directory_that_was_removed_is_an_error_and_works_again_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("cache");
    let files = Files::open(&root).unwrap();
    assert!(put(&files, "k", b"v".to_vec(), When::Always).unwrap());
    fs::remove_dir_all(&root).unwrap();
    assert!(put(&files, "k", b"v".to_vec(), When::Always).unwrap_err().is_unreachable());
    assert_eq!(get(&files, "k", Claim::Nothing).stored, None);
    let other = Files::open(&root).unwrap();
    assert!(put(&files, "k", b"v".to_vec(), When::Always).unwrap());
    assert_eq!(get(&other, "k", Claim::Nothing).stored.unwrap().bytes, "v");
    let lease = get(&files, "l", Claim::Missing(Duration::from_secs(60))).leased;
    assert!(matches!(lease, Leased::Won(_)));
    assert_eq!(get(&other, "l", Claim::Missing(Duration::from_secs(60))).leased, Leased::Taken);
    assert_eq!(files.usage().unwrap(), other.usage().unwrap());
}
