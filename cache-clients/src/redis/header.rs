//! What stands before the value in the server's string: 24 bytes that say which version of the
//! value this is, whether it is stale, and who has the lease.
//!
//! | bytes | |
//! |---|---|
//! | 0 | [`MARK`], so that a string of somebody else is seen as such |
//! | 1 | 0 fresh, 1 stale, 2 a lease over nothing |
//! | 2..10 | the token of the value |
//! | 10..18 | the token of the lease, zero for none |
//! | 18..24 | the end of the lease, milliseconds of the server's clock since 1970 |

use crate::server::Stored;
use bytes::Bytes;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) const LENGTH: usize = 24;
pub(super) const MARK: u8 = 0xA1;
const STALE: u8 = 1;
const LEASE_ONLY: u8 = 2;

/// The header of a value that was just put.
pub(super) fn fresh(token: u64) -> [u8; LENGTH] {
    let mut header = [0; LENGTH];
    header[0] = MARK;
    header[2..10].copy_from_slice(&token.to_be_bytes());
    header
}

/// The header of a value that was just made stale.
pub(super) fn stale(token: u64) -> [u8; LENGTH] {
    let mut header = fresh(token);
    header[1] = STALE;
    header
}

/// The header that alone is the string of a key that has a lease and no value, as the script for
/// claims makes it.
#[cfg(test)]
pub(super) fn lease_only(token: u64) -> [u8; LENGTH] {
    let mut header = fresh(token);
    header[1] = LEASE_ONLY;
    header[10..18].copy_from_slice(&token.to_be_bytes());
    header
}

/// The value in a string of the server; `None` if it is only a lease, or not ours.
pub(super) fn read(string: Vec<u8>) -> Option<Stored> {
    let string = Bytes::from(string);
    let header = string.get(..LENGTH)?;
    if header[0] != MARK || header[1] >= LEASE_ONLY {
        return None;
    }
    let token = u64::from_be_bytes(header[2..10].try_into().ok()?);
    let stale = header[1] == STALE;
    Some(Stored { bytes: string.slice(LENGTH..), token, stale })
}

/// A token that no key ever had: random, since a server that evicts remembers nothing, and never zero.
pub(super) fn token() -> u64 {
    static RANDOM: OnceLock<RandomState> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    RANDOM.get_or_init(RandomState::new).hash_one(number).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(header: [u8; LENGTH], bytes: &[u8]) -> Vec<u8> {
        [&header[..], bytes].concat()
    }

    #[test]
    fn a_value_is_read_as_it_was_put() {
        let found = read(string(fresh(7), b"value")).unwrap();
        assert_eq!(found, Stored { bytes: "value".into(), token: 7, stale: false });
        assert!(read(string(stale(7), b"")).unwrap().stale);
    }

    #[test]
    fn a_lease_over_nothing_is_no_value() {
        assert_eq!(read(lease_only(7).to_vec()), None);
    }

    #[test]
    fn what_somebody_else_put_is_no_value() {
        assert_eq!(read(b"a string of another program".to_vec()), None);
        assert_eq!(read(vec![MARK; LENGTH]), None);
        assert_eq!(read(vec![MARK, 0]), None);
        assert_eq!(read(Vec::new()), None);
    }

    #[test]
    fn tokens_do_not_repeat() {
        let tokens: std::collections::HashSet<_> = (0..100_000).map(|_| token()).collect();
        assert_eq!(tokens.len(), 100_000);
    }
}
