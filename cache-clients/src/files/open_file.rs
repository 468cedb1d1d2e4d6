//! A value as an open file.

use super::at;
use super::entry::Found;
use super::map::map;
use bytes::Bytes;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

/// A value as something to read from, wherever in it; it stays whole when the key is put again or
/// deleted meanwhile.
///
/// It reads from the disk as it is asked, in the thread that asks.
///
/// ```
/// use cache_clients::Files;
/// use cache_clients::server::When;
/// use std::io::{Read, Seek, SeekFrom};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let video = folder.path().join("film.mp4");
/// # std::fs::write(&video, b"a long film").unwrap();
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let files = Files::open(folder.path().join("cache"))?;
/// files.put_file("film", &video, None, When::Always).await?;
/// let mut film = files.open_file("film").await?.expect("it was put just now");
/// film.seek(SeekFrom::Start(7)).unwrap();
/// let mut rest = String::new();
/// film.read_to_string(&mut rest).unwrap();
/// assert_eq!(rest, "film");
/// # Ok::<(), cache_core::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    offset: u64,
    len: u64,
    position: u64,
    token: u64,
}

impl OpenFile {
    pub(super) fn new(found: Found) -> Self {
        let header = found.header;
        OpenFile {
            file: found.file,
            offset: u64::from(header.offset),
            len: header.len,
            position: 0,
            token: header.token,
        }
    }

    /// How many bytes the value has.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the value has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Changes with every change of the key; for [`When::Token`](crate::server::When::Token).
    #[must_use]
    pub fn token(&self) -> u64 {
        self.token
    }

    /// The whole value, mapped into memory.
    ///
    /// # Errors
    /// When the system has no room for the mapping.
    pub fn map(&self) -> io::Result<Bytes> {
        let len = usize::try_from(self.len).map_err(io::Error::other)?;
        if len == 0 {
            return Ok(Bytes::new());
        }
        let start = usize::try_from(self.offset).map_err(io::Error::other)?;
        map(&self.file, start, len)
    }
}

impl Read for OpenFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.len.saturating_sub(self.position);
        let most = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let count = at::read_some(&self.file, &mut into[..most], self.offset + self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for OpenFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        let before = || io::Error::new(ErrorKind::InvalidInput, "a position before the value");
        self.position = position.ok_or_else(before)?;
        Ok(self.position)
    }
}
