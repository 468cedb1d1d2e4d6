//! What a configuration says of one region, complete and checked.

use crate::revisions::InvalidationStrategy;
use crate::wrapper::Wrapper;
use cache_clients::encoded::Encoded;
use cache_clients::server::{AnyServer, Server};
use cache_core::{AsyncTtl, Clock, Error, Eviction, IntoAsyncTtl, IntoTtl, Jitter, Policy, Result};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Whether a region that is configured already may be configured anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Replace {
    /// It is an error that names the region.
    #[default]
    Refuse,
    /// The new plan takes the place of the old one; calls in flight finish on the old one.
    Existing,
}

/// How far an invalidation of a whole region reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// This process.
    Process,
    /// All processes that share the region's farthest tier.
    #[default]
    Shared,
}

/// When the values of a region expire.
#[derive(Clone, Default)]
pub enum Expiry {
    /// When they are evicted.
    #[default]
    Never,
    /// After this time.
    Fixed(Duration),
    /// After what is said whenever a value is stored or looked at; `None` is never.
    By(Arc<dyn Fn() -> Option<Duration> + Send + Sync>),
}

impl Expiry {
    /// The TTL of now.
    ///
    /// ```
    /// use cache_regions::Expiry;
    /// use std::time::Duration;
    ///
    /// assert_eq!(Expiry::Never.now(), None);
    /// assert_eq!(Expiry::Fixed(Duration::from_secs(5)).now(), Some(Duration::from_secs(5)));
    /// ```
    #[must_use]
    pub fn now(&self) -> Option<Duration> {
        match self {
            Expiry::Never => None,
            Expiry::Fixed(ttl) => Some(*ttl),
            Expiry::By(ttl) => ttl(),
        }
    }
}

impl fmt::Debug for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expiry::Never => f.write_str("Never"),
            Expiry::Fixed(ttl) => write!(f, "Fixed({ttl:?})"),
            Expiry::By(_) => f.write_str("By(..)"),
        }
    }
}

/// The freshness rules of a region.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PolicyPlan {
    /// The absolute limit of a value's age.
    pub expiration: Expiry,
    /// When to recompute in the background.
    pub async_ttl: Option<AsyncTtl>,
    /// By how much TTLs are shortened at random.
    pub jitter: Option<Jitter>,
    /// For how long past its TTL a value may stand in for a computation that failed.
    pub grace: Option<Duration>,
}

impl PolicyPlan {
    /// The rules with the TTL of now.
    ///
    /// ```
    /// use cache_regions::RegionPlan;
    /// use std::time::Duration;
    ///
    /// let plan = RegionPlan::new("users").with_memory(1000).with_expiration(300);
    /// assert_eq!(plan.policy.now().ttl(), Some(Duration::from_secs(300)));
    /// ```
    #[must_use]
    pub fn now(&self) -> Policy {
        let mut policy = Policy::new().with_ttl(self.expiration.now()).with_grace(self.grace);
        if let Some(when) = self.async_ttl {
            policy = policy.with_async_ttl(when);
        }
        match self.jitter {
            Some(jitter) => policy.with_jitter(jitter),
            None => policy,
        }
    }
}

/// Entries in this process, as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryPlan {
    /// How many at most, for the whole region.
    pub entries: usize,
    /// For how long this tier believes them at most.
    pub ttl: Option<Duration>,
    /// Which one goes when there is no room.
    pub eviction: Eviction,
}

impl MemoryPlan {
    /// So many entries, S3-FIFO, no TTL of its own.
    #[must_use]
    pub fn new(entries: usize) -> Self {
        MemoryPlan { entries, ttl: None, eviction: Eviction::default() }
    }
}

/// Values as bytes on a server, with codec, signature, deadline and mangler as configured.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BytesPlan {
    /// The backend's name in the configuration: `memcached`.
    pub backend: String,
    /// The client, ready for use. Nothing has been connected yet.
    pub client: Encoded<AnyServer>,
    /// For how long this tier believes them at most.
    pub ttl: Option<Duration>,
}

/// One tier of a region.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TierPlan {
    /// Entries in this process.
    Memory(MemoryPlan),
    /// Bytes, here or elsewhere.
    Bytes(BytesPlan),
    /// Nothing is kept.
    Null,
}

