//! What stands behind the bytes of a chunk in its local object: whose they are, and how to check them.
//!
//! A mark of fixed length follows the payload, so that a hit finds it without knowing anything else; then the
//! description of the object, from which an index is rebuilt; then the footer's own length.

mod fields;

use crate::object::{CopyId, Object};
use bytes::Bytes;
use fields::{Reader, Writer};
use std::time::Duration;
use twox_hash::XxHash3_64;

/// The length of a mark.
pub(crate) const MARK: usize = 64;
/// The length of what closes a footer.
pub(crate) const TAIL: usize = 8;
/// The last byte is the version: a later one is not read.
const MAGIC: [u8; 8] = *b"ldchunk\x01";
const END: [u8; 4] = *b"ldE\x01";

/// The part of a footer that belongs to one chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) copy: CopyId,
    pub(crate) chunk: u32,
    /// Of all chunks of the copy but the last.
    pub(crate) chunk_size: u32,
    /// The bytes of this chunk.
    pub(crate) payload: u32,
    /// xxh3 of those bytes.
    pub(crate) sum: u64,
    /// The bytes of the whole object.
    pub(crate) size: u64,
    /// When the copy was fetched, since 1970.
    pub(crate) fetched: Duration,
}

/// A footer, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) mark: Mark,
    pub(crate) object: Object,
}

/// Why a footer cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// No footer, or not all of it, or altered.
    Damaged,
    /// Written by a later larder.
    Version,
}

impl Footer {
    /// `None`: the object has what cannot be written down, an attribute of a kind that is not known here.
    pub(crate) fn encode(mark: &Mark, object: &Object) -> Option<Bytes> {
        let mut text = Writer::default();
        text.object(object)?;
        let length = u32::try_from(MARK + text.bytes.len() + 8 + TAIL).ok()?;
        let mut footer = Writer::default();
        footer.raw(&mark.encode(length));
        let sum = XxHash3_64::oneshot(&text.bytes);
        footer.raw(&text.bytes);
        footer.u64(sum);
        footer.u32(length);
        footer.raw(&END);
        Some(footer.bytes.into())
    }

    /// Whether it can be described.
    pub(crate) fn can_hold(object: &Object) -> bool {
        Writer::default().object(object).is_some()
    }

    /// Reads the footer at the end of `bytes`. `Ok(Err(length))`: that many bytes from the end are needed.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Result<Footer, usize>, Unusable> {
        let length = match bytes.split_at_checked(bytes.len().wrapping_sub(TAIL)) {
            Some((_, tail)) => Reader::new(tail).length()?,
            None => return Err(Unusable::Damaged),
        };
        if length < MARK + 8 + TAIL {
            return Err(Unusable::Damaged);
        }
        let Some(footer) = bytes.len().checked_sub(length).map(|start| &bytes[start..]) else {
            return Ok(Err(length));
        };
        let (mark, text) = footer.split_at(MARK);
        let (text, sum) = text[..text.len() - TAIL].split_at(text.len() - TAIL - 8);
        let (mark, told) = Mark::read(mark)?;
        if told != length || Reader::new(sum).u64()? != XxHash3_64::oneshot(text) {
            return Err(Unusable::Damaged);
        }
        let object = Reader::new(text).object(mark.size)?;
        Ok(Ok(Footer { mark, object }))
    }
}

impl Mark {
    fn encode(&self, footer: u32) -> [u8; MARK] {
        let mut to = Writer::default();
        to.raw(&MAGIC);
        to.u64(self.copy.0);
        to.u32(self.chunk);
        to.u32(self.chunk_size);
        to.u32(self.payload);
        to.u32(footer);
        to.u64(self.sum);
        to.u64(self.size);
        // 2^64 nanoseconds last until 2554.
        to.u64(self.fetched.as_nanos() as u64);
        let sum = XxHash3_64::oneshot(&to.bytes);
        to.u64(sum);
        let mut mark = [0; MARK];
        mark.copy_from_slice(&to.bytes);
        mark
    }

    /// The mark at the beginning of a footer.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Mark, Unusable> {
        Mark::read(bytes).map(|(mark, _)| mark)
    }

    /// With the length of the footer.
    fn read(bytes: &[u8]) -> Result<(Mark, usize), Unusable> {
        let bytes = bytes.get(..MARK).ok_or(Unusable::Damaged)?;
        let mut from = Reader::new(bytes);
        let magic = from.raw(MAGIC.len())?;
        if magic[..7] != MAGIC[..7] {
            return Err(Unusable::Damaged);
        }
        if magic[7] != MAGIC[7] {
            return Err(Unusable::Version);
        }
        let copy = CopyId(from.u64()?);
        let (chunk, chunk_size, payload) = (from.u32()?, from.u32()?, from.u32()?);
        let footer = from.u32()? as usize;
        let (sum, size, fetched) = (from.u64()?, from.u64()?, Duration::from_nanos(from.u64()?));
        if from.u64()? != XxHash3_64::oneshot(&bytes[..MARK - 8]) {
            return Err(Unusable::Damaged);
        }
        Ok((Mark { copy, chunk, chunk_size, payload, sum, size, fetched }, footer))
    }
}

#[cfg(test)]
mod tests;
