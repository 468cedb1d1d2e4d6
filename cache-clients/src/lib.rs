//! Where larder keeps values.
//!
//! [`Inproc`] keeps them in this process, within one capacity for all the caches that are opened
//! from it; [`Tiered`] puts one client in front of another; [`Null`] keeps nothing.
//!
//! Behind features: `encoded::Encoded` makes a typed client of any server of bytes, and
//! `memcached::Memcached`, `redis::Redis` and `Files` are such servers.

#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::print_stdout))]

mod elapsed;
#[cfg(feature = "encoded")]
pub mod encoded;
#[cfg(feature = "files")]
mod files;
#[cfg(feature = "encoded")]
mod gather;
mod inproc;
#[cfg(feature = "encoded")]
mod io;
#[cfg(feature = "memcached")]
pub mod memcached;
// What loom explores of it: all that needs no runtime.
#[cfg(all(test, loom, not(feature = "memcached")))]
#[allow(dead_code, unused_imports, reason = "the client that uses the rest needs a runtime")]
mod memcached {
    mod connection;
    mod wire;
}
mod null;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "encoded")]
pub mod server;
#[cfg(any(feature = "memcached", all(test, loom)))]
mod sync;
mod tiered;

#[cfg(feature = "files")]
pub use files::{Files, FilesOptions, Mapping, OpenFile, Reads};
pub use inproc::{Inproc, OpenOptions};
pub use null::{Null, NullCache};
pub use tiered::{Overflow, Tiered, TieredCache};
