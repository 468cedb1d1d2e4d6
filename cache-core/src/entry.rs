//! What passes between callers and caches: entries, answers, namespaces.

use crate::table::Missing;
use crate::tags::Tags;
use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use crate::lease::Lease;
pub use crate::table::PutWhen;

/// A value and how long it may live.
///
/// ```
/// use cache_core::Entry;
/// use std::time::Duration;
///
/// let entry = Entry::new("value").with_ttl(Duration::from_secs(60));
/// assert_eq!(entry.ttl, Some(Duration::from_secs(60)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<V> {
    /// The value.
    pub value: V,
    /// How long it lives from now on; `None` until it is evicted.
    pub ttl: Option<Duration>,
    /// The age at which it should be refreshed; `None`: not before it expires.
    pub refresh_after: Option<Duration>,
    /// What it is invalidated by, seen before the value was computed.
    pub tags: Tags,
}

impl<V> Entry<V> {
    /// A value without a TTL and without tags.
    pub fn new(value: V) -> Self {
        Entry { value, ttl: None, refresh_after: None, tags: Tags::none() }
    }

    /// With a TTL.
    #[must_use]
    pub fn with_ttl(mut self, ttl: impl crate::IntoTtl) -> Self {
        self.ttl = ttl.into_ttl();
        self
    }

    /// With an age at which it should be refreshed.
    #[must_use]
    pub fn with_refresh_after(mut self, age: Duration) -> Self {
        self.refresh_after = Some(age);
        self
    }

    /// The same without its value.
    pub(crate) fn shell(&self) -> Entry<()> {
        let Entry { ttl, refresh_after, ref tags, .. } = *self;
        Entry { value: (), ttl, refresh_after, tags: tags.clone() }
    }

    pub(crate) fn with_value<T>(self, value: T) -> Entry<T> {
        let Entry { ttl, refresh_after, tags, .. } = self;
        Entry { value, ttl, refresh_after, tags }
    }

    /// With tags.
    #[must_use]
    pub fn with_tags(mut self, tags: Tags) -> Self {
        self.tags = tags;
        self
    }
}

/// What a cache knows of a key.
#[derive(Debug)]
pub enum Lookup<V> {
    /// A value within its TTL.
    Fresh {
        /// The value.
        value: V,
        /// What is left of its TTL; `Duration::MAX` without one.
        left: Duration,
        /// When it should be refreshed; `None`: not before it expires.
        refresh_in: Option<Duration>,
        /// Its tags, as they were seen before it was computed.
        tags: Tags,
    },
    /// A value within its TTL, past its refresh threshold, or with a tag that was softly invalidated.
    Stale {
        /// The value.
        value: V,
        /// What is left of its TTL; `Duration::MAX` without one.
        left: Duration,
        /// Its tags, as they were seen before it was computed.
        tags: Tags,
        /// For storing what is computed instead, if that was [asked for](Aim).
        lease: Lease,
    },
    /// A value past its TTL that is still there; nobody gets it but those who ask for `grace`.
    Expired {
        /// The value.
        value: V,
        /// For how long it has been expired.
        since: Duration,
        /// Somebody has expired it: it stands in for no computation that fails.
        by_call: bool,
        /// Its tags, as they were seen before it was computed.
        tags: Tags,
        /// For storing what is computed instead.
        lease: Lease,
    },
    /// No value.
    Missing {
        /// Why not.
        reason: Reason,
        /// For storing what is computed instead.
        lease: Lease,
    },
}

impl<V> Lookup<V> {
    /// The value, if it is within its TTL, and what is left of that.
    pub fn live(self) -> Option<(V, Duration)> {
        match self {
            Lookup::Fresh { value, left, .. } | Lookup::Stale { value, left, .. } => {
                Some((value, left))
            }
            Lookup::Expired { .. } | Lookup::Missing { .. } => None,
        }
    }

    /// The lease that came with the answer.
    pub fn into_lease(self) -> Lease {
        match self {
            Lookup::Fresh { .. } => Lease::none(),
            Lookup::Stale { lease, .. }
            | Lookup::Expired { lease, .. }
            | Lookup::Missing { lease, .. } => lease,
        }
    }
}

/// What a lookup is for. A shared server gives one lease at a time, so that of many processes one
/// computes: who only looks must not take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// Only to look: no lease.
    Read,
    /// The same, only as far as the client lets a `peek` go.
    Peek,
    /// To look for a value with at least so much left of its TTL, in any tier; a younger death will
    /// do where no tier has one.
    Least(Duration),
    /// To look past all tiers but the last: for what must not be believed longer than its reader
    /// does so himself, as the versions of tags.
    Farthest,
    /// To compute what is missing: a lease comes with [`Lookup::Missing`] and [`Lookup::Expired`].
    Compute,
    /// To refresh what is due. One of many callers gets the lease, with whatever is there; the
    /// others are told that it is fresh.
    Refresh,
    /// To compute, whatever is there: always with a lease, and so never [`Lookup::Fresh`].
    Replace,
}

