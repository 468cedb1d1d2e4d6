//! What lies around every stored value: a header that says what the bytes are, and a checksum over all.
//!
//! Layout, little-endian, version 2:
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 4 | `LRDR` |
//! | 4 | 1 | version |
//! | 5 | 1 | flags: 1 signed, 2 manifest of pages, 4 page, 8 tagged |
//! | 6 | 1 | codec: 1 MessagePack, 2 postcard, 3 JSON |
//! | 7 | 1 | compression: 0 none, 1 lz4, 2 zstd |
//! | 8 | 8 | created, in milliseconds since 1970 |
//! | 16 | 8 | to be refreshed from, the same; all ones: not before it expires; 0: somebody has expired it |
//! | 24 | 8 | expires, the same; all ones: never |
//! | 32 | 8 | what it cost to compute, in microseconds |
//! | 40 | 16 | digest of the key |
//! | 56 | 8 | print of the value's shape; 0: it has none |
//! | 64 | 8 | length of the payload as it is here |
//! | 72 | 8 | length of the payload before it was compressed |
//! | 80 | | the payload |
//! | then | | where tagged: the [tags](super::tagged) with their versions |
//! | then | 8 | XXH3 of everything before |
//! | then | 32 | where signed: keyed BLAKE3 of everything before |
//!
//! Version 1 had its checksum at 80, between what it covered.

use super::sign::{SIGNATURE, SigningKey};
use super::tagged;
use cache_core::Reason;
use twox_hash::XxHash3_64;

const MAGIC: [u8; 4] = *b"LRDR";
const VERSION: u8 = 2;
/// The length of a header.
pub(super) const HEADER: usize = 80;
/// The length of a checksum.
const CHECKSUM: usize = 8;
/// What lies around a payload without tags or signature.
pub(super) const AROUND: usize = HEADER + CHECKSUM;

const SIGNED: u8 = 1;
const MANIFEST: u8 = 2;
const PAGE: u8 = 4;
const TAGGED: u8 = 8;

/// A time without end.
pub(super) const NEVER: u64 = u64::MAX;
/// To be refreshed from: in what somebody has expired.
pub(super) const ENDED: u64 = 0;

/// What the bytes of an envelope stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Value,
    /// Says which pages the value is in.
    Manifest,
    /// A part of a value.
    Page,
}

/// Everything that is said of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) codec: u8,
    pub(super) compression: u8,
    /// Milliseconds since 1970, as the two below.
    pub(super) created: u64,
    pub(super) soft: u64,
    pub(super) hard: u64,
    /// Microseconds.
    pub(super) cost: u64,
    pub(super) digest: [u8; 16],
    pub(super) print: u64,
    /// Of the payload before it was compressed.
    pub(super) plain: u64,
}

impl Header {
    fn write(&self, out: &mut [u8], payload: u64, flags: u8) {
        out[..4].copy_from_slice(&MAGIC);
        let kind = match self.kind {
            Kind::Value => 0,
            Kind::Manifest => MANIFEST,
            Kind::Page => PAGE,
        };
        out[4..8].copy_from_slice(&[VERSION, kind | flags, self.codec, self.compression]);
        for (n, word) in [self.created, self.soft, self.hard, self.cost].into_iter().enumerate() {
            put_word(out, 8 + 8 * n, word);
        }
        out[40..56].copy_from_slice(&self.digest);
        for (n, word) in [self.print, payload, self.plain].into_iter().enumerate() {
            put_word(out, 56 + 8 * n, word);
        }
    }
}

fn put_word(out: &mut [u8], at: usize, word: u64) {
    out[at..at + 8].copy_from_slice(&word.to_le_bytes());
}

fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// A buffer that begins with room for a header: the payload is written behind it, once. With room for so many bytes
/// behind the header, and the checksum: one that is filled to the last becomes `Bytes` for nothing.
pub(super) fn begin(room: usize) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(AROUND + room);
    buffer.resize(HEADER, 0);
    buffer
}

/// Fills the room in front of the payload, and signs.
pub(super) fn seal(buffer: Vec<u8>, header: &Header, key: Option<&SigningKey>) -> Vec<u8> {
    seal_tagged(buffer, header, &[], key)
}

/// The same, with a section of tags; none if that is empty.
pub(super) fn seal_tagged(
    mut buffer: Vec<u8>,
    header: &Header,
    tags: &[u8],
    key: Option<&SigningKey>,
) -> Vec<u8> {
    let payload = (buffer.len() - HEADER) as u64;
    let tagged = if tags.is_empty() { 0 } else { TAGGED };
    header.write(&mut buffer, payload, tagged | if key.is_some() { SIGNED } else { 0 });
    buffer.extend_from_slice(tags);
    let sum = XxHash3_64::oneshot(&buffer);
    buffer.extend_from_slice(&sum.to_le_bytes());
    if let Some(key) = key {
        let signature = key.sign(&buffer);
        buffer.extend_from_slice(&signature);
    }
    buffer
}

