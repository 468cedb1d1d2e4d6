//! Footers are read as they were written, and not otherwise.

use super::*;
use chrono::DateTime;
use object_store::path::Path;
use object_store::{Attribute, AttributeValue, Attributes};
use proptest::prelude::*;

fn object() -> Object {
    Object {
        path: Path::from("a/b.txt"),
        size: 10,
        e_tag: Some("\"tag\"".to_owned()),
        version: None,
        modified: DateTime::from_timestamp(1_700_000_000, 5).unwrap(),
        attributes: Attributes::from_iter([(Attribute::ContentType, "text/plain")]),
    }
}

fn mark() -> Mark {
    Mark {
        copy: CopyId(0x0102_0304_0506_0708),
        chunk: 2,
        chunk_size: 4,
        payload: 2,
        sum: XxHash3_64::oneshot(b"ij"),
        size: 10,
        fetched: Duration::new(1_800_000_000, 7),
    }
}

fn footer() -> Vec<u8> {
    Footer::encode(&mark(), &object()).unwrap().to_vec()
}

#[test]
fn a_footer_has_these_bytes_in_every_release() {
    let golden = include_str!("golden.txt");
    let hex: String = footer().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, golden.split_whitespace().collect::<String>());
}

#[test]
fn a_footer_is_read_behind_its_payload() {
    let chunk = [b"ij".as_slice(), &footer()].concat();
    let read = Footer::decode(&chunk).unwrap().unwrap();
    assert_eq!(read, Footer { mark: mark(), object: object() });
    assert_eq!(Mark::decode(&chunk[2..]), Ok(mark()));
}

#[test]
fn a_part_of_a_footer_says_how_much_is_missing() {
    let footer = footer();
    for part in [TAIL, 20, footer.len() - 1] {
        let end = &footer[footer.len() - part..];
        assert_eq!(Footer::decode(end), Ok(Err(footer.len())));
    }
}

#[test]
fn no_changed_byte_is_overlooked() {
    let footer = footer();
    for at in 0..footer.len() {
        for bit in 0..8 {
            let mut changed = footer.clone();
            changed[at] ^= 1 << bit;
            assert!(!matches!(Footer::decode(&changed), Ok(Ok(_))), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn a_footer_of_a_later_version_says_so() {
    let mut later = footer();
    later[7] = 2;
    assert_eq!(Footer::decode(&later), Err(Unusable::Version));
    assert_eq!(Mark::decode(&later), Err(Unusable::Version));
}

#[test]
fn what_is_no_footer_is_damaged() {
    for foreign in [b"".as_slice(), b"hello", &[0; 100], &[255; 100]] {
        assert_eq!(Footer::decode(foreign), Err(Unusable::Damaged));
    }
}

proptest! {
    #[test]
    fn any_object_comes_back(
        path in "[a-z]{1,9}(/[a-z.]{1,9}){0,4}",
        tag in proptest::option::of(".*"),
        version in proptest::option::of(".*"),
        name in ".*",
        value in ".*",
        size: u64,
        seconds in 0..4_000_000_000_i64,
    ) {
        prop_assume!(Path::parse(&path).is_ok());
        let object = Object {
            path: Path::from(path),
            size,
            e_tag: tag,
            version,
            modified: DateTime::from_timestamp(seconds, 3).unwrap(),
            attributes: [
                (Attribute::Metadata(name.into()), AttributeValue::from(value)),
                (Attribute::CacheControl, AttributeValue::from("no-store")),
            ]
            .into_iter()
            .collect(),
        };
        let mark = Mark { size, ..mark() };
        let footer = Footer::encode(&mark, &object).unwrap();
        prop_assert_eq!(Footer::decode(&footer), Ok(Ok(Footer { mark, object })));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Footer::decode(&bytes);
        let _ = Mark::decode(&bytes);
        let closed = [&bytes[..], &(bytes.len() as u32 + 8).to_le_bytes(), &END].concat();
        let _ = Footer::decode(&closed);
    }
}
