//! One tag as this process knows it: its version, and until when that is believed.

use crate::sync::{AtomicU64, Ordering};
use std::hash::{BuildHasher, RandomState};

/// The version of a tag: what a hard invalidation changes in the upper 40 bits, what a soft one
/// changes in the lower 24, so that one comparison tells whether anything has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version(pub(crate) u64);

const SOFT_BITS: u32 = 24;
const SOFT: u64 = (1 << SOFT_BITS) - 1;

impl Version {
    /// What no tag ever has that was read.
    pub(super) const NONE: Version = Version(0);

    /// Of the two records of a tag.
    pub(crate) fn of(hard: u64, soft: u64) -> Self {
        Version(hard << SOFT_BITS | soft & SOFT)
    }

    fn hard(self) -> u64 {
        self.0 >> SOFT_BITS
    }

    /// What this version says of a value that saw another one.
    pub(super) fn verdict(self, seen: Version) -> Validity {
        if self == seen {
            Validity::Valid
        } else if self.hard() == seen.hard() {
            Validity::Soft
        } else {
            Validity::Hard
        }
    }

    /// Of a value that has seen this version and another one, neither to be made better than it is; the tag's version
    /// is now `now`.
    pub(super) fn and(self, other: Version, now: Version) -> Version {
        if self.hard() == other.hard() {
            return if self == now { other } else { self };
        }
        // Which of two that have passed was the first, nobody can tell.
        match (self.hard() == now.hard(), other.hard() == now.hard()) {
            (true, _) => other,
            (_, true) => self,
            _ => Version::NONE,
        }
    }

    /// After a soft invalidation in this process.
    fn softer(self) -> Option<Self> {
        (self.0 & SOFT != SOFT).then_some(Version(self.0 + 1))
    }
}

/// What the versions of an entry's tags say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Validity {
    /// Nothing has happened to any of them.
    Valid,
    /// One was softly invalidated: the value may be served while it is computed anew.
    Soft,
    /// One was read too long ago; only its source can tell.
    Unknown,
    /// One was invalidated: the value may not be served any more.
    Hard,
}

/// What never ends to be believed.
pub(super) const FOREVER: u64 = u64::MAX;

/// On a cache line of its own: every miss reads it, and what lies beside a static may be written often.
#[repr(align(128))]
struct Epoch(std::sync::atomic::AtomicU64);

/// How many hard invalidations this process has made or learned of.
static EPOCH: Epoch = Epoch(std::sync::atomic::AtomicU64::new(0));

/// The moment, in hard invalidations.
pub(crate) fn epoch() -> u64 {
    EPOCH.0.load(std::sync::atomic::Ordering::Acquire)
}

/// A number that no tag of this process has had, and hardly one of another's.
pub(super) fn fresh_number() -> u64 {
    static SEED: std::sync::LazyLock<(RandomState, std::sync::atomic::AtomicU64)> =
        std::sync::LazyLock::new(Default::default);
    let (state, count) = &*SEED;
    state.hash_one(count.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) | 1
}

/// The next number of this process: unlike those that are random, it cannot come twice.
fn next_number() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// A tag that an entry of this process carries, or somebody is about to give to one.
#[derive(Debug)]
pub(crate) struct TagCell {
    pub(super) name: Box<str>,
    version: AtomicU64,
    /// The tick from which on the version is not believed any more.
    until: AtomicU64,
    /// Changes with each invalidation, so that what was read before one is not written after it.
    mark: AtomicU64,
    /// The epoch of the last hard invalidation, and what it changed of the version.
    epoch: AtomicU64,
    ended: AtomicU64,
}

impl TagCell {
    /// Of a tag whose truth is here.
    pub(crate) fn local(name: &str) -> Self {
        let version = Version::of(next_number(), 0);
        TagCell::new(name, version, FOREVER)
    }

    /// Of a tag that has not been read yet.
    pub(super) fn unread(name: &str) -> Self {
        TagCell::new(name, Version::NONE, 0)
    }

