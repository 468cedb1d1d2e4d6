//! Files that are written past the page cache: by `O_DIRECT`, from one aligned buffer.
//!
//! A page of a file costs the kernel as much as the network does. But a direct write takes the time of the disk: so
//! one file at a time is written directly, and what comes meanwhile goes into the page cache as ever. A disk that is
//! slower than the remote so makes nobody wait.

use super::Result;
use crate::fetch::own;
use object_store::PutPayload;
use parking_lot::Mutex;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where and how much may be written directly: multiples of it, which is enough for all disks and file systems that
/// are common.
const ALIGNMENT: usize = 4096;

/// What is written at once.
const BUFFER: usize = 1 << 20;

/// Smaller files are not worth it.
const LEAST: usize = 256 << 10;

/// Who writes directly into a directory.
#[derive(Debug)]
pub(super) struct Past(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// The buffer, empty before its first use. `None`: somebody is writing.
    buffer: Mutex<Option<Vec<u8>>>,
    /// The file system does not do it.
    refused: AtomicBool,
}

impl Default for Past {
    fn default() -> Self {
        let buffer = Mutex::new(Some(Vec::new()));
        Past(Arc::new(Shared { buffer, refused: AtomicBool::new(false) }))
    }
}

impl Past {
    /// To write a file of so many bytes. `None`: it is to be written as others are.
    pub(super) fn turn(&self, bytes: usize) -> Option<Turn> {
        if bytes < LEAST || self.0.refused.load(Ordering::Relaxed) {
            return None;
        }
        let mut buffer = self.0.buffer.lock().take()?;
        buffer.resize(BUFFER + ALIGNMENT, 0);
        Some(Turn { of: self.0.clone(), buffer })
    }
}

#[cfg(test)]
impl Past {
    /// Whether a file was to be written directly, ever.
    pub(super) fn has_tried(&self) -> bool {
        self.0.buffer.lock().as_ref().is_none_or(|buffer| !buffer.is_empty())
    }
}

/// The one file that is being written directly.
#[derive(Debug)]
pub(super) struct Turn {
    of: Arc<Shared>,
    buffer: Vec<u8>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.of.buffer.lock() = Some(std::mem::take(&mut self.buffer));
    }
}

impl Turn {
    /// The file is there as a whole, or not at all. Blocks.
    pub(super) fn put(mut self, place: &Path, payload: &PutPayload) -> Result<()> {
        let (file, staged) = stage(place).map_err(|error| at(place, &error))?;
        let written = self.write(&file, payload).and_then(|()| fs::rename(&staged, place));
        written.map_err(|error| {
            // If it stays, opening the store the next time removes it.
            let _ = fs::remove_file(&staged);
            at(place, &error)
        })
    }

    fn write(&mut self, file: &File, payload: &PutPayload) -> io::Result<()> {
        let start = self.buffer.as_ptr().align_offset(ALIGNMENT);
        let buffer = &mut self.buffer[start..start + BUFFER];
        let mut out = Out { file, of: &self.of, is_direct: false, has_written: false };
        out.go_direct();
        let mut filled = 0;
        for piece in payload.iter() {
            let mut piece: &[u8] = piece;
            while !piece.is_empty() {
                let part = piece.len().min(BUFFER - filled);
                buffer[filled..filled + part].copy_from_slice(&piece[..part]);
                filled += part;
                piece = &piece[part..];
                if filled == BUFFER {
                    out.write(buffer)?;
                    filled = 0;
                }
            }
        }
        let whole = filled - filled % ALIGNMENT;
        out.write(&buffer[..whole])?;
        // The end of the file lies where it may, so it goes into the page cache: at most one page.
        out.go_buffered()?;
        out.write(&buffer[whole..filled])
    }
}

/// A file that is being written.
struct Out<'a> {
    file: &'a File,
    of: &'a Shared,
    is_direct: bool,
    has_written: bool,
}

impl Out<'_> {
    fn go_direct(&mut self) {
        // Not when it is opened: what refuses that may have made the file already.
        self.is_direct = self.switch(true).is_ok();
        if !self.is_direct {
            self.of.refused.store(true, Ordering::Relaxed);
        }
    }

    fn go_buffered(&mut self) -> io::Result<()> {
        match std::mem::take(&mut self.is_direct) {
            true => self.switch(false),
            false => Ok(()),
        }
    }

    fn switch(&self, direct: bool) -> io::Result<()> {
        let mut flags = fcntl_getfl(self.file)?;
        flags.set(OFlags::DIRECT, direct);
        Ok(fcntl_setfl(self.file, flags)?)
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = &bytes[written..];
                    self.has_written = true;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if self.is_direct && is_refusal(&error) => {
                    // After a write that was cut short the rest may lie where it cannot be written directly.
                    if !self.has_written {
                        self.of.refused.store(true, Ordering::Relaxed);
                    }
                    self.go_buffered()?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn is_refusal(error: &io::Error) -> bool {
    let refusals = [Errno::INVAL, Errno::OPNOTSUPP].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|error| refusals.contains(&error))
}

/// A new file, named as `LocalFileSystem` names what is not whole: lists do not show it, and if the process dies it is
/// removed as what that has left.
fn stage(place: &Path) -> io::Result<(File, PathBuf)> {
    let mut number = 1;
    loop {
        let mut staged = place.as_os_str().to_owned();
        staged.push(format!("#{number}"));
        match File::create_new(&staged) {
            Ok(file) => return Ok((file, staged.into())),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => match (error.kind(), place.parent()) {
                (ErrorKind::NotFound, Some(folder)) => fs::create_dir_all(folder)?,
                _ => return Err(error),
            },
        }
    }
}

fn at(place: &Path, error: &io::Error) -> object_store::Error {
    own(format!("{} cannot be written: {error}", place.display()))
}

#[cfg(test)]
mod tests;
