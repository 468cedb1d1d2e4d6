//! Cached object stores: objects that are slow to reach behind a fast local copy.
//!
//! A `CachedStore` is an `ObjectStore` over two others: a local one, which keeps copies in chunks, and a
//! remote one, which has the truth. Reads come from the copy, from a fetch that is in progress, or begin one;
//! writes go through to the remote, or wait in a journal.

#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::print_stdout))]

#[cfg(feature = "object-store-013")]
mod earlier;
mod object;
mod policy;
mod runtime;

#[cfg(feature = "object-store-013")]
pub use self::earlier::Earlier;
pub use object_store;
pub use policy::{Count, Fifo, Lru, Policy, Size, Ttl};
