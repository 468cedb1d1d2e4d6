//! Compaction: a thread makes a new snapshot of the old one and the full logs, while a new log is written.
//! It works on files alone, so nobody waits for it; it holds a second table meanwhile.

use super::files::Files;
use super::{log, snapshot};
use crate::policy::Order;
use std::io;
use std::thread::{self, JoinHandle};

#[derive(Debug)]
pub(super) struct Compaction(JoinHandle<io::Result<u64>>);

impl Compaction {
    /// Compacts the logs before `next`. `None`: the system has no thread to give; the logs stay.
    pub(super) fn start(files: &Files, next: u64, order: Order) -> Option<Compaction> {
        let files = files.clone();
        let work = move || run(&files, next, order);
        let thread = thread::Builder::new().name("larder-index".into());
        thread.spawn(work).ok().map(Compaction)
    }

    pub(super) fn is_done(&self) -> bool {
        self.0.is_finished()
    }

    /// The length of the new snapshot.
    pub(super) fn wait(self) -> io::Result<u64> {
        self.0.join().unwrap_or_else(|_| Err(io::Error::other("the compaction panicked")))
    }
}

pub(super) fn run(files: &Files, next: u64, order: Order) -> io::Result<u64> {
    let mut old = snapshot::read(files, order).map_err(io::Error::other)?;
    for number in old.next..next {
        log::replay(files, number, &mut old.table).map_err(io::Error::other)?;
    }
    let length = snapshot::write(files, &old.table, next)?;
    files.remove_logs_below(next);
    Ok(length)
}
