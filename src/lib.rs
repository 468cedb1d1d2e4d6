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

pub use cache_clients::{Inproc, Null, NullCache, OpenOptions, Tiered, TieredCache};
#[cfg(feature = "conformance")]
pub use cache_core::conformance;
pub use cache_core::table;
pub use cache_core::{
    Aim, AnyMemo, AsyncCall, AsyncLater, AsyncTtl, AsyncWork, BoxFuture, Budget, Cache, CacheExt,
    CachedFn, Call, Client, Clock, Entry, Error, Eviction, Filled, Flights, Float, IntoAsyncTtl,
    IntoTtl, Jitter, Key, Later, Lease, Lookup, ManualClock, Misses, Namespace, Near, Outcome,
    Part, Pending, Policy, PoolOptions, PutWhen, Reach, Reason, Result, Shared, Sleep, Stats,
    Storable, TableOptions, Timeout, WeakNear, Weigher, Work, configure_pool, queued_jobs,
    registry, report, shutdown_pool, wait,
};
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