impl Aim {
    /// Whether nothing is to be computed, and so no lease is wanted.
    ///
    /// ```
    /// use cache_core::Aim;
    /// assert!(Aim::Read.is_look() && Aim::Farthest.is_look() && !Aim::Compute.is_look());
    /// ```
    #[must_use]
    pub fn is_look(self) -> bool {
        match self {
            Aim::Read | Aim::Peek | Aim::Least(_) | Aim::Farthest => true,
            Aim::Compute | Aim::Refresh | Aim::Replace => false,
        }
    }
}

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Never seen, or forgotten so long ago that nobody remembers.
    Never,
    /// Its TTL passed.
    Expired,
    /// Other values needed its room.
    Evicted,
    /// Somebody removed it.
    Invalidated,
    /// One of its tags was invalidated.
    Tag,
    /// Its region was invalidated.
    Region,
    /// It was computed, and not stored: something newer had happened to the key meanwhile.
    Fenced,
    /// The client could not be reached.
    Unreachable,
    /// What is stored was written by a program whose value type has another shape.
    Schema,
    /// What is stored cannot be trusted: torn, altered, of somebody else.
    Damaged,
}

impl From<Missing> for Reason {
    fn from(missing: Missing) -> Reason {
        match missing {
            Missing::Never => Reason::Never,
            Missing::Evicted => Reason::Evicted,
            Missing::Invalidated => Reason::Invalidated,
            Missing::Expired => Reason::Expired,
            Missing::Fenced => Reason::Fenced,
            Missing::Tag => Reason::Tag,
            Missing::Region => Reason::Region,
        }
    }
}

/// What became of a value that was to be stored under a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// It is stored.
    Stored,
    /// The lease was worthless: something newer happened to the key.
    Fenced,
    /// It could not be stored: too heavy, no leave was given, or the cache holds nothing.
    Refused,
}

/// A part of a client with a name of its own: the same key in two namespaces is two entries.
///
/// ```
/// use cache_core::Namespace;
/// assert_eq!(Namespace::new("scores").name(), "scores");
/// assert!(!Namespace::new("scores").is_private());
/// ```
#[derive(Clone)]
pub struct Namespace {
    name: Arc<str>,
    private: bool,
    extras: Vec<Arc<dyn Any + Send + Sync>>,
}

/// What one entry of a cache weighs.
pub type Weigher<K, V> = Arc<dyn Fn(&K, &V) -> u32 + Send + Sync>;

impl Namespace {
    /// The namespace of this name; the empty name is the raw client.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Namespace { name: name.into(), private: false, extras: Vec::new() }
    }

    /// A namespace that nobody else can open in this process, whatever its name: what a function
    /// without an explicit namespace gets.
    pub fn private(name: impl Into<Arc<str>>) -> Self {
        Namespace { name: name.into(), private: true, extras: Vec::new() }
    }

    /// With weights for its entries, for clients whose capacity is a weight.
    #[must_use]
    pub fn with_weigher<K: 'static, V: 'static>(self, weigher: Weigher<K, V>) -> Self {
        self.with(weigher)
    }

    /// With something that the client may know what to do with, found by its type.
    ///
    /// ```
    /// # use cache_core::Namespace;
    /// let space = Namespace::new("scores").with(7_u8);
    /// assert_eq!((space.get::<u8>(), space.get::<u16>()), (Some(&7), None));
    /// ```
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(mut self, extra: T) -> Self {
        self.extras.push(Arc::new(extra));
        self
    }

    /// What was [added](Namespace::with) of this type, last.
    #[must_use]
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.extras.iter().rev().find_map(|extra| extra.downcast_ref())
    }

    /// The same, and all that comes with it, under another name.
    ///
    /// ```
    /// # use cache_core::Namespace;
    /// let space = Namespace::new("scores").with(7_u8).renamed("users.scores");
    /// assert_eq!((space.name(), space.get::<u8>()), ("users.scores", Some(&7)));
    /// ```
    #[must_use]
    pub fn renamed(&self, name: impl Into<Arc<str>>) -> Self {
        Namespace { name: name.into(), ..self.clone() }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it belongs to one function alone.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// The weights for entries of these types.
    #[must_use]
    pub fn weigher<K: 'static, V: 'static>(&self) -> Option<Weigher<K, V>> {
        self.get::<Weigher<K, V>>().cloned()
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("name", &self.name).finish_non_exhaustive()
    }
}

impl From<&str> for Namespace {
    fn from(name: &str) -> Self {
        Namespace::new(name)
    }
}
