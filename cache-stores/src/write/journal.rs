//! The journal of writes that wait for the remote: what it has taken is never lost.

use super::record::{self, DONE, Op, Record};
use super::scan::{self, MAGIC};
use crate::owned::{NotOwned, Owned};
use cache_core::{Error, Result};
use object_store::path::Path;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

/// A file below this is never worth compacting.
const SMALL: u64 = 1 << 20;

/// A directory with a file of records. One process at a time has it.
///
/// All of it blocks: the callers are on threads for that.
#[derive(Debug)]
pub(crate) struct Journal {
    dir: PathBuf,
    /// Locked before `tail`.
    synced: Mutex<Synced>,
    _lock: Owned,
    tail: Mutex<Tail>,
    /// Of writes that waited when it was opened: the first one of the path that did.
    pub(super) replaced: HashMap<u64, u64>,
}

/// What is on the disk for certain: the records before this number, and the bytes up to here.
#[derive(Debug, Clone, Copy)]
struct Synced {
    next: u64,
    len: u64,
}

#[derive(Debug)]
struct Tail {
    file: Arc<File>,
    len: u64,
    next: u64,
    places: HashMap<u64, Place>,
    live: u64,
    /// Something was written that could be neither finished nor taken back, or its name is not on the disk.
    broken: bool,
}

/// Where a record that waits lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    at: u64,
    bytes: u64,
}

impl Journal {
    /// Opens the journal in a directory, which is made if it is not there. With it come the writes that wait, in their
    /// order, one for each path.
    pub(crate) fn open(dir: &FilePath) -> Result<(Journal, Vec<Record>)> {
        let lock = lock(dir)?;
        // Left by a kill while it was compacted: the old file still has everything.
        let _ = fs::remove_file(dir.join("writes.new"));
        let path = dir.join("writes");
        let (file, bytes) =
            read_or_begin(dir, &path).map_err(|error| cannot(&path, "be opened", &error))?;
        let scanned = scan::scan(&path, &bytes)?;
        let cut = bytes.len() as u64 - scanned.whole;
        // Of a record that was never acknowledged.
        if cut > 0 {
            scan::set_aside(&path, &bytes[scanned.whole as usize..])
                .and_then(|()| file.set_len(scanned.whole))
                .and_then(|()| file.sync_all())
                .map_err(|error| cannot(&path, "be repaired", &error))?;
        }
        // That they cannot be marked costs that they are heeded once more.
        let _ = let_go(&file, &scanned.former);
        let places = scanned
            .waiting
            .iter()
            .map(|(at, bytes, record)| (record.seq, Place { at: *at, bytes: *bytes }));
        let places: HashMap<_, _> = places.collect();
        let tail = Tail {
            file: Arc::new(file),
            len: scanned.whole,
            next: scanned.next,
            live: places.values().map(|place| place.bytes).sum(),
            places,
            broken: false,
        };
        let synced = Mutex::new(Synced { next: scanned.next, len: scanned.whole });
        let tail = Mutex::new(tail);
        let replaced = scanned.replaced;
        let journal = Journal { dir: dir.to_owned(), synced, _lock: lock, tail, replaced };
        let waiting = scanned.waiting.into_iter().map(|(_, _, record)| record);
        let waiting = waiting.collect();
        Ok((journal, waiting))
    }

    /// Takes a write: when this returns it is on the disk. Those who come at the same time share one sync.
    pub(crate) fn append(&self, path: &Path, op: &Op) -> io::Result<u64> {
        let seq = self.tail.lock().append(path, op)?;
        self.sync(seq)?;
        Ok(seq)
    }

    fn sync(&self, seq: u64) -> io::Result<()> {
        let mut synced = self.synced.lock();
        let (file, now) = {
            let tail = self.tail.lock();
            if !tail.places.contains_key(&seq) {
                return Err(io::Error::other("the record was taken back with another one"));
            }
            (tail.file.clone(), Synced { next: tail.next, len: tail.len })
        };
        if synced.next > seq {
            return Ok(());
        }
        let done = file.sync_data();
        match done {
            Ok(()) => *synced = now,
            // What was not synced was not acknowledged either.
            Err(_) => self.tail.lock().take_back(synced.len),
        }
        done
    }

    /// A newer write of the same path was taken: this one does not count any more.
    pub(crate) fn replaced(&self, seq: u64) {
        let mut tail = self.tail.lock();
        if let Some(place) = tail.places.remove(&seq) {
            tail.live -= place.bytes;
        }
    }

    /// The remote has it. Also that is on the disk when this returns, so that an older write is never sent after a
    /// newer one that went past the journal.
    pub(crate) fn done(&self, seq: u64) -> io::Result<()> {
        let mut synced = self.synced.lock();
        let mut tail = self.tail.lock();
        let Some(place) = tail.places.get(&seq).copied() else { return Ok(()) };
        tail.write_at(place.at + record::STATE as u64, &[DONE])?;
        tail.file.sync_data()?;
        tail.places.remove(&seq);
        tail.live -= place.bytes;
        // Everything is in the old file too: that it cannot be compacted only costs room.
        if tail.len > SMALL && tail.live < tail.len / 2 {
            let _ = tail.compact(&self.dir, sync_dir);
        }
        *synced = Synced { next: tail.next, len: tail.len };
        Ok(())
    }

