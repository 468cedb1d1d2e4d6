//! Opening directories, and values that come from files and are read as files.

#![cfg(feature = "files")]

use cache_clients::server::{Claim, Put, Server, When};
use cache_clients::{Files, FilesOptions, Mapping};
use cache_core::wait;
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

fn refused(path: &Path, why: &str) {
    let error = Files::open(path).unwrap_err();
    assert!(error.is_invalid(), "{error}");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    assert!(error.to_string().contains(why), "{error}");
}

fn put(files: &Files, key: &str, bytes: Vec<u8>) {
    let put = Put { key: key.into(), bytes: bytes.into(), keep: None, when: When::Always };
    assert!(wait(files.put_many(vec![put])).remove(0).unwrap());
}

fn get(files: &Files, key: &str) -> bytes::Bytes {
    let answer = wait(files.get_many(&[key.to_owned()], Claim::Nothing)).remove(0).unwrap();
    answer.stored.unwrap().bytes
}

fn text(file: &mut impl Read) -> String {
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_directory_is_made_with_all_above_it_and_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/c");
    put(&Files::open(&path).unwrap(), "k", b"v".to_vec());
    assert_eq!(get(&Files::open(&path).unwrap(), "k"), "v");
    assert!(Files::open(&path).unwrap().name().ends_with("a/b/c"));
}

#[test]
fn a_path_that_is_no_directory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, b"mine").unwrap();
    refused(&path, "is not a directory");
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    refused(&path.join("below"), "cannot make the directory");
}

#[test]
fn a_directory_with_files_of_others_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), b"mine").unwrap();
    refused(folder.path(), "`thesis.tex`");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_directory_of_another_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(Files::open(folder.path()).unwrap());
    fs::write(folder.path().join("larder-files"), b"larder files, format 2\n").unwrap();
    refused(folder.path(), "is `larder files, format 2`, and this larder knows `larder files, f");
}

#[test]
fn a_directory_whose_making_was_cut_short_is_made_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("larder-files"), b"").unwrap();
    put(&Files::open(folder.path()).unwrap(), "k", b"v".to_vec());
}

#[test]
fn many_open_a_new_directory_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new");
    std::thread::scope(|scope| {
        for n in 0..8 {
            let path = &path;
            scope.spawn(move || put(&Files::open(path).unwrap(), &format!("k{n}"), b"v".to_vec()));
        }
    });
    let files = Files::open(&path).unwrap();
    (0..8).for_each(|n| assert_eq!(get(&files, &format!("k{n}")), "v"));
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = FilesOptions::new().with_capacity(0);
    let error = Files::open_with(folder.path(), nothing).unwrap_err();
    assert!(error.to_string().contains("a capacity of 0 bytes"), "{error}");
    let never = FilesOptions::new().with_deadline(Duration::ZERO);
    let error = Files::open_with(folder.path(), never).unwrap_err();
    assert!(error.to_string().contains("a deadline of 0"), "{error}");
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_what_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    put(&Files::open(&path).unwrap(), "k", b"v".to_vec());
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn c81_large_values_are_mapped_and_stay_readable_when_they_are_replaced() {
    for mapping in [Mapping::Above(1000), Mapping::Off] {
        let folder = tempfile::tempdir().unwrap();
        let options = FilesOptions::new().with_mapping(mapping);
        let files = Files::open_with(folder.path(), options).unwrap();
        for len in [0, 1, 1000, 1001, 65_000, 65_536, 1 << 20] {
            let bytes: Vec<u8> = (0..len).map(|n: usize| (n % 251) as u8).collect();
            put(&files, "k", bytes.clone());
            let before = get(&files, "k");
            assert_eq!(before, bytes, "{len} bytes, {mapping:?}");
            put(&files, "k", vec![0; len]);
            assert!(wait(files.expire("k", Duration::from_secs(60))).unwrap());
            assert_eq!(get(&files, "k"), vec![0; len]);
            wait(files.delete_many(&["k".to_owned()]));
            assert_eq!(before, bytes, "{len} bytes, {mapping:?}");
        }
    }
}

