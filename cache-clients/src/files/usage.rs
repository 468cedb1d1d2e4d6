//! How many bytes are used: one count for each stripe in a file that processes share.
//!
//! A count changes only under its stripe's lock, and is marked as changing before the files change:
//! a process that dies between the two leaves the mark, and the next one in the stripe counts again.

use super::at::{self, doing, is_gone};
use super::header::u64_at;
use super::lock::STRIPES;
use parking_lot::RwLock;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twox_hash::XxHash3_64;

/// The count and its check, which says also whether it is settled.
const SLOT: usize = 16;

/// What a slot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// So many bytes.
    Settled(u64),
    /// At most so many; only whoever holds the lock knows whether its writer lives.
    Changing(u64),
    Damaged,
}

/// The sum of what the slots hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Total {
    pub(super) bytes: u64,
    /// Stripes that must be counted again.
    pub(super) damaged: Vec<usize>,
    /// Stripes that somebody changes, or was changing when he died.
    pub(super) changing: Vec<usize>,
}

/// The file of counts.
#[derive(Debug)]
pub(super) struct Usage {
    path: PathBuf,
    file: RwLock<Arc<File>>,
}

impl Usage {
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let file = RwLock::new(Arc::new(open(&path)?));
        Ok(Usage { path, file })
    }

    /// What all stripes use. Changes that others are about to make count already.
    pub(super) fn total(&self) -> io::Result<Total> {
        let mut bytes = [0; SLOT * STRIPES];
        at::read(&*self.file()?, &mut bytes, 0).map_err(doing("read", &self.path))?;
        let mut total = Total::default();
        for stripe in 0..STRIPES {
            let count = match decode(stripe, &bytes[stripe * SLOT..][..SLOT]) {
                Slot::Settled(count) => count,
                Slot::Changing(count) => {
                    total.changing.push(stripe);
                    count
                }
                Slot::Damaged => {
                    total.damaged.push(stripe);
                    0
                }
            };
            total.bytes = total.bytes.saturating_add(count);
        }
        Ok(total)
    }

    /// One stripe's count, under its lock.
    pub(super) fn get(&self, stripe: usize) -> io::Result<Slot> {
        let mut bytes = [0; SLOT];
        let at = (stripe * SLOT) as u64;
        at::read(&*self.file()?, &mut bytes, at).map_err(doing("read", &self.path))?;
        Ok(decode(stripe, &bytes))
    }

    /// Under its lock.
    pub(super) fn set(&self, stripe: usize, slot: Slot) -> io::Result<()> {
        let bytes = encode(stripe, slot);
        let at = (stripe * SLOT) as u64;
        at::write_all(&*self.file()?, &bytes, at).map_err(doing("write", &self.path))
    }

    /// The file; a new one, without counts, where somebody removed it.
    fn file(&self) -> io::Result<Arc<File>> {
        let file = self.file.read().clone();
        if !is_gone(&file) {
            return Ok(file);
        }
        let new = Arc::new(open(&self.path)?);
        *self.file.write() = new.clone();
        Ok(new)
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(doing("open", path))
}

fn check(stripe: usize, count: u64, settled: bool) -> u64 {
    XxHash3_64::oneshot_with_seed((stripe * 2 + usize::from(settled)) as u64, &count.to_le_bytes())
}

fn encode(stripe: usize, slot: Slot) -> [u8; SLOT] {
    let (count, check) = match slot {
        Slot::Settled(count) => (count, check(stripe, count, true)),
        Slot::Changing(count) => (count, check(stripe, count, false)),
        Slot::Damaged => (0, 0),
    };
    let mut bytes = [0; SLOT];
    bytes[..8].copy_from_slice(&count.to_le_bytes());
    bytes[8..].copy_from_slice(&check.to_le_bytes());
    bytes
}

fn decode(stripe: usize, bytes: &[u8]) -> Slot {
    let count = u64_at(bytes, 0);
    match u64_at(bytes, 8) {
        seen if seen == check(stripe, count, true) => Slot::Settled(count),
        seen if seen == check(stripe, count, false) => Slot::Changing(count),
        _ => Slot::Damaged,
    }
}

#[cfg(test)]
mod tests {
    use super::super::lock::Lock;
    use super::*;
    use std::process::{Child, Command};
    use std::time::{Duration, Instant};

    const FOLDER: &str = "LARDER_TEST_COUNTS";

    /// Adds one, so many times, all over the stripes.
    fn add(usage: &Usage, locks: &[Lock], times: usize) {
        for turn in 0..times {
            let stripe = turn % STRIPES;
            let _held = locks[stripe].hold(Instant::now() + Duration::from_secs(60)).unwrap();
            let before = match usage.get(stripe).unwrap() {
                Slot::Settled(count) => count,
                // A new file.
                Slot::Damaged => 0,
                Slot::Changing(_) => panic!("nobody else changes a stripe that is locked"),
            };
            usage.set(stripe, Slot::Changing(before + 1)).unwrap();
            usage.set(stripe, Slot::Settled(before + 1)).unwrap();
        }
    }

    fn open(folder: &Path) -> (Usage, Vec<Lock>) {
        (Usage::open(folder.join("usage")).unwrap(), Lock::stripes(folder))
    }

    fn total(folder: &Path) -> Total {
        open(folder).0.total().unwrap()
    }

    fn exactly(bytes: u64) -> Total {
        Total { bytes, ..Total::default() }
    }

    #[test]
    fn c87_ten_threads_that_add_ten_thousand_times_sum_exactly() {
        let folder = tempfile::tempdir().unwrap();
        let (usage, locks) = open(folder.path());
        std::thread::scope(|scope| {
            (0..10).for_each(|_| drop(scope.spawn(|| add(&usage, &locks, 10_000))));
        });
        assert_eq!(total(folder.path()), exactly(100_000));
    }

    #[test]
    fn c87_processes_that_add_sum_exactly() {
        let folder = tempfile::tempdir().unwrap();
        let adds = |_| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--ignored", "--exact", "files::usage::tests::adds_as_another_process"]);
            command.env(FOLDER, folder.path()).spawn().unwrap()
        };
        let children: Vec<Child> = (0..5).map(adds).collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        assert_eq!(total(folder.path()), exactly(5 * 5000));
    }

    #[test]
    #[ignore = "started by the test above"]
    fn adds_as_another_process() {
        let folder = std::env::var_os(FOLDER).expect("the test above names the folder");
        let (usage, locks) = open(Path::new(&folder));
        add(&usage, &locks, 5000);
    }

    #[test]
    fn a_count_that_was_being_changed_is_seen_to_be_so() {
        let folder = tempfile::tempdir().unwrap();
        let (usage, locks) = open(folder.path());
        add(&usage, &locks, STRIPES);
        usage.set(7, Slot::Changing(50)).unwrap();
        assert_eq!(open(folder.path()).0.get(7).unwrap(), Slot::Changing(50));
        let expected = Total { bytes: 63 + 50, changing: vec![7], damaged: Vec::new() };
        assert_eq!(total(folder.path()), expected);
    }
}
