//! Putting a value: written first, without a lock; then, under the lock, compared and renamed.

use super::at::{self, doing};
use super::entry::{Found, Probe, probe};
use super::header::{FIXED, Header, expiry, millis};
use super::layout::Place;
use super::lease::Leases;
use super::lock::Held;
use super::options::Mapping;
use super::shared::{Shared, in_time, size_of};
use super::temp::{Temp, stamp};
use super::usage::Slot;
use crate::server::{Put, When};
use bytes::Bytes;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// So often room is made for a value that others fill at once; then it goes over the capacity.
const ROUNDS: usize = 8;
/// Up to this, header and value are written in one go.
const SMALL: usize = 64 << 10;
/// Copied files begin here, so that file systems can share their blocks with the source.
const BLOCK: u32 = 4096;

/// A value that is written, and has no name yet.
struct Written {
    temp: Temp,
    size: u64,
}

impl Shared {
    pub(super) fn put(&self, put: &Put, until: Instant) -> io::Result<bool> {
        let place = self.place(&put.key)?;
        let header = Header {
            offset: (FIXED + put.key.len()) as u32,
            len: put.bytes.len() as u64,
            token: self.token(),
            expires: expiry(self.now(), put.keep),
            stale: false,
        };
        self.check_size(header.len + u64::from(header.offset))?;
        let written = self.write(&header, &put.key, &put.bytes)?;
        self.commit(written, &put.key, &place, put.when, until)
    }

    /// Copies a file into the cache, by the system where it can.
    pub(super) fn put_file(
        &self,
        (key, source): (&str, &Path),
        (keep, when): (Option<Duration>, When),
        until: Instant,
    ) -> io::Result<bool> {
        let place = self.place(key)?;
        let mut from = File::open(source).map_err(doing("open", source))?;
        let about = from.metadata().map_err(doing("look at", source))?;
        if !about.is_file() {
            let what = format!("{} is not a file", source.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        self.check_size(about.len() + u64::from(BLOCK))?;
        let temp = Temp::new(&self.layout.temp, self.token())?;
        let mut to = temp.file();
        to.seek(SeekFrom::Start(u64::from(BLOCK)))?;
        let len = io::copy(&mut from, &mut to).map_err(doing("copy", source))?;
        let expires = expiry(self.now(), keep);
        let header = Header { offset: BLOCK, len, token: self.token(), expires, stale: false };
        // An empty source leaves nothing behind the header, so the length is said.
        to.set_len(u64::from(BLOCK) + len)?;
        at::write_all(to, &header.encode(key), 0)?;
        stamp(to, self.now(), expires)?;
        let size = u64::from(BLOCK) + len;
        self.commit(Written { temp, size }, key, &place, when, until)
    }

    fn check_size(&self, size: u64) -> io::Result<()> {
        let capacity = self.options.capacity;
        if size <= capacity {
            return Ok(());
        }
        Err(io::Error::other(format!("a value of {size} bytes in a capacity of {capacity}")))
    }

    fn write(&self, header: &Header, key: &str, bytes: &Bytes) -> io::Result<Written> {
        let temp = Temp::new(&self.layout.temp, header.token)?;
        let mut file = temp.file();
        let mut head = header.encode(key);
        let size = (head.len() + bytes.len()) as u64;
        let written = if bytes.len() <= SMALL {
            head.extend_from_slice(bytes);
            file.write_all(&head)
        } else {
            file.write_all(&head).and_then(|()| file.write_all(bytes))
        };
        written.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot write a value of {size} bytes: {error}"))
        })?;
        stamp(file, self.now(), header.expires)?;
        Ok(Written { temp, size })
    }

    fn commit(
        &self,
        mut written: Written,
        key: &str,
        place: &Place,
        when: When,
        until: Instant,
    ) -> io::Result<bool> {
        for round in 0.. {
            let held = self.lock(place.stripe, until)?;
            let mut leases = Leases::read(&held)?;
            if !self.holds(when, key, place, &leases)? {
                return Ok(false);
            }
            in_time(until)?;
            let old = size_of(place)?.unwrap_or(0);
            let used = self.used(&held, place.stripe)?;
            let counts = (used, (used + written.size).saturating_sub(old));
            // Said before it is looked whether there is room: of two who fill the last room at
            // once, at least one sees the other.
            self.usage.set(place.stripe, Slot::Changing(used + written.size))?;
            if round < ROUNDS && !self.fits(old)? {
                let none = Err(io::ErrorKind::StorageFull.into());
                let _ = self.settle(&held, place.stripe, counts, none);
                drop(held);
                self.make_room(written.size.saturating_sub(old), until)?;
                continue;
            }
            // The lease first: nobody may keep a lease over a value that is newer than it.
            let ended = match when {
                When::Renewed(_) => Ok(()),
                When::Always | When::Absent | When::Token(_) => leases.end(place.digest),
            };
            let placed = ended.and_then(|()| written.temp.place(&place.path));
            self.settle(&held, place.stripe, counts, placed)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Whether all that is there, and is about to be, fits when `old` bytes are replaced.
    fn fits(&self, old: u64) -> io::Result<bool> {
        let total = self.usage.total()?;
        // A damaged count is made again where room is made.
        let known = total.damaged.is_empty();
        Ok(known && total.bytes.saturating_sub(old) <= self.options.capacity)
    }

    fn holds(&self, when: When, key: &str, place: &Place, leases: &Leases<'_>) -> io::Result<bool> {
        match when {
            When::Always => Ok(true),
            When::Absent => Ok(self.alive(key, place)?.is_none()),
            When::Token(token) => {
                if leases.find(place.digest).is_some_and(|lease| lease.token == token) {
                    return Ok(true);
                }
                self.is_of(token, key, place)
            }
            When::Renewed(token) => self.is_of(token, key, place),
        }
    }

    fn is_of(&self, token: u64, key: &str, place: &Place) -> io::Result<bool> {
        Ok(self.alive(key, place)?.is_some_and(|found| found.header.token == token))
    }

    /// The value of a key that is not over.
    pub(super) fn alive(&self, key: &str, place: &Place) -> io::Result<Option<Found>> {
        let found = match probe(&place.path, key, Mapping::Off)? {
            Probe::Found(found) => Some(found),
            Probe::Nothing | Probe::Damaged => None,
        };
        Ok(found.filter(|found| !found.header.is_over(self.now())))
    }

    /// The value of a key of a locked stripe; what is damaged is removed.
    pub(super) fn alive_or_removed(
        &self,
        held: &Held<'_>,
        key: &str,
        place: &Place,
    ) -> io::Result<Option<Found>> {
        if matches!(probe(&place.path, key, Mapping::Off)?, Probe::Damaged) {
            self.remove(held, place)?;
        }
        self.alive(key, place)
    }

    pub(super) fn now_millis(&self) -> u64 {
        millis(self.now())
    }
}
