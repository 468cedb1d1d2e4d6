//! The changes of a table: what memory applies and what the log records is the same value.

use super::slot::Marks;
use crate::object::CopyId;

/// One change. Each says how things are afterwards, so that doing one twice does no harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// A copy without chunks. Another copy of its path leaves, unless this one is staged.
    Admit { copy: CopyId, chunk_size: u32, fetched: u64, marks: Marks, text: Box<[u8]> },
    /// The copy's object and standing; a staged copy becomes visible.
    Describe { copy: CopyId, fetched: u64, marks: Marks, text: Box<[u8]> },
    /// The remote said that it is the same still.
    Renew { copy: CopyId, fetched: u64 },
    /// How far the copy can be believed.
    Mark { copy: CopyId, marks: Marks },
    /// It was used.
    Use { copy: CopyId },
    /// A chunk is about to be put into local.
    Intend { copy: CopyId, chunk: u32 },
    /// Chunks `first..first + count` lie there, of so many bytes each.
    Keep { copy: CopyId, first: u32, count: u32, bytes: u32 },
    /// Chunks are to be deleted, whether they lie there or not.
    Shed { copy: CopyId, first: u32, count: u32 },
    /// The copy leaves, and its chunks are to be deleted.
    Leave { copy: CopyId },
    /// Chunks were deleted.
    Removed { copy: CopyId, first: u32, count: u32 },
}