    #[cfg(test)]
    fn bytes(&self) -> u64 {
        self.tail.lock().len
    }
}

impl Tail {
    fn append(&mut self, path: &Path, op: &Op) -> io::Result<u64> {
        if self.broken {
            let what =
                "what was written to it before may be lost: it is mended when it is opened again";
            return Err(io::Error::other(what));
        }
        let seq = self.next;
        let frame = record::frame(&Record { seq, path: path.clone(), op: op.clone() });
        if frame.len() > record::LONGEST {
            let what = format!("a record of {} bytes is too long for it", frame.len());
            return Err(io::Error::other(what));
        }
        let at = self.len;
        if let Err(error) = self.write_at(at, &frame) {
            self.take_back(at);
            return Err(error);
        }
        let bytes = frame.len() as u64;
        self.next += 1;
        self.len += bytes;
        self.live += bytes;
        self.places.insert(seq, Place { at, bytes });
        Ok(seq)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = &*self.file;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)
    }

    /// Forgets what lies from here on.
    fn take_back(&mut self, to: u64) {
        self.broken |= self.file.set_len(to).is_err();
        self.len = to;
        self.places.retain(|_, place| place.at < to);
        self.live = self.places.values().map(|place| place.bytes).sum();
    }

    /// Writes what waits to a new file, which then takes the old one's place.
    fn compact(
        &mut self,
        dir: &FilePath,
        mut sync: impl FnMut(&FilePath) -> io::Result<()>,
    ) -> io::Result<()> {
        let new = dir.join("writes.new");
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&new)?;
        let mut places = Vec::from_iter(self.places.iter().map(|(seq, place)| (*seq, *place)));
        places.sort_unstable_by_key(|(seq, _)| *seq);
        let mut out = io::BufWriter::new(&file);
        out.write_all(&MAGIC)?;
        let mut at = MAGIC.len() as u64;
        let mut old = &*self.file;
        for (_, place) in &mut places {
            old.seek(SeekFrom::Start(place.at))?;
            if io::copy(&mut old.take(place.bytes), &mut out)? != place.bytes {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            place.at = at;
            at += place.bytes;
        }
        out.flush()?;
        drop(out);
        file.sync_all()?;
        // Whether the directory can be synced is better known before the file has lost its name.
        sync(dir)?;
        fs::rename(&new, dir.join("writes"))?;
        self.file = Arc::new(file);
        (self.len, self.places) = (at, places.into_iter().collect());
        let synced = sync(dir);
        // A power cut could bring the old file back, without what would be taken from here on.
        self.broken |= synced.is_err();
        synced
    }
}

/// Marks writes that others have replaced, when those are on the disk: this process heeds that they may have been on their
/// way, the next one need not.
fn let_go(mut file: &File, former: &[u64]) -> io::Result<()> {
    if former.is_empty() {
        return Ok(());
    }
    file.sync_data()?;
    for at in former {
        file.seek(SeekFrom::Start(at + record::STATE as u64))?;
        file.write_all(&[DONE])?;
    }
    Ok(())
}

/// One store has the journal, and says whose process it is in.
fn lock(dir: &FilePath) -> Result<Owned> {
    Owned::take(dir).map_err(|why| match why {
        NotOwned::Taken(owner, is_ours) => {
            let left = match is_ours {
                true => "; one that was dropped has it until what it was sending has ended: `close` waits for that",
                false => "",
            };
            Error::invalid(format!(
                "the journal of writes in \"{}\" is in use by {owner}: one store at a time can have it{left}",
                dir.display()
            ))
        }
        NotOwned::Failed(error) => cannot(dir, "be made or locked", &error),
    })
}

/// The file and its bytes; a new one has its first line on the disk.
fn read_or_begin(dir: &FilePath, path: &FilePath) -> io::Result<(File, Vec<u8>)> {
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    // Shorter than its first line: killed when it was made.
    if bytes.len() < MAGIC.len() && MAGIC.starts_with(&bytes) {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&MAGIC)?;
        file.sync_all()?;
        sync_dir(dir)?;
        bytes = MAGIC.to_vec();
    }
    Ok((file, bytes))
}

#[cfg(unix)]
fn sync_dir(dir: &FilePath) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Directories cannot be synced there.
#[cfg(not(unix))]
fn sync_dir(_: &FilePath) -> io::Result<()> {
    Ok(())
}

pub(super) fn cannot(path: &FilePath, what: &str, error: &io::Error) -> Error {
    Error::invalid(format!("the journal of writes \"{}\" cannot {what}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
