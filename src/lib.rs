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

#[cfg(feature = "memcached")]
pub use cache_clients::memcached::{self, Memcached, MemcachedOptions};
#[cfg(feature = "redis")]
pub use cache_clients::redis::{Redis, RedisOptions};
#[cfg(feature = "files")]
pub use cache_clients::{Files, FilesOptions, Mapping, OpenFile, Reads};
pub use cache_clients::{Inproc, Null, NullCache, OpenOptions, Overflow, Tiered, TieredCache};
#[cfg(feature = "encoded")]
pub use cache_clients::{
    encoded::{self, Encoded, EncodedCache, EncodedOptions},
    server,
};
#[cfg(feature = "encoded")]
pub use cache_core::CacheShape;
#[cfg(feature = "conformance")]
pub use cache_core::conformance;
pub use cache_core::table;
pub use cache_core::{
    Aim, AnyMemo, AsyncCall, AsyncLater, AsyncTtl, AsyncWork, BoxFuture, Budget, Cache, CacheExt,
    CachedFn, Call, Client, Clock, Entry, Error, Eviction, Filled, Flights, Float, IntoAsyncTtl,
    IntoTtl, Invalidation, Jitter, Key, Later, Lease, Lookup, MAX_TAGS, ManualClock, Misses,
    Namespace, Near, Outcome, Part, Pending, Policy, PolicyCell, PoolOptions, PutWhen, Reach,
    Reason, Result, Shared, Sleep, Sought, Stats, Storable, TableOptions, TagSource, Tags, Timeout,
    Verdict, WeakNear, Weigher, Work, configure_pool, invalidate_tag, invalidate_tag_soft,
    invalidate_tags, queued_jobs, registry, report, shutdown_pool, wait,
};
#[cfg(feature = "encoded")]
pub use cache_macros::CacheShape;
pub use cache_macros::cached;
#[cfg(feature = "regions")]
pub use cache_regions::{
    Act, Advice, AnyKey, AnyValue, BackendPlan, Bounds, BytesPlan, ComputeOptions, Configuration,
    Distance, Done, Expiration, Expiry, Finding, FindingKind, Format, InvalidationStrategy, Load,
    Mangled, Mangler, MemoryBytes, MemoryPlan, Metadata, Mirror, Mistake, Mistakes, Next,
    Operation, PolicyPlan, ReadOptions, Regeneration, Region, RegionCache, RegionPlan, Replace,
    RevisedCache, RevisedKey, Revisions, Runner, Scope, Settings, Sharing, TierPlan, Together,
    Watch, WatchOptions, Wrapper, WrapperPlan, configure, configure_map, configure_plans,
    configure_str, register_backend, register_mangler, register_wrapper, reload, watch,
};

/// What the attribute's expansion names; no part of the API.
#[doc(hidden)]
pub mod __private {
    pub use crate::__shape_extra as shape_extra;
    #[cfg(feature = "encoded")]
    pub use cache_clients::encoded::{ShapeProbe, ShapeProbeFallback, Shaped};
    pub use cache_core::*;
    pub use std::boxed::Box;
    pub use std::sync::{Arc, LazyLock};
}

/// Hands the shape of a value type to the client, if it has one.
#[cfg(feature = "encoded")]
#[doc(hidden)]
#[macro_export]
macro_rules! __shape_extra {
    (($($builder:tt)*) $value:ty) => {{
        #[allow(unused_imports)]
        use $crate::__private::ShapeProbeFallback as _;
        let builder = $($builder)*;
        match $crate::__private::ShapeProbe::<$value>::EXTRA {
            ::core::option::Option::Some(shaped) => builder.extra(shaped),
            ::core::option::Option::None => builder,
        }
    }};
}

/// No client here asks for the shape of a value type.
#[cfg(not(feature = "encoded"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __shape_extra {
    (($($builder:tt)*) $value:ty) => {
        $($builder)*
    };
}

/// The examples of the guides are tests too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../docs/from-cached.md")]
struct Guides;