/// One wrapper of a region.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WrapperPlan {
    /// Its name in the configuration.
    pub name: String,
    /// The wrapper.
    pub wrapper: Arc<dyn Wrapper>,
}

/// What a configuration says of one region, complete and checked; or what code says of it.
///
/// ```
/// use cache_regions::RegionPlan;
/// use std::time::Duration;
///
/// let plan = RegionPlan::new("users")
///     .with_memory(10_000)
///     .with_expiration(Duration::from_secs(300))
///     .with_async_ttl(-60)
///     .with_jitter(0.1);
/// plan.check()?;
/// # Ok::<(), cache_core::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RegionPlan {
    /// The region's name.
    pub name: String,
    /// Nearest first; a plan that passes [`check`](RegionPlan::check) has one at least.
    pub tiers: Vec<TierPlan>,
    /// The freshness rules.
    pub policy: PolicyPlan,
    /// First listed is outermost.
    pub wrappers: Vec<WrapperPlan>,
    /// How far an invalidation of the whole region reaches.
    pub invalidation: Scope,
    /// Who keeps track of invalidations of the whole region, instead of what `invalidation` says.
    pub strategy: Option<Arc<dyn InvalidationStrategy>>,
    /// Within which time other processes see an invalidation of the region or of a tag (5 s).
    pub tag_lag: Duration,
    /// Where times are taken from.
    pub clock: Clock,
    /// Equal for plans whose tiers and wrappers are made from the same: the stack of one may serve
    /// the other. How many entries a memory tier has does not count, nor does the policy, except for its
    /// grace: servers keep values for as much longer.
    pub print: u64,
}

/// Prints of plans that were made in code: the high bit tells them from those of files.
static NEXT: AtomicU64 = AtomicU64::new(1 << 63);

impl RegionPlan {
    /// A region without tiers, whose values live until they are evicted.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        RegionPlan {
            name: name.into(),
            tiers: Vec::new(),
            policy: PolicyPlan::default(),
            wrappers: Vec::new(),
            invalidation: Scope::default(),
            strategy: None,
            tag_lag: Duration::from_secs(5),
            clock: Clock::system(),
            print: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// With a further tier in this process, of so many entries.
    #[must_use]
    pub fn with_memory(self, entries: usize) -> Self {
        self.with_tier(TierPlan::Memory(MemoryPlan::new(entries)))
    }

    /// With a further tier of bytes on a server, with the default settings of `Encoded`.
    ///
    /// # Errors
    /// When the server takes too little in one value.
    pub fn with_server(self, server: impl Server) -> Result<Self> {
        let name = server.name();
        let backend = name.split(' ').next().unwrap_or_default().to_owned();
        let client = Encoded::new(AnyServer::new(server))?;
        Ok(self.with_tier(TierPlan::Bytes(BytesPlan { backend, client, ttl: None })))
    }

    /// With a further tier of bytes, by a client with settings of its own.
    #[must_use]
    pub fn with_encoded(self, client: Encoded<AnyServer>) -> Self {
        let name = client.server().name();
        let backend = name.split(' ').next().unwrap_or_default().to_owned();
        self.with_tier(TierPlan::Bytes(BytesPlan { backend, client, ttl: None }))
    }

    /// With a further tier, behind those that are there.
    #[must_use]
    pub fn with_tier(mut self, tier: TierPlan) -> Self {
        self.tiers.push(tier);
        self.print = NEXT.fetch_add(1, Ordering::Relaxed);
        self
    }

    /// With a limit of its own for the age of values in the tier that was added last.
    #[must_use]
    pub fn with_tier_ttl(mut self, limit: impl IntoTtl) -> Self {
        match self.tiers.last_mut() {
            Some(TierPlan::Memory(MemoryPlan { ttl, .. }))
            | Some(TierPlan::Bytes(BytesPlan { ttl, .. })) => *ttl = limit.into_ttl(),
            Some(TierPlan::Null) | None => {}
        }
        self.print = NEXT.fetch_add(1, Ordering::Relaxed);
        self
    }

