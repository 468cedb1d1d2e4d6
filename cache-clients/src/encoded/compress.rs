//! Compression: only what is long enough, and only when it gets smaller.

use super::envelope::HEADER;
use cache_core::Reason;
use std::borrow::Cow;

/// How values are compressed.
///
/// ```
/// use cache_clients::encoded::{Compression, EncodedOptions};
/// let options = EncodedOptions::new().with_compression(Compression::Off);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    Off,
    /// lz4, about 1 GB/s, from so many bytes on.
    Lz4 {
        /// Shorter values are left alone.
        from: usize,
    },
    /// zstd, smaller and some times slower than lz4, from so many bytes on.
    #[cfg(feature = "zstd")]
    Zstd {
        /// Shorter values are left alone.
        from: usize,
        /// From 1, fast, to 22, small.
        level: i32,
    },
}

/// Below, a value travels in one packet or two whether it is compressed or not, and lz4 would be the
/// larger part of what it costs to encode and decode it.
const THRESHOLD: usize = 2048;

/// No value decompresses to more than this, whatever its header says.
pub(super) const LARGEST: u64 = 1 << 30;

/// lz4 makes nothing smaller than by this: a header that says so lies, and gets no memory for it.
const LZ4_BEST: usize = 255;

pub(super) const NONE: u8 = 0;
pub(super) const LZ4: u8 = 1;
#[cfg(feature = "zstd")]
pub(super) const ZSTD: u8 = 2;

impl Default for Compression {
    fn default() -> Self {
        Compression::Lz4 { from: THRESHOLD }
    }
}

impl Compression {
    /// Compresses what is behind the room for the header, or leaves it; says which.
    pub(super) fn pack(self, buffer: Vec<u8>) -> (Vec<u8>, u8) {
        let plain = &buffer[HEADER..];
        let packed = match self {
            Compression::Off => None,
            Compression::Lz4 { from } => (plain.len() >= from).then(|| lz4(plain)).flatten(),
            #[cfg(feature = "zstd")]
            Compression::Zstd { from, level } => {
                (plain.len() >= from).then(|| zstd_pack(plain, level)).flatten()
            }
        };
        // What decompression would refuse stays as it is.
        match packed.filter(|(packed, _)| packed.len() < buffer.len()) {
            Some((packed, by)) if plain.len() as u64 <= LARGEST => (packed, by),
            _ => (buffer, NONE),
        }
    }
}

fn lz4(plain: &[u8]) -> Option<(Vec<u8>, u8)> {
    let most = lz4_flex::block::get_maximum_output_size(plain.len());
    let mut packed = vec![0; HEADER + most];
    let length = lz4_flex::block::compress_into(plain, &mut packed[HEADER..]).ok()?;
    packed.truncate(HEADER + length);
    Some((packed, LZ4))
}

#[cfg(feature = "zstd")]
fn zstd_pack(plain: &[u8], level: i32) -> Option<(Vec<u8>, u8)> {
    let mut packed = vec![0; HEADER + zstd::zstd_safe::compress_bound(plain.len())];
    let length = zstd::bulk::compress_to_buffer(plain, &mut packed[HEADER..], level).ok()?;
    packed.truncate(HEADER + length);
    Some((packed, ZSTD))
}

/// The payload before it was compressed: as long as its header says, and never longer.
pub(super) fn unpack(by: u8, payload: &[u8], plain: u64) -> Result<Cow<'_, [u8]>, Reason> {
    if by == NONE {
        return match payload.len() as u64 == plain {
            true => Ok(Cow::Borrowed(payload)),
            false => Err(Reason::Damaged),
        };
    }
    let length = usize::try_from(plain).ok().filter(|_| plain <= LARGEST).ok_or(Reason::Damaged)?;
    let unpacked = match by {
        LZ4 if length / LZ4_BEST > payload.len() => None,
        LZ4 => lz4_flex::block::decompress(payload, length).ok(),
        #[cfg(feature = "zstd")]
        ZSTD => zstd::bulk::decompress(payload, length).ok(),
        // Of a program that has more features than this one, or of a later one.
        _ => return Err(Reason::Schema),
    };
    unpacked.filter(|bytes| bytes.len() == length).map(Cow::Owned).ok_or(Reason::Damaged)
}

#[cfg(test)]
mod tests {
    use super::super::envelope;
    use super::*;
    use proptest::prelude::*;

    fn buffer(payload: &[u8]) -> Vec<u8> {
        let mut buffer = envelope::begin(payload.len());
        buffer.extend_from_slice(payload);
        buffer
    }

    fn all() -> Vec<Compression> {
        vec![
            Compression::Off,
            Compression::Lz4 { from: 0 },
            #[cfg(feature = "zstd")]
            Compression::Zstd { from: 0, level: 3 },
        ]
    }

    #[test]
    fn text_gets_smaller_from_the_threshold_on() {
        let text = |length: usize| buffer("larder ".repeat(length).as_bytes());
        let default = Compression::default();
        assert_eq!(default.pack(text(10)).1, NONE);
        let (packed, by) = default.pack(text(1000));
        assert!(by == LZ4 && packed.len() < 1000 + HEADER, "{}", packed.len());
    }

    #[test]
    fn what_does_not_get_smaller_stays() {
        let noise: Vec<u8> = (0..200_u64)
            .flat_map(|n| blake3::hash(&n.to_le_bytes()).as_bytes().to_owned())
            .collect();
        for compression in all() {
            let (packed, by) = compression.pack(buffer(&noise));
            assert_eq!((by, &packed[HEADER..]), (NONE, &noise[..]));
        }
    }

    #[test]
    fn a_length_that_lies_allocates_nothing() {
        let (packed, by) = Compression::Lz4 { from: 0 }.pack(buffer(&[0; 4096]));
        assert_eq!(unpack(by, &packed[HEADER..], u64::MAX), Err(Reason::Damaged));
        assert_eq!(unpack(by, &packed[HEADER..], 4095), Err(Reason::Damaged));
        assert_eq!(unpack(by, &packed[HEADER..], 4097), Err(Reason::Damaged));
        assert_eq!(unpack(9, &packed[HEADER..], 4096), Err(Reason::Schema));
    }

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked(seed in prop::collection::vec(any::<u8>(), 0..50), times in 1_usize..40) {
            let payload = seed.repeat(times);
            for compression in all() {
                let (packed, by) = compression.pack(buffer(&payload));
                let unpacked = unpack(by, &packed[HEADER..], payload.len() as u64);
                prop_assert_eq!(unpacked.unwrap().into_owned(), payload.clone());
            }
        }

        #[test]
        fn no_bytes_make_it_panic(payload in prop::collection::vec(any::<u8>(), 0..300), plain in 0_u64..10_000, by in 0_u8..4) {
            let _ = unpack(by, &payload, plain);
        }
    }
}