/// What is inside an envelope, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opened<'a> {
    pub(super) header: Header,
    pub(super) payload: &'a [u8],
    /// The section of tags; empty if there are none.
    pub(super) tags: &'a [u8],
}

/// What is inside, if nothing has happened to it.
///
/// The order matters: a payload is looked at only after its signature and checksum.
pub(super) fn open<'a>(bytes: &'a [u8], key: Option<&SigningKey>) -> Result<Opened<'a>, Reason> {
    if bytes.len() < AROUND || bytes[..4] != MAGIC {
        return Err(Reason::Damaged);
    }
    if bytes[4] != VERSION {
        return Err(Reason::Schema);
    }
    let flags = bytes[5];
    let signed = flags & SIGNED != 0;
    // Unsigned bytes are foreign to whoever signs; signed ones are good enough for all others.
    if key.is_some() && !signed {
        return Err(Reason::Damaged);
    }
    let end = bytes.len().checked_sub(if signed { SIGNATURE } else { 0 });
    let end = end.filter(|end| *end >= AROUND).ok_or(Reason::Damaged)?;
    let (summed, signature) = bytes.split_at(end);
    let (covered, sum) = summed.split_at(end - CHECKSUM);
    let (front, inside) = covered.split_at(HEADER);
    let length = usize::try_from(word(front, 64)).map_err(|_| Reason::Damaged)?;
    let (payload, tags) = inside.split_at_checked(length).ok_or(Reason::Damaged)?;
    if (flags & TAGGED != 0) == tags.is_empty() {
        return Err(Reason::Damaged);
    }
    if let Some(key) = key
        && !key.verify(summed, signature)
    {
        return Err(Reason::Damaged);
    }
    if word(sum, 0) != XxHash3_64::oneshot(covered) {
        return Err(Reason::Damaged);
    }
    let header = read(front)?;
    if !tags.is_empty() {
        tagged::check(tags)?;
    }
    Ok(Opened { header, payload, tags })
}

/// Whether bytes say that they have tags; whether that is true, [`open`] tells.
pub(super) fn is_tagged(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER && bytes[5] & TAGGED != 0
}

