//! Making room: what is over goes first, then what was used least recently; one process at a time.
//!
//! A scan remembers the files that were used least recently. What is put or read later is more
//! recent than all of them, so they stay the right ones until the list is used up, except for those
//! whose time has changed.

use super::entry::{Probe, probe_any};
use super::layout::Place;
use super::lock::STRIPES;
use super::scan::{Seen, nanos};
use super::shared::{Shared, in_time};
use super::temp;
use std::collections::BinaryHeap;
use std::fs;
use std::io::{self, ErrorKind};
use std::time::Instant;

/// How many files a scan remembers, 48 bytes each.
const REMEMBERED: usize = 8192;

/// A file that may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    /// 0 when it is over, else when it was used: the lowest go first.
    rank: u64,
    used: u64,
    digest: u128,
}

/// What this process knows for the next time.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// The last one goes first.
    oldest: Vec<Candidate>,
    /// Where the next purge begins.
    stripe: usize,
}

impl Shared {
    /// Removes files until `incoming` more bytes fit, or there is nothing left to remove.
    pub(super) fn make_room(&self, incoming: u64, until: Instant) -> io::Result<()> {
        let late = || io::Error::new(ErrorKind::TimedOut, "room is being made for too long");
        let mut room = self.room.try_lock_until(until).ok_or_else(late)?;
        let _purging = self.purge.hold(until)?;
        self.evict_down(&mut room, incoming, until)
    }

    fn evict_down(&self, room: &mut Room, incoming: u64, until: Instant) -> io::Result<()> {
        while self.total(until)?.saturating_add(incoming) > self.options.capacity {
            in_time(until)?;
            if let Some(candidate) = room.oldest.pop() {
                self.evict(&candidate, until)?;
                continue;
            }
            room.oldest = self.oldest(until)?;
            if room.oldest.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// A scan of all files.
    fn oldest(&self, until: Instant) -> io::Result<Vec<Candidate>> {
        let now = u64::try_from(self.now().as_nanos()).unwrap_or(u64::MAX);
        let mut oldest = BinaryHeap::with_capacity(REMEMBERED + 1);
        for stripe in 0..STRIPES {
            in_time(until)?;
            for seen in self.survey(stripe, until)? {
                oldest.push(self.candidate(&seen, now));
                if oldest.len() > REMEMBERED {
                    oldest.pop();
                }
            }
        }
        let mut oldest = oldest.into_sorted_vec();
        oldest.reverse();
        Ok(oldest)
    }

    fn candidate(&self, seen: &Seen, now: u64) -> Candidate {
        // The system may have changed that time, so it is not taken at its word.
        let over = seen.over <= now && self.is_over(&self.layout.place_of(seen.digest));
        let rank = if over { 0 } else { seen.used.max(1) };
        Candidate { rank, used: seen.used, digest: seen.digest }
    }

    /// Whether a file holds nothing of value: by its header.
    fn is_over(&self, place: &Place) -> bool {
        match probe_any(&place.path) {
            Ok(Probe::Found(found)) => found.header.is_over(self.now()),
            Ok(Probe::Damaged) => true,
            Ok(Probe::Nothing) | Err(_) => false,
        }
    }

    fn evict(&self, candidate: &Candidate, until: Instant) -> io::Result<()> {
        let place = self.layout.place_of(candidate.digest);
        let held = self.lock(place.stripe, until)?;
        let used = fs::symlink_metadata(&place.path).and_then(|about| about.modified());
        // It was used, or replaced, or is gone: then it is none of the oldest.
        if used.map(nanos).is_ok_and(|used| used == candidate.used) {
            self.remove(&held, &place)?;
        }
        Ok(())
    }

    /// Removes what is over, what is damaged, and what dead writers left; says how many values were
    /// over. Nothing if somebody else is at it. What does not fit into the deadline is for the
    /// next time.
    pub(super) fn purge(&self, until: Instant) -> io::Result<usize> {
        let Some(mut room) = self.room.try_lock() else { return Ok(0) };
        let Some(_purging) = self.purge.try_hold()? else { return Ok(0) };
        temp::sweep(&self.layout.temp)?;
        let mut dropped = 0;
        for _ in 0..STRIPES {
            if in_time(until).is_err() {
                return Ok(dropped);
            }
            dropped += self.purge_stripe(room.stripe, until)?;
            room.stripe = (room.stripe + 1) % STRIPES;
        }
        self.evict_down(&mut room, 0, until)?;
        Ok(dropped)
    }

    fn purge_stripe(&self, stripe: usize, until: Instant) -> io::Result<usize> {
        let mut dropped = 0;
        for seen in self.survey(stripe, until)? {
            let place = self.layout.place_of(seen.digest);
            if !self.is_over(&place) {
                continue;
            }
            let held = self.lock(stripe, until)?;
            // Looked at again: somebody may have put a new one in between.
            match probe_any(&place.path)? {
                Probe::Found(found) if found.header.is_over(self.now()) => {
                    dropped += usize::from(self.remove(&held, &place)?);
                }
                Probe::Damaged => drop(self.remove(&held, &place)?),
                Probe::Found(_) | Probe::Nothing => {}
            }
        }
        Ok(dropped)
    }
}
