//! How files are kept.

use cache_core::{Clock, Error, Result};
use std::time::Duration;

/// Whether large values are mapped into memory instead of being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mapping {
    /// Never: each read copies. For directories in which somebody else may cut files; a process
    /// that touches mapped bytes after their file was cut is ended by the system (`SIGBUS`).
    Off,
    /// Values longer than so many bytes are mapped, and cost what is touched of them.
    Above(usize),
}

/// Where values are read. Everything that writes or takes a lease runs on larder's file threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// In the thread that asks, up to 16 keys at a time, and without a deadline: 2 microseconds for
    /// a value of 100 bytes when the system has the file in memory, as long as the disk takes
    /// when it has not. Waking another thread would cost more than most reads. For local disks.
    Here,
    /// On larder's file threads, within the deadline; 3 to 20 microseconds more a call. For disks
    /// that may stall, and for runtimes that must not wait for them.
    Threads,
}

/// Options of [`Files`](crate::Files).
///
/// ```
/// use cache_clients::{Files, FilesOptions, Mapping};
/// use std::time::Duration;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("cache");
/// let options = FilesOptions::new()
///     .with_capacity(10_000_000_000)
///     .with_mapping(Mapping::Above(1 << 20))
///     .with_deadline(Duration::from_secs(1));
/// let files = Files::open_with(path, options)?;
/// assert_eq!(files.capacity(), 10_000_000_000);
/// # Ok::<(), cache_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FilesOptions {
    pub(super) capacity: u64,
    pub(super) mapping: Mapping,
    pub(super) reads: Reads,
    pub(super) deadline: Duration,
    pub(super) touch: Duration,
    pub(super) clock: Clock,
}

impl FilesOptions {
    /// 1 GiB, mapping above 64 KiB, reads in the thread that asks, a deadline of 5 seconds.
    #[must_use]
    pub fn new() -> Self {
        FilesOptions {
            capacity: 1 << 30,
            mapping: Mapping::Above(64 << 10),
            reads: Reads::Here,
            deadline: Duration::from_secs(5),
            touch: Duration::from_secs(1),
            clock: Clock::system(),
        }
    }

    /// With so many bytes for all values together: lengths of files, so that a value costs its
    /// bytes, its key and 56 more. What the file system adds (whole blocks of 4 KiB mostly, and an
    /// inode) is not counted. Values that are being written are not, either.
    #[must_use]
    pub fn with_capacity(mut self, bytes: u64) -> Self {
        self.capacity = bytes;
        self
    }

    /// With large values mapped, or not.
    #[must_use]
    pub fn with_mapping(mut self, mapping: Mapping) -> Self {
        self.mapping = mapping;
        self
    }

    /// With reads in the thread that asks, or on larder's own.
    #[must_use]
    pub fn with_reads(mut self, reads: Reads) -> Self {
        self.reads = reads;
        self
    }

    /// With a deadline for each call, a day at most. A change that is late is given up, and its
    /// result unknown.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline.min(Duration::from_secs(24 * 60 * 60));
        self
    }

    /// With a limit to how often a read notes in the file's times that the value is in use (once a
    /// second): what was read within this time counts as equally recent when room is made.
    #[must_use]
    pub fn with_touch(mut self, every: Duration) -> Self {
        self.touch = every;
        self
    }

    /// With a clock for expiry, leases and recency: a manual one in tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.capacity == 0 {
            return Err(Error::invalid("a capacity of 0 bytes keeps nothing: give at least 1"));
        }
        if self.deadline.is_zero() {
            return Err(Error::invalid("a deadline of 0 lets nothing finish: give some seconds"));
        }
        Ok(())
    }
}

impl Default for FilesOptions {
    fn default() -> Self {
        FilesOptions::new()
    }
}
