//! What the tiers of a plan are to its region.

use crate::plan::{MemoryPlan, RegionPlan, Scope, TierPlan};
use cache_clients::encoded::Encoded;
use cache_clients::server::AnyServer;
use std::time::Duration;

impl RegionPlan {
    /// The memory tier that may lie in front, where hits are read inline: wrappers would not see
    /// them.
    pub(crate) fn front(&self) -> Option<&MemoryPlan> {
        match self.tiers.first() {
            Some(TierPlan::Memory(memory)) if self.wrappers.is_empty() => Some(memory),
            _ => None,
        }
    }

    /// For how long what was read of a tag is believed: for ever, where nobody else can change it.
    /// Tables do not read again.
    pub(crate) fn belief(&self) -> Duration {
        let is_shared = self.tiers.iter().any(|tier| matches!(tier, TierPlan::Bytes(_)));
        if is_shared { self.tag_lag } else { Duration::MAX }
    }

    /// What the tiers of an earlier plan owe their servers is owed by those in their place, the farthest
    /// for the farthest: mostly it is the same server under other options.
    pub(crate) fn take_debts(&self, earlier: &RegionPlan) {
        let clients = |plan: &'_ RegionPlan| -> Vec<_> {
            let bytes = plan.tiers.iter().rev().filter_map(|tier| match tier {
                TierPlan::Bytes(bytes) => Some(bytes.client.clone()),
                TierPlan::Memory(_) | TierPlan::Null => None,
            });
            bytes.collect()
        };
        for (client, earlier) in clients(self).iter().zip(clients(earlier)) {
            client.take_debts(&earlier);
        }
    }

    /// The client that keeps the region's record.
    pub(crate) fn record(&self) -> Option<&Encoded<AnyServer>> {
        let shared = self.tiers.iter().rev().find_map(|tier| match tier {
            TierPlan::Bytes(bytes) => Some(&bytes.client),
            TierPlan::Memory(_) | TierPlan::Null => None,
        });
        shared.filter(|_| self.invalidation == Scope::Shared)
    }
}
