//! The kinds of attributes that can be written down: each has a number, and a name where words are written.

use object_store::Attribute;
use std::borrow::Cow;

/// Numbers and names lie on disks and servers: neither changes, and none is used again.
static KINDS: [(u8, &str, Attribute); 6] = [
    (1, "content-disposition", Attribute::ContentDisposition),
    (2, "content-encoding", Attribute::ContentEncoding),
    (3, "content-language", Attribute::ContentLanguage),
    (4, "content-type", Attribute::ContentType),
    (5, "cache-control", Attribute::CacheControl),
    (6, "storage-class", Attribute::StorageClass),
];
/// The kind that users name.
pub(crate) const METADATA: u8 = 7;
const PREFIX: &str = "metadata:";

/// The number of an attribute, and the name that its user gave it. `None`: a kind of a later `object_store`.
pub(crate) fn number(attribute: &Attribute) -> Option<(u8, Option<&str>)> {
    match attribute {
        Attribute::Metadata(name) => Some((METADATA, Some(name))),
        plain => KINDS.iter().find(|(.., kind)| kind == plain).map(|(number, ..)| (*number, None)),
    }
}

/// The attribute of a number: [`METADATA`] has a name, and no other.
pub(crate) fn numbered(number: u8, name: Option<&str>) -> Option<Attribute> {
    match (number, name) {
        (METADATA, Some(name)) => Some(Attribute::Metadata(name.to_owned().into())),
        (_, Some(_)) => None,
        (_, None) => KINDS.iter().find(|(it, ..)| *it == number).map(|(.., kind)| kind.clone()),
    }
}

/// The name of an attribute. `None`: a kind of a later `object_store`.
pub(crate) fn name(attribute: &Attribute) -> Option<Cow<'static, str>> {
    match attribute {
        Attribute::Metadata(name) => Some(format!("{PREFIX}{name}").into()),
        plain => KINDS.iter().find(|(.., kind)| kind == plain).map(|(_, name, _)| (*name).into()),
    }
}

/// The attribute of a name.
pub(crate) fn named(name: &str) -> Option<Attribute> {
    match name.strip_prefix(PREFIX) {
        Some(own) => Some(Attribute::Metadata(own.to_owned().into())),
        None => KINDS.iter().find(|(_, it, _)| *it == name).map(|(.., kind)| kind.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_back_from_its_number_and_from_its_name() {
        let own = ["", "owner", "content-type", "metadata:a"]
            .map(|name| Attribute::Metadata(name.into()));
        let plain = KINDS.iter().map(|(.., kind)| kind.clone());
        for attribute in plain.chain(own) {
            let (number, own) = number(&attribute).unwrap();
            assert_eq!(numbered(number, own), Some(attribute.clone()));
            assert_eq!(named(&name(&attribute).unwrap()), Some(attribute));
        }
    }

    #[test]
    fn numbers_and_names_are_these_in_every_release() {
        let written = |attribute| (number(&attribute).unwrap().0, name(&attribute).unwrap());
        assert_eq!(written(Attribute::ContentDisposition), (1, "content-disposition".into()));
        assert_eq!(written(Attribute::ContentEncoding), (2, "content-encoding".into()));
        assert_eq!(written(Attribute::ContentLanguage), (3, "content-language".into()));
        assert_eq!(written(Attribute::ContentType), (4, "content-type".into()));
        assert_eq!(written(Attribute::CacheControl), (5, "cache-control".into()));
        assert_eq!(written(Attribute::StorageClass), (6, "storage-class".into()));
        assert_eq!(written(Attribute::Metadata("a".into())), (7, "metadata:a".into()));
    }

    #[test]
    fn what_nobody_writes_is_no_attribute() {
        assert_eq!(
            (numbered(0, None), numbered(8, None), numbered(METADATA, None)),
            (None, None, None)
        );
        assert_eq!(
            (numbered(1, Some("name")), named("content-length"), named("")),
            (None, None, None)
        );
    }
}
