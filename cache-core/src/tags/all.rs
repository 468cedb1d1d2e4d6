//! Invalidation by name, wherever in this program the tag is in use.

use super::{Invalidation, TagSource};
use crate::error::{Error, Result};

/// Invalidates everything that carries this tag, in every client that this program has opened, in a
/// time that does not depend on how much that is. Afterwards no call in this process gets a value
/// whose computation began before; other processes learn of it within the lag of their client's
/// [`TagSource`].
///
/// Blocking code writes `larder::wait(larder::invalidate_tag("team"))`.
///
/// # Errors
/// When a client cannot be reached. In this process the values are gone all the same; the others
/// hear of it as soon as the client is back.
///
/// ```
/// use cache_core::{invalidate_tag, wait};
/// wait(invalidate_tag("team")).unwrap();
/// ```
pub async fn invalidate_tag(name: impl Into<String>) -> Result<()> {
    invalidate_tags(&[name.into()], Invalidation::Hard).await
}

/// As [`invalidate_tag`], but softly: functions with an async TTL serve the values while these are
/// computed anew, once; others compute them at their next call. What is being computed may still be joined; it counts
/// as invalidated when it is stored.
///
/// # Errors
/// As [`invalidate_tag`].
///
/// ```
/// use cache_core::{invalidate_tag_soft, wait};
/// wait(invalidate_tag_soft("team")).unwrap();
/// ```
pub async fn invalidate_tag_soft(name: impl Into<String>) -> Result<()> {
    invalidate_tags(&[name.into()], Invalidation::Soft).await
}

/// Invalidates several tags at once.
///
/// # Errors
/// As [`invalidate_tag`].
///
/// ```
/// use cache_core::{Invalidation, invalidate_tags, wait};
/// let names = ["team".to_owned(), "user:7".to_owned()];
/// wait(invalidate_tags(&names, Invalidation::Hard)).unwrap();
/// ```
pub async fn invalidate_tags(names: &[String], how: Invalidation) -> Result<()> {
    let mut faults = Vec::new();
    for source in TagSource::all() {
        if let Err(fault) = source.invalidate(names, how).await {
            faults.push(fault.to_string());
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(Error::unreachable(format!("a source of the tags {names:?}"), faults.join("; ")))
}
