//! One entry in few bytes: what changes lies in place, the description of the object is packed.

use super::bytes::{Reader, put_number, put_text};
use super::chunks::Chunks;
use crate::object::{CopyId, Object};
use chrono::{DateTime, Utc};
use object_store::path::Path;
use object_store::{Attribute, Attributes};
use std::borrow::Cow;

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// The neighbours in a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Links {
    pub(super) older: u32,
    pub(super) newer: u32,
}

impl Links {
    pub(super) const ALONE: Links = Links { older: NONE, newer: NONE };
}

/// What is known of a copy beside its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Marks(pub(super) u8);

impl Marks {
    /// A write to the remote may or may not have happened.
    pub(super) const DOUBT: u8 = 1;
    /// It waits for the remote.
    pub(super) const UNSENT: u8 = 2;
    /// It is being written and nobody sees it yet.
    pub(super) const STAGED: u8 = 4;
    pub(super) const ALL: u8 = 7;

    pub(super) fn has(self, mark: u8) -> bool {
        self.0 & mark != 0
    }

    /// Whether the copy may be evicted.
    pub(super) fn can_go(self) -> bool {
        !self.has(Marks::UNSENT | Marks::STAGED)
    }
}

/// A copy: 72 bytes beside its text.
#[derive(Debug)]
pub(super) struct Slot {
    /// The packed object. Empty: the slot is free.
    pub(super) text: Box<[u8]>,
    pub(super) copy: CopyId,
    /// Nanoseconds since 1970.
    pub(super) fetched: u64,
    pub(super) kept: Chunks,
    pub(super) order: Links,
    pub(super) age: Links,
    pub(super) chunk_size: u32,
    pub(super) marks: Marks,
}

impl Slot {
    pub(super) fn path(&self) -> &str {
        path_of(&self.text).unwrap_or_default()
    }
}

const E_TAG: u8 = 1;
const VERSION: u8 = 2;
const ATTRIBUTES: u8 = 4;

/// An object in as few bytes as will do.
pub(super) fn pack(object: &Object) -> Box<[u8]> {
    let mut out = Vec::with_capacity(64 + object.path.as_ref().len());
    put_text(&mut out, object.path.as_ref());
    put_number(&mut out, object.size);
    out.extend_from_slice(&object.modified.timestamp().to_le_bytes()[..]);
    put_number(&mut out, u64::from(object.modified.timestamp_subsec_nanos()));
    let has = |there: bool, bit: u8| if there { bit } else { 0 };
    out.push(
        has(object.e_tag.is_some(), E_TAG)
            | has(object.version.is_some(), VERSION)
            | has(!object.attributes.is_empty(), ATTRIBUTES),
    );
    object.e_tag.iter().chain(&object.version).for_each(|text| put_text(&mut out, text));
    if !object.attributes.is_empty() {
        put_attributes(&mut out, &object.attributes);
    }
    out.into_boxed_slice()
}

/// The path alone.
pub(super) fn path_of(text: &[u8]) -> Option<&str> {
    Reader::new(text).text()
}

/// A packed object, taken apart where it lies.
struct Parts<'a> {
    path: &'a str,
    size: u64,
    modified: DateTime<Utc>,
    e_tag: Option<&'a str>,
    version: Option<&'a str>,
    /// The packed attributes, if there are any.
    attributes: Option<&'a [u8]>,
}

fn parts(text: &[u8]) -> Option<Parts<'_>> {
    let mut from = Reader::new(text);
    let (path, size) = (from.text()?, from.number()?);
    let seconds = i64::from_le_bytes(from.array()?);
    let modified = DateTime::from_timestamp(seconds, from.number()?.try_into().ok()?)?;
    let has = from.byte()?;
    let mut optional = |bit: u8| match has & bit {
        0 => Some(None),
        _ => from.text().map(Some),
    };
    let (e_tag, version) = (optional(E_TAG)?, optional(VERSION)?);
    let rest = from.rest();
    let attributes = (has & ATTRIBUTES != 0).then_some(rest);
    let done = rest.is_empty() || attributes.is_some();
    done.then_some(Parts { path, size, modified, e_tag, version, attributes })
}

