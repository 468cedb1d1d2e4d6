//! What all clones of a `Files` share, and the counting of bytes under a stripe's lock.

use super::at::doing;
use super::header::MAX_KEY;
use super::layout::{Layout, Place};
use super::lock::{Held, Lock};
use super::options::FilesOptions;
use super::room::Room;
use super::usage::{Slot, Total, Usage};
use cache_core::Error;
use parking_lot::Mutex;
use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) name: String,
    pub(super) layout: Layout,
    pub(super) options: FilesOptions,
    pub(super) usage: Usage,
    pub(super) room: Mutex<Room>,
    /// Held by the one process that makes room.
    pub(super) purge: Lock,
    stripes: Vec<Lock>,
    tokens: RandomState,
    drawn: AtomicU64,
}

impl Shared {
    pub(super) fn new(layout: Layout, options: FilesOptions) -> io::Result<Self> {
        Ok(Shared {
            name: format!("files {}", layout.root.display()),
            usage: Usage::open(layout.usage())?,
            room: Mutex::default(),
            purge: layout.purge_lock(),
            stripes: Lock::stripes(&layout.locks),
            tokens: RandomState::new(),
            drawn: AtomicU64::new(0),
            layout,
            options,
        })
    }

    pub(super) fn now(&self) -> Duration {
        self.options.clock.unix()
    }

    pub(super) fn until(&self) -> Instant {
        Instant::now() + self.options.deadline
    }

    /// A number that nobody had before: 64 bits by a hash that the system seeds for this handle.
    pub(super) fn token(&self) -> u64 {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        self.tokens.hash_one((drawn, std::process::id(), Instant::now())).max(1)
    }

    pub(super) fn place(&self, key: &str) -> io::Result<Place> {
        let fits = key.len() <= MAX_KEY && key.bytes().all(|byte| byte.is_ascii_graphic());
        if fits {
            return Ok(self.layout.place(key));
        }
        let what = format!(
            "the key {key:.60?} of {} bytes: printable ASCII, at most {MAX_KEY} bytes, is a key",
            key.len()
        );
        Err(io::Error::new(ErrorKind::InvalidInput, what))
    }

    pub(super) fn lock(&self, stripe: usize, until: Instant) -> io::Result<Held<'_>> {
        self.stripes[stripe].hold(until)
    }

    pub(super) fn error(&self, error: &io::Error) -> Error {
        match error.kind() {
            ErrorKind::InvalidInput => Error::invalid(format!("{}: {error}", self.name)),
            _ => Error::unreachable(self.name.as_str(), error),
        }
    }

    /// What a locked stripe uses: counted again if somebody died while it changed.
    pub(super) fn used(&self, _: &Held<'_>, stripe: usize) -> io::Result<u64> {
        match self.usage.get(stripe)? {
            Slot::Settled(bytes) => Ok(bytes),
            Slot::Changing(_) | Slot::Damaged => {
                let bytes = self.list(stripe)?.iter().map(|seen| seen.size).sum();
                self.usage.set(stripe, Slot::Settled(bytes))?;
                Ok(bytes)
            }
        }
    }

    /// What all use. Stripes whose count was damaged, or whose writer died, are counted again.
    pub(super) fn total(&self, until: Instant) -> io::Result<u64> {
        for _ in 0..8 {
            let Total { bytes, damaged, changing } = self.usage.total()?;
            let mut dead = 0;
            for stripe in changing {
                if let Some(held) = self.stripes[stripe].try_hold()? {
                    dead += 1;
                    self.used(&held, stripe)?;
                }
            }
            if dead == 0 && damaged.is_empty() {
                return Ok(bytes);
            }
            for stripe in damaged {
                let held = self.lock(stripe, until)?;
                self.used(&held, stripe)?;
            }
        }
        Err(io::Error::other("its file of counts changes too fast, or is damaged again and again"))
    }

    /// Changes the files of a locked stripe, which uses `from` bytes before and `to` after, if the
    /// change succeeds.
    pub(super) fn change(
        &self,
        held: &Held<'_>,
        stripe: usize,
        (from, to): (u64, u64),
        change: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        self.usage.set(stripe, Slot::Changing(from.max(to)))?;
        self.settle(held, stripe, (from, to), change())
    }

    /// Ends a change that was begun.
    pub(super) fn settle(
        &self,
        _: &Held<'_>,
        stripe: usize,
        (from, to): (u64, u64),
        changed: io::Result<()>,
    ) -> io::Result<()> {
        let now = if changed.is_ok() { to } else { from };
        // The change counts whatever becomes of this: the mark stays, and the next one counts again.
        let _ = self.usage.set(stripe, Slot::Settled(now));
        changed
    }

    /// Removes a file of a locked stripe; false if there is none.
    pub(super) fn remove(&self, held: &Held<'_>, place: &Place) -> io::Result<bool> {
        let size = size_of(place)?;
        let Some(size) = size else { return Ok(false) };
        let used = self.used(held, place.stripe)?;
        let counts = (used, used.saturating_sub(size));
        self.change(held, place.stripe, counts, || {
            fs::remove_file(&place.path).map_err(doing("remove", &place.path))
        })?;
        Ok(true)
    }
}

/// How long a file is, if there is one.
pub(super) fn size_of(place: &Place) -> io::Result<Option<u64>> {
    match fs::symlink_metadata(&place.path) {
        Ok(about) => Ok(Some(about.len())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(doing("look at", &place.path)(error)),
    }
}

/// That a call's time is over; checked before files change, so that what is late changes nothing.
pub(super) fn in_time(until: Instant) -> io::Result<()> {
    if Instant::now() < until {
        return Ok(());
    }
    Err(io::Error::new(ErrorKind::TimedOut, "not done within the deadline"))
}
