//! The head of an object: a value that describes it, and holds it if it is small.

use crate::attributes::{self, METADATA};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use chrono::{DateTime, Utc};
use object_store::path::Path;
use object_store::{Attribute, Attributes, Error, ObjectMeta, Result};
use twox_hash::XxHash3_64;

const MAGIC: &[u8; 4] = b"LSO1";
const SUM: usize = 8;

/// What the server has under an object's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// Random: names the pages, and is the e_tag.
    pub(super) writing: u64,
    /// Nanoseconds since 1970.
    pub(super) modified: u64,
    /// The length of pages but the last of each part.
    pub(super) page: u32,
    /// The lengths of the parts; none: the bytes are in the head.
    pub(super) parts: Vec<u64>,
    pub(super) path: String,
    pub(super) attributes: Attributes,
    pub(super) inline: Bytes,
}

impl Head {
    pub(super) fn size(&self) -> u64 {
        self.parts.iter().sum::<u64>() + self.inline.len() as u64
    }

    pub(super) fn e_tag(&self) -> String {
        format!("\"{:016x}\"", self.writing)
    }

    pub(super) fn meta(&self, location: &Path) -> ObjectMeta {
        let nanos = i64::try_from(self.modified).unwrap_or(i64::MAX);
        let last_modified: DateTime<Utc> = DateTime::from_timestamp_nanos(nanos);
        ObjectMeta {
            location: location.clone(),
            last_modified,
            size: self.size(),
            e_tag: Some(self.e_tag()),
            version: None,
        }
    }

    /// An error: an attribute of a kind that is not known here.
    pub(super) fn write(&self) -> Result<Bytes> {
        let mut to = BytesMut::with_capacity(128 + self.path.len() + self.inline.len());
        to.put_slice(MAGIC);
        to.put_u64(self.writing);
        to.put_u64(self.modified);
        to.put_u32(self.page);
        to.put_u32(count(self.parts.len())?);
        self.parts.iter().for_each(|length| to.put_u64(*length));
        text(&mut to, &self.path)?;
        to.put_u32(count(self.attributes.len())?);
        for (attribute, value) in &self.attributes {
            let number = attributes::number(attribute);
            let (kind, name) = number.ok_or_else(|| unknown(attribute))?;
            to.put_u8(kind);
            text(&mut to, name.unwrap_or_default())?;
            text(&mut to, value)?;
        }
        to.put_slice(&self.inline);
        let sum = XxHash3_64::oneshot(&to);
        to.put_u64(sum);
        Ok(to.freeze())
    }

    /// `None`: these bytes are damaged, or somebody else's.
    pub(super) fn read(bytes: &Bytes) -> Option<Self> {
        let body = bytes.len().checked_sub(SUM)?;
        if (&bytes[body..]).get_u64() != XxHash3_64::oneshot(&bytes[..body]) {
            return None;
        }
        let mut from = bytes.slice(..body);
        if from.try_get_u32().ok()?.to_be_bytes() != *MAGIC {
            return None;
        }
        let writing = from.try_get_u64().ok()?;
        let modified = from.try_get_u64().ok()?;
        let page = from.try_get_u32().ok()?;
        let count = from.try_get_u32().ok()?;
        let parts = (0..count).map(|_| from.try_get_u64().ok()).collect::<Option<Vec<_>>>()?;
        let path = taken(&mut from)?;
        let mut attributes = Attributes::new();
        for _ in 0..from.try_get_u32().ok()? {
            let kind = from.try_get_u8().ok()?;
            let name = taken(&mut from)?;
            let name = (kind == METADATA).then_some(&*name);
            let attribute = attributes::numbered(kind, name)?;
            attributes.insert(attribute, taken(&mut from)?.into());
        }
        parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(*part))?;
        let sound = parts.is_empty() || (page > 0 && from.is_empty());
        sound.then_some(Head { writing, modified, page, parts, path, attributes, inline: from })
    }
}

fn count(length: usize) -> Result<u32> {
    u32::try_from(length).map_err(|_| Error::Generic {
        store: super::store::NAME,
        source: format!("{length} are too many for the description of one object").into(),
    })
}

fn text(to: &mut BytesMut, text: &str) -> Result<()> {
    to.put_u32(count(text.len())?);
    to.put_slice(text.as_bytes());
    Ok(())
}

fn taken(from: &mut Bytes) -> Option<String> {
    let length = usize::try_from(from.try_get_u32().ok()?).ok()?;
    if length > from.len() {
        return None;
    }
    String::from_utf8(from.split_to(length).into()).ok()
}

fn unknown(attribute: &Attribute) -> Error {
    let source = format!("the attribute {attribute:?} cannot be kept").into();
    Error::NotSupported { source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(parts: Vec<u64>, inline: Vec<u8>, path: String) -> Head {
        let mut attributes = Attributes::new();
        attributes.insert(Attribute::ContentType, "text/plain".into());
        attributes.insert(Attribute::Metadata("owner".into()), "me".into());
        let inline = if parts.is_empty() { inline.into() } else { Bytes::new() };
        Head { writing: 7, modified: 9, page: 1000, parts, path, attributes, inline }
    }

    proptest! {
        #[test]
        fn a_head_is_read_as_it_was_written(
            parts in prop::collection::vec(0..1_u64 << 40, 0..20),
            inline: Vec<u8>,
            path: String,
        ) {
            let head = head(parts, inline, path);
            let bytes = head.write().unwrap();
            prop_assert_eq!(Head::read(&bytes), Some(head));
        }

        #[test]
        fn no_change_of_a_byte_goes_unseen(inline: Vec<u8>, at: prop::sample::Index, by in 1..=255_u8) {
            let mut bytes = head(Vec::new(), inline, "a/b".into()).write().unwrap().to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= by;
            prop_assert_eq!(Head::read(&bytes.into()), None);
        }

        #[test]
        fn no_bytes_make_it_panic(mut bytes: Vec<u8>) {
            // Of the right kind, and with a true checksum.
            let mut framed = MAGIC.to_vec();
            framed.append(&mut bytes);
            framed.put_u64(XxHash3_64::oneshot(&framed));
            prop_assert!(Head::read(&Bytes::from(framed)).is_none_or(|head| head.size() < u64::MAX));
        }
    }
}
