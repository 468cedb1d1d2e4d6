//! Which values of a region count: revisions, and who keeps them.

use cache_clients::encoded::EncodedCache;
use cache_clients::server::AnyServer;
use cache_core::{
    Aim, BoxFuture, Cache, Clock, Entry, Error, Filled, Invalidation, Lookup, PutWhen, Reason,
    Result,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::hash_map::RandomState;
use std::fmt::Debug;
use std::hash::BuildHasher;
use std::sync::Arc;

/// How many revisions may still be served as stale.
const REMEMBERED: usize = 4;

/// The revision of a region: every far value is stored under the one that held when it was computed,
/// and counts as long as that still holds.
///
/// ```
/// use cache_core::{Clock, Invalidation};
/// use cache_regions::Revisions;
///
/// let first = Revisions::begin(&Clock::system());
/// let soft = first.after(Invalidation::Soft, &Clock::system());
/// assert_eq!(soft.before(), [first.now()]); // still served, as stale
/// let hard = soft.after(Invalidation::Hard, &Clock::system());
/// assert!(hard.before().is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revisions {
    now: u64,
    before: Vec<u64>,
    /// The one that the last hard invalidation has ended: why what lies under it does not count.
    #[serde(default)]
    ended: Option<u64>,
    /// Of the last soft invalidation, in milliseconds since 1970.
    softened: u64,
}

impl Revisions {
    /// What holds where nothing was ever invalidated.
    pub(crate) const FIRST: Revisions =
        Revisions { now: 0, before: Vec::new(), ended: None, softened: 0 };

    /// A revision that no value was ever stored under.
    #[must_use]
    pub fn begin(clock: &Clock) -> Self {
        let now = RandomState::new().hash_one((clock.unix(), clock.nanos(), std::process::id()));
        Revisions { now, before: Vec::new(), ended: None, softened: 0 }
    }

    /// What holds after an invalidation.
    #[must_use]
    pub fn after(&self, how: Invalidation, clock: &Clock) -> Self {
        let mut next = Revisions::begin(clock);
        next.ended = Some(self.now);
        if how == Invalidation::Soft {
            next.ended = self.ended;
            next.before = std::iter::once(self.now).chain(self.before.iter().copied()).collect();
            next.before.truncate(REMEMBERED);
            next.softened = millis(clock);
        }
        next
    }

    /// The one that values are stored under.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Those whose values may be served while they are computed anew, the latest first.
    #[must_use]
    pub fn before(&self) -> &[u64] {
        &self.before
    }

    /// Those whose values do not count any more, as far as that is remembered.
    pub(crate) fn past(&self) -> impl Iterator<Item = u64> + '_ {
        self.before.iter().copied().chain(self.ended)
    }

    /// Whether what held before may still be served, by the age that values may have.
    pub(crate) fn is_softened(&self, clock: &Clock, ttl: Option<std::time::Duration>) -> bool {
        let since = u128::from(millis(clock).saturating_sub(self.softened));
        !self.before.is_empty() && ttl.is_none_or(|ttl| since <= ttl.as_millis())
    }

    /// Whether this one is known to be later than `other`.
    pub(crate) fn follows(&self, other: &Revisions) -> bool {
        self.past().any(|past| past == other.now)
    }

    /// How the step from `old` to this one is to be taken.
    pub(crate) fn step_from(&self, old: &Revisions) -> Option<Invalidation> {
        if self.now == old.now {
            return None;
        }
        let soft = self.before.contains(&old.now);
        Some(if soft { Invalidation::Soft } else { Invalidation::Hard })
    }
}

fn millis(clock: &Clock) -> u64 {
    u64::try_from(clock.unix().as_millis()).unwrap_or(u64::MAX)
}

/// Keeps the revisions of a region: in the process, on a server, or where you like.
///
/// ```
/// use cache_core::{BoxFuture, Clock, Invalidation, Result};
/// use cache_regions::{InvalidationStrategy, RegionPlan, Revisions};
/// use std::sync::Mutex;
///
/// #[derive(Debug)]
/// struct Mine(Mutex<Revisions>); // a row of a database, perhaps
///
/// impl InvalidationStrategy for Mine {
///     fn current(&self) -> BoxFuture<'_, Result<Revisions>> {
///         Box::pin(async { Ok(self.0.lock().unwrap().clone()) })
///     }
///     fn invalidate(&self, how: Invalidation) -> BoxFuture<'_, Result<Revisions>> {
///         Box::pin(async move {
///             let mut kept = self.0.lock().unwrap();
///             *kept = kept.after(how, &Clock::system());
///             Ok(kept.clone())
///         })
///     }
///     fn is_shared(&self) -> bool {
///         true
///     }
/// }
///
/// let mine = Mine(Mutex::new(Revisions::begin(&Clock::system())));
/// let plan = RegionPlan::new("users").with_memory(100).with_strategy(mine);
/// ```
pub trait InvalidationStrategy: Debug + Send + Sync + 'static {
    /// What holds now. Asked for once in the region's lag; where it fails, the region goes on with
    /// what it knows.
    fn current(&self) -> BoxFuture<'_, Result<Revisions>>;
    /// Goes on to the next revision. Where this fails the region has forgotten its values in this
    /// process, and its caller is told.
    fn invalidate(&self, how: Invalidation) -> BoxFuture<'_, Result<Revisions>>;
    /// Whether others than this process change it.
    fn is_shared(&self) -> bool;
}

