//! The changes since the snapshot, appended as they happen: one `write` for each operation.
//!
//! Nothing is synchronised with the disk: what a killed process wrote is in the system's memory. When the machine
//! itself went down meanwhile, the log may lack its end, and the index is rebuilt (see `boot.rs`).

use super::boot;
use super::bytes::{Reader, put_text};
use super::change::Change;
use super::compact::Compaction;
use super::files::Files;
use super::frame::{self, Frames, Next};
use super::record;
use super::snapshot;
use super::table::Table;
use crate::owned::Owned;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};

const MAGIC: &[u8; 8] = b"LRDRLOG\x01";

/// The index was opened, in this run of the machine.
const OPENED: u8 = 100;
/// The index was closed, and the disk has everything.
const CLOSED: u8 = 101;

/// A log below this is not worth compacting.
const SMALL: u64 = 4 << 20;

/// What it takes to make a change again, in bytes of a snapshot that take as long to read.
const CHANGE: u64 = 100;

/// Uses alone are written when there are so many bytes of them; they matter for the order only.
const USES: usize = 16 << 10;

/// After a failure, so many operations pass before the next attempt.
const PATIENCE: u32 = 1000;

/// The files of an open index.
#[derive(Debug)]
pub(super) struct Log {
    files: Files,
    boot: String,
    number: u64,
    file: Option<File>,
    length: u64,
    /// What it takes to read the log: never more than the snapshot takes, or it is compacted.
    work: u64,
    snapshot: u64,
    /// What was not written yet, after room for the head.
    frame: Vec<u8>,
    compaction: Option<Compaction>,
    /// Why the files are behind memory, if they are.
    trouble: Option<String>,
    told: bool,
    patience: u32,
    small: u64,
    _lock: Owned,
}

impl Log {
    /// Goes on with a log that was read.
    pub(super) fn resume(
        files: Files,
        lock: Owned,
        number: u64,
        replayed: &Replayed,
        snapshot: u64,
    ) -> io::Result<Log> {
        let length = replayed.length;
        let file = OpenOptions::new().append(true).open(files.log(number))?;
        file.set_len(length)?;
        let mut log = Log::idle(files, lock);
        (log.number, log.length, log.snapshot) = (number, length, snapshot);
        log.work = replayed.changes * CHANGE;
        log.file = Some(file);
        log.opened();
        log.send()?;
        Ok(log)
    }

    /// A log that begins with the next [`restart`](Log::restart).
    pub(super) fn idle(files: Files, lock: Owned) -> Log {
        let mut frame = Vec::new();
        frame::begin(&mut frame);
        Log {
            files,
            boot: boot::id(),
            number: 0,
            file: None,
            length: 0,
            work: 0,
            snapshot: 0,
            frame,
            compaction: None,
            trouble: None,
            told: false,
            patience: PATIENCE,
            small: SMALL,
            _lock: lock,
        }
    }

    /// Notes a change, to be written with the operation's others.
    pub(super) fn add(&mut self, change: &Change) {
        if self.file.is_some() {
            record::put(&mut self.frame, change);
            self.work += CHANGE;
        }
    }

    /// Writes what an operation has changed.
    pub(super) fn write(&mut self, table: &Table) {
        if self.file.is_none() {
            return self.retry(table);
        }
        if self.frame.len() > frame::HEAD
            && let Err(error) = self.send()
        {
            return self.give_up(&error);
        }
        self.tidy(table);
    }

    /// Writes uses, once there are many.
    pub(super) fn write_uses(&mut self, table: &Table) {
        if self.frame.len() > USES {
            self.write(table);
        }
    }

    /// Why what happens is not written any more, once.
    pub(super) fn news(&mut self) -> Option<String> {
        let news = self.trouble.as_ref().filter(|_| !self.told)?;
        self.told = true;
        Some(news.clone())
    }

    /// Writes the whole table, and a new log after it.
    pub(super) fn restart(&mut self, table: &Table) {
        self.wait();
        frame::begin(&mut self.frame);
        let began = self.begin(self.number + 1).and_then(|()| {
            self.snapshot = snapshot::write(&self.files, table, self.number)?;
            Ok(())
        });
        match began {
            Ok(()) => {
                self.trouble = None;
                self.files.remove_logs_below(self.number);
            }
            Err(error) => self.give_up(&error),
        }
    }

    /// Begins a new log.
    fn begin(&mut self, number: u64) -> io::Result<()> {
        let mut file = File::create(self.files.log(number))?;
        file.write_all(MAGIC)?;
        (self.number, self.length, self.file) = (number, MAGIC.len() as u64, Some(file));
        self.work = 0;
        self.opened();
        self.send()
    }

    fn opened(&mut self) {
        self.frame.push(OPENED);
        put_text(&mut self.frame, &self.boot);
    }

    fn send(&mut self) -> io::Result<()> {
        frame::seal(&mut self.frame);
        if let Some(file) = &mut self.file {
            file.write_all(&self.frame)?;
        }
        self.length += self.frame.len() as u64;
        frame::begin(&mut self.frame);
        Ok(())
    }

