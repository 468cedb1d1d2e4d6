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

#[cfg(all(feature = "regions", feature = "stores"))]
mod configured;

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
    CachedFn, Call, ChangeKind, Client, Clock, Entry, Error, Eviction, Explain, Explanation,
    Filled, Flights, Float, IntoAsyncTtl, IntoTtl, Invalidation, Jitter, Key, Later, Lease, Lookup,
    MAX_TAGS, ManualClock, Misses, Namespace, Near, Outcome, Part, Pause, Pending, Policy,
    PolicyCell, PoolOptions, PutWhen, Reach, Reason, Reported, Result, SendTrouble, Shared, Sleep,
    Sought, Stats, Storable, TableOptions, TagRecords, TagSource, Tags, TierReport, TierState,
    Timeout, UnsentChange, Validity, Verdict, WeakNear, Weigher, Work, configure_pool, explain,
    invalidate_tag, invalidate_tag_soft, invalidate_tags, isolate, isolate_async, queued_jobs,
    registry, report, report_also, shutdown_pool, wait,
};
#[cfg(feature = "metrics")]
pub use cache_core::{METRICS, Metric, MetricKind, export_metrics};
#[cfg(feature = "encoded")]
pub use cache_macros::CacheShape;
pub use cache_macros::cached;
/// Forgets cached values once a function that changes things has succeeded.
///
/// Each argument says what to forget: a value of a cached function, written as the call that gives
/// it (`user(id)`, `shop::price(&name)`; in an `impl` block `self.user(id)` or `Self::user(id)`); or
/// all values of a tag, `tag = "team:{id}"`, where `{id}`, `{order.user}` and `{self.field}` stand for
/// the function's own arguments as text. All of it is taken before the body runs, by a clone where an
/// argument is just named or lent, and is forgotten after it, in the order in which it is written:
/// when the function returned, and not `Err` or `None`; not after a panic. For an `async fn` the
/// invalidations are awaited; others wait for them. A server that is away hears of them later, and is
/// not believed about them until then.
///
/// A value is forgotten alone; values that were made from it are reached by a tag.
///
/// What a call like `user(id)` names must have companions: `#[cached(companion = none)]` has none.
///
/// ```
/// use larder::{cached, invalidates};
/// use std::sync::Mutex;
///
/// static NAMES: Mutex<Vec<String>> = Mutex::new(Vec::new());
///
/// #[cached(tags = ["names"])]
/// fn name(id: usize) -> Option<String> {
///     NAMES.lock().unwrap().get(id).cloned()
/// }
///
/// #[cached(tags = ["names"])]
/// fn count() -> usize {
///     NAMES.lock().unwrap().len()
/// }
///
/// #[invalidates(name(id))]
/// fn rename(id: usize, to: String) -> Result<(), String> {
///     *NAMES.lock().unwrap().get_mut(id).ok_or("nobody has this number")? = to;
///     Ok(())
/// }
///
/// #[invalidates(tag = "names")]
/// fn add(name: &str) {
///     NAMES.lock().unwrap().push(name.to_owned());
/// }
///
/// add("ann");
/// assert_eq!((name(0), count()), (Some("ann".to_owned()), 1));
/// rename(0, "bea".to_owned()).unwrap();
/// assert_eq!(name(0).as_deref(), Some("bea"));
/// add("cid");
/// assert_eq!(count(), 2);
/// assert!(rename(7, "nobody".to_owned()).is_err()); // nothing is forgotten
/// assert_eq!(count::peek(), Some(2));
/// ```
pub use cache_macros::invalidates;
#[cfg(feature = "templates")]
pub use cache_regions::add_cached_block;
#[cfg(feature = "regions")]
pub use cache_regions::{
    Act, Advice, AnyKey, AnyValue, BackendPlan, Bounds, BytesPlan, ComputeOptions, Configuration,
    Distance, Done, Entries, Expiration, Expiry, Finding, FindingKind, Format,
    InvalidationStrategy, Load, Mangled, Mangler, MemoryBytes, MemoryPlan, Metadata, Mirror,
    Mistake, Mistakes, Next, Operation, OptionRow, PolicyPlan, ReadOptions, Regeneration, Region,
    RegionCache, RegionPlan, Replace, RevisedCache, RevisedKey, Revisions, Runner, Scope, Section,
    SectionDraft, SectionEntry, SectionPlan, ServerPlan, Settings, Sharing, Spot, TierPlan,
    Together, Watch, WatchOptions, Wrapper, WrapperPlan, configure_plans, register_backend,
    register_mangler, register_wrapper, reload, watch,
};
#[cfg(all(feature = "regions", not(feature = "stores")))]
pub use cache_regions::{configure, configure_map, configure_str};
#[cfg(all(feature = "regions", feature = "stores"))]
pub use configured::{configure, configure_map, configure_str};

/// Cached object stores: objects that are slow to reach behind a fast local copy.
///
/// The guide is [docs/stores.md](https://docs.rs/crate/larder/latest/source/docs/stores.md).
///
/// ```
/// use larder::stores::object_store::{ObjectStoreExt, memory::InMemory};
/// use larder::stores::{CachedStore, Size, Ttl};
/// use std::io::Read;
///
/// // Imagine a bucket; the copies could lie on a disk, by `CachedStore::on_disk`.
/// let bucket = std::sync::Arc::new(InMemory::new());
/// let store = CachedStore::new(InMemory::new(), bucket.clone())
///     .policy(Ttl("60s") | Size("1GiB"))
///     .build()?;
///
/// store.open("reports/may.csv")?.put("day,visits\n1,17\n")?; // to the bucket, and kept here
/// let mut text = String::new();
/// store.open("reports/may.csv")?.read_to_string(&mut text)?; // from here
/// assert_eq!(text, "day,visits\n1,17\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "stores")]
#[doc(inline)]
pub use cache_stores as stores;
#[cfg(feature = "stores")]
pub use cache_stores::CachedStore;
#[cfg(all(feature = "stores", feature = "regions"))]
pub use cache_stores::store;

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

/// The same of what is behind features.
#[cfg(all(doctest, feature = "tracing", feature = "metrics"))]
#[doc = include_str!("../docs/observability.md")]
struct Observability;

/// The same of stores.
#[cfg(all(doctest, feature = "stores", feature = "regions"))]
#[doc = include_str!("../docs/stores.md")]
struct Stores;
