//! Stores of other kinds: of three functions, and over servers of bytes.

#[cfg(feature = "clients")]
mod clients;
mod itself;
mod range;
mod simple;
mod ttl;

#[cfg(feature = "clients")]
pub use clients::ClientStore;
pub(crate) use itself::{copying, to_itself};
pub use simple::{Blocking, Simple, SimpleBlocking, SimpleStore};
pub use ttl::LocalTtl;
