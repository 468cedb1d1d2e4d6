//! What a journal's file says: the writes that wait, where its torn end begins, or what is wrong with it.

use super::record::{self, Found, Record};
use cache_core::{Error, Result};
use std::collections::HashMap;
#[cfg(test)]
use std::fs;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path as FilePath;

/// The first bytes of the file, with the version of its form.
pub(super) const MAGIC: [u8; 16] = *b"larder writes\0\0\x01";

/// What disks write at once, at the least.
const BLOCK: usize = 512;
/// A whole record may end with so many zeros: without tags and attributes, written at a full second.
const ZEROS: usize = 16;

#[derive(Debug)]
pub(super) struct Scanned {
    /// Place, length and record of what waits, in order.
    pub(super) waiting: Vec<(u64, u64, Record)>,
    /// So far the file is whole.
    pub(super) whole: u64,
    /// The next number.
    pub(super) next: u64,
    /// Of those that wait and have replaced others that waited: the first of those, which may have been on its way.
    pub(super) replaced: HashMap<u64, u64>,
    /// Where those lie.
    pub(super) former: Vec<u64>,
}

/// Reads the file. Of the writes of one path the last one counts: had it been sent, the earlier ones are no more.
pub(super) fn scan(path: &FilePath, bytes: &[u8]) -> Result<Scanned> {
    if !bytes.starts_with(&MAGIC) {
        return Err(foreign(path, bytes));
    }
    let mut last: HashMap<_, (u64, u64, Record, bool)> = HashMap::new();
    let mut at = MAGIC.len();
    let (mut next, mut replaced, mut former) = (0, HashMap::new(), Vec::new());
    while at < bytes.len() {
        match record::read(&bytes[at..]) {
            Found::Whole { record, done, bytes } => {
                next = next.max(record.seq + 1);
                let newer = last.get(&record.path).is_none_or(|(_, _, l, _)| l.seq <= record.seq);
                if newer {
                    if let Some((at, _, last, false)) = last.get(&record.path) {
                        let first = replaced.remove(&last.seq).unwrap_or(last.seq);
                        replaced.insert(record.seq, first);
                        former.push(*at);
                    }
                    last.insert(record.path.clone(), (at as u64, bytes as u64, *record, done));
                }
                at += bytes;
            }
            Found::Cut if record::next_whole(&bytes[at..]).is_some() => {
                return Err(damaged(path, at, "a record's length is wrong"));
            }
            Found::Cut if record::is_whole_to_the_end(&bytes[at..]) => {
                return Err(damaged(path, at, "the length of the last record is wrong"));
            }
            Found::Damaged { why, bytes: frame }
                if record::next_whole(&bytes[at..]).is_some() || !is_torn(bytes, at, frame) =>
            {
                return Err(damaged(path, at, &why));
            }
            Found::Cut | Found::Damaged { .. } => break,
        }
    }
    let waiting = last.into_values().filter(|(.., done)| !done);
    let mut waiting: Vec<_> = waiting.map(|(at, bytes, record, _)| (at, bytes, record)).collect();
    waiting.sort_unstable_by_key(|(_, _, record)| record.seq);
    Ok(Scanned { waiting, whole: at as u64, next, replaced, former })
}

/// Whether the last record, so long as its head says, is one of which a power cut left only the beginning: the file has
/// its length, and zeros for the blocks that did not come to the disk. A kill leaves a shorter file. Whatever else is
/// wrong with a record was damaged after it was acknowledged.
fn is_torn(bytes: &[u8], at: usize, frame: usize) -> bool {
    let zeros = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let block = zeros.next_multiple_of(BLOCK);
    zeros <= at || (block < at + frame && block + ZEROS < bytes.len())
}

/// Keeps what is cut from the end beside the file: it was not acknowledged, but nothing is thrown away unread.
pub(super) fn set_aside(path: &FilePath, bytes: &[u8]) -> io::Result<()> {
    if bytes.iter().all(|&byte| byte == 0) {
        return Ok(());
    }
    let mut file = File::create(path.with_extension("cut"))?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn damaged(path: &FilePath, at: usize, why: &str) -> Error {
    Error::invalid(format!(
        "the journal of writes \"{}\" is damaged at byte {at} ({why}): it is left as it is; restore it, or move it away \
         to go on without the writes in it",
        path.display()
    ))
}

fn foreign(path: &FilePath, bytes: &[u8]) -> Error {
    let path = path.display();
    let name = &MAGIC[..MAGIC.len() - 1];
    if bytes.starts_with(name) && bytes.len() >= MAGIC.len() {
        let (has, reads) = (bytes[name.len()], MAGIC[name.len()]);
        return Error::invalid(format!(
            "the journal of writes \"{path}\" has the form of version {has}, this larder reads {reads}: let the one \
             that wrote it send what waits, or move the file away"
        ));
    }
    Error::invalid(format!(
        "\"{path}\" is not a journal of writes: choose another directory, or move the file away"
    ))
}

/// For tests: what waits according to the file.
#[cfg(test)]
pub(super) fn waiting(path: &FilePath) -> Vec<Record> {
    let bytes = fs::read(path).unwrap();
    scan(path, &bytes).unwrap().waiting.into_iter().map(|(_, _, record)| record).collect()
}

#[cfg(test)]
mod tests;
