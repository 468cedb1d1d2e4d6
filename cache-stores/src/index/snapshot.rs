//! A whole table as a file: the changes that make it, from the first that would be evicted to the last.

use super::bytes::Reader;
use super::change::Change;
use super::files::Files;
use super::frame::{self, Frames, Next};
use super::record;
use super::slot::Slot;
use super::table::Table;
use crate::policy::Order;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

const MAGIC: &[u8; 8] = b"LRDRIDX\x01";

/// A frame ends when it is this large.
const FRAME: usize = 1 << 16;

/// Writes the table, which is what the logs before `next` have made of it, and puts it in place at once.
/// Gives the size of the file.
pub(super) fn write(files: &Files, table: &Table, next: u64) -> io::Result<u64> {
    let unfinished = files.unfinished();
    let written = write_to(&unfinished, table, next).and_then(|length| {
        fs::rename(&unfinished, files.snapshot())?;
        Ok(length)
    });
    match written {
        Ok(_) => files.sync_directory(),
        // A full disk has better use for it.
        Err(_) => drop(fs::remove_file(&unfinished)),
    }
    written
}

fn write_to(path: &Path, table: &Table, next: u64) -> io::Result<u64> {
    let mut out = Writer::create(path)?;
    out.frame.extend_from_slice(&next.to_le_bytes());
    out.frame.extend_from_slice(&table.totals.objects.to_le_bytes());
    out.end_frame()?;
    for at in table.order.iter(&table.slab) {
        out.copy(table.slab.get(at))?;
    }
    for slot in table.slab.iter().filter(|slot| !slot.marks.can_go()) {
        out.copy(slot)?;
    }
    for (copy, chunks) in &table.intents {
        for chunk in chunks.iter() {
            out.change(&Change::Intend { copy: *copy, chunk })?;
        }
    }
    for (copy, chunks) in &table.leaving {
        for run in chunks.runs() {
            out.change(&Change::Shed { copy: *copy, first: run.first, count: run.count })?;
        }
    }
    out.finish()
}

struct Writer {
    file: BufWriter<File>,
    frame: Vec<u8>,
    length: u64,
}

impl Writer {
    fn create(path: &Path) -> io::Result<Writer> {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(MAGIC)?;
        let mut frame = Vec::with_capacity(FRAME * 2);
        frame::begin(&mut frame);
        Ok(Writer { file, frame, length: MAGIC.len() as u64 })
    }

    fn copy(&mut self, slot: &Slot) -> io::Result<()> {
        self.change(&Change::Admit {
            copy: slot.copy,
            chunk_size: slot.chunk_size,
            fetched: slot.fetched,
            marks: slot.marks,
            text: slot.text.clone(),
        })?;
        slot.kept.runs().iter().try_for_each(|run| {
            let (first, count, bytes) = (run.first, run.count, run.bytes());
            self.change(&Change::Keep { copy: slot.copy, first, count, bytes })
        })
    }

    fn change(&mut self, change: &Change) -> io::Result<()> {
        record::put(&mut self.frame, change);
        if self.frame.len() < FRAME {
            return Ok(());
        }
        self.end_frame()
    }

    fn end_frame(&mut self) -> io::Result<()> {
        frame::seal(&mut self.frame);
        self.file.write_all(&self.frame)?;
        self.length += self.frame.len() as u64;
        frame::begin(&mut self.frame);
        Ok(())
    }

    /// An empty frame is the end.
    fn finish(mut self) -> io::Result<u64> {
        if self.frame.len() > frame::HEAD {
            self.end_frame()?;
        }
        self.end_frame()?;
        self.file.into_inner().map_err(|error| error.into_error())?.sync_all()?;
        Ok(self.length)
    }
}

/// A snapshot that was read.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) table: Table,
    /// The number of the first log that is not in it.
    pub(super) next: u64,
    pub(super) length: u64,
}

/// Reads the snapshot. `Err`: why it cannot be used.
pub(super) fn read(files: &Files, order: Order) -> Result<Snapshot, String> {
    let failed = |error: io::Error| format!("the snapshot cannot be read: {error}");
    let damaged = |frames: &Frames| format!("the snapshot is damaged at byte {}", frames.at());
    let Some(mut frames) = Frames::open(&files.snapshot(), MAGIC).map_err(failed)? else {
        return Err("the snapshot is of another version of larder, or none".into());
    };
    let mut table = Table::new(order);
    let mut next = None;
    loop {
        match frames.next().map_err(failed)? {
            Next::Frame if frames.payload().is_empty() => break,
            Next::Frame => {}
            Next::End | Next::Torn | Next::Damaged => return Err(damaged(&frames)),
        }
        let mut from = Reader::new(frames.payload());
        if next.is_none() {
            let numbers = (from.array(), from.array());
            let (Some(log), Some(objects)) = numbers else { return Err(damaged(&frames)) };
            next = Some(u64::from_le_bytes(log));
            table.reserve(u64::from_le_bytes(objects) as usize);
            continue;
        }
        while !from.is_done() {
            let Some(change) = record::take(&mut from) else { return Err(damaged(&frames)) };
            table.apply(change);
        }
    }
    let next = next.ok_or_else(|| damaged(&frames))?;
    Ok(Snapshot { table, next, length: frames.at() })
}
