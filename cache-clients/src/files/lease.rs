//! The leases of a stripe: records in its lock file, read and written under its lock.

use super::at;
use super::header::u64_at;
use super::lock::Held;
use std::io;
use twox_hash::XxHash3_64;

/// Digest, token, end in milliseconds since 1970, check.
const RECORD: usize = 40;
/// More at once in one stripe, and the one that ends first is lost: its computation is not stored.
const MOST: usize = 16_384;

/// A lease in progress, or over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) digest: u128,
    pub(super) token: u64,
    /// Milliseconds since 1970.
    pub(super) ends: u64,
}

/// All leases of a locked stripe. A damaged record is none.
#[derive(Debug)]
pub(super) struct Leases<'a> {
    held: &'a Held<'a>,
    records: Vec<Option<Lease>>,
}

impl<'a> Leases<'a> {
    pub(super) fn read(held: &'a Held<'a>) -> io::Result<Self> {
        let file = held.file()?;
        let len = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        let mut bytes = vec![0; len.min(MOST * RECORD)];
        let filled = at::read(file, &mut bytes, 0)?;
        let records = bytes[..filled].chunks_exact(RECORD).map(decode).collect();
        Ok(Leases { held, records })
    }

    pub(super) fn find(&self, digest: u128) -> Option<Lease> {
        self.slot(digest).and_then(|slot| self.records[slot])
    }

    /// Gives the lease to a new owner.
    pub(super) fn set(&mut self, lease: Lease, now: u64) -> io::Result<()> {
        let slot = self.slot(lease.digest).unwrap_or_else(|| self.room(now));
        at::write_all(self.held.file()?, &encode(&lease), (slot * RECORD) as u64)?;
        if slot == self.records.len() {
            self.records.push(None);
        }
        self.records[slot] = Some(lease);
        Ok(())
    }

    /// Ends a lease, if there is one: its token is worthless.
    pub(super) fn end(&mut self, digest: u128) -> io::Result<()> {
        let Some(slot) = self.slot(digest) else { return Ok(()) };
        self.records[slot] = None;
        let mut kept = self.records.len();
        while kept > 0 && self.records[kept - 1].is_none() {
            kept -= 1;
        }
        if kept <= slot {
            self.records.truncate(kept);
            return self.held.file()?.set_len((kept * RECORD) as u64);
        }
        at::write_all(self.held.file()?, &[0; RECORD], (slot * RECORD) as u64)
    }

    fn slot(&self, digest: u128) -> Option<usize> {
        self.records.iter().position(|lease| lease.is_some_and(|lease| lease.digest == digest))
    }

    /// An empty record, else one that is over, else a new one, else the one that ends first.
    fn room(&self, now: u64) -> usize {
        let first = |(slot, lease): (usize, &Option<Lease>)| match lease {
            None => Some((0, slot)),
            Some(lease) if lease.ends <= now || self.records.len() >= MOST => {
                Some((lease.ends, slot))
            }
            Some(_) => None,
        };
        let best = self.records.iter().enumerate().filter_map(first).min();
        best.map_or(self.records.len(), |(_, slot)| slot)
    }
}

fn encode(lease: &Lease) -> [u8; RECORD] {
    let mut bytes = [0; RECORD];
    bytes[..16].copy_from_slice(&lease.digest.to_le_bytes());
    bytes[16..24].copy_from_slice(&lease.token.to_le_bytes());
    bytes[24..32].copy_from_slice(&lease.ends.to_le_bytes());
    let check = XxHash3_64::oneshot(&bytes[..32]);
    bytes[32..].copy_from_slice(&check.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Lease> {
    if u64_at(bytes, 32) != XxHash3_64::oneshot(&bytes[..32]) {
        return None;
    }
    let digest = u128::from(u64_at(bytes, 0)) | u128::from(u64_at(bytes, 8)) << 64;
    Some(Lease { digest, token: u64_at(bytes, 16), ends: u64_at(bytes, 24) })
}

#[cfg(test)]
mod tests {
    use super::super::lock::Lock;
    use super::*;
    use std::time::{Duration, Instant};

    fn lease(digest: u128, ends: u64) -> Lease {
        Lease { digest, token: digest as u64 + 100, ends }
    }

    #[test]
    fn leases_are_found_replaced_ended_and_their_room_is_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::new(folder.path().join("0"));
        let held = lock.hold(Instant::now() + Duration::from_secs(5)).unwrap();
        let mut leases = Leases::read(&held).unwrap();
        for digest in 1..=5 {
            leases.set(lease(digest, 50 + digest as u64), 0).unwrap();
        }
        leases.end(2).unwrap();
        leases.set(lease(4, 99), 0).unwrap();
        let mut leases = Leases::read(&held).unwrap();
        let found: Vec<_> = (1..=5).map(|digest| leases.find(digest)).collect();
        let expected =
            [Some(lease(1, 51)), None, Some(lease(3, 53)), Some(lease(4, 99)), Some(lease(5, 55))];
        assert_eq!(found, expected);
        // The empty record, then the one that is over.
        leases.set(lease(6, 99), 52).unwrap();
        leases.set(lease(7, 99), 52).unwrap();
        assert_eq!(leases.records.len(), 5);
        assert_eq!(leases.find(1), None);
        for digest in 3..=7 {
            leases.end(digest).unwrap();
        }
        assert_eq!(held.file().unwrap().metadata().unwrap().len(), 0);
    }

    #[test]
    fn a_damaged_record_is_no_lease() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::new(folder.path().join("0"));
        let held = lock.hold(Instant::now() + Duration::from_secs(5)).unwrap();
        Leases::read(&held).unwrap().set(lease(1, 50), 0).unwrap();
        at::write_all(held.file().unwrap(), b"x", 20).unwrap();
        assert_eq!(Leases::read(&held).unwrap().find(1), None);
    }
}
