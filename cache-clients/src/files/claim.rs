//! Reads without a lock, and reads with a lease under the stripe's lock.

use super::entry::{Found, Probe, probe};
use super::header::expiry;
use super::layout::Place;
use super::lease::{Lease, Leases};
use super::lock::Held;
use super::options::Mapping;
use super::scan::nanos;
use super::shared::{Shared, in_time};
use crate::server::{Answer, Claim, Leased, Stored};
use std::fs::FileTimes;
use std::io;
use std::time::{Duration, Instant, UNIX_EPOCH};

impl Shared {
    /// The answer, if it needs no lock: files are renamed into place, so that each is whole.
    pub(super) fn glance(&self, key: &str, claim: Claim) -> io::Result<Option<Answer>> {
        if matches!(claim, Claim::Refresh(_) | Claim::Replace(_)) {
            return Ok(None);
        }
        let place = self.place(key)?;
        let now = self.now();
        let found = match probe(&place.path, key, self.options.mapping)? {
            Probe::Found(found) => Some(found).filter(|found| !found.header.is_over(now)),
            Probe::Nothing => None,
            // Maybe it is being made stale in this moment.
            Probe::Damaged => return Ok(None),
        };
        let fresh = found.as_ref().is_some_and(|found| !found.header.stale);
        if !fresh && claim != Claim::Nothing {
            return Ok(None);
        }
        self.answer(found, Leased::No, now).map(Some)
    }

    /// The value, stale or not.
    pub(super) fn look(&self, key: &str, until: Instant) -> io::Result<Option<Found>> {
        let place = self.place(key)?;
        match probe(&place.path, key, Mapping::Off)? {
            Probe::Found(found) => {
                Ok(Some(found).filter(|found| !found.header.is_over(self.now())))
            }
            Probe::Nothing => Ok(None),
            Probe::Damaged => {
                let _held = self.lock(place.stripe, until)?;
                self.alive(key, &place)
            }
        }
    }

    /// The answer, and the lease if it is to be had.
    pub(super) fn claim(&self, key: &str, claim: Claim, until: Instant) -> io::Result<Answer> {
        let place = self.place(key)?;
        let held = self.lock(place.stripe, until)?;
        in_time(until)?;
        let found = self.alive_or_removed(&held, key, &place)?;
        let fresh = found.as_ref().is_some_and(|found| !found.header.stale);
        let leased = match claim {
            Claim::Nothing => Leased::No,
            Claim::Missing(_) if fresh => Leased::No,
            Claim::Missing(time) | Claim::Refresh(time) => self.lease(&held, &place, time)?,
            Claim::Replace(time) => {
                // Whoever has it computes for nothing: his token is worthless.
                Leases::read(&held)?.end(place.digest)?;
                self.lease(&held, &place, time)?
            }
        };
        drop(held);
        // Its bytes never change, so they are read when others may have the lock.
        self.answer(found, leased, self.now())
    }

    fn lease(&self, held: &Held<'_>, place: &Place, time: Duration) -> io::Result<Leased> {
        let mut leases = Leases::read(held)?;
        let now = self.now_millis();
        if leases.find(place.digest).is_some_and(|lease| lease.ends > now) {
            return Ok(Leased::Taken);
        }
        let token = self.token();
        let ends = expiry(self.now(), Some(time));
        leases.set(Lease { digest: place.digest, token, ends }, now)?;
        Ok(Leased::Won(token))
    }

    fn answer(&self, found: Option<Found>, leased: Leased, now: Duration) -> io::Result<Answer> {
        let Some(found) = found else { return Ok(Answer { stored: None, leased }) };
        self.touch(&found, now);
        let (token, stale) = (found.header.token, found.header.stale);
        let bytes = found.bytes(self.options.mapping)?;
        Ok(Answer { stored: Some(Stored { bytes, token, stale }), leased })
    }

    /// Notes that a value is in use, unless that was noted a moment ago.
    pub(super) fn touch(&self, found: &Found, now: Duration) {
        let noted = Duration::from_nanos(nanos(found.modified));
        if now.abs_diff(noted) < self.options.touch {
            return;
        }
        // Somebody else's file, or a disk that cannot be written: then it counts as less recent.
        let _ = found.file.set_times(FileTimes::new().set_modified(UNIX_EPOCH + now));
    }
}
