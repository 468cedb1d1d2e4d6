//! Looking at what is there: the files of a stripe, with their times.

use super::at::doing;
use super::layout::{digest_of, folders_of};
use super::shared::Shared;
use super::usage::Slot;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A file of values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) digest: u128,
    pub(super) size: u64,
    /// When it was used, in nanoseconds since 1970.
    pub(super) used: u64,
    /// When it is over, as far as its times tell.
    pub(super) over: u64,
}

impl Shared {
    /// The files of a stripe. Others than larder's are left out, and left alone.
    pub(super) fn list(&self, stripe: usize) -> io::Result<Vec<Seen>> {
        let mut seen = Vec::new();
        for folder in folders_of(stripe) {
            list_folder(&self.layout.folder(folder), &mut seen)?;
        }
        Ok(seen)
    }

    /// The files of a stripe, whose count is put right on the way: somebody may have removed files
    /// by hand.
    pub(super) fn survey(&self, stripe: usize, until: Instant) -> io::Result<Vec<Seen>> {
        let held = self.lock(stripe, until)?;
        let seen = self.list(stripe)?;
        let bytes = seen.iter().map(|seen| seen.size).sum();
        if self.usage.get(stripe)? != Slot::Settled(bytes) {
            self.usage.set(stripe, Slot::Settled(bytes))?;
        }
        drop(held);
        Ok(seen)
    }
}

fn list_folder(folder: &Path, seen: &mut Vec<Seen>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.map_err(doing("read the directory", folder))?,
    };
    for entry in entries {
        let entry = entry.map_err(doing("read the directory", folder))?;
        let Some(digest) = entry.file_name().to_str().and_then(digest_of) else { continue };
        // Gone in the meantime is fine.
        if let Ok(about) = entry.metadata()
            && about.is_file()
        {
            seen.push(see(digest, &about));
        }
    }
    Ok(())
}

fn see(digest: u128, about: &Metadata) -> Seen {
    Seen {
        digest,
        size: about.len(),
        used: about.modified().map_or(0, nanos),
        over: about.accessed().map_or(u64::MAX, nanos),
    }
}

/// Since 1970; times before that are 1970.
pub(super) fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
