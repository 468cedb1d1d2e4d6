//! The way of a read: the near tier with a lease, the far tier within its deadline, the promotion.

use super::TieredCache;
use super::misses::Asked;
use crate::elapsed::{self, Laps};
use cache_core::{
    Aim, Cache, Entry, Lease, Lookup, Reach, Reason, Result, Tags, TierReport, TierState,
};
use std::future::{Future, poll_fn};
use std::hash::Hash;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

impl<K, V, N, F> TieredCache<K, V, N, F>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    N: Cache<K, V>,
    F: Cache<K, V>,
{
    /// What the near tier knows, with leases under which the far tier's values may be kept: taken
    /// before the far tier is asked, so that an invalidation in between makes them worthless.
    pub(super) async fn ask_near(&self, keys: &[K], aim: Aim) -> Result<Vec<Lookup<V>>> {
        let near = &self.0.near;
        let looks = aim.is_look();
        let first = match aim {
            Aim::Refresh | Aim::Replace => Aim::Replace,
            Aim::Least(_) if near.reach() == Reach::Near => Aim::Replace,
            // Leases of a table in this process are free.
            Aim::Read | Aim::Peek if near.reach() == Reach::Near => Aim::Compute,
            _ => aim,
        };
        let mut known = near.lookup_many(keys, first).await?;
        if looks && near.reach() == Reach::Far {
            let open: Vec<_> = (0..keys.len()).filter(|at| !is_enough(&known[*at], aim)).collect();
            let again: Vec<K> = open.iter().map(|at| keys[*at].clone()).collect();
            if !again.is_empty() {
                let mut laps = Laps::begin(&self.0.options.clock);
                let leased = near.lookup_many(&again, Aim::Replace).await?;
                age(&mut known, laps.lap());
                for (at, leased) in open.into_iter().zip(leased) {
                    known[at] = leased;
                }
            }
        }
        Ok(known)
    }

    /// Of a mere look, what the far tier is known to have nothing of is not `open` any more.
    pub(super) fn leave_out_misses(
        &self,
        keys: &[K],
        open: &mut Vec<usize>,
        looks: bool,
    ) -> Vec<Asked> {
        let Some(misses) = self.0.misses.as_ref().filter(|_| looks) else { return Vec::new() };
        let mut unknown = Vec::with_capacity(open.len());
        open.retain(|at| {
            let asked = misses.ask(&keys[*at]);
            unknown.extend(asked);
            asked.is_some()
        });
        unknown
    }

    pub(super) fn remember_misses(&self, unknown: Vec<Asked>, found: &[Lookup<V>]) {
        for (asked, found) in unknown.into_iter().zip(found) {
            match (&self.0.misses, found) {
                (_, Lookup::Missing { reason: Reason::Unreachable, .. }) => {}
                (Some(misses), Lookup::Missing { .. }) => misses.remember(asked),
                _ => {}
            }
        }
    }

    /// Asks the far tier, for no longer than its deadline.
    pub(super) async fn ask_far(&self, keys: Vec<K>, aim: Aim) -> Result<Vec<Lookup<V>>> {
        let Some(deadline) = self.0.options.far_deadline else {
            return self.0.far.lookup_many(&keys, aim).await;
        };
        let (tiers, count) = (self.0.clone(), keys.len());
        let mut asking = Box::pin(async move {
            let found = tiers.far.lookup_many(&keys, aim).await;
            (tiers, keys, found)
        });
        let sleep = self.0.options.clock.sleep(deadline);
        if let Some((_, _, found)) = first(asking.as_mut(), sleep).await {
            return found;
        }
        // A lease that comes too late is given back.
        cache_core::in_background(async move {
            let (tiers, keys, found) = asking.await;
            for (key, known) in keys.iter().zip(found.into_iter().flatten()) {
                tiers.far.release(key, known.into_lease()).await;
            }
        });
        let away = |_| Lookup::Missing { reason: Reason::Unreachable, lease: Lease::none() };
        Ok((0..count).map(away).collect())
    }

    /// What the far tier knows, for no longer than its deadline.
    pub(super) async fn explain_far(&self, key: &K) -> Vec<TierReport> {
        let asking = pin!(self.0.far.explain(key));
        let Some(deadline) = self.0.options.far_deadline else { return asking.await };
        let told = first(asking, self.0.options.clock.sleep(deadline)).await;
        told.unwrap_or_else(|| {
            let cause = format!("it did not answer within {deadline:?}");
            vec![TierReport::new("the far tier", TierState::Unreachable { cause })]
        })
    }

    /// How a value of the far tier lives in the near one.
    pub(super) fn near_entry(
        &self,
        value: V,
        ttl: Option<Duration>,
        refresh_in: Option<Duration>,
        tags: Tags,
    ) -> Entry<V> {
        Entry { value, ttl: self.near_ttl(ttl), refresh_after: refresh_in, tags }
    }

    pub(super) fn near_ttl(&self, ttl: Option<Duration>) -> Option<Duration> {
        let options = &self.0.options;
        let part = ttl.filter(|ttl| *ttl < Duration::MAX).map(|ttl| ttl.mul_f64(options.fraction));
        match (part, options.near_ttl) {
            (Some(part), Some(longest)) => Some(part.min(longest)),
            (part, longest) => part.or(longest),
        }
    }

    /// Joins what both tiers know; what is to be kept in front goes to `promotions`.
    pub(super) fn join(
        &self,
        key: &K,
        near: Lookup<V>,
        far: Lookup<V>,
        promotions: &mut Vec<(K, Entry<V>, Lease)>,
    ) -> Lookup<V> {
        let (near, lease) = Known::of(near);
        match far {
            Lookup::Fresh { value, left, refresh_in, tags } => match near {
                Known::Live(value, own, tags) if own >= left => {
                    Lookup::Fresh { value, left: own, refresh_in: None, tags }
                }
                _ => {
                    let entry =
                        self.near_entry(value.clone(), Some(left), refresh_in, tags.clone());
                    promotions.push((key.clone(), entry, lease.of_copy()));
                    Lookup::Fresh { value, left, refresh_in, tags }
                }
            },
            Lookup::Stale { value, left, tags, lease: won } if won.is_some() => {
                Lookup::Stale { value, left, tags, lease: Lease::of_tiers(lease, won) }
            }
            Lookup::Stale { value, left, tags, .. } => {
                let due = Some(Duration::ZERO);
                let entry = self.near_entry(value.clone(), Some(left), due, tags.clone());
                promotions.push((key.clone(), entry, lease.of_copy()));
                Lookup::Stale { value, left, tags, lease: Lease::none() }
            }
            Lookup::Expired { value, since, by_call, tags, lease: behind } => {
                let lease = Lease::of_tiers(lease, behind);
                match near {
                    Known::Live(value, left, tags) => Lookup::Stale { value, left, tags, lease },
                    _ => Lookup::Expired { value, since, by_call, tags, lease },
                }
            }
            Lookup::Missing { reason, lease: behind } => {
                let lease = Lease::of_tiers(lease, behind);
                match near {
                    Known::Live(value, left, tags) => Lookup::Stale { value, left, tags, lease },
                    Known::Expired(value, (since, by_call), tags) => {
                        Lookup::Expired { value, since, by_call, tags, lease }
                    }
                    Known::Nothing(own) if reason == Reason::Never => {
                        Lookup::Missing { reason: own, lease }
                    }
                    Known::Nothing(_) => Lookup::Missing { reason, lease },
                }
            }
        }
    }

    /// Keeps in front what was found behind, and tells the hooks. A near tier that fails is left.
    pub(super) async fn promote(&self, mut promotions: Vec<(K, Entry<V>, Lease)>) {
        if promotions.is_empty() {
            return;
        }
        if self.0.options.has_hooks() {
            let mut laps = Laps::begin(&self.0.options.clock);
            for (key, entry, _) in &promotions {
                self.0.options.tell(&self.0.namespace, key, &entry.value);
            }
            let took = laps.lap();
            let aged = |(key, entry, lease)| (key, elapsed::entry(entry, took), lease);
            promotions = promotions.into_iter().map(aged).collect();
        }
        let _ = self.0.near.fill_many(promotions).await;
    }

    /// Leases that a mere look has no use for.
    pub(super) async fn drop_leases(&self, keys: &[K], answers: &mut [Lookup<V>]) {
        for (key, answer) in keys.iter().zip(answers) {
            let lease = match answer {
                Lookup::Stale { lease, .. }
                | Lookup::Expired { lease, .. }
                | Lookup::Missing { lease, .. } => std::mem::replace(lease, Lease::none()),
                Lookup::Fresh { .. } => continue,
            };
            if lease.is_some() && self.0.near.reach() == Reach::Far {
                self.release(key, lease).await;
            }
        }
    }
}

