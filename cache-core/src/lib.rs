//! The heart of larder: tables, single flight, the fence, freshness, statistics. No I/O.
//!
//! Users take the crate `larder`, which re-exports what is theirs. The folders follow the way of a
//! call: a `companion` handle looks into the [`table`] of its `memo`; on a miss it joins or leads a
//! `flight`, `compute`s here or `detached`, and stores through `near`, whose fence turns away
//! results that are older than an invalidation.

#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::print_stdout))]

mod aged;
mod alone;
mod backoff;
mod builder;
mod client;
mod clock;
mod companion;
mod compute;
#[cfg(feature = "conformance")]
pub mod conformance;
mod detached;
mod entry;
mod env;
mod erased;
mod error;
mod explain;
mod ext;
mod far;
mod fenced;
mod flight;
mod fly;
mod gather;
mod grace;
mod handoff;
mod key;
mod lease;
mod memo;
mod near;
#[doc(hidden)]
pub mod observe;
mod outcome;
#[cfg(all(not(feature = "tokio"), not(loom)))]
mod own;
mod pending;
mod policy;
mod pool;
mod registry;
mod reported;
mod rules;
pub mod shape;
mod slots;
mod stats;
mod sync;
pub mod table;
mod tagged;
mod tags;
mod task;
mod terms;
pub mod text;
mod timer;
mod told;
mod trail;
mod wait;

pub use builder::MemoBuilder;
pub use client::{Cache, Client, Reach};
pub use clock::{Clock, ManualClock};
pub use companion::{
    Acquire, Alone, Args, AsyncAlone, AsyncCall, AsyncLater, AsyncWork, Background, Begun, Bundle,
    Call, Claim, Flying, InlineLead, Keeps, Kept, Later, NoBackground, Sought, Step, Work, claim,
};
pub use detached::{AsyncJob, Job};
pub use entry::{Aim, Entry, Filled, Lease, Lookup, Namespace, PutWhen, Reason, Weigher};
pub use erased::Shared;
pub use error::{Error, Result, Timeout};
pub use explain::{
    ChangeKind, Explain, Explanation, Pause, SendTrouble, TierReport, TierState, UnsentChange,
    Verdict, explain,
};
pub use ext::CacheExt;
pub use flight::Flights;
pub use fly::Fly;
pub use gather::{isolate, isolate_async};
pub use key::{Float, Key, One, Opt, Own, Part, Ref, Storable, Val, View};
pub use memo::{AnyMemo, Memo};
pub use near::{Near, WeakNear};
#[cfg(feature = "metrics")]
pub use observe::{METRICS, Metric, MetricKind, export_metrics};
pub use outcome::{Mode, OkOnly, Outcome, Plain, Probe, ProbeFallback, Share, Sharing, failed};
pub use pending::Pending;
pub use policy::{AsyncTtl, IntoAsyncTtl, IntoTtl, Jitter, Policy};
pub use pool::{PoolOptions, configure_pool, queued_jobs, shutdown_pool};
pub use registry::{CachedFn, registry, report};
pub use reported::{Reported, report_also};
pub use rules::PolicyCell;
pub use shape::{CacheShape, Print};
pub use slots::{Slots, memo_in, type_id_of};
pub use stats::{Misses, Stats};
pub use table::{Budget, Eviction, TableOptions};
pub use tags::{
    Invalidation, MAX_TAGS, TagProbe, TagProbeFallback, TagRecords, TagSource, Tags, Validity,
    invalidate_tag, invalidate_tag_soft, invalidate_tags,
};
pub use task::{BoxFuture, in_background};
pub use timer::Sleep;
#[doc(hidden)]
pub use told::{
    AnySuccess, InTime, Now, OutcomeSuccess, ToldInTime, ToldNow, run_once, tag_name, tag_told,
};
#[doc(hidden)]
pub use wait::is_patient;
pub use wait::wait;

/// What `ttl_of = |value| ..` gives, as a TTL.
#[doc(hidden)]
pub fn ttl_of<V, T: IntoTtl>(value: &V, ttl: impl FnOnce(&V) -> T) -> Option<std::time::Duration> {
    ttl(value).into_ttl()
}

/// A future in a box that may cross threads.
#[doc(hidden)]
pub fn boxed<'a, T>(future: impl Future<Output = T> + Send + 'a) -> BoxFuture<'a, T> {
    Box::pin(future)
}

/// The counters of a cached function.
#[doc(hidden)]
#[must_use]
pub fn stats_of(memo: &dyn AnyMemo) -> Stats {
    memo.stats()
}

/// Forgets all values of a cached function.
#[doc(hidden)]
pub fn clear_all(memo: &dyn AnyMemo) {
    memo.clear();
}

/// The body of companions that only exist to say why they cannot.
#[doc(hidden)]
pub fn cannot_rebuild() -> ! {
    unreachable!("the bound of this companion is never met")
}
