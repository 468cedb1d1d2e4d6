//! The counters of functions and tiers, read and handed to the recorder of the `metrics` facade.

use super::TierSource;
use super::table::{METRICS, MetricKind};
use crate::entry::Reason;
use crate::registry::registry;
use crate::stats::Stats;
use metrics::{Label, Unit};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Weak;

static TIERS: Mutex<Vec<Weak<dyn TierSource>>> = Mutex::new(Vec::new());

pub(super) fn add_tier(source: Weak<dyn TierSource>) {
    let mut tiers = TIERS.lock();
    if tiers.len() == tiers.capacity() {
        tiers.retain(|tier| tier.strong_count() > 0);
    }
    tiers.push(source);
}

/// Name, whose, in which region, why.
type Series = (&'static str, String, Option<String>, Option<&'static str>);

/// Hands the counters of every cached function, far client and cached store of the program to the recorder
/// that is installed for the `metrics` facade, and describes them.
///
/// Hits are counted by cells of their own and not by the recorder: so call this whenever somebody is
/// about to read, in the handler of `/metrics` or by a timer. Histograms are recorded as they happen.
/// Functions of one name, clients of one server, and stores of one name are added up. Costs some microseconds a function.
///
/// ```
/// larder_export();
/// # fn larder_export() { cache_core::export_metrics() } // larder::export_metrics()
/// ```
pub fn export_metrics() {
    describe();
    for ((name, whose, region, reason), value) in collect() {
        let of = match name {
            tier if tier.starts_with("larder_tier_") => "tier",
            store if store.starts_with("larder_store_") => "store",
            _ => "function",
        };
        let mut labels = vec![Label::new(of, whose)];
        labels.extend(region.map(|region| Label::new("region", region)));
        labels.extend(reason.map(|reason| Label::new("reason", reason)));
        match kind(name) {
            MetricKind::Gauge => metrics::gauge!(name, labels).set(value as f64),
            MetricKind::Counter | MetricKind::Histogram => {
                metrics::counter!(name, labels).absolute(value);
            }
        }
    }
}

fn kind(name: &str) -> MetricKind {
    METRICS.iter().find(|metric| metric.name == name).map_or(MetricKind::Counter, |one| one.kind)
}

fn describe() {
    for metric in METRICS {
        let unit = if metric.unit == "seconds" { Unit::Seconds } else { Unit::Count };
        match metric.kind {
            MetricKind::Counter => metrics::describe_counter!(metric.name, unit, metric.help),
            MetricKind::Gauge => metrics::describe_gauge!(metric.name, unit, metric.help),
            MetricKind::Histogram => metrics::describe_histogram!(metric.name, unit, metric.help),
        }
    }
}

fn collect() -> BTreeMap<Series, u64> {
    let mut sums = BTreeMap::new();
    let mut add = |name, whose: &str, region: Option<&str>, reason: Option<Reason>, value: u64| {
        let series = (name, whose.to_owned(), region.map(str::to_owned), reason.map(Reason::name));
        *sums.entry(series).or_insert(0) += value;
    };
    for memo in registry() {
        let (name, stats, region) = (memo.name(), memo.stats(), memo.region());
        let region = region.as_deref();
        figures(&stats).for_each(|(metric, value)| add(metric, &name, region, None, value));
        add("larder_values", &name, region, None, memo.len() as u64);
        for (reason, value) in stats.misses.by_reason() {
            add("larder_misses_total", &name, region, Some(reason), value);
        }
    }
    // Sources are the clients' code: not under the lock.
    let tiers: Vec<_> = TIERS.lock().iter().filter_map(Weak::upgrade).collect();
    for source in tiers {
        let tier = source.tier();
        for figure in source.figures() {
            add(figure.metric, &tier, None, figure.reason, figure.value);
        }
    }
    sums
}

fn figures(stats: &Stats) -> impl Iterator<Item = (&'static str, u64)> {
    [
        ("larder_hits_total", stats.hits),
        ("larder_stale_hits_total", stats.stale_hits),
        ("larder_far_hits_total", stats.far_hits),
        ("larder_grace_hits_total", stats.grace_hits),
        ("larder_fenced_total", stats.fenced),
        ("larder_computations_total", stats.computations),
        ("larder_errors_total", stats.errors),
        ("larder_waiters_total", stats.waiters),
        ("larder_refreshes_skipped_total", stats.refreshes_skipped),
        ("larder_unstored_total", stats.unstored),
    ]
    .into_iter()
}
