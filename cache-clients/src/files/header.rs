//! What stands before the bytes of a value in its file: 56 bytes, then the key.

use std::time::Duration;
use twox_hash::XxHash3_64;

const MAGIC: [u8; 4] = *b"lrdf";
const VERSION: u8 = 1;
const STALE: u8 = 1;

/// The part before the key.
pub(super) const FIXED: usize = 56;
/// The part of it that is checked, before the check itself.
const CHECKED: usize = 48;
/// The longest key.
pub(super) const MAX_KEY: usize = 200;

/// Little endian throughout: magic, version, flags, length of the key, where the bytes begin, how
/// long they are, token, expiry, spare, check over all of it and the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// Where the bytes begin.
    pub(super) offset: u32,
    /// How many there are.
    pub(super) len: u64,
    pub(super) token: u64,
    /// Milliseconds since 1970; [`NEVER`] for no end.
    pub(super) expires: u64,
    pub(super) stale: bool,
}

/// An expiry that does not come.
pub(super) const NEVER: u64 = u64::MAX;

/// When what is kept from `now` for so long is over: rounded up, so that it is never early.
pub(super) fn expiry(now: Duration, keep: Option<Duration>) -> u64 {
    let Some(end) = keep.and_then(|keep| now.checked_add(keep)) else { return NEVER };
    u64::try_from(end.as_nanos().div_ceil(1_000_000)).unwrap_or(NEVER)
}

/// The time as expiries are compared with it.
pub(super) fn millis(now: Duration) -> u64 {
    u64::try_from(now.as_millis()).unwrap_or(NEVER)
}

impl Header {
    /// The header and the key behind it.
    pub(super) fn encode(&self, key: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED + key.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.push(VERSION);
        bytes.push(if self.stale { STALE } else { 0 });
        // Keys are at most 200 bytes.
        bytes.extend_from_slice(&(key.len() as u16).to_le_bytes());
        bytes.extend_from_slice(&self.offset.to_le_bytes());
        bytes.extend_from_slice(&0_u32.to_le_bytes());
        bytes.extend_from_slice(&self.len.to_le_bytes());
        bytes.extend_from_slice(&self.token.to_le_bytes());
        bytes.extend_from_slice(&self.expires.to_le_bytes());
        bytes.extend_from_slice(&0_u64.to_le_bytes());
        let check = check(&bytes[..CHECKED], key.as_bytes());
        bytes.extend_from_slice(&check.to_le_bytes());
        bytes.extend_from_slice(key.as_bytes());
        bytes
    }

    /// The header and the key of a file that is so long, from its first bytes; else what is wrong.
    pub(super) fn decode(bytes: &[u8], size: u64) -> Result<(Header, &[u8]), &'static str> {
        let fixed = bytes.get(..FIXED).ok_or("shorter than a header")?;
        if fixed[..4] != MAGIC {
            return Err("not a value of larder");
        }
        if fixed[4] != VERSION {
            return Err("of another version");
        }
        let key_len = usize::from(u16::from_le_bytes([fixed[6], fixed[7]]));
        if key_len > MAX_KEY {
            return Err("of a longer key than there is");
        }
        let key = bytes.get(FIXED..FIXED + key_len).ok_or("shorter than its key")?;
        if u64_at(fixed, CHECKED) != check(&fixed[..CHECKED], key) {
            return Err("its header is damaged");
        }
        let header = Header {
            offset: u64_at(fixed, 8) as u32,
            len: u64_at(fixed, 16),
            token: u64_at(fixed, 24),
            expires: u64_at(fixed, 32),
            stale: fixed[5] & STALE != 0,
        };
        if u64::from(header.offset).checked_add(header.len) != Some(size) {
            return Err("of another length than its header says");
        }
        Ok((header, key))
    }

    pub(super) fn is_over(&self, now: Duration) -> bool {
        self.expires <= millis(now)
    }
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

fn check(fixed: &[u8], key: &[u8]) -> u64 {
    // At once: hashing piece by piece costs twice as much.
    let mut all = [0; CHECKED + MAX_KEY];
    let end = CHECKED + key.len().min(MAX_KEY);
    all[..CHECKED].copy_from_slice(fixed);
    all[CHECKED..end].copy_from_slice(&key[..end - CHECKED]);
    XxHash3_64::oneshot(&all[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header { offset: 59, len: 5, token: 7, expires: 1000, stale: true }
    }

    #[test]
    fn a_header_comes_back_as_it_was() {
        let bytes = header().encode("abc");
        assert_eq!(bytes.len(), 59);
        assert_eq!(Header::decode(&bytes, 64), Ok((header(), &b"abc"[..])));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let good = header().encode("abc");
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&bytes, 64).is_err(), "bit {bit}");
        }
        for len in 0..good.len() {
            assert!(Header::decode(&good[..len], 64).is_err(), "{len} bytes");
        }
        assert!(Header::decode(&good, 63).is_err());
    }

    #[test]
    fn the_layout_of_a_header_is_this_one() {
        let bytes = Header { offset: 57, len: 2, token: 3, expires: 4, stale: false }.encode("k");
        let expected = "6c726466 01 00 0100 39000000 00000000 0200000000000000 0300000000000000 \
                        0400000000000000 0000000000000000";
        let hex: String = bytes[..48].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected.replace(' ', ""));
        assert_eq!(&bytes[56..], b"k");
    }

    #[test]
    fn an_expiry_is_never_early() {
        let now = Duration::from_micros(10_500);
        assert_eq!(expiry(now, Some(Duration::from_millis(1))), 12);
        assert_eq!(expiry(now, Some(Duration::MAX)), NEVER);
        assert_eq!(expiry(now, None), NEVER);
    }
}
