//! The metrics: one table for descriptions, exports and the documentation.

/// Of what kind a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// A metric that larder has.
///
/// ```
/// let hits = cache_core::METRICS.iter().find(|metric| metric.name == "larder_hits_total").unwrap();
/// assert_eq!((hits.unit, hits.labels), ("count", "function"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub kind: MetricKind,
    /// Its unit: `count` or `seconds`.
    pub unit: &'static str,
    /// Its labels, with commas between them.
    pub labels: &'static str,
    /// What it tells.
    pub help: &'static str,
}

const fn counter(name: &'static str, labels: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Counter, unit: "count", labels, help }
}

const fn gauge(name: &'static str, labels: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Gauge, unit: "count", labels, help }
}

const fn histogram(name: &'static str, labels: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Histogram, unit: "seconds", labels, help }
}

/// All metrics of larder. Keys are in none of them.
pub const METRICS: &[Metric] = &[
    counter("larder_hits_total", "function", "values served while fresh"),
    counter("larder_stale_hits_total", "function", "values served past their refresh threshold"),
    counter("larder_far_hits_total", "function", "values found in tiers behind the near one"),
    counter("larder_grace_hits_total", "function", "values served past their TTL for a failure"),
    counter("larder_misses_total", "function, reason", "values not found"),
    counter("larder_fenced_total", "function", "results outdated when they were ready"),
    counter("larder_computations_total", "function", "computations, failed ones included"),
    counter("larder_errors_total", "function", "computations that failed or panicked"),
    counter("larder_waiters_total", "function", "callers that waited for another computation"),
    counter("larder_refreshes_skipped_total", "function", "refreshes left out, the queue was full"),
    counter(
        "larder_unstored_total",
        "function",
        "results that were not to be stored, or could not",
    ),
    gauge("larder_values", "function", "values held in this process"),
    histogram("larder_compute_seconds", "function", "computations, short ones sampled"),
    histogram("larder_far_lookup_seconds", "tier, namespace, outcome", "lookups on a server"),
    counter("larder_tier_hits_total", "tier", "lookups on a server that found a live value"),
    counter("larder_tier_misses_total", "tier, reason", "lookups on a server that found none"),
    counter("larder_tier_stored_total", "tier", "values stored on a server"),
    counter("larder_tier_fenced_total", "tier", "results that the server turned away as outdated"),
    counter("larder_tier_dropped_writes_total", "tier", "values that could not be stored"),
    counter("larder_tier_waited_total", "tier", "lookups that waited for another process"),
    gauge("larder_tier_pending_invalidations", "tier", "invalidations the server has not heard of"),
    counter("larder_store_hits_total", "store", "reads answered from a copy within its TTL"),
    counter(
        "larder_store_stale_hits_total",
        "store",
        "reads answered from a copy past its TTL, the remote was away",
    ),
    counter(
        "larder_store_renewed_total",
        "store",
        "copies of which the remote said that they have not changed",
    ),
    counter("larder_store_misses_total", "store, reason", "reads without a copy to believe"),
    counter("larder_store_joined_total", "store", "reads that joined the fetch of another"),
    counter("larder_store_fetches_total", "store", "requests to the remote for data"),
    counter("larder_store_local_bytes_total", "store", "bytes that readers got from copies"),
    counter("larder_store_remote_bytes_total", "store", "bytes that came from the remote"),
    counter("larder_store_written_bytes_total", "store", "bytes that were sent to the remote"),
    counter(
        "larder_store_local_errors_total",
        "store",
        "failures of the local side, none a caller's",
    ),
    counter("larder_store_remote_errors_total", "store", "requests to the remote that failed"),
    counter(
        "larder_store_evicted_objects_total",
        "store",
        "objects that went for a limit or their age",
    ),
    counter("larder_store_evicted_bytes_total", "store", "what these took"),
    gauge("larder_store_objects", "store", "objects in the index"),
    gauge("larder_store_bytes", "store", "what they take in the local store"),
    gauge("larder_store_unsent_writes", "store", "writes that wait for the remote"),
];
