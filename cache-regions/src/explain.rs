//! What a region says of a key: its tiers, and what its revisions have to do with it.

use crate::cache::RegionCache;
use crate::kept;
use crate::look::Ready;
use cache_core::{Cache, Error, Lookup, Reason, TierReport, TierState};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::hash::Hash;
use std::time::Duration;

/// What is told of a region that cannot be used.
pub(crate) fn refused(region: &str, error: &Error) -> Vec<TierReport> {
    let state = TierState::Refused { cause: error.to_string() };
    vec![TierReport::new(format!("region `{region}`"), state)]
}

pub(crate) fn is_unknown(report: &TierReport) -> bool {
    matches!(report.state, TierState::Missing { reason: Reason::Never, .. })
}

pub(crate) fn has_live(reports: &[TierReport]) -> bool {
    reports.iter().any(|report| report.state.is_live())
}

/// Where a tier knows nothing of a key under this revision, what it holds under another one is
/// told of in its place.
pub(crate) fn mark_invalidated(reports: &mut [TierReport], other: &[TierReport]) {
    for (now, other) in reports.iter_mut().zip(other) {
        if is_unknown(now) && other.state.is_live() {
            now.state = TierState::Missing { reason: Reason::Region, since: None };
        }
    }
}

impl<K, V> RegionCache<K, V>
where
    K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
    V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    pub(crate) fn note(&self, ready: &Ready<K, V>, hash: u64, left: Option<Duration>) {
        self.0.kept.note(hash, ready.revisions.now(), ready.now(), left);
    }

    /// Whether a value would be there, had the region not been invalidated.
    fn is_lost(&self, hash: u64, ready: &Ready<K, V>) -> bool {
        self.0.kept.is_lost(hash, ready.revisions.now(), ready.now())
    }

    /// Notes what is there, and tells why what is not, is not.
    pub(crate) fn learn(&self, ready: &Ready<K, V>, key: &K, known: &mut Lookup<V>) {
        match known {
            Lookup::Fresh { left, .. } | Lookup::Stale { left, .. } => {
                self.note(ready, kept::hash(key), Some(*left));
            }
            Lookup::Missing { reason, .. } if *reason == Reason::Never => {
                if self.is_lost(kept::hash(key), ready) {
                    *reason = Reason::Region;
                }
            }
            Lookup::Expired { .. } | Lookup::Missing { .. } => {}
        }
    }

    pub(crate) async fn explained(&self, ready: &Ready<K, V>, key: &K) -> Vec<TierReport> {
        let mut tiers = ready.stack.cache.explain(key).await;
        if !has_live(&tiers)
            && ready.is_softened()
            && let Some(earlier) = &ready.stack.earlier
        {
            // Tables in front do not have revisions: the last ones are the same tiers.
            let before = earlier.explain(key).await;
            for (now, before) in tiers.iter_mut().rev().zip(before.into_iter().rev()) {
                if let TierState::Fresh { left, age, .. } | TierState::Stale { left, age } =
                    before.state
                {
                    now.state = TierState::Stale { left, age };
                }
            }
        }
        if let Some(nearest) = tiers.first_mut().filter(|nearest| is_unknown(nearest))
            && self.is_lost(kept::hash(key), ready)
        {
            nearest.state = TierState::Missing { reason: Reason::Region, since: None };
        }
        tiers
    }
}
