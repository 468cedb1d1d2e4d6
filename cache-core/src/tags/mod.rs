//! Tags: names that entries carry, each with the version that was seen before the entry's
//! computation began. An entry is valid as long as all versions are what they were, so that one
//! change of a version invalidates any number of entries, and whoever has lost a version fails closed.

mod all;
mod cell;
mod of;
mod source;

#[cfg(all(test, loom))]
mod loom_cell;
#[cfg(all(test, not(loom)))]
mod tests;

pub use all::{invalidate_tag, invalidate_tag_soft, invalidate_tags};
pub use cell::Validity;
pub(crate) use cell::{TagCell, Version, epoch};
pub use of::{TagProbe, TagProbeFallback, TagRecords};
pub use source::TagSource;

use crate::clock::Clock;
use std::fmt;
use std::sync::Arc;

/// The most tags that an entry can have; what would have more is not stored.
pub const MAX_TAGS: usize = 16;

/// How a tag is invalidated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalidation {
    /// Nobody gets the values any more.
    Hard,
    /// They may be served while they are computed anew.
    Soft,
}

/// The tags of an entry, with the versions that were seen before its value was computed. A cheap
/// handle; from a [`TagSource`].
///
/// ```
/// use cache_core::{TagSource, Tags, wait};
///
/// let tags = wait(TagSource::local().capture(&["team".to_owned()])).unwrap();
/// assert_eq!(tags.names().collect::<Vec<_>>(), ["team"]);
/// assert!(Tags::none().is_empty());
/// ```
#[derive(Clone, Default)]
pub struct Tags(Option<Arc<[Tag]>>);

/// One tag of an entry.
#[derive(Clone)]
pub(crate) struct Tag {
    pub(crate) cell: Arc<TagCell>,
    pub(crate) seen: Version,
}

impl Tag {
    /// Whether nothing has happened to it, as far as this process knows.
    #[inline(always)]
    pub(crate) fn is_valid(&self, tick: u64) -> bool {
        self.cell.is(self.seen, tick)
    }
}

impl Tags {
    /// No tags.
    #[must_use]
    pub fn none() -> Self {
        Tags(None)
    }

    pub(crate) fn of(tags: Vec<Tag>) -> Self {
        Tags((!tags.is_empty()).then(|| tags.into()))
    }

    #[inline(always)]
    pub(crate) fn as_slice(&self) -> &[Tag] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.as_slice().iter().map(|tag| &*tag.cell.name)
    }

    /// Names and versions as [`TagSource::resolve`] takes them: what is stored beside a value.
    ///
    /// ```
    /// use cache_core::{TagSource, Validity, wait};
    ///
    /// let source = TagSource::local();
    /// let tags = wait(source.capture(&["team".to_owned()])).unwrap();
    /// let stored: Vec<_> = tags.stored().map(|(name, seen)| (name.to_owned(), seen)).collect();
    /// let (again, verdict) = wait(source.resolve(&stored)).unwrap();
    /// assert_eq!((again, verdict), (tags, Validity::Valid));
    /// ```
    pub fn stored(&self) -> impl Iterator<Item = (&str, u64)> {
        self.as_slice().iter().map(|tag| (&*tag.cell.name, tag.seen.0))
    }

    /// What their versions say now, as far as this process knows.
    ///
    /// ```
    /// use cache_core::{Clock, TagSource, Validity, invalidate_tag, wait};
    ///
    /// let tags = wait(TagSource::local().capture(&["staff".to_owned()])).unwrap();
    /// assert_eq!(tags.verdict(&Clock::system()), Validity::Valid);
    /// wait(invalidate_tag("staff")).unwrap();
    /// assert_eq!(tags.verdict(&Clock::system()), Validity::Hard);
    /// ```
    #[must_use]
    pub fn verdict(&self, clock: &Clock) -> Validity {
        if self.is_empty() {
            return Validity::Valid;
        }
        self.verdict_at(clock.tick())
    }

    pub(crate) fn verdict_at(&self, tick: u64) -> Validity {
        let verdicts = self.as_slice().iter().map(|tag| tag.cell.verdict(tag.seen, tick));
        verdicts.max().unwrap_or(Validity::Valid)
    }

    /// Whether one was invalidated.
    pub(crate) fn were_invalidated(&self) -> bool {
        self.as_slice().iter().any(|tag| tag.cell.was_invalidated(tag.seen))
    }

    /// Whether one may have been before the moment [`epoch`].
    pub(crate) fn were_invalidated_by(&self, epoch: u64) -> bool {
        self.as_slice().iter().any(|tag| tag.cell.was_invalidated_by(tag.seen, epoch))
    }

    /// The hit's question: whether nothing has happened to any of them.
    #[inline(always)]
    pub(crate) fn are_valid(&self, tick: u64) -> bool {
        self.as_slice().iter().all(|tag| tag.is_valid(tick))
    }

    /// Both together; of a tag that was seen twice, a version that has passed.
    #[must_use]
    pub fn and(&self, other: &Tags) -> Tags {
        if other.is_empty() || self.is_same(other) {
            return self.clone();
        }
        if self.is_empty() {
            return other.clone();
        }
        let mut all = self.as_slice().to_vec();
        for tag in other.as_slice() {
            match all.iter_mut().find(|own| Arc::ptr_eq(&own.cell, &tag.cell)) {
                None => all.push(tag.clone()),
                Some(own) => own.seen = own.seen.and(tag.seen, own.cell.version()),
            }
        }
        Tags::of(all)
    }

    fn is_same(&self, other: &Tags) -> bool {
        match (&self.0, &other.0) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            (None, None) => true,
            _ => false,
        }
    }
}

impl PartialEq for Tags {
    /// The same names from the same source, seen at the same versions.
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &Tag, b: &Tag| Arc::ptr_eq(&a.cell, &b.cell) && a.seen == b.seen;
        let (own, other) = (self.as_slice(), other.as_slice());
        own.len() == other.len() && own.iter().zip(other).all(|(a, b)| same(a, b))
    }
}
impl Eq for Tags {}

impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