    /// With an absolute limit to the age of values.
    #[must_use]
    pub fn with_expiration(mut self, ttl: impl IntoTtl) -> Self {
        self.policy.expiration = match ttl.into_ttl() {
            Some(ttl) => Expiry::Fixed(ttl),
            None => Expiry::Never,
        };
        self
    }

    /// With a limit that is asked for whenever it is needed.
    #[must_use]
    pub fn with_expiration_by(
        mut self,
        ttl: impl Fn() -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        self.policy.expiration = Expiry::By(Arc::new(ttl));
        self
    }

    /// With recomputation in the background.
    #[must_use]
    pub fn with_async_ttl(mut self, when: impl IntoAsyncTtl) -> Self {
        self.policy.async_ttl = Some(when.into_async_ttl());
        self
    }

    /// With TTLs shortened at random by so much at most.
    #[must_use]
    pub fn with_jitter(mut self, jitter: impl Into<Jitter>) -> Self {
        self.policy.jitter = Some(jitter.into());
        self
    }

    /// With values that stand in for failed computations for so long past their TTL.
    #[must_use]
    pub fn with_grace(mut self, grace: impl IntoTtl) -> Self {
        self.policy.grace = grace.into_ttl();
        self
    }

    /// With a further wrapper, inside of those that are there.
    #[must_use]
    pub fn with_wrapper(mut self, name: impl Into<String>, wrapper: impl Wrapper) -> Self {
        self.wrappers.push(WrapperPlan { name: name.into(), wrapper: Arc::new(wrapper) });
        self.print = NEXT.fetch_add(1, Ordering::Relaxed);
        self
    }

    /// With another reach of whole invalidations.
    #[must_use]
    pub fn with_invalidation(mut self, scope: Scope) -> Self {
        self.invalidation = scope;
        self
    }

    /// With somebody else who keeps track of invalidations of the whole region.
    #[must_use]
    pub fn with_strategy(mut self, strategy: impl InvalidationStrategy) -> Self {
        self.strategy = Some(Arc::new(strategy));
        self.print = NEXT.fetch_add(1, Ordering::Relaxed);
        self
    }

    /// With another time within which other processes see invalidations of the region or of tags.
    #[must_use]
    pub fn with_tag_lag(mut self, lag: Duration) -> Self {
        self.tag_lag = lag;
        self
    }

    /// With another clock, for tests. The tiers' own clocks are the business of their options.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Whether the plan can be followed.
    ///
    /// ```
    /// use cache_regions::RegionPlan;
    /// let error = RegionPlan::new("users").check().unwrap_err();
    /// assert_eq!(error.to_string(), "region `users` has no tier: give it one, of the backend `memory` for instance");
    /// ```
    ///
    /// # Errors
    /// When there is no name or no tier, an async TTL beyond the TTL, a jitter beyond all, or a
    /// memory tier of no entries.
    pub fn check(&self) -> Result<()> {
        let name = &self.name;
        if name.is_empty() {
            return Err(Error::invalid("a region without a name: give it one"));
        }
        let wrong = |what: String| Err(Error::invalid(format!("region `{name}` {what}")));
        if self.tiers.is_empty() {
            return wrong("has no tier: give it one, of the backend `memory` for instance".into());
        }
        let empty =
            |tier: &TierPlan| matches!(tier, TierPlan::Memory(memory) if memory.entries == 0);
        if self.tiers.iter().any(empty) {
            return wrong(
                "has a memory tier of 0 entries, which keeps nothing: give it 1 at least".into(),
            );
        }
        if let Some(Jitter::Fraction(part)) = self.policy.jitter
            && !(0.0..=1.0).contains(&part)
        {
            return wrong(format!("has a jitter of {part}: it is a part of the TTL, from 0 to 1"));
        }
        match (&self.policy.expiration, self.policy.async_ttl) {
            (Expiry::Fixed(ttl), Some(AsyncTtl::Remaining(time) | AsyncTtl::Age(time)))
                if time >= *ttl =>
            {
                wrong(format!(
                    "has an async TTL of {time:?}, which is not below its expiration of {ttl:?}: values would expire before they are refreshed"
                ))
            }
            _ => Ok(()),
        }
    }
}
