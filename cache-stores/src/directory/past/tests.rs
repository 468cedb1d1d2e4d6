//! Files of any length, and file systems that refuse.

use super::*;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::thread;
use tempfile::TempDir;

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n * 31 + n / 4096 * 7) as u8).collect()
}

/// In pieces as a network brings them.
fn payload(bytes: &[u8]) -> PutPayload {
    bytes.chunks(70_001).map(bytes::Bytes::copy_from_slice).collect()
}

fn turn(past: &Past) -> Turn {
    past.turn(LEAST).unwrap()
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    entries.map(|one| one.unwrap().file_name().into_string().unwrap()).collect()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Whether files there can be opened for direct writes.
fn can(folder: &TempDir) -> bool {
    let mut options = File::options();
    options.write(true).create(true).custom_flags(OFlags::DIRECT.bits() as i32);
    options.open(folder.path().join("asked")).is_ok()
}

#[test]
fn files_have_their_bytes_and_no_more_whatever_their_length() {
    let (folder, past) = (folder(), Past::default());
    let lengths = [0, 1, 511, 512, 4095, 4096, 4097, BUFFER - 1, BUFFER, BUFFER + 1];
    for length in lengths.into_iter().chain([3 * BUFFER + 4096, (4 << 20) + 171]) {
        // The folder is made, too.
        let (place, bytes) = (folder.path().join(format!("a/b/{length}")), bytes(length));
        turn(&past).put(&place, &payload(&bytes)).unwrap();
        assert!(fs::read(&place).unwrap() == bytes, "{length}");
        // And again, over it.
        turn(&past).put(&place, &payload(&bytes[..length / 2])).unwrap();
        assert!(fs::read(&place).unwrap() == bytes[..length / 2], "half of {length}");
    }
    // None of these writes was refused.
    assert_eq!(past.turn(LEAST).is_some(), can(&folder));
}

#[test]
fn a_file_is_past_the_page_cache_where_the_file_system_does_that() {
    let (folder, past) = (folder(), Past::default());
    let file = File::create_new(folder.path().join("a")).unwrap();
    let mut out = Out { file: &file, of: &past.0, is_direct: false, has_written: false };
    out.go_direct();
    // What lies there is the same in any case: nobody would notice a flag that is never set.
    let flag = || fcntl_getfl(&file).unwrap().contains(OFlags::DIRECT);
    assert_eq!((out.is_direct, flag()), (can(&folder), can(&folder)));
    assert_eq!(past.turn(LEAST).is_some(), can(&folder));
    out.go_buffered().unwrap();
    assert!(!flag());
}

#[test]
fn one_file_at_a_time_and_no_small_one_is_written_directly() {
    let past = Past::default();
    assert!(past.turn(LEAST - 1).is_none());
    let one = turn(&past);
    assert!(past.turn(LEAST).is_none());
    drop(one);
    assert!(past.turn(LEAST).is_some());
}

#[test]
fn what_cannot_be_written_directly_is_written_all_the_same_and_not_tried_again() {
    let past = Past::default();
    // No file: the system refuses the flag.
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let ours = File::from(OwnedFd::from(ours));
    let sent = bytes(3 * BUFFER + 171);
    let reading = thread::spawn(move || {
        let mut got = Vec::new();
        theirs.read_to_end(&mut got).unwrap();
        got
    });
    turn(&past).write(&ours, &payload(&sent)).unwrap();
    drop(ours);
    assert!(reading.join().unwrap() == sent);
    assert!(past.turn(LEAST).is_none());
}

#[test]
fn a_write_that_is_refused_is_done_through_the_page_cache() {
    let (folder, past) = (folder(), Past::default());
    let path = folder.path().join("a");
    fs::write(&path, "!").unwrap();
    // At an odd place: a disk refuses that. Where it does not, there is nothing to be seen but the bytes.
    let file = File::options().append(true).open(&path).unwrap();
    let sent = bytes(BUFFER + 171);
    turn(&past).write(&file, &payload(&sent)).unwrap();
    let mut expected = b"!".to_vec();
    expected.extend(sent);
    assert!(fs::read(&path).unwrap() == expected);
}

#[test]
fn a_full_disk_and_a_place_that_cannot_be_are_errors_that_name_it_and_leave_nothing() {
    let (folder, past) = (folder(), Past::default());
    let full = File::options().write(true).open("/dev/full").unwrap();
    let error = turn(&past).write(&full, &payload(&bytes(BUFFER))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    let past = Past::default();
    let place = folder.path().join("a");
    fs::create_dir(&place).unwrap();
    let error = turn(&past).put(&place, &payload(&bytes(LEAST))).unwrap_err().to_string();
    assert!(error.contains(&format!("{} cannot be written: ", place.display())), "{error}");
    assert_eq!(names(&folder), ["a"]);
    let error = turn(&past).put(&place.join("b#1/c"), &payload(b"c")).map(|()| place.join("b#1/c"));
    assert!(error.is_ok(), "a folder may have any name");
    fs::write(folder.path().join("file"), "").unwrap();
    let within = folder.path().join("file/b");
    assert!(turn(&past).put(&within, &payload(b"c")).is_err());
    assert!(past.turn(LEAST).is_some(), "the next one has his turn");
}

#[test]
fn what_others_are_writing_to_the_same_place_is_left_alone() {
    let (folder, past) = (folder(), Past::default());
    let place = folder.path().join("a");
    fs::write(folder.path().join("a#1"), "another's").unwrap();
    turn(&past).put(&place, &payload(&bytes(LEAST))).unwrap();
    assert!(fs::read(&place).unwrap() == bytes(LEAST));
    assert_eq!(fs::read(folder.path().join("a#1")).unwrap(), b"another's");
    assert_eq!(names(&folder).len(), 2);
}

#[test]
fn what_a_killed_process_was_writing_goes_when_the_store_is_opened() {
    let folder = folder();
    // As the first chunk of a copy, and as one that was tried twice.
    let chunks = folder.path().join("objects/larder/59");
    let place = chunks.join("59c0e20285b0a2c7.0");
    let names = [stage(&place).unwrap().1, stage(&place).unwrap().1];
    assert!(names.iter().all(|name| name.exists()) && names[0] != names[1]);
    let remote = object_store::memory::InMemory::new();
    crate::CachedStore::on_disk(folder.path(), remote).build().unwrap();
    assert_eq!(fs::read_dir(chunks).unwrap().count(), 0);
}
