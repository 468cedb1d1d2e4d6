//! Plans of what has been checked: here, and not before, things are opened.

use super::draft::{BytesDraft, Draft, Kind, TierDraft};
use super::mistakes::{Mistake, Mistakes};
use crate::backends::{Pool, Sharing, Within};
use crate::mangle::Mangled;
use crate::plan::{BytesPlan, Expiry, MemoryPlan, PolicyPlan, RegionPlan, TierPlan};
use cache_clients::encoded::{Encoded, EncodedOptions};
use cache_clients::server::AnyServer;
use cache_core::{Clock, Result};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::Duration;

/// The plans of all drafts, or what could not be made. Servers of regions with a clock of their own are
/// nobody else's.
pub(super) fn all(drafts: Vec<Draft>, own: Option<&Clock>) -> Result<Vec<RegionPlan>, Mistakes> {
    let mut pool = Pool::default();
    let mut mistakes = Vec::new();
    let mut plans = Vec::new();
    for draft in drafts {
        let builder = Builder { pool: &mut pool, own, mistakes: &mut mistakes };
        plans.extend(builder.region(draft));
    }
    if mistakes.is_empty() {
        pool.keep();
        return Ok(plans);
    }
    Err(Mistakes::new(mistakes))
}

struct Builder<'a> {
    pool: &'a mut Pool,
    own: Option<&'a Clock>,
    mistakes: &'a mut Vec<Mistake>,
}

impl Builder<'_> {
    fn clock(&self) -> Clock {
        self.own.cloned().unwrap_or_else(Clock::system)
    }

    fn region(mut self, draft: Draft) -> Option<RegionPlan> {
        let mut plan = RegionPlan::new(draft.name.clone()).with_clock(self.clock());
        plan.policy = PolicyPlan {
            expiration: draft.expiration.map_or(Expiry::Never, Expiry::Fixed),
            async_ttl: draft.async_ttl,
            jitter: draft.jitter,
            grace: draft.grace,
        };
        plan.wrappers = draft.wrappers;
        plan.invalidation = draft.invalidation;
        plan.tag_lag = draft.tag_lag;
        for tier in draft.tiers {
            let place = tier.place.clone();
            match self.tier(&draft.name, tier, &draft.bytes, draft.grace) {
                Ok(tier) => plan.tiers.push(tier),
                Err(error) => self.mistakes.push(Mistake::new(place, error.to_string())),
            }
        }
        plan.print = draft.print;
        if self.mistakes.is_empty()
            && let Err(error) = plan.check()
        {
            self.mistakes.push(Mistake::new(draft.place, error.to_string()));
        }
        Some(plan)
    }

    fn tier(
        &mut self,
        region: &str,
        draft: TierDraft,
        bytes: &BytesDraft,
        grace: Option<Duration>,
    ) -> Result<TierPlan> {
        let TierDraft { backend, ttl, kind, made_of, .. } = draft;
        let (plan, deadline) = match kind {
            Kind::Null => return Ok(TierPlan::Null),
            Kind::Memory { entries, eviction } => {
                let mut memory = MemoryPlan::new(entries);
                (memory.ttl, memory.eviction) = (ttl, eviction);
                return Ok(TierPlan::Memory(memory));
            }
            Kind::Server { plan, deadline } => (plan, deadline),
        };
        let shared = match plan.sharing {
            Sharing::Equal => "",
            Sharing::Never => region,
        };
        let mut print = DefaultHasher::new();
        (&backend, made_of, shared).hash(&mut print);
        let print = self.own.is_none().then(|| print.finish());
        let clock = self.clock();
        let mut server = self.pool.get(print, plan.make)?;
        if let Some(deadline) = deadline {
            server = AnyServer::new(Within::new(server, deadline, clock.clone()));
        }
        if let Some(mangler) = &bytes.mangler {
            server = AnyServer::new(Mangled::new(server, mangler.clone()));
        }
        let client = Encoded::with_options(server, options(bytes, grace, clock))?;
        Ok(TierPlan::Bytes(BytesPlan { backend, client, ttl }))
    }
}

fn options(bytes: &BytesDraft, grace: Option<Duration>, clock: Clock) -> EncodedOptions {
    let mut options = EncodedOptions::new()
        .with_codec(bytes.codec)
        .with_contention(bytes.contention)
        .with_absence(bytes.absence)
        .with_clock(clock);
    if let Some(prefix) = &bytes.prefix {
        options = options.with_prefix(prefix.clone());
    }
    if let Some(compression) = bytes.compression {
        options = options.with_compression(compression);
    }
    if let Some(key) = &bytes.key {
        options = options.with_signing(Ok(key.clone()));
    }
    if let Some(lease) = bytes.lease {
        options = options.with_lease(lease);
    }
    if let Some(lag) = bytes.clear_lag {
        options = options.with_clear_lag(lag);
    }
    if let Some(pending) = bytes.pending {
        options = options.with_pending(pending);
    }
    match grace {
        Some(grace) => options.with_grace(grace),
        None => options,
    }
}
