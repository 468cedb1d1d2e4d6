//! One read, from its options to its answer.

use super::direct::pass;
use super::head::{self, empty};
use super::range::range_of;
use super::resolve::{Known, Resolve, Resolved, resolve};
use super::served::{Refresh, ServedFrom};
use crate::fetch::{changed, is_changed};
use crate::store::Inner;
use cache_core::Reason;
use object_store::path::Path;
use object_store::{GetOptions, GetResult, GetResultPayload, Result};
use std::sync::Arc;

/// How often a read begins anew, because its object changed before its first byte.
const TRIES: usize = 4;

pub(crate) async fn get(
    inner: &Arc<Inner>,
    path: &Path,
    mut options: GetOptions,
) -> Result<GetResult> {
    if options.version.is_some() {
        return pass(inner, path, options).await;
    }
    if options.head {
        let known = Known::of(inner, path, &options).await;
        return head::head(inner, path, options, known.found).await;
    }
    for _ in 0..TRIES {
        let known = Known::of(inner, path, &options).await;
        if known.found.is_none() && head::is_conditional(&options) {
            // Conditions on what nobody here knows are checked before anything is transferred.
            let bare = GetOptions { head: true, range: None, ..options.clone() };
            head::head(inner, path, bare, None).await?;
        }
        match resolve(inner, path, &options, known).await? {
            Resolve::Pass => return pass(inner, path, options).await,
            Resolve::Found(found) => {
                if let Some(result) = answer(inner, &options, &found).await? {
                    return Ok(result);
                }
            }
        }
        // The remote has been asked.
        options.extensions.remove::<Refresh>();
    }
    Err(changed(path))
}

/// `None`: what was found is not what the remote has any more.
async fn answer(
    inner: &Arc<Inner>,
    options: &GetOptions,
    found: &Resolved,
) -> Result<Option<GetResult>> {
    let object = &found.version.object;
    let meta = object.meta();
    options.check_preconditions(&meta)?;
    let range = range_of(options.range.as_ref(), object.size)?;
    let mut reader = found.reader(inner, range.clone());
    // A copy whose first chunk is lost is no copy, and an object that is replaced before its first byte is another:
    // until then nothing is promised.
    let first = match reader.next().await {
        Ok(first) => first,
        Err(error) if is_changed(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    if found.is_copy() {
        count(inner, found, reader.from(), reader.has_lost);
    }
    let from = found.is_copy().then(|| reader.source());
    let mut result = empty(object, range);
    result.payload = GetResultPayload::Stream(reader.stream(first));
    result.extensions.insert(found.served(from));
    Ok(Some(result))
}

/// A copy answered, or was to.
pub(super) fn count(inner: &Inner, found: &Resolved, from: ServedFrom, has_lost: bool) {
    match (found.served(Some(from)).from, found.asked) {
        (ServedFrom::Stale, _) => inner.stats.stale_hits.add(1),
        (ServedFrom::Flight, None) if !has_lost => inner.stats.joined.add(1),
        (ServedFrom::Local, None) => inner.stats.hits.add(1),
        (ServedFrom::Local, Some(reason)) => inner.stats.miss(reason),
        _ if has_lost => inner.stats.miss(Reason::Damaged),
        _ => inner.stats.miss(found.asked.unwrap_or(Reason::Never)),
    }
}
