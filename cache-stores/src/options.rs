//! What can be decided about a store.

use cache_core::{Error, Result, text};
use std::path::PathBuf;
use std::time::Duration;

/// What was decided, checked; but for the limits, which may change: the index has them.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The bytes of a chunk of new copies.
    pub(crate) chunk: u32,
    /// Objects of so many bytes are large: their copies are written past the page cache.
    pub(crate) direct_writes: Option<u64>,
    /// What an operation of the local store may take.
    pub(crate) local_deadline: Duration,
    pub(crate) verify: Verify,
    pub(crate) unread: Unread,
    pub(crate) keep_writes: KeepWrites,
    /// The directory of the journal of write-back.
    pub(crate) write_back: Option<PathBuf>,
    pub(crate) presence: Presence,
}

/// Who knows what lies in the local store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// The index.
    Index,
    /// The local store itself, by its own TTL.
    Local,
}

/// How often the checksum of a chunk is compared with its bytes; its length and whose it is are looked at always.
///
/// ```
/// assert_eq!(cache_stores::Verify::default(), cache_stores::Verify::Once);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verify {
    /// At the first read of a chunk after the store was built.
    #[default]
    Once,
    /// At every read: then a range is read with all of the chunk around it.
    Always,
}

/// What becomes of a fetch when its last reader has gone.
///
/// ```
/// assert_eq!(cache_stores::Unread::default(), cache_stores::Unread::Stop);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unread {
    /// It stops at the end of the chunk; what is complete is kept.
    #[default]
    Stop,
    /// It goes on to its end.
    Finish,
}

/// Whether what is written through the store is kept locally, too.
///
/// ```
/// assert_eq!(cache_stores::KeepWrites::default(), cache_stores::KeepWrites::Always);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeepWrites {
    /// What is written is likely to be read.
    #[default]
    Always,
    /// Only what is read is kept. With write-back, what has been sent goes; who is reading it at that moment gets the
    /// rest from the remote.
    Never,
}

/// How long a time is, in words or as a `Duration`: `"1h"`, `Duration::from_secs(60)`.
///
/// ```
/// use cache_stores::Period;
/// use std::time::Duration;
/// assert_eq!(Period::from("90s"), Period::from(Duration::from_secs(90)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period(Result<Duration, String>);

impl From<Duration> for Period {
    fn from(time: Duration) -> Self {
        Period(Ok(time))
    }
}

impl From<&str> for Period {
    fn from(words: &str) -> Self {
        Period(match text::parse(words) {
            Ok(amount) if !amount.negative => Ok(Duration::from_nanos(amount.nanos)),
            Ok(_) => Err(format!("\"{words}\" is below zero: {}", text::FORMS)),
            Err(why) => Err(why),
        })
    }
}

impl Period {
    /// `what` is what the time is for.
    pub(crate) fn check(self, what: &str) -> Result<Duration> {
        self.0.map_err(|why| Error::invalid(format!("{what}: {why}")))
    }
}

/// How many bytes, in words or as a number: `"4MiB"`, `4 << 20`.
///
/// ```
/// use cache_stores::Amount;
/// assert_eq!(Amount::from("4MiB"), Amount::from(4 << 20));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount(Result<u64, String>);

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl From<$number> for Amount {
            fn from(bytes: $number) -> Self {
                Amount(u64::try_from(bytes).map_err(|_| format!("not a size: {bytes}")))
            }
        }
    )*};
}

// `i32` is what a bare number is.
numbers!(i32, u32, u64, usize);

impl From<&str> for Amount {
    fn from(words: &str) -> Self {
        let bytes = text::bytes(words);
        Amount(bytes.map_err(|right| format!("not a size: \"{words}\"; right is {right}")))
    }
}

impl Amount {
    /// `what` is what the bytes are for.
    pub(crate) fn check(self, what: &str) -> Result<u64> {
        self.0.map_err(|why| Error::invalid(format!("{what}: {why}")))
    }
}
