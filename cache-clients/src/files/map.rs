//! Mapping the bytes of a value into memory. The only unsafe code here.

use bytes::Bytes;
use memmap2::{MmapOptions, MmapRaw};
use std::fs::File;
use std::io;

/// A whole file, mapped.
#[derive(Debug)]
pub(super) struct Mapped(MmapRaw);

/// The bytes of a value in it.
struct Part {
    map: MmapRaw,
    start: usize,
    len: usize,
}

impl Mapped {
    /// A file of so many bytes, to be read as they are needed.
    pub(super) fn new(file: &File, len: usize) -> io::Result<Self> {
        MmapOptions::new().len(len).map_raw_read_only(file).map(Mapped)
    }

    /// A copy of its first bytes, as far as it has them.
    #[expect(unsafe_code, reason = "another process may rewrite a header while it is read")]
    pub(super) fn head<const N: usize>(&self) -> [u8; N] {
        let mut head = [0; N];
        let words = N.min(self.0.len()) / 8;
        let from = self.0.as_ptr().cast::<u64>();
        for (at, word) in head.chunks_exact_mut(8).take(words).enumerate() {
            // SAFETY: the word lies inside of the mapping, which begins with a page. It is memory
            // that others may write, hence volatile: what is torn fails the header's check.
            word.copy_from_slice(&unsafe { from.add(at).read_volatile() }.to_ne_bytes());
        }
        head
    }

    /// The bytes of the value in it; `None` if it does not reach so far.
    pub(super) fn bytes(self, start: usize, len: usize) -> Option<Bytes> {
        let inside = start.checked_add(len).is_some_and(|end| end <= self.0.len());
        inside.then(|| Bytes::from_owner(Part { map: self.0, start, len }))
    }
}

impl AsRef<[u8]> for Part {
    #[expect(unsafe_code, reason = "a mapping is memory that somebody else may change")]
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the slice lies inside of the mapping and covers the bytes of a value, and nobody
        // changes those once the file has its name: a new value is a new file that is renamed over
        // the old one, whose bytes stay for as long as they are mapped; making a value stale
        // rewrites the header only, which is outside of the slice. Files are made readable and
        // writable by their owner alone. Who changes or cuts them from outside nevertheless breaks
        // this; `Mapping::Off` is for him.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().add(self.start), self.len) }
    }
}

/// The bytes of a value of a file, which reach to its end, read as they are needed.
pub(super) fn map(file: &File, start: usize, len: usize) -> io::Result<Bytes> {
    let whole = start.checked_add(len).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Mapped::new(file, whole)?.bytes(start, len).unwrap_or_default())
}