/// Revisions of this process alone.
#[derive(Debug)]
pub(crate) struct InProcess {
    clock: Clock,
    kept: Mutex<Revisions>,
}

impl InProcess {
    pub(crate) fn new(clock: Clock) -> Self {
        InProcess { clock, kept: Mutex::new(Revisions::FIRST) }
    }
}

impl InvalidationStrategy for InProcess {
    fn current(&self) -> BoxFuture<'_, Result<Revisions>> {
        Box::pin(async { Ok(self.kept.lock().clone()) })
    }
    fn invalidate(&self, how: Invalidation) -> BoxFuture<'_, Result<Revisions>> {
        Box::pin(async move {
            let mut kept = self.kept.lock();
            *kept = kept.after(how, &self.clock);
            Ok(kept.clone())
        })
    }
    fn is_shared(&self) -> bool {
        false
    }
}

/// Where the records of regions lie on a server.
pub(crate) const RECORDS: &str = "~regions";

/// How often a record is tried to be changed while others change it too.
const TRIES: usize = 8;

/// Revisions in a record on a region's farthest server. A record that is gone is begun anew, under
/// which nothing is stored yet: what cannot be known counts as invalidated.
#[derive(Debug)]
pub(crate) struct OnServer {
    records: EncodedCache<AnyServer, String, Revisions>,
    server: String,
    region: String,
    clock: Clock,
    unsent: Arc<Unsent>,
}

/// What the server of a region has not heard of. It belongs to the region: another configuration of it
/// owes the same.
#[derive(Debug, Default)]
pub(crate) struct Unsent(Mutex<Owed>);

#[derive(Debug, Default)]
struct Owed {
    how: Option<Invalidation>,
    /// Counts the invalidations: what reaches the server makes up for those before it, and for none
    /// that came while it was on its way.
    count: u64,
}

impl Unsent {
    /// Adds one; says what is to be sent for all of them, and up to which.
    fn add(&self, how: Invalidation) -> (Invalidation, u64) {
        let mut owed = self.0.lock();
        let how = match owed.how {
            Some(Invalidation::Hard) => Invalidation::Hard,
            Some(Invalidation::Soft) | None => how,
        };
        owed.how = Some(how);
        owed.count += 1;
        (how, owed.count)
    }

    fn owed(&self) -> Option<(Invalidation, u64)> {
        let owed = self.0.lock();
        owed.how.map(|how| (how, owed.count))
    }

    /// All up to this one have been heard of.
    fn sent(&self, count: u64) {
        let mut owed = self.0.lock();
        if owed.count == count {
            owed.how = None;
        }
    }
}

impl OnServer {
    pub(crate) fn new(
        records: EncodedCache<AnyServer, String, Revisions>,
        server: String,
        region: &str,
        clock: Clock,
        unsent: Arc<Unsent>,
    ) -> Self {
        OnServer { records, server, region: region.to_owned(), clock, unsent }
    }

    fn away(&self, what: &str) -> Error {
        Error::unreachable(&self.server, format!("the record of region `{}` {what}", self.region))
    }

    async fn read(&self) -> Result<Revisions> {
        for _ in 0..TRIES {
            match self.records.lookup(&self.region, Aim::Read).await? {
                Lookup::Fresh { value, .. } | Lookup::Stale { value, .. } => return Ok(value),
                Lookup::Missing { reason: Reason::Unreachable, .. } => break,
                Lookup::Missing { .. } | Lookup::Expired { .. } => {}
            }
            let first = Revisions::begin(&self.clock);
            let entry = Entry::new(first.clone());
            if self.records.put(&self.region, entry, PutWhen::Absent).await? {
                return Ok(first);
            }
        }
        Err(self.away("cannot be read"))
    }

    /// Two processes that invalidate at a time both have their way: a record is changed under its
    /// lease.
    async fn advance(&self, how: Invalidation) -> Result<Revisions> {
        for _ in 0..TRIES {
            let (old, lease) = match self.records.lookup(&self.region, Aim::Replace).await? {
                Lookup::Stale { value, lease, .. } => (Some(value), lease),
                Lookup::Missing { reason: Reason::Unreachable, .. } => break,
                other => (None, other.into_lease()),
            };
            let next = match old {
                Some(old) => old.after(how, &self.clock),
                None => Revisions::begin(&self.clock),
            };
            let filled = self.records.fill(&self.region, Entry::new(next.clone()), lease).await?;
            if filled == Filled::Stored {
                return Ok(next);
            }
        }
        Err(self.away("cannot be changed"))
    }
}

impl OnServer {
    async fn send(&self, (how, count): (Invalidation, u64)) -> Result<Revisions> {
        let next = self.advance(how).await?;
        self.unsent.sent(count);
        Ok(next)
    }
}

impl InvalidationStrategy for OnServer {
    fn current(&self) -> BoxFuture<'_, Result<Revisions>> {
        Box::pin(async {
            match self.unsent.owed() {
                Some(owed) => self.send(owed).await,
                None => self.read().await,
            }
        })
    }
    fn invalidate(&self, how: Invalidation) -> BoxFuture<'_, Result<Revisions>> {
        Box::pin(async move {
            // Noted first: until the server has heard of it, nothing that it says counts.
            self.send(self.unsent.add(how)).await
        })
    }
    fn is_shared(&self) -> bool {
        true
    }
}