    /// Looks after the compaction: whether one is due, and what became of the last.
    fn tidy(&mut self, table: &Table) {
        if let Some(compaction) = self.compaction.take_if(|compaction| compaction.is_done()) {
            match compaction.wait() {
                Ok(length) => self.snapshot = length,
                // What is on disk cannot be read or written: what is in memory is good.
                Err(_) => return self.restart(table),
            }
        }
        let due = self.work.max(self.length) > self.snapshot.max(self.small);
        if due && self.compaction.is_none() {
            let full = self.number;
            match self.begin(full + 1) {
                Ok(()) => {
                    self.compaction = Compaction::start(&self.files, full + 1, table.policy())
                }
                Err(error) => self.give_up(&error),
            }
        }
    }

    fn wait(&mut self) {
        if let Some(compaction) = self.compaction.take() {
            // Its result is overtaken by what is written next.
            let _ = compaction.wait();
        }
    }

    /// The files cannot follow any more: they must not be believed when the index is opened next.
    fn give_up(&mut self, error: &io::Error) {
        // The attempts that follow are no news.
        self.told &= self.trouble.is_some();
        self.trouble = Some(format!("the index `{}`: {error}", self.files.directory().display()));
        self.wait();
        let _ = fs::remove_file(self.files.snapshot());
        // If even that fails, a log of nothing is no log.
        if let Some(file) = self.file.take() {
            let _ = file.set_len(0);
        }
        let _ = fs::remove_file(self.files.log(self.number));
        frame::begin(&mut self.frame);
        self.patience = PATIENCE;
    }

    fn retry(&mut self, table: &Table) {
        if self.trouble.is_none() {
            // It has not begun: the table is being rebuilt.
            return;
        }
        self.patience -= 1;
        if self.patience == 0 {
            self.restart(table);
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.wait();
        if self.file.is_some() {
            // Uses first, in a frame of their own.
            let uses = if self.frame.len() > frame::HEAD { self.send() } else { Ok(()) };
            self.frame.push(CLOSED);
            let closed = uses.and_then(|()| self.send());
            if let (Ok(()), Some(file)) = (closed, &self.file) {
                let _ = file.sync_data();
            }
        }
    }
}

/// A log that was read.
#[derive(Debug)]
pub(super) struct Replayed {
    /// Where its frames end.
    pub(super) length: u64,
    /// Whether it ends within a frame.
    pub(super) torn: bool,
    /// Whether it was closed, or the machine has been up since.
    pub(super) sure: bool,
    pub(super) changes: u64,
}

/// Makes the changes of a log. `Err`: why it cannot be used.
pub(super) fn replay(files: &Files, number: u64, table: &mut Table) -> Result<Replayed, String> {
    let failed = |error: io::Error| format!("log {number} cannot be read: {error}");
    let Some(mut frames) = Frames::open(&files.log(number), MAGIC).map_err(failed)? else {
        return Err(format!("log {number} is of another version of larder, or none"));
    };
    let boot = boot::id();
    let mut replayed = Replayed { length: 0, torn: false, sure: false, changes: 0 };
    loop {
        match frames.next().map_err(failed)? {
            Next::Frame => {}
            end @ (Next::End | Next::Torn) => {
                replayed.torn = matches!(end, Next::Torn);
                replayed.length = frames.at();
                return Ok(replayed);
            }
            Next::Damaged => {
                return Err(format!("log {number} is damaged at byte {}", frames.at()));
            }
        }
        let known = take(frames.payload(), table, &boot, &mut replayed);
        known.ok_or_else(|| format!("log {number} is damaged before byte {}", frames.at()))?;
    }
}

/// Does what a frame says. `None`: it says nothing that can be.
fn take(payload: &[u8], table: &mut Table, boot: &str, replayed: &mut Replayed) -> Option<()> {
    let mut from = Reader::new(payload);
    match *payload.first()? {
        CLOSED => replayed.sure = true,
        OPENED => {
            from.byte();
            let then = from.text()?;
            replayed.sure = !then.is_empty() && then == boot;
        }
        _ => {
            while !from.is_done() {
                table.apply(record::take(&mut from)?);
                replayed.changes += 1;
            }
        }
    }
    Some(())
}

/// Whether a log lacks even its first frame: whoever created it was killed.
pub(super) fn is_unfinished(files: &Files, number: u64) -> bool {
    let path = files.log(number);
    match Frames::open(&path, MAGIC) {
        Ok(Some(mut frames)) => matches!(frames.next(), Ok(Next::End | Next::Torn)),
        Ok(None) => fs::metadata(&path).is_ok_and(|file| file.len() < MAGIC.len() as u64),
        Err(_) => false,
    }
}

#[cfg(test)]
impl Log {
    pub(super) fn compact_from(&mut self, small: u64) {
        self.small = small;
    }

    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// What a kill leaves.
    pub(super) fn kill(&mut self) {
        self.wait();
        self.file = None;
    }

    /// As if the machine had been another one when the index was opened.
    pub(super) fn boot_was(&mut self, boot: &str) {
        boot.clone_into(&mut self.boot);
        self.opened();
        self.send().unwrap();
    }

    /// From now on it writes there.
    pub(super) fn write_to(&mut self, file: File) {
        self.file = Some(file);
    }
}
