//! Reading a value's file.

use super::at::{self, doing};
use super::header::{FIXED, Header, MAX_KEY};
use super::map::{Mapped, map};
use super::options::Mapping;
use bytes::Bytes;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::SystemTime;

/// Files up to this are read in one go.
pub(super) const WHOLE: u64 = 64 << 10;
/// Of longer ones, first that much: more than any header.
const HEAD: usize = 256;

/// What is where a value would be.
#[derive(Debug)]
pub(super) enum Probe {
    Found(Found),
    /// Nothing, or the value of another key.
    Nothing,
    /// Something that is no value, or half of one.
    Damaged,
}

/// A file that holds a whole value.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) file: File,
    pub(super) header: Header,
    pub(super) modified: SystemTime,
    front: Front,
}

/// What is in memory of a file so far.
#[derive(Debug)]
enum Front {
    /// Its beginning.
    Read(Vec<u8>),
    /// All of it, when it is touched.
    Mapped(Mapped),
}

const _: () = assert!(HEAD >= FIXED + MAX_KEY);

/// Opens a key's file and reads its header, out of a mapping if the value is to be mapped.
pub(super) fn probe(path: &Path, key: &str, mapping: Mapping) -> io::Result<Probe> {
    open(path, Some(key), WHOLE, mapping)
}

/// Reads the header of a file, whatever its key is.
pub(super) fn probe_any(path: &Path) -> io::Result<Probe> {
    open(path, None, 0, Mapping::Off)
}

fn open(path: &Path, key: Option<&str>, whole: u64, mapping: Mapping) -> io::Result<Probe> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Probe::Nothing),
        other => other.map_err(doing("open", path))?,
    };
    let about = file.metadata().map_err(doing("look at", path))?;
    let size = about.len();
    let modified = about.modified()?;
    let judge = |head: &[u8]| match Header::decode(head, size) {
        Err(_) => Err(Probe::Damaged),
        Ok((_, stored)) if key.is_some_and(|key| stored != key.as_bytes()) => Err(Probe::Nothing),
        Ok((header, _)) => Ok(header),
    };
    let (header, front) = if is_mapped(size, whole, mapping) {
        let len = usize::try_from(size).map_err(io::Error::other)?;
        let mapped = Mapped::new(&file, len).map_err(doing("map", path))?;
        (judge(&mapped.head::<HEAD>()), Front::Mapped(mapped))
    } else {
        let mut head = vec![0; if size <= whole { size as usize } else { HEAD }];
        let filled = at::read(&file, &mut head, 0).map_err(doing("read", path))?;
        head.truncate(filled);
        (judge(&head), Front::Read(head))
    };
    Ok(header
        .map_or_else(|probe| probe, |header| Probe::Found(Found { file, header, modified, front })))
}

/// Whether a value is certainly mapped, however much of its file is header.
fn is_mapped(size: u64, whole: u64, mapping: Mapping) -> bool {
    match mapping {
        Mapping::Off => false,
        Mapping::Above(limit) => size > whole && size > limit as u64 + HEAD as u64,
    }
}

impl Found {
    /// The value's bytes; needs no lock, since they never change.
    pub(super) fn bytes(self, mapping: Mapping) -> io::Result<Bytes> {
        let start = self.header.offset as usize;
        let len = usize::try_from(self.header.len).map_err(io::Error::other)?;
        let head = match self.front {
            Front::Read(head) => head,
            Front::Mapped(mapped) => {
                return mapped.bytes(start, len).ok_or_else(|| ErrorKind::UnexpectedEof.into());
            }
        };
        if let Mapping::Above(limit) = mapping
            && len > limit
        {
            return map(&self.file, start, len);
        }
        if head.len() >= start + len {
            return Ok(Bytes::from(head).slice(start..start + len));
        }
        let mut bytes = vec![0; len];
        if at::read(&self.file, &mut bytes, start as u64)? < len {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "cut while it was read"));
        }
        Ok(Bytes::from(bytes))
    }
}