    fn new(name: &str, version: Version, until: u64) -> Self {
        TagCell {
            name: name.into(),
            version: AtomicU64::new(version.0),
            until: AtomicU64::new(until),
            mark: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
            ended: AtomicU64::new(0),
        }
    }

    #[inline(always)]
    pub(crate) fn version(&self) -> Version {
        Version(self.version.load(Ordering::Acquire))
    }

    #[inline(always)]
    pub(super) fn is_believed(&self, tick: u64) -> bool {
        tick < self.until.load(Ordering::Acquire)
    }

    /// The hit's question.
    #[inline(always)]
    pub(super) fn is(&self, seen: Version, tick: u64) -> bool {
        self.version() == seen && self.is_believed(tick)
    }

    /// The version, while it is believed.
    pub(super) fn believed(&self, tick: u64) -> Option<Version> {
        let version = self.version();
        self.is_believed(tick).then_some(version)
    }

    pub(super) fn verdict(&self, seen: Version, tick: u64) -> Validity {
        let now = self.version();
        match now.verdict(seen) {
            _ if now == Version::NONE => Validity::Unknown,
            Validity::Hard => Validity::Hard,
            _ if !self.is_believed(tick) => Validity::Unknown,
            verdict => verdict,
        }
    }

    /// Whether there was a hard invalidation after `seen`.
    pub(super) fn was_invalidated(&self, seen: Version) -> bool {
        self.version().hard() != seen.hard()
    }

    /// Whether one came before the moment `epoch`. Of several the last is remembered only: then it is taken for granted.
    pub(super) fn was_invalidated_by(&self, seen: Version, epoch: u64) -> bool {
        // In this order: who finds the epoch of an invalidation finds what it ended, or what a later one did.
        let is_later = || self.epoch.load(Ordering::Acquire) > epoch;
        let is_first = || self.ended.load(Ordering::Acquire) == seen.hard();
        self.was_invalidated(seen) && !(is_later() && is_first())
    }

    /// The mark before a read of the record.
    pub(super) fn mark(&self) -> u64 {
        self.mark.load(Ordering::Acquire)
    }

    /// Invalidates a tag whose truth is here. To be called by one at a time.
    pub(crate) fn invalidate_local(&self, how: super::Invalidation) {
        let now = self.version();
        let new = match how {
            super::Invalidation::Soft => now.softer(),
            super::Invalidation::Hard => None,
        };
        let hard = new.is_none();
        self.set(new.unwrap_or_else(|| Version::of(next_number(), 0)), FOREVER, hard);
    }

    /// Not to be believed from now on, and whatever is being read is too old. To be called by one
    /// at a time, as those below.
    pub(super) fn distrust(&self) {
        self.mark.fetch_add(1, Ordering::AcqRel);
        self.until.store(0, Ordering::Release);
    }

    /// After a hard invalidation of a shared tag, whose records are to be read again.
    pub(super) fn outdate(&self, number: u64) {
        self.mark.fetch_add(1, Ordering::AcqRel);
        self.set(Version::of(number, self.version().0), 0, true);
    }

    /// What the record says, read after `mark`; false if something happened since.
    pub(super) fn learn(&self, mark: u64, version: Version, until: u64) -> bool {
        if self.mark() != mark {
            return false;
        }
        let before = self.version();
        self.set(version, until, before != Version::NONE && before.hard() != version.hard());
        true
    }

    fn set(&self, version: Version, until: u64, hard: bool) {
        if hard {
            self.ended.store(self.version().hard(), Ordering::Release);
        }
        self.version.store(version.0, Ordering::Release);
        if hard {
            let epoch = EPOCH.0.fetch_add(1, std::sync::atomic::Ordering::AcqRel) + 1;
            self.epoch.store(epoch, Ordering::Release);
        }
        self.until.store(until, Ordering::Release);
    }
}
