//! Mapping the bytes of a value into memory. The only unsafe code here.

use bytes::Bytes;
use memmap2::MmapOptions;
use std::fs::File;
use std::io;

/// The bytes of a value, read as they are needed.
#[expect(unsafe_code, reason = "a mapping is memory that somebody else may change")]
pub(super) fn map(file: &File, offset: u64, len: usize) -> io::Result<Bytes> {
    // SAFETY: the slice covers the bytes of a value, and nobody changes those once the file has
    // its name: a new value is a new file that is renamed over the old one, whose bytes stay for as
    // long as they are mapped; making a value stale rewrites the header only, which is outside of
    // the slice. Files are made readable and writable by their owner alone. Who changes or cuts
    // them from outside nevertheless breaks this; `Mapping::Off` is for him.
    let map = unsafe { MmapOptions::new().offset(offset).len(len).map(file)? };
    Ok(Bytes::from_owner(map))
}
