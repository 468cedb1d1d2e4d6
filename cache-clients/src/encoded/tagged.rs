//! The tags of a stored value, with the versions that were seen before it was computed.
//!
//! Behind the payload, little-endian: how many there are in one byte, at most 16; then of each the
//! length of its name in one byte, at most 250, its name in UTF-8, and its version in 8 bytes.

use cache_core::Reason;

/// Tags of one value.
pub(super) const MOST: usize = 16;
/// Bytes of one name.
pub(super) const LONGEST: usize = 250;
const VERSION: usize = 8;

/// The section of these tags; empty without any, `None` if there are too many, or one has no name
/// that could be stored.
pub(super) fn section<'a>(tags: impl IntoIterator<Item = (&'a str, u64)>) -> Option<Vec<u8>> {
    let mut section = Vec::new();
    for (count, (name, version)) in tags.into_iter().enumerate() {
        if count == MOST || name.is_empty() || name.len() > LONGEST {
            return None;
        }
        if section.is_empty() {
            section.push(0);
        }
        section[0] += 1;
        section.push(u8::try_from(name.len()).ok()?);
        section.extend_from_slice(name.as_bytes());
        section.extend_from_slice(&version.to_le_bytes());
    }
    Some(section)
}

/// Whether a section is one from beginning to end.
pub(super) fn check(section: &[u8]) -> Result<(), Reason> {
    let (count, mut rest) = section.split_first().ok_or(Reason::Damaged)?;
    if !(1..=MOST).contains(&usize::from(*count)) {
        return Err(Reason::Damaged);
    }
    for _ in 0..*count {
        (_, rest) = first(rest).ok_or(Reason::Damaged)?;
    }
    if rest.is_empty() { Ok(()) } else { Err(Reason::Damaged) }
}

/// The tags of a section that has been [checked](check).
pub(super) fn read(section: &[u8]) -> impl Iterator<Item = (&str, u64)> {
    let mut rest = section.get(1..).unwrap_or_default();
    std::iter::from_fn(move || {
        let tag;
        (tag, rest) = first(rest)?;
        Some(tag)
    })
}

fn first(section: &[u8]) -> Option<((&str, u64), &[u8])> {
    let (length, rest) = section.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let (version, rest) = rest.split_first_chunk::<VERSION>()?;
    if name.is_empty() || name.len() > LONGEST {
        return None;
    }
    Some(((std::str::from_utf8(name).ok()?, u64::from_le_bytes(*version)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_cannot_be_stored_is_refused() {
        let long = "x".repeat(LONGEST + 1);
        assert_eq!(section([("", 1)]), None);
        assert_eq!(section([(&*long, 1)]), None);
        assert!(section([(&long[1..], 1)]).is_some());
        let many = |count| section((0..count).map(|n| ("tag", n)));
        assert!(many(16).is_some());
        assert_eq!(many(17), None);
        assert_eq!(many(0), Some(Vec::new()));
    }

    #[test]
    fn what_is_too_much_too_little_or_no_text_is_damage() {
        let good = section([("team", 5)]).unwrap();
        assert_eq!(check(&good), Ok(()));
        let longer = [&good[..], &[0]].concat();
        let mut no_text = good.clone();
        no_text[2] = 0xff;
        let mut nameless = good.clone();
        nameless[1] = 0;
        let mut many = good.clone();
        many[0] = 17;
        let wrong: [&[u8]; 7] =
            [&[], &[0], &good[..good.len() - 1], &longer, &no_text, &nameless, &many];
        for section in wrong {
            assert_eq!(check(section), Err(Reason::Damaged), "{section:?}");
        }
    }

    proptest! {
        #[test]
        fn tags_are_read_as_they_were_written(
            tags in prop::collection::vec((".{1,60}", any::<u64>()), 1..16)
        ) {
            let section = section(tags.iter().map(|(name, seen)| (&**name, *seen))).unwrap();
            prop_assert_eq!(check(&section), Ok(()));
            let found: Vec<_> = read(&section).map(|(name, seen)| (name.to_owned(), seen)).collect();
            prop_assert_eq!(found, tags);
        }

        #[test]
        fn x16_no_bytes_make_a_section_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if check(&bytes).is_ok() {
                prop_assert_eq!(read(&bytes).count(), usize::from(bytes[0]));
            }
        }
    }
}
