//! What the tiers behind the near table know of a key, and the leave that they give to compute it.

use crate::aged::Old;
use crate::client::Cache;
use crate::compute::Want;
use crate::detached::Urgency;
use crate::entry::{Aim, Entry, Filled, Lease, Lookup, Reason};
use crate::erased::Shared;
use crate::flight::Flight;
use crate::gather::Note;
use crate::memo::{Found, Memo};
use crate::observe::Ending;
use crate::stats::Event;
use crate::table::Touch;
use crate::tags::Tags;
use crate::task::in_background;
use crate::wait;
use std::hash::Hash;
use std::time::Duration;

/// What the tiers behind the near table answer.
pub(crate) enum Far<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Value(V, Note),
    /// Within its TTL, and due for a refresh that nobody has begun.
    Due(V, Note),
    Compute(Held<K, V>),
}

/// A lease of the tiers behind. Dropped unused, it is given back, so that other processes need not
/// wait for its end.
pub(crate) struct Held<K, V>(Option<(Shared<K, V>, K, Lease)>, Option<Reason>)
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static;

impl<K, V> Held<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Where there is no tier behind, or it is not to be asked.
    pub(crate) fn nothing() -> Self {
        Held(None, None)
    }

    fn new(far: &Shared<K, V>, key: &K, lease: Lease, reason: Option<Reason>) -> Self {
        Held(lease.is_some().then(|| (far.clone(), key.clone(), lease)), reason)
    }

    /// Why the tiers behind have no value; `None`: they have one, or were not asked.
    pub(crate) fn reason(&self) -> Option<Reason> {
        self.1
    }

    async fn fill(mut self, entry: Entry<V>) -> Filled {
        let Some((far, key, lease)) = self.0.take() else { return Filled::Refused };
        far.fill(&key, entry, lease).await.unwrap_or(Filled::Refused)
    }
}

impl<K, V> Drop for Held<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn drop(&mut self) {
        if let Some((far, key, lease)) = self.0.take() {
            in_background(async move { far.release(&key, lease).await });
        }
    }
}

/// What a computation asks the tiers behind for.
pub(crate) fn aim_of(want: Want, urgency: Option<Urgency>) -> Aim {
    match (want, urgency) {
        (Want::Value, _) => Aim::Compute,
        (_, Some(Urgency::Refresh)) => Aim::Refresh,
        (Want::Young | Want::Newer, _) => Aim::Replace,
    }
}