fn read(front: &[u8]) -> Result<Header, Reason> {
    let kind = match front[5] & !(SIGNED | TAGGED) {
        0 => Kind::Value,
        MANIFEST => Kind::Manifest,
        PAGE => Kind::Page,
        // Of a later larder.
        _ => return Err(Reason::Schema),
    };
    let mut digest = [0; 16];
    digest.copy_from_slice(&front[40..56]);
    Ok(Header {
        kind,
        codec: front[6],
        compression: front[7],
        created: word(front, 8),
        soft: word(front, 16),
        hard: word(front, 24),
        cost: word(front, 32),
        digest,
        print: word(front, 56),
        plain: word(front, 72),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> Header {
        Header {
            kind: Kind::Value,
            codec: 1,
            compression: 0,
            created: 0x0102,
            soft: 0x0304,
            hard: NEVER,
            cost: 7,
            digest: *b"sixteen bytes...",
            print: 0x1122_3344_5566_7788,
            plain: 3,
        }
    }

    fn sealed(payload: &[u8], key: Option<&SigningKey>) -> Vec<u8> {
        let mut buffer = begin(payload.len());
        buffer.extend_from_slice(payload);
        seal(buffer, &header(), key)
    }

    fn key() -> SigningKey {
        SigningKey::new([7; 32])
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_bytes_of_version_two_never_change() {
        let golden = concat!(
            "4c524452",
            "02",
            "00",
            "01",
            "00", // magic, version, flags, codec, compression
            "0201000000000000",
            "0403000000000000",
            "ffffffffffffffff",                 // created, soft, hard
            "0700000000000000",                 // cost
            "7369787465656e2062797465732e2e2e", // digest
            "8877665544332211",
            "0300000000000000",
            "0300000000000000", // print, lengths
            "616263",
            "adad9d9ba9064ea1", // checksum
        );
        assert_eq!(hex(&sealed(b"abc", None)), golden);
    }

    #[test]
    fn the_bytes_of_a_signed_envelope_never_change() {
        let bytes = sealed(b"abc", Some(&key()));
        assert_eq!(hex(&bytes[4..8]), "02010100");
        assert_eq!(hex(&bytes[83..91]), "596577680035776a");
        assert_eq!(
            hex(&bytes[91..]),
            "62ab74182510785daf6dd93fd5ba6b1da2854f707b0097c6dee6b69ebe2f73cb"
        );
    }

    /// With the tags `team`, seen at version 5, and `user:7`, seen at the last there is.
    fn sealed_tagged(payload: &[u8], key: Option<&SigningKey>) -> Vec<u8> {
        let mut buffer = begin(payload.len());
        buffer.extend_from_slice(payload);
        let tags = tagged::section([("team", 5), ("user:7", u64::MAX)]).unwrap();
        seal_tagged(buffer, &header(), &tags, key)
    }

    #[test]
    fn the_bytes_of_a_tagged_envelope_never_change() {
        let bytes = sealed_tagged(b"abc", None);
        assert_eq!(hex(&bytes[4..8]), "02080100", "version, flags, codec, compression");
        assert_eq!(hex(&bytes[64..72]), "0300000000000000", "the payload alone");
        let tags = concat!(
            "02", // how many
            "04",
            "7465616d",
            "0500000000000000", // length of the name, name, version
            "06",
            "757365723a37",
            "ffffffffffffffff",
        );
        assert_eq!(hex(&bytes[80..]), format!("616263{tags}a6130b96e3616f8b"));
        let signed = sealed_tagged(b"abc", Some(&key()));
        assert_eq!(hex(&signed[4..8]), "02090100");
        assert_eq!(signed.len(), bytes.len() + SIGNATURE);
        assert_eq!(
            hex(&signed[bytes.len()..]),
            "c7e3c0c5e72c455429506d9a0aa775415da96780f9ee6e7aa371a5a3470168e8"
        );
    }

    #[test]
    fn tags_are_found_again_behind_the_payload() {
        for key in [None, Some(&key())] {
            let bytes = sealed_tagged(b"abc", key);
            let opened = open(&bytes, key).unwrap();
            assert_eq!((opened.header, opened.payload), (header(), &b"abc"[..]));
            let tags = tagged::read(opened.tags).collect::<Vec<_>>();
            assert_eq!(tags, [("team", 5), ("user:7", u64::MAX)]);
        }
    }

    #[test]
    fn a_flag_without_tags_and_tags_without_a_flag_are_damage() {
        let mut without = sealed(b"abc", None);
        without[5] |= TAGGED;
        let mut unsaid = sealed_tagged(b"abc", None);
        unsaid[5] &= !TAGGED;
        for bytes in [&mut without, &mut unsaid] {
            let sum = bytes.len() - CHECKSUM;
            let right = XxHash3_64::oneshot(&bytes[..sum]);
            put_word(bytes, sum, right);
            assert_eq!(open(bytes, None), Err(Reason::Damaged));
        }
    }

    #[test]
    fn what_was_sealed_is_found_again() {
        for key in [None, Some(&key())] {
            for kind in [Kind::Value, Kind::Manifest, Kind::Page] {
                let header = Header { kind, ..header() };
                let mut buffer = begin(3);
                buffer.extend_from_slice(b"abc");
                let bytes = seal(buffer, &header, key);
                let opened = Opened { header, payload: b"abc", tags: b"" };
                assert_eq!(open(&bytes, key), Ok(opened));
            }
        }
    }

    #[test]
    fn another_version_is_another_schema_and_no_damage() {
        for version in [1, 3] {
            let mut bytes = sealed(b"abc", None);
            bytes[4] = version;
            assert_eq!(open(&bytes, None), Err(Reason::Schema));
        }
    }

    #[test]
    fn c75_foreign_and_missing_signatures_are_damage() {
        let other = SigningKey::new([8; 32]);
        assert_eq!(open(&sealed(b"abc", Some(&other)), Some(&key())), Err(Reason::Damaged));
        assert_eq!(open(&sealed(b"abc", None), Some(&key())), Err(Reason::Damaged));
        assert!(open(&sealed(b"abc", Some(&key())), None).is_ok());
    }

    proptest! {
        #[test]
        fn x16_no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), signed: bool) {
            let key = signed.then(key);
            prop_assert!(open(&bytes, key.as_ref()).is_err());
        }

        #[test]
        fn x16_bytes_behind_a_true_beginning_are_no_value(
            tail in prop::collection::vec(any::<u8>(), 0..300), flags in 0_u8..16, signed: bool
        ) {
            let mut bytes = [&MAGIC[..], &[VERSION, flags]].concat();
            bytes.extend(tail);
            let key = signed.then(key);
            prop_assert!(open(&bytes, key.as_ref()).is_err());
        }

        #[test]
        fn x16_a_flipped_bit_is_never_a_value(
            payload in prop::collection::vec(any::<u8>(), 0..100), at: prop::sample::Index, bit in 0_u8..8,
            signed: bool, tagged: bool
        ) {
            let key = signed.then(key);
            let mut bytes = match tagged {
                true => sealed_tagged(&payload, key.as_ref()),
                false => sealed(&payload, key.as_ref()),
            };
            // Without a key, nobody looks at a signature.
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(open(&bytes, key.as_ref()).is_err(), "byte {at}");
        }

        #[test]
        fn x16_a_truncated_envelope_is_damaged(
            payload in prop::collection::vec(any::<u8>(), 0..100), at: prop::sample::Index, signed: bool
        ) {
            let key = signed.then(key);
            let bytes = sealed(&payload, key.as_ref());
            let end = at.index(bytes.len());
            prop_assert_eq!(open(&bytes[..end], key.as_ref()), Err(Reason::Damaged));
        }
    }
}
