//! What stands around a region's operations.

use cache_core::{Aim, BoxFuture, Entry, Filled, Lease, Lookup, PutWhen, Result};
use std::any::Any;
use std::fmt::{self, Debug};
use std::time::Duration;

/// Something around all operations of a region; the first that is listed is the outermost.
///
/// One method sees everything: what a wrapper has no interest in it passes on. It may ask `next` or
/// not, change what goes in and what comes out, and take its time.
///
/// ```
/// use cache_core::{BoxFuture, Result};
/// use cache_regions::{Done, Next, Operation, Wrapper};
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// #[derive(Debug, Default)]
/// struct CountWrites(AtomicU64);
///
/// impl Wrapper for CountWrites {
///     fn around<'a>(
///         &'a self,
///         operation: Operation<'a>,
///         next: Next<'a>,
///     ) -> BoxFuture<'a, Result<Done>> {
///         self.0.fetch_add(operation.act.written().len() as u64, Ordering::Relaxed);
///         next.run(operation)
///     }
/// }
/// ```
pub trait Wrapper: Debug + Send + Sync + 'static {
    /// Does something before, after, or instead of the rest.
    fn around<'a>(
        &'a self,
        operation: Operation<'a>,
        next: Next<'a>,
    ) -> BoxFuture<'a, Result<Done>>;
}

/// A key of any type.
pub type AnyKey = dyn Any + Send + Sync;

/// A value of any type.
pub struct AnyValue(Box<dyn Any + Send + Sync>);

impl AnyValue {
    /// Forgets the type of a value.
    ///
    /// ```
    /// use cache_regions::AnyValue;
    /// let value = AnyValue::new(7_u64);
    /// assert_eq!((value.get::<u64>(), value.get::<u32>()), (Some(&7), None));
    /// ```
    pub fn new<V: Send + Sync + 'static>(value: V) -> Self {
        AnyValue(Box::new(value))
    }

    /// The value, if it is of this type.
    #[must_use]
    pub fn get<V: 'static>(&self) -> Option<&V> {
        self.0.downcast_ref()
    }

    pub(crate) fn take<V: 'static>(self) -> Option<V> {
        self.0.downcast().ok().map(|value| *value)
    }
}

impl Debug for AnyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyValue")
    }
}

/// One operation on a cache of a region.
#[non_exhaustive]
pub struct Operation<'a> {
    /// The name of the region.
    pub region: &'a str,
    /// The namespace in it: of a cached function, or the region's own.
    pub namespace: &'a str,
    /// What it is about; none for what concerns all keys.
    pub keys: Vec<&'a AnyKey>,
    /// What is to be done.
    pub act: Act,
}

impl Debug for Operation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("region", &self.region)
            .field("namespace", &self.namespace)
            .field("keys", &self.keys.len())
            .field("act", &self.act)
            .finish()
    }
}

/// What an operation does.
#[derive(Debug)]
#[non_exhaustive]
pub enum Act {
    /// Reads: gives [`Done::Found`], one for each key.
    Lookup(Aim),
    /// Stores what was computed, one for each key: gives [`Done::Filled`].
    Fill(Vec<(Entry<AnyValue>, Lease)>),
    /// Gives a lease of a single key back.
    Release(Lease),
    /// Stores the value of a single key: gives [`Done::Changed`].
    Put(Entry<AnyValue>, PutWhen),
    /// Stores values, one for each key.
    PutMany(Vec<Entry<AnyValue>>),
    /// Lengthens the life of a single key's value: gives [`Done::Changed`].
    Renew(Option<Duration>),
    /// Makes the value of a single key expire: gives [`Done::Changed`].
    Expire,
    /// Removes the value of a single key: gives [`Done::Changed`].
    Delete,
    /// Removes values.
    DeleteMany,
    /// Forgets everything in the namespace.
    Clear,
    /// Drops what has been expired for so long: gives [`Done::Purged`].
    Purge(Duration),
}

impl Act {
    /// The entries that are to be stored, computed or put.
    #[must_use]
    pub fn written(&self) -> Vec<&Entry<AnyValue>> {
        match self {
            Act::Fill(fills) => fills.iter().map(|(entry, _)| entry).collect(),
            Act::Put(entry, _) => vec![entry],
            Act::PutMany(entries) => entries.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// The same, to be changed.
    pub fn written_mut(&mut self) -> Vec<&mut Entry<AnyValue>> {
        match self {
            Act::Fill(fills) => fills.iter_mut().map(|(entry, _)| entry).collect(),
            Act::Put(entry, _) => vec![entry],
            Act::PutMany(entries) => entries.iter_mut().collect(),
            _ => Vec::new(),
        }
    }
}

/// What came of an operation.
#[derive(Debug)]
#[non_exhaustive]
pub enum Done {
    /// Of a lookup, in the order of the keys.
    Found(Vec<Lookup<AnyValue>>),
    /// Of a fill, in the order of the keys.
    Filled(Vec<Filled>),
    /// Whether a single value was stored, lengthened, expired or removed.
    Changed(bool),
    /// How many were dropped.
    Purged(usize),
    /// There is nothing to tell.
    Nothing,
}

/// The rest: further wrappers, then the tiers.
pub struct Next<'a> {
    pub(crate) wrappers: &'a [crate::plan::WrapperPlan],
    pub(crate) last: &'a dyn Last,
}

/// What lies behind all wrappers.
pub(crate) trait Last: Send + Sync {
    fn run<'a>(&'a self, operation: Operation<'a>) -> BoxFuture<'a, Result<Done>>;
}

impl<'a> Next<'a> {
    /// Does the rest.
    ///
    /// # Errors
    /// Those of strict tiers, and of wrappers.
    #[must_use]
    pub fn run(self, operation: Operation<'a>) -> BoxFuture<'a, Result<Done>> {
        match self.wrappers.split_first() {
            Some((first, rest)) => {
                first.wrapper.around(operation, Next { wrappers: rest, last: self.last })
            }
            None => self.last.run(operation),
        }
    }
}

impl Debug for Next<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").field("wrappers", &self.wrappers).finish_non_exhaustive()
    }
}
