//! The small changes: remove, make stale, give a lease back; each under its stripe's lock.

use super::at::{self, doing};
use super::entry::Found;
use super::header::expiry;
use super::lease::Leases;
use super::scan::nanos;
use super::shared::{Shared, in_time};
use super::temp::stamp;
use std::fs::OpenOptions;
use std::io;
use std::time::{Duration, Instant};

impl Shared {
    pub(super) fn delete(&self, key: &str, until: Instant) -> io::Result<bool> {
        let place = self.place(key)?;
        let held = self.lock(place.stripe, until)?;
        in_time(until)?;
        let alive = self.alive(key, &place)?.is_some();
        Leases::read(&held)?.end(place.digest)?;
        self.remove(&held, &place)?;
        Ok(alive)
    }

    /// Removes the value of this token, unless somebody is about to replace it.
    pub(super) fn discard(&self, key: &str, token: u64, until: Instant) -> io::Result<bool> {
        let place = self.place(key)?;
        let held = self.lock(place.stripe, until)?;
        in_time(until)?;
        let same = |found: Found| found.header.token == token;
        let leased = Leases::read(&held)?
            .find(place.digest)
            .is_some_and(|lease| lease.ends > self.now_millis());
        if leased || !self.alive(key, &place)?.is_some_and(same) {
            return Ok(false);
        }
        self.remove(&held, &place)
    }

    /// Rewrites the header in its place; the bytes of the value, which may be mapped, stay as they
    /// are. Who reads without the lock in this moment sees a wrong check, and looks again with it.
    pub(super) fn expire(&self, key: &str, keep: Duration, until: Instant) -> io::Result<bool> {
        let place = self.place(key)?;
        let held = self.lock(place.stripe, until)?;
        in_time(until)?;
        let found = self.alive_or_removed(&held, key, &place)?;
        Leases::read(&held)?.end(place.digest)?;
        let Some(found) = found else { return Ok(false) };
        let mut header = found.header;
        header.stale = true;
        header.token = self.token();
        header.expires = expiry(self.now(), Some(keep));
        let open = OpenOptions::new().write(true).open(&place.path);
        let file = open.map_err(doing("open", &place.path))?;
        at::write_all(&file, &header.encode(key), 0).map_err(doing("write", &place.path))?;
        // That was no use of the value.
        stamp(&file, Duration::from_nanos(nanos(found.modified)), header.expires)?;
        Ok(true)
    }

    pub(super) fn release(&self, key: &str, token: u64, until: Instant) -> io::Result<()> {
        let place = self.place(key)?;
        let held = self.lock(place.stripe, until)?;
        let mut leases = Leases::read(&held)?;
        if leases.find(place.digest).is_some_and(|lease| lease.token == token) {
            leases.end(place.digest)?;
        }
        Ok(())
    }
}
