//! How a region is read while values of earlier revisions may be served.

use crate::revisions::Revisions;
use crate::stack::Stack;
use crate::state::Settings;
use cache_core::{Aim, Cache, Lease, Lookup, Result, Tags};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

/// What an operation works with from its beginning to its end.
pub(crate) struct Ready<K, V> {
    pub(crate) settings: Arc<Settings>,
    pub(crate) revisions: Arc<Revisions>,
    pub(crate) stack: Arc<Stack<K, V>>,
}

impl<K, V> Ready<K, V> {
    /// Whether values of earlier revisions may be served.
    pub(crate) fn is_softened(&self) -> bool {
        let plan = &self.settings.plan;
        self.stack.earlier.is_some()
            && self.revisions.is_softened(&plan.clock, plan.policy.expiration.now())
    }

    pub(crate) fn now(&self) -> u64 {
        self.settings.plan.clock.nanos()
    }
}

/// One reading operation.
pub(crate) struct Looking<'a, K, V> {
    ready: &'a Ready<K, V>,
}

/// For how long those who do not get to refresh an old value take it for fresh.
const BUSY: Duration = Duration::from_secs(1);

impl<'a, K, V> Looking<'a, K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(ready: &'a Ready<K, V>) -> Self {
        Looking { ready }
    }

    pub(crate) async fn look(&self, keys: &[K], aim: Aim) -> Result<Vec<Lookup<V>>> {
        let stack = &self.ready.stack;
        match (aim, self.ready.is_softened()) {
            // In the table alone the flight decides who computes, and that what is there is due has
            // been found out before.
            (Aim::Refresh, _) if stack.earlier.is_none() => {
                stack.cache.lookup_many(keys, Aim::Replace).await
            }
            (Aim::Replace, _) | (_, false) => stack.cache.lookup_many(keys, aim).await,
            (Aim::Compute, true) => self.compute(keys).await,
            (_, true) => {
                let mut found = stack.cache.lookup_many(keys, aim).await?;
                let told = |value, left, tags| match aim {
                    Aim::Refresh => Lookup::Fresh { value, left, refresh_in: Some(BUSY), tags },
                    // Only those get it who take what is not fresh.
                    _ => {
                        let (since, by_call, lease) = (Duration::ZERO, false, Lease::none());
                        Lookup::Expired { value, since, by_call, tags, lease }
                    }
                };
                self.complete(keys, &mut found, told).await?;
                Ok(found)
            }
        }
    }

    /// What is there is served, as due for a refresh; only what is not there is asked for with the
    /// leave to compute it.
    async fn compute(&self, keys: &[K]) -> Result<Vec<Lookup<V>>> {
        let cache = &self.ready.stack.cache;
        let mut found = cache.lookup_many(keys, Aim::Read).await?;
        let told = |value, left, tags| {
            let lease = Lease::none();
            Lookup::Stale { value, left, tags, lease }
        };
        self.complete(keys, &mut found, told).await?;
        let open: Vec<usize> = (0..keys.len()).filter(|at| !is_live(&found[*at])).collect();
        if !open.is_empty() {
            let asked: Vec<K> = open.iter().map(|at| keys[*at].clone()).collect();
            let leased = cache.lookup_many(&asked, Aim::Compute).await?;
            for (at, leased) in open.into_iter().zip(leased) {
                found[at] = leased;
            }
        }
        Ok(found)
    }

    /// Tells of earlier values where there is neither a current one nor a lease.
    async fn complete(
        &self,
        keys: &[K],
        found: &mut [Lookup<V>],
        told: impl Fn(V, Duration, Tags) -> Lookup<V>,
    ) -> Result<()> {
        let Some(earlier) = &self.ready.stack.earlier else { return Ok(()) };
        let is_open = |known: &Lookup<V>| match known {
            Lookup::Fresh { .. } | Lookup::Stale { .. } => false,
            Lookup::Expired { lease, .. } | Lookup::Missing { lease, .. } => !lease.is_some(),
        };
        let open: Vec<usize> = (0..keys.len()).filter(|at| is_open(&found[*at])).collect();
        if open.is_empty() {
            return Ok(());
        }
        let asked: Vec<K> = open.iter().map(|at| keys[*at].clone()).collect();
        let old = earlier.lookup_many(&asked, Aim::Read).await?;
        for (at, old) in open.into_iter().zip(old) {
            if let Lookup::Fresh { value, left, tags, .. }
            | Lookup::Stale { value, left, tags, .. } = old
            {
                found[at] = told(value, left, tags);
            }
        }
        Ok(())
    }
}

fn is_live<V>(known: &Lookup<V>) -> bool {
    matches!(known, Lookup::Fresh { .. } | Lookup::Stale { .. })
}