/// The near tier's knowledge without its lease.
enum Known<V> {
    Live(V, Duration, Tags),
    /// Since when, and whether by a call.
    Expired(V, (Duration, bool), Tags),
    Nothing(Reason),
}

impl<V> Known<V> {
    fn of(lookup: Lookup<V>) -> (Self, Lease) {
        match lookup {
            Lookup::Fresh { value, left, tags, .. } => {
                (Known::Live(value, left, tags), Lease::none())
            }
            Lookup::Stale { value, left, tags, lease } => (Known::Live(value, left, tags), lease),
            Lookup::Expired { value, since, by_call, tags, lease } => {
                (Known::Expired(value, (since, by_call), tags), lease)
            }
            Lookup::Missing { reason, lease } => (Known::Nothing(reason), lease),
        }
    }
}

/// What was known, after so much time.
pub(super) fn age<V>(known: &mut [Lookup<V>], by: Duration) {
    known.iter_mut().for_each(|known| elapsed::lookup(known, by));
}

/// Whether the far tier need not be asked.
pub(super) fn is_enough<V>(known: &Lookup<V>, aim: Aim) -> bool {
    let (Lookup::Fresh { left, .. } | Lookup::Stale { left, .. }) = known else { return false };
    match aim {
        Aim::Least(least) => *left >= least,
        Aim::Refresh | Aim::Replace | Aim::Farthest => false,
        _ => true,
    }
}

/// What the first future gives, unless the second is ready before it.
async fn first<A: Future + Unpin>(mut a: A, b: impl Future) -> Option<A::Output> {
    let mut b = pin!(b);
    poll_fn(|cx| match Pin::new(&mut a).poll(cx) {
        Poll::Ready(out) => Poll::Ready(Some(out)),
        Poll::Pending => b.as_mut().poll(cx).map(|_| None),
    })
    .await
}
