//! What the index is asked with, and what it answers.

use super::chunks::Chunks;
use crate::object::{CopyId, Object, Standing};
use crate::policy::{Order, Policy};
use std::time::Duration;

/// How much is kept, for how long, and what goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) order: Order,
    pub(crate) objects: Option<usize>,
    pub(crate) bytes: Option<u64>,
    pub(crate) ttl: Option<Duration>,
    /// How long a copy is of use after its TTL: while the remote is away.
    pub(crate) grace: Option<Duration>,
}

impl Limits {
    pub(crate) fn new(policy: &Policy, grace: Option<Duration>) -> Self {
        Limits {
            order: policy.order(),
            objects: policy.objects(),
            bytes: policy.bytes(),
            ttl: policy.ttl(),
            grace,
        }
    }
}

/// An entry, as it was when it was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) object: Object,
    pub(crate) copy: CopyId,
    pub(crate) chunk_size: u32,
    /// When the remote told of it last, since 1970.
    pub(crate) fetched: Duration,
    /// How long ago that is.
    pub(crate) age: Duration,
    pub(crate) standing: Standing,
    pub(crate) present: Chunks,
}

/// Chunks that have left the index and are to be deleted from local; then [`removed`](super::Index::removed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Victim {
    pub(crate) copy: CopyId,
    pub(crate) chunks: Chunks,
}

/// Whether an object came into the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// A copy without chunks yet; the victims are what it replaces and what had to go for it.
    New { copy: CopyId, victims: Vec<Victim> },
    /// The copy that is there is of the same version: it was renewed.
    Same { copy: CopyId },
    /// Something happened to the path since the ticket was taken, or is happening: nothing was kept.
    Fenced,
}

/// Whether a chunk was accounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It was; the victims had to go for it, and may be of the same copy.
    Yes { victims: Vec<Victim> },
    /// The copy has left meanwhile: this chunk is to be deleted again.
    Gone(Victim),
}

/// A chunk that was found in local while the index is rebuilt.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) object: Object,
    pub(crate) copy: CopyId,
    pub(crate) chunk_size: u32,
    pub(crate) fetched: Duration,
    pub(crate) chunk: u32,
    /// With its footer.
    pub(crate) bytes: u64,
}

/// The sums of an index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) objects: u64,
    /// Of all chunks that are kept, with their footers.
    pub(crate) bytes: u64,
    pub(crate) chunks: u64,
    /// What went because of a limit since the index was opened, expired copies among them.
    pub(crate) evicted_objects: u64,
    pub(crate) evicted_bytes: u64,
}

/// What was found when an index was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Opened {
    /// The index as it was. Local may have these chunks, which are not accounted: they are to be deleted, then
    /// [`removed`](super::Index::removed).
    Ready { unsure: Vec<Victim> },
    /// There was one, and it cannot be believed. It is empty now: local is listed, as if it were new.
    Damaged(String),
    /// There was none: what lies in local is told with [`add_found`](super::Index::add_found), if there is anything, and
    /// then [`found_all`](super::Index::found_all) begins the files.
    New,
}
