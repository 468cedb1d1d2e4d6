//! Files: a raw value of 1 MiB, and the same file opened and mapped by hand: larder's own, since what a mapping costs
//! depends on how the file lies in the system's cache.
#![expect(unsafe_code, reason = "the hand that maps a file")]

use super::callers::each;
use super::race::{Case, Entrant, race};
use crate::options::Options;
use larder::server::{Claim, Put, Server, When};
use larder::{Files, wait};
use memmap2::Mmap;
use std::fs::File;
use std::path::{Path, PathBuf};

const LENGTH: usize = 1 << 20;
/// Every page is touched by this step.
const STEP: usize = 4 << 10;

pub fn run(options: &Options) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| format!("a directory: {e}"))?;
    let files = Files::open(folder.path().join("cache")).map_err(|e| e.to_string())?;
    let key = ["value".to_owned()];
    let put =
        Put { key: key[0].clone(), bytes: vec![7; LENGTH].into(), keep: None, when: When::Always };
    wait(files.put_many(vec![put])).remove(0).map_err(|e| e.to_string())?;
    let by_hand =
        only_file(&folder.path().join("cache/data")).map_err(|e| format!("a file: {e}"))?;
    for (name, touch) in [
        ("files read 1 MiB", first as fn(&[u8]) -> u64),
        ("files read 1 MiB and look at all of it", all),
    ] {
        let case = Case { name, callers: 1, calls: 300 };
        let entrants = vec![
            Entrant::new("larder", "", |calls| {
                each(calls, |_| {
                    let answer = wait(files.get_many(&key, Claim::Nothing)).remove(0);
                    let stored = answer.expect("the directory is there").stored;
                    check(touch(&stored.expect("the value is there").bytes));
                })
            }),
            Entrant::new("raw", "open, map", |calls| {
                each(calls, |_| check(touch(value(&map(&by_hand)))))
            }),
            Entrant::new("raw", "std::fs::read", |calls| {
                each(calls, |_| {
                    check(touch(value(&std::fs::read(&by_hand).expect("the file is there"))))
                })
            }),
        ];
        race(options, case, entrants);
    }
    Ok(())
}

/// The one file below a directory.
fn only_file(path: &Path) -> std::io::Result<PathBuf> {
    let mut path = path.to_owned();
    while path.is_dir() {
        let within = std::fs::read_dir(&path)?.next().ok_or(std::io::ErrorKind::NotFound)?;
        path = within?.path();
    }
    Ok(path)
}

/// The value of a file, which ends with it.
fn value(file: &[u8]) -> &[u8] {
    &file[file.len() - LENGTH..]
}

fn map(path: &Path) -> Mmap {
    let file = File::open(path).expect("the file is there");
    // SAFETY: nobody changes the file, which is in a directory of our own.
    unsafe { Mmap::map(&file) }.expect("the system maps a file")
}

/// What is there, by one of its bytes.
fn first(bytes: &[u8]) -> u64 {
    assert_eq!(bytes.len(), LENGTH);
    u64::from(bytes[0]) * (LENGTH / STEP) as u64
}

/// What is there, by one byte of each page.
fn all(bytes: &[u8]) -> u64 {
    assert_eq!(bytes.len(), LENGTH);
    bytes.iter().step_by(STEP).map(|byte| u64::from(*byte)).sum()
}

fn check(sum: u64) {
    assert_eq!(sum, 7 * (LENGTH / STEP) as u64, "another value came back");
}
