//! Cached object stores: objects that are slow to reach behind a fast local copy.
//!
//! A `CachedStore` is an `ObjectStore` over two others: a local one, which keeps copies in chunks, and a
//! remote one, which has the truth. Reads come from the copy, from a fetch that is in progress, or begin one;
//! writes go through to the remote, or wait in a journal.

#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::print_stdout))]

mod adapters;
mod handle;
mod location;
mod object;
mod policy;
mod runtime;
mod temporary;

#[cfg(feature = "clients")]
pub use adapters::ClientStore;
pub use adapters::{Blocking, LocalTtl, Simple, SimpleBlocking, SimpleStore};
pub use handle::{AsyncHandle, Handle, Info, OpenExt, Stat};
pub use object_store;
pub use policy::{Count, Fifo, Lru, Policy, Size, Ttl};
pub use temporary::Temporary;
