//! larder: cached functions, with one attribute over any kind of cache.
//!
//! ```
//! use larder::cached;
//!
//! #[cached(ttl = "5m")]
//! fn score(user: u64) -> f64 {
//!     (user as f64).sqrt() // imagine something expensive
//! }
//!
//! assert_eq!(score::peek(49), None); // never computes
//! assert_eq!(score(49), 7.0); // computed once, however many callers wait
//! assert_eq!(score::peek(49), Some(7.0));
//! score::put(49, 0.5);
//! assert_eq!(score(49), 0.5);
//! ```
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::print_stdout))]

pub use cache_clients::{Inproc, Null, NullCache, OpenOptions};
pub use cache_core::*;
pub use cache_macros::cached;

/// What the attribute's expansion names; no part of the API.
#[doc(hidden)]
pub mod __private {
    pub use cache_core::*;
    pub use std::boxed::Box;
    pub use std::sync::{Arc, LazyLock};
}

/// The examples of the guides are tests too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../docs/from-cached.md")]
struct Guides;