#[test]
fn c82_a_file_stays_readable_after_its_source_is_gone_and_another_file_replaces_it() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::open(folder.path().join("cache")).unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    fs::write(&one, b"the first file").unwrap();
    fs::write(&two, b"the second").unwrap();
    let put = |path| wait(files.put_file("film", path, None, When::Always)).unwrap();
    let open = || wait(files.open_file("film")).unwrap().unwrap();
    assert!(put(&one));
    // Neither the source's end nor what is written over it is seen.
    fs::write(&one, b"overwritten in its place").unwrap();
    assert_eq!(text(&mut open()), "the first file");
    fs::remove_file(&one).unwrap();
    let mut first = open();
    assert_eq!(get(&files, "film"), "the first file");
    assert!(put(&two));
    assert_eq!(text(&mut first), "the first file");
    let second = open();
    assert_eq!(second.map().unwrap(), "the second");
    assert_eq!(second.len(), 10);
    assert!(!wait(files.put_file("film", &two, None, When::Absent)).unwrap());
    let token = When::Token(second.token());
    assert!(wait(files.put_file("film", &two, None, token)).unwrap());
    assert!(wait(files.open_file("other")).unwrap().is_none());
}

#[test]
fn an_open_file_is_read_from_any_position() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::open(folder.path()).unwrap();
    put(&files, "k", b"0123456789".to_vec());
    let mut file = wait(files.open_file("k")).unwrap().unwrap();
    assert_eq!(file.seek(SeekFrom::End(-3)).unwrap(), 7);
    assert_eq!(text(&mut file), "789");
    assert_eq!(file.seek(SeekFrom::Current(-6)).unwrap(), 4);
    assert_eq!(text(&mut file), "456789");
    assert_eq!(file.seek(SeekFrom::Start(50)).unwrap(), 50);
    assert_eq!(text(&mut file), "");
    assert!(file.seek(SeekFrom::Current(-51)).is_err());
    put(&files, "empty", Vec::new());
    let mut file = wait(files.open_file("empty")).unwrap().unwrap();
    assert!(file.is_empty());
    assert_eq!(text(&mut file), "");
    assert!(file.map().unwrap().is_empty());
}

#[test]
fn a_source_that_is_no_file_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::open(folder.path().join("cache")).unwrap();
    let missing = folder.path().join("missing");
    for (source, why) in [(missing.as_path(), "cannot open"), (folder.path(), "is not a file")] {
        let error = wait(files.put_file("k", source, None, When::Always)).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert!(error.to_string().contains(&source.display().to_string()), "{error}");
    }
    let empty = folder.path().join("empty");
    fs::write(&empty, b"").unwrap();
    assert!(wait(files.put_file("k", &empty, None, When::Always)).unwrap());
    assert_eq!(get(&files, "k"), "");
}

/// The only file of values in the directory.
fn value_file(root: &Path) -> std::path::PathBuf {
    let folders = fs::read_dir(root.join("data")).unwrap().map(|folder| folder.unwrap().path());
    let mut files = folders.flat_map(|folder| fs::read_dir(folder).unwrap());
    files.next().unwrap().unwrap().path()
}

#[test]
fn a_file_whose_header_is_being_written_is_opened_when_that_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let options = FilesOptions::new().with_deadline(Duration::from_millis(300));
    let files = Files::open_with(folder.path(), options).unwrap();
    put(&files, "k", b"value".to_vec());
    // As another process that makes the value stale: under the lock, and half of the header is written.
    let locks = fs::read_dir(folder.path().join("locks")).unwrap();
    let locks: Vec<_> = locks.map(|lock| fs::File::open(lock.unwrap().path()).unwrap()).collect();
    locks.iter().for_each(|lock| lock.lock().unwrap());
    let path = value_file(folder.path());
    let whole = fs::read(&path).unwrap();
    let mut half = whole.clone();
    half[30] ^= 1;
    fs::write(&path, half).unwrap();
    let error = wait(files.open_file("k")).unwrap_err().to_string();
    assert!(error.contains("for too long") || error.contains("not done within"), "{error}");
    fs::write(&path, whole).unwrap();
    drop(locks);
    assert_eq!(text(&mut wait(files.open_file("k")).unwrap().unwrap()), "value");
}
