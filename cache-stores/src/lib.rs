//! Cached object stores: objects that are slow to reach behind a fast local copy.
//!
//! A `CachedStore` is an `ObjectStore` over two others: a local one, which keeps copies in chunks, and a
//! remote one, which has the truth. Reads come from the copy, from a fetch that is in progress, or begin one;
//! writes go through to the remote, or wait in a journal.

#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::print_stdout))]

mod adapters;
mod attributes;
mod builder;
#[cfg(feature = "config")]
mod config;
mod directory;
#[cfg(feature = "object-store-013")]
mod earlier;
mod explain;
mod face;
mod fetch;
mod footer;
mod handle;
mod index;
mod layout;
mod local;
mod location;
mod object;
mod options;
mod owned;
mod patience;
mod policy;
mod presence;
mod read;
mod remove;
mod runtime;
mod stats;
mod store;
mod temporary;
mod told;
mod unlisted;
mod write;

#[cfg(feature = "object-store-013")]
pub use self::earlier::Earlier;
#[cfg(feature = "clients")]
pub use adapters::ClientStore;
pub use adapters::{Blocking, LocalTtl, Simple, SimpleBlocking, SimpleStore};
pub use builder::StoreBuilder;
pub use cache_core::{Error, Result};
#[cfg(feature = "config")]
pub use config::{Peek, StorePlans, register, remote, store, store_options_tables};
pub use handle::{AsyncHandle, Handle, Info, OpenExt, Stat};
pub use index::Status;
pub use object::Standing;
pub use object_store;
pub use options::{Amount, KeepWrites, Period, Unread, Verify};
pub use policy::{Count, Fifo, Lru, Policy, Size, Ttl};
pub use read::{Refresh, Served, ServedFrom};
pub use stats::StoreStats;
pub use store::CachedStore;
pub use temporary::Temporary;
pub use write::{Pending, Refused};
