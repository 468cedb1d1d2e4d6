//! The source that belongs to a client: one for all functions that keep their values there.

use super::TagSource;
use super::source::WeakSource;
use crate::client::{Cache, Client, Reach};
use crate::clock::Clock;
use crate::entry::Namespace;
use crate::erased::Shared;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// For how long a version that was read is believed, unless something else is said.
const LAG: Duration = Duration::from_secs(5);

/// An extra of the namespace in which versions of tags are kept: tiers keep nothing of it in front,
/// where others' invalidations are not heard of.
///
/// ```
/// use cache_core::{Namespace, TagRecords};
/// let space = Namespace::new("~tags").with(TagRecords);
/// assert!(space.get::<TagRecords>().is_some());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct TagRecords;

impl TagSource {
    /// The source of a client: that of this process for one whose values stay here, else the
    /// client's namespace `~tags`, believed for 5 s at a time. All who ask for the source of one
    /// client get the same.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Namespace, Near, Client, TableOptions, TagSource};
    /// # struct Here;
    /// # impl Client<String, u64> for Here {
    /// #     type Cache = Near<String, u64>;
    /// #     fn open(&self, _: &Namespace) -> Near<String, u64> {
    /// #         Near::new(TableOptions::new(Budget::entries(10), Clock::system()))
    /// #     }
    /// # }
    /// assert!(TagSource::of(&Here).is_local());
    /// ```
    #[must_use]
    pub fn of<C: Client<String, u64> + ?Sized>(client: &C) -> Self {
        let cache = client.open(&Namespace::new("~tags").with(TagRecords));
        match cache.reach() {
            Reach::Near => TagSource::local(),
            Reach::Far => known(Shared::new(cache)),
        }
    }
}

/// The source over this cache, if there is one. Two views of one namespace share their flights, and
/// a source has its own for as long as it lives.
fn known(cache: Shared<String, u64>) -> TagSource {
    static KNOWN: Mutex<Vec<(usize, WeakSource)>> = Mutex::new(Vec::new());
    let id = Arc::as_ptr(cache.flights()) as usize;
    let mut known = KNOWN.lock();
    known.retain(|(_, source)| source.get().is_some());
    let found = known.iter().find(|(of, _)| *of == id);
    if let Some(source) = found.and_then(|(_, source)| source.get()) {
        return source;
    }
    let source = TagSource::over(cache, LAG, Clock::system());
    known.push((id, source.weak()));
    source
}

/// Asks a client, at compile time, whether it can keep the versions of tags: a function without tags
/// of its own inherits those of the functions it calls, and its client has to check them. Inherent
/// methods win over the fallback.
///
/// ```
/// use cache_core::{TagProbe, TagProbeFallback as _};
/// struct NoClient;
/// assert!(TagProbe(&NoClient).source().is_none());
/// ```
pub struct TagProbe<'a, C: ?Sized>(pub &'a C);

/// What [`TagProbe`] says of clients that cannot.
pub trait TagProbeFallback {
    /// None.
    fn source(&self) -> Option<TagSource> {
        None
    }
}
impl<C: ?Sized> TagProbeFallback for TagProbe<'_, C> {}

impl<C: Client<String, u64> + ?Sized> TagProbe<'_, C> {
    /// The source of the client.
    #[must_use]
    pub fn source(&self) -> Option<TagSource> {
        Some(TagSource::of(self.0))
    }
}

impl<C: ?Sized> fmt::Debug for TagProbe<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TagProbe")
    }
}
