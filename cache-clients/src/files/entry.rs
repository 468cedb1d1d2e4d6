//! Reading a value's file.

use super::at::{self, doing};
use super::header::{FIXED, Header, MAX_KEY};
use super::map::map;
use super::options::Mapping;
use bytes::Bytes;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::SystemTime;

/// Files up to this are read in one go.
pub(super) const WHOLE: u64 = 64 << 10;
/// Of longer ones, first that much: more than any header.
const HEAD: usize = 512;

/// What is where a value would be.
#[derive(Debug)]
pub(super) enum Probe {
    Found(Found),
    /// Nothing, or the value of another key.
    Nothing,
    /// Something that is no value, or half of one.
    Damaged,
}

/// A file that holds a whole value, of which the beginning was read.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) file: File,
    pub(super) header: Header,
    pub(super) modified: SystemTime,
    head: Vec<u8>,
}

const _: () = assert!(HEAD >= FIXED + MAX_KEY);

/// Opens a key's file and reads its header.
pub(super) fn probe(path: &Path, key: &str) -> io::Result<Probe> {
    open(path, Some(key), WHOLE)
}

/// Reads the header of a file, whatever its key is.
pub(super) fn probe_any(path: &Path) -> io::Result<Probe> {
    open(path, None, 0)
}

fn open(path: &Path, key: Option<&str>, whole: u64) -> io::Result<Probe> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Probe::Nothing),
        other => other.map_err(doing("open", path))?,
    };
    let about = file.metadata().map_err(doing("look at", path))?;
    let size = about.len();
    let first = if size <= whole { size as usize } else { HEAD };
    let mut head = vec![0; first];
    let filled = at::read(&file, &mut head, 0).map_err(doing("read", path))?;
    head.truncate(filled);
    match Header::decode(&head, size) {
        Err(_) => Ok(Probe::Damaged),
        Ok((_, stored)) if key.is_some_and(|key| stored != key.as_bytes()) => Ok(Probe::Nothing),
        Ok((header, _)) => {
            Ok(Probe::Found(Found { file, header, modified: about.modified()?, head }))
        }
    }
}

impl Found {
    /// The value's bytes; needs no lock, since they never change.
    pub(super) fn bytes(self, mapping: Mapping) -> io::Result<Bytes> {
        let offset = u64::from(self.header.offset);
        let len = usize::try_from(self.header.len).map_err(io::Error::other)?;
        if let Mapping::Above(limit) = mapping
            && len > limit
        {
            return map(&self.file, offset, len);
        }
        let start = self.header.offset as usize;
        if self.head.len() >= start + len {
            return Ok(Bytes::from(self.head).slice(start..start + len));
        }
        let mut bytes = vec![0; len];
        if at::read(&self.file, &mut bytes, offset)? < len {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "cut while it was read"));
        }
        Ok(Bytes::from(bytes))
    }
}
