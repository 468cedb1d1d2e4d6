//! What a store tells without being asked: its line in the report, its metrics.

use crate::stats::StoreStats;
use crate::store::Inner;
use cache_core::Reported;
use cache_core::observe::{self, TierFigure, TierSource};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// The store is in reports and metrics for as long as it is open.
pub(crate) fn tell_of(inner: &Arc<Inner>) {
    let line: Weak<Inner> = Arc::downgrade(inner);
    let figures: Weak<Inner> = Arc::downgrade(inner);
    cache_core::report_also(line);
    observe::add_tier(figures);
}

impl Inner {
    /// The figures since the store was built.
    pub(crate) fn figures(&self) -> StoreStats {
        let (totals, counters) = (self.index.totals(), &self.stats);
        StoreStats {
            hits: counters.hits.get(),
            stale_hits: counters.stale_hits.get(),
            renewed: counters.renewed.get(),
            misses: counters.misses(),
            joined: counters.joined.get(),
            fetches: counters.fetches.get(),
            fetching: Duration::from_nanos(counters.fetching_nanos.get()),
            bytes_local: counters.bytes_local.get(),
            bytes_remote: counters.bytes_remote.get(),
            bytes_written: counters.bytes_written.get(),
            local_errors: counters.local_errors.get(),
            remote_errors: counters.remote_errors.get(),
            objects: totals.objects,
            bytes: totals.bytes,
            evicted_objects: totals.evicted_objects,
            evicted_bytes: totals.evicted_bytes,
            unsent: counters.unsent.get(),
        }
    }
}

impl Reported for Inner {
    fn line(&self) -> String {
        line(&self.name, &self.figures())
    }
}

fn line(name: &str, stats: &StoreStats) -> String {
    let reads = stats.hits + stats.stale_hits + stats.misses.total();
    let ratio = match reads {
        0 => "-".to_owned(),
        reads => format!("{:.1} %", 100.0 * stats.hits as f64 / reads as f64),
    };
    format!(
        "store {name}: {reads} reads, {} hits ({ratio}), {} stale; {} from local, {} from remote in {} fetches; \
         {} objects of {}, {} evicted; {} local errors; {} writes waiting",
        stats.hits,
        stats.stale_hits,
        short(stats.bytes_local),
        short(stats.bytes_remote),
        stats.fetches,
        stats.objects,
        short(stats.bytes),
        stats.evicted_objects,
        stats.local_errors,
        stats.unsent,
    )
}

/// Bytes in four digits or so.
fn short(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in units {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

impl TierSource for Inner {
    fn tier(&self) -> String {
        self.name.to_string()
    }

    fn figures(&self) -> Vec<TierFigure> {
        let stats = Inner::figures(self);
        let plain = |metric, value| TierFigure { metric, reason: None, value };
        let mut figures = vec![
            plain("larder_store_hits_total", stats.hits),
            plain("larder_store_stale_hits_total", stats.stale_hits),
            plain("larder_store_renewed_total", stats.renewed),
            plain("larder_store_joined_total", stats.joined),
            plain("larder_store_fetches_total", stats.fetches),
            plain("larder_store_local_bytes_total", stats.bytes_local),
            plain("larder_store_remote_bytes_total", stats.bytes_remote),
            plain("larder_store_written_bytes_total", stats.bytes_written),
            plain("larder_store_local_errors_total", stats.local_errors),
            plain("larder_store_remote_errors_total", stats.remote_errors),
            plain("larder_store_evicted_objects_total", stats.evicted_objects),
            plain("larder_store_evicted_bytes_total", stats.evicted_bytes),
            plain("larder_store_objects", stats.objects),
            plain("larder_store_bytes", stats.bytes),
            plain("larder_store_unsent_writes", stats.unsent),
        ];
        figures.extend(stats.misses.by_reason().into_iter().map(|(reason, value)| TierFigure {
            metric: "larder_store_misses_total",
            reason: Some(reason),
            value,
        }));
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_short() {
        assert_eq!(short(1023), "1023 B");
        assert_eq!(short(1536), "1.5 KiB");
        assert_eq!(short(10 << 30), "10.0 GiB");
    }

    #[test]
    fn a_store_that_nobody_has_read_has_no_ratio() {
        assert!(
            line("reports", &StoreStats::default())
                .starts_with("store reports: 0 reads, 0 hits (-)")
        );
    }
}