impl<K, V> Memo<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Asks for a flight that is to land; counts what comes of it unless that is done.
    pub(crate) async fn ask_far(&self, flight: &Flight<K, V>, aim: Aim, count: bool) -> Far<K, V> {
        let Some(far) = &self.far else { return Far::Compute(Held::nothing()) };
        let note = |event| {
            if count {
                self.stats.count(event)
            }
        };
        let mut found = far.lookup(&flight.key, aim).await;
        // A tag was softly invalidated, and nobody refreshes in the background: one computes.
        let is_due = matches!(&found, Ok(Lookup::Stale { lease, .. }) if !lease.is_some());
        if is_due && aim == Aim::Compute && !self.refreshes() {
            found = far.lookup(&flight.key, Aim::Refresh).await;
        }
        let found = found.map(|found| self.validate(found));
        let made_from = |tags, left| Note::of(tags, left, &self.clock);
        let (reason, lease) = match found {
            Ok(Lookup::Fresh { value, left, tags, .. }) => {
                note(Event::FarHit);
                return Far::Value(value, made_from(tags, left));
            }
            Ok(Lookup::Stale { value, left, tags, lease }) if !lease.is_some() => {
                note(Event::StaleHit);
                return Far::Due(value, made_from(tags, left));
            }
            Ok(Lookup::Stale { lease, .. }) => {
                return Far::Compute(Held::new(far, &flight.key, lease, None));
            }
            Ok(Lookup::Expired { value, since, by_call, tags, lease }) => {
                if !by_call {
                    self.remember(flight, (value, tags), since);
                }
                (Reason::Expired, lease)
            }
            Ok(Lookup::Missing { reason, lease }) => (reason, lease),
            Err(_) => (Reason::Unreachable, Lease::none()),
        };
        let reason = self.fenced.instead(flight.hash, reason);
        if count {
            self.count_miss(reason);
        }
        Far::Compute(Held::new(far, &flight.key, lease, Some(reason)))
    }

    /// The same in a thread that may wait.
    pub(crate) fn wait_far(&self, flight: &Flight<K, V>, aim: Aim, count: bool) -> Far<K, V> {
        if self.far.is_none() {
            return Far::Compute(Held::nothing());
        }
        wait(self.ask_far(flight, aim, count))
    }

    pub(crate) async fn store_far(
        &self,
        far: &Shared<K, V>,
        flight: &Flight<K, V>,
        entry: Entry<V>,
        held: Held<K, V>,
    ) -> Ending {
        if flight.is_fenced() {
            return self.count_fenced(flight.hash);
        }
        self.aged.forget(flight.hash);
        // Nothing came of asking, but what is near is as good as ever.
        if held.0.is_none() && far.near().is_some() {
            return self.commit_near(flight, entry);
        }
        match held.fill(entry).await {
            Filled::Stored => {
                self.fenced.forget(flight.hash);
                Ending::Stored
            }
            Filled::Fenced => self.count_fenced(flight.hash),
            Filled::Refused => {
                self.stats.count(Event::Unstored);
                Ending::Unstored
            }
        }
    }

    fn count_fenced(&self, hash: u64) -> Ending {
        self.fenced.note(hash);
        self.stats.count(Event::Fenced);
        Ending::Fenced
    }

    /// Counts a miss of the near table, unless the tiers behind have the last word.
    pub(crate) fn count_near_miss(&self, reason: Reason) {
        if self.far.is_none() {
            self.count_miss(reason);
        }
    }

    /// Counts a caller who waits for somebody else's computation; as a miss only where his call is not `counted` yet.
    pub(crate) fn count_waiter(&self, counted: &mut bool) {
        self.stats.count(Event::Waiter);
        if self.far.is_some() && !std::mem::replace(counted, true) {
            self.stats.count(Event::MissNever);
        }
    }

    /// A live value of any tier, counted; waits for far tiers.
    pub(crate) fn live(
        &self,
        hash: u64,
        key: &dyn Fn() -> K,
        eq: impl Fn(&K) -> bool,
    ) -> Option<(V, Duration)> {
        self.rules.require();
        match self.live_near(hash, eq) {
            Ok(live) => live,
            Err(far) => wait(self.live_far(far, hash, key())),
        }
    }

    pub(crate) async fn live_async(&self, hash: u64, key: K) -> Option<(V, Duration)> {
        self.rules.require();
        match self.live_near(hash, |k| *k == key) {
            Ok(live) => live,
            Err(far) => self.live_far(far, hash, key).await,
        }
    }

    /// What is near; `Err`: the tiers behind have to be asked.
    fn live_near(
        &self,
        hash: u64,
        eq: impl Fn(&K) -> bool,
    ) -> Result<Option<(V, Duration)>, &Shared<K, V>> {
        let reason = match (self.look(hash, eq, Touch::Visit), &self.far) {
            (Found::Live { value, left, .. }, _) => {
                self.stats.count(Event::Hit);
                return Ok(Some((value, left)));
            }
            (Found::Expiring(_), _) => Reason::Expired,
            (Found::Missing(_), Some(far)) => return Err(far),
            (Found::Missing(reason), None) => reason,
        };
        self.count_miss(reason);
        Ok(None)
    }

    async fn live_far(&self, far: &Shared<K, V>, hash: u64, key: K) -> Option<(V, Duration)> {
        let found = far.lookup(&key, Aim::Peek).await.map(|found| self.validate(found));
        let reason = match found {
            Ok(
                Lookup::Fresh { value, left, tags, .. } | Lookup::Stale { value, left, tags, .. },
            ) => {
                self.stats.count(Event::FarHit);
                self.hand(&tags, left);
                return Some((value, left));
            }
            Ok(Lookup::Expired { .. }) => Reason::Expired,
            Ok(Lookup::Missing { reason, .. }) => reason,
            Err(_) => Reason::Unreachable,
        };
        self.count_miss(self.fenced.instead(hash, reason));
        None
    }

    /// After a change of the tiers behind: what began meanwhile may have found what was there before. Nobody joins that any
    /// more (a near cache has seen to it), and nothing from before stands in for a failure.
    pub(crate) fn fence_behind(&self, hash: u64, key: &K) {
        if self.near.is_none() {
            drop(self.fence(hash, key));
        }
        self.aged.forget(hash);
    }

    /// Keeps an expired value of the tiers behind, for as long as `grace` allows it.
    fn remember(&self, flight: &Flight<K, V>, (value, tags): (V, Tags), since: Duration) {
        if let Some(left) = self.policy().grace().and_then(|grace| grace.checked_sub(since)) {
            let until = self.clock.nanos().saturating_add(nanos(left));
            let old = Old { key: flight.key.clone(), value, tags, until };
            self.aged.keep(flight, old, self.clock.nanos());
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
