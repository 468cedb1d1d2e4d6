//! Writing: through to the remote, or into the journal, and what that does to the copies.

mod back;
mod copy;
mod cutter;
mod delete;
mod deliver;
mod journal;
mod keep;
mod list;
mod load;
mod multipart;
mod outcome;
mod overlay;
#[cfg(feature = "config")]
mod peek;
mod pending;
mod pump;
mod put;
mod queue;
mod readers;
mod record;
mod restore;
mod scan;
mod sender;
mod spool;
mod staging;
mod unanswered;
mod unsent;

pub(crate) use back::Writes;
pub(crate) use copy::{copy, rename};
pub(crate) use delete::delete;
pub(crate) use keep::STAGED;
pub(crate) use list::{level, list};
pub(crate) use multipart::multipart;
#[cfg(feature = "config")]
pub(crate) use peek::peek;
pub use pending::{Pending, Refused};
pub(crate) use put::put;
pub(crate) use readers::Delivered;
pub(crate) use restore::{Restored, open, piece, restore};
pub(crate) use unanswered::Unanswered;