/// Whether these are the bytes of an object.
pub(super) fn is_packed(text: &[u8]) -> bool {
    // Attributes are rare; all else is only looked at.
    parts(text).is_some_and(|parts| parts.attributes.is_none() || unpack(text).is_some())
}

/// The object again. `None`: these are not the bytes of one.
pub(super) fn unpack(text: &[u8]) -> Option<Object> {
    let Parts { path, size, modified, e_tag, version, attributes } = parts(text)?;
    Some(Object {
        path: Path::parse(path).ok()?,
        size,
        e_tag: e_tag.map(str::to_owned),
        version: version.map(str::to_owned),
        modified,
        attributes: attributes.map_or(Some(Attributes::new()), unpack_attributes)?,
    })
}

/// Equal attributes give equal bytes.
fn put_attributes(out: &mut Vec<u8>, attributes: &Attributes) {
    let mut all: Vec<_> = attributes.iter().map(|(key, value)| (number(key), value)).collect();
    all.sort_unstable_by_key(|(key, _)| *key);
    put_number(out, all.len() as u64);
    for ((number, name), value) in all {
        out.push(number);
        put_text(out, name);
        put_text(out, value);
    }
}

/// How an attribute is written. One that is newer than this table is not kept.
fn number(attribute: &Attribute) -> (u8, &str) {
    match attribute {
        Attribute::ContentDisposition => (0, ""),
        Attribute::ContentEncoding => (1, ""),
        Attribute::ContentLanguage => (2, ""),
        Attribute::ContentType => (3, ""),
        Attribute::CacheControl => (4, ""),
        Attribute::StorageClass => (5, ""),
        Attribute::Metadata(name) => (6, name),
        _ => (UNKNOWN, ""),
    }
}

const UNKNOWN: u8 = u8::MAX;

fn unpack_attributes(text: &[u8]) -> Option<Attributes> {
    let mut from = Reader::new(text);
    let count = from.number()?;
    let mut attributes = Attributes::new();
    for _ in 0..count {
        let number = from.byte()?;
        let (name, value) = (from.text()?, from.text()?);
        let key = match number {
            0 => Attribute::ContentDisposition,
            1 => Attribute::ContentEncoding,
            2 => Attribute::ContentLanguage,
            3 => Attribute::ContentType,
            4 => Attribute::CacheControl,
            5 => Attribute::StorageClass,
            6 => Attribute::Metadata(Cow::Owned(name.to_owned())),
            UNKNOWN => continue,
            _ => return None,
        };
        attributes.insert(key, value.to_owned().into());
    }
    from.is_done().then_some(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn object() -> impl Strategy<Value = Object> {
        let maybe = || prop::option::of("[ -~]{0,40}");
        let meta = prop::collection::vec(("[a-z]{1,5}", "\\PC{0,9}"), 0..4);
        (("[a-z/é ]{0,40}", any::<u64>()), (maybe(), maybe()), any::<i32>(), any::<bool>(), meta)
            .prop_map(|((path, size), (e_tag, version), seconds, typed, meta)| {
                let mut attributes = Attributes::new();
                if typed {
                    attributes.insert(Attribute::ContentType, "text/plain".into());
                }
                for (name, value) in meta {
                    attributes.insert(Attribute::Metadata(name.into()), value.into());
                }
                let modified = DateTime::from_timestamp(i64::from(seconds), 5).unwrap_or_default();
                Object { path: Path::from(path), size, e_tag, version, modified, attributes }
            })
    }

    proptest! {
        #[test]
        fn an_object_comes_out_as_it_went_in(object in object()) {
            let text = pack(&object);
            prop_assert_eq!(path_of(&text), Some(object.path.as_ref()));
            prop_assert!(is_packed(&text));
            prop_assert_eq!(unpack(&text), Some(object));
        }

        #[test]
        fn half_an_object_is_none(object in object(), at in any::<prop::sample::Index>()) {
            let text = pack(&object);
            let half = &text[..at.index(text.len())];
            prop_assert!(!is_packed(half));
            prop_assert_eq!(unpack(half), None);
        }
    }

    #[test]
    fn a_slot_is_small() {
        assert_eq!(size_of::<Slot>(), 72);
    }
}
