//! Spans and metrics, behind features of these names. Without them all of this is empty, and a hit
//! in this process takes part in neither: it is counted where all hits are, and read from there.

#[cfg(feature = "metrics")]
mod export;
mod lookup;
#[cfg(feature = "metrics")]
mod table;
mod watch;

use crate::entry::Reason;

#[cfg(feature = "metrics")]
pub use export::export_metrics;
pub use lookup::{FarLookup, Found};
#[cfg(feature = "metrics")]
pub use table::{METRICS, Metric, MetricKind};
#[cfg(feature = "tracing")]
pub(crate) use watch::KeyText;
pub(crate) use watch::{Cause, Ending, Watch, computed};

/// Figures of a tier or a store, for those who export them. Made by clients of bytes and by cached stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TierFigure {
    /// Which of the [metrics](mod@crate::observe).
    pub metric: &'static str,
    /// For misses.
    pub reason: Option<Reason>,
    /// The count so far, or the state.
    pub value: u64,
}

/// What has figures of a tier.
pub trait TierSource: Send + Sync + 'static {
    /// What it is and where.
    fn tier(&self) -> String;
    /// Its figures now.
    fn figures(&self) -> Vec<TierFigure>;
}

/// Makes the figures of a tier part of what is exported, for as long as somebody has it.
#[cfg(feature = "metrics")]
pub fn add_tier(source: std::sync::Weak<dyn TierSource>) {
    export::add_tier(source);
}

/// Nobody exports anything.
#[cfg(not(feature = "metrics"))]
pub fn add_tier(source: std::sync::Weak<dyn TierSource>) {
    drop(source);
}
