//! Files: the server contract over a directory that processes share.
//!
//! ```text
//! larder-files        marker with the version of this layout; a directory without it is refused
//! data/3f/<digest>    one file a value: header (header.rs), key, bytes; renamed into place, never rewritten
//! tmp/<pid>-<random>  values being written, locked by their writer (temp.rs)
//! locks/00 .. 63      one a stripe of keys: its advisory lock, and in it the leases (lock.rs, lease.rs)
//! usage               bytes of each stripe, changed under its lock (usage.rs)
//! purge.lock          whoever makes room (room.rs)
//! ```
//!
//! A stripe's lock is held to compare and rename, never while a value is written. Whatever happens
//! to a process, the next one finds each file whole or not at all, and a count that was being
//! changed is seen to be so, and made again from what is there.

mod at;
mod change;
mod claim;
mod client;
mod commit;
mod entry;
mod header;
mod layout;
mod lease;
mod lock;
mod map;
mod open_file;
mod options;
mod pool;
mod room;
mod scan;
mod shared;
mod temp;
mod usage;

pub use client::Files;
pub use open_file::OpenFile;
pub use options::{FilesOptions, Mapping, Reads};
