//! The fields of a footer as bytes: numbers little-endian, text with its length before it.

use super::{END, Unusable};
use crate::attributes;
use crate::object::Object;
use chrono::DateTime;
use object_store::Attributes;
use object_store::path::Path;

/// In place of a length: there is no text.
const NONE: u32 = u32::MAX;

#[derive(Default)]
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn u32(&mut self, number: u32) {
        self.raw(&number.to_le_bytes());
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.raw(&number.to_le_bytes());
    }

    fn text(&mut self, text: Option<&str>) -> Option<()> {
        let length = match text {
            None => NONE,
            Some(text) => u32::try_from(text.len()).ok().filter(|length| *length != NONE)?,
        };
        self.u32(length);
        self.raw(text.unwrap_or_default().as_bytes());
        Some(())
    }

    /// All but the size, which is in the mark. `None`: it cannot be written down.
    pub(super) fn object(&mut self, object: &Object) -> Option<()> {
        self.u64(object.modified.timestamp().cast_unsigned());
        self.u32(object.modified.timestamp_subsec_nanos());
        self.text(Some(object.path.as_ref()))?;
        self.text(object.e_tag.as_deref())?;
        self.text(object.version.as_deref())?;
        self.u32(u32::try_from(object.attributes.len()).ok()?);
        let mut attributes: Vec<_> = object.attributes.iter().collect();
        // In an order of their own: equal objects have equal footers.
        attributes.sort_by_key(|(attribute, _)| format!("{attribute:?}"));
        for (attribute, value) in attributes {
            let (kind, name) = attributes::number(attribute)?;
            self.raw(&[kind]);
            self.text(name)?;
            self.text(Some(value))?;
        }
        Some(())
    }
}

pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes }
    }

    pub(super) fn raw(&mut self, length: usize) -> Result<&'a [u8], Unusable> {
        let (raw, rest) = self.bytes.split_at_checked(length).ok_or(Unusable::Damaged)?;
        self.bytes = rest;
        Ok(raw)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Unusable> {
        let raw = self.raw(4)?.try_into().map_err(|_| Unusable::Damaged)?;
        Ok(u32::from_le_bytes(raw))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Unusable> {
        let raw = self.raw(8)?.try_into().map_err(|_| Unusable::Damaged)?;
        Ok(u64::from_le_bytes(raw))
    }

    /// What closes a footer: its length.
    pub(super) fn length(&mut self) -> Result<usize, Unusable> {
        let (length, end) = (self.u32()?, self.raw(END.len())?);
        match (end[..3] == END[..3], end[3] == END[3]) {
            (true, true) => Ok(length as usize),
            (true, false) => Err(Unusable::Version),
            (false, _) => Err(Unusable::Damaged),
        }
    }

    fn text(&mut self) -> Result<Option<&'a str>, Unusable> {
        let length = self.u32()?;
        if length == NONE {
            return Ok(None);
        }
        let text = std::str::from_utf8(self.raw(length as usize)?);
        text.map(Some).map_err(|_| Unusable::Damaged)
    }

    pub(super) fn object(&mut self, size: u64) -> Result<Object, Unusable> {
        let (seconds, nanos) = (self.u64()?.cast_signed(), self.u32()?);
        let modified = DateTime::from_timestamp(seconds, nanos).ok_or(Unusable::Damaged)?;
        let path = self.text()?.ok_or(Unusable::Damaged)?;
        let path = Path::parse(path).map_err(|_| Unusable::Damaged)?;
        let e_tag = self.text()?.map(str::to_owned);
        let version = self.text()?.map(str::to_owned);
        let mut attributes = Attributes::new();
        for _ in 0..self.u32()? {
            let kind = self.raw(1)?[0];
            let attribute = attributes::numbered(kind, self.text()?).ok_or(Unusable::Damaged)?;
            let value = self.text()?.ok_or(Unusable::Damaged)?.to_owned();
            attributes.insert(attribute, value.into());
        }
        match self.bytes {
            [] => Ok(Object { path, size, e_tag, version, modified, attributes }),
            _ => Err(Unusable::Damaged),
        }
    }
}
