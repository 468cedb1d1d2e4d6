//! A chunk of a copy, read from local and checked.

use crate::fetch::Version;
use crate::footer::{MARK, Mark};
use crate::object::CopyId;
use crate::options::Verify;
use crate::patience::is_overdue;
use crate::runtime;
use crate::store::Inner;
use crate::write;
use bytes::Bytes;
use futures::FutureExt;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt};
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use twox_hash::XxHash3_64;

/// The most that is read at once of a chunk that was checked before.
const MOST: u64 = 8 << 20;

/// Why local does not give a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lack {
    /// It is not there, or not what it should be; the index knows.
    Lost,
    /// The local store has other troubles.
    Trouble,
}

/// Which chunk, and what is expected of it.
#[derive(Debug, Clone, Copy)]
struct Sought {
    copy: CopyId,
    chunk: u32,
    /// Whether its payload agreed with its checksum before.
    checked: bool,
    /// What it takes in local, as far as the index knows.
    bytes: Option<u64>,
}

/// Bytes of the object from `wanted` on, all of them in one chunk; perhaps not all that are wanted.
pub(crate) async fn read(
    inner: &Arc<Inner>,
    version: &Arc<Version>,
    wanted: Range<u64>,
    known: (bool, Option<u64>),
) -> Result<Bytes, Lack> {
    let Some(copy) = version.copy else { return Err(Lack::Lost) };
    let (chunk, (checked, bytes)) = (version.cut().chunk_of(wanted.start), known);
    let sought = Sought { copy, chunk, checked, bytes };
    if runtime::is_here() {
        let looked = AssertUnwindSafe(look(inner, version, wanted, sought)).catch_unwind().await;
        return looked.unwrap_or_else(|_| panicked(inner, version, sought));
    }
    // Stores may need a runtime, and here is none.
    let (store, whose) = (inner.clone(), version.clone());
    let looked = runtime::run(async move { look(&store, &whose, wanted, sought).await });
    looked.await.unwrap_or_else(|| panicked(inner, version, sought))
}

/// The local store's own code failed.
fn panicked(inner: &Inner, version: &Version, sought: Sought) -> Result<Bytes, Lack> {
    let place = inner.place_of(&version.object.path, sought.copy, sought.chunk);
    inner.trouble("get", &place, &"it panicked");
    Err(Lack::Trouble)
}

async fn look(
    inner: &Inner,
    version: &Version,
    wanted: Range<u64>,
    sought: Sought,
) -> Result<Bytes, Lack> {
    let place = inner.place_of(&version.object.path, sought.copy, sought.chunk);
    let all = version.cut().bytes_of(sought.chunk);
    let payload = all.end - all.start;
    let in_part = sought.checked && inner.options.verify == Verify::Once;
    let start = if in_part { wanted.start - all.start } else { 0 };
    let end =
        if in_part { (wanted.end.min(all.end) - all.start).min(start + MOST) } else { payload };
    let ranges = [start..end, payload..payload + MARK as u64];
    let (mark, got) = match inner.patience.of(inner.local.get_ranges(&place, &ranges)).await {
        Ok(got) => match <[Bytes; 2]>::try_from(got) {
            Ok([got, mark]) => (mark, got),
            Err(_) => return Err(Lack::Trouble),
        },
        Err(error) => return Err(lack(inner, &place, sought, &error).await),
    };
    let same = Mark::decode(&mark).is_ok_and(|mark| {
        let whose = (mark.copy, mark.chunk, mark.chunk_size)
            == (sought.copy, sought.chunk, version.chunk_size);
        let whole = !in_part && mark.sum == XxHash3_64::oneshot(&got);
        let size = [version.object.size, write::STAGED].contains(&mark.size);
        whose && size && (in_part || whole)
    });
    if !same || got.len() as u64 != end - start {
        return Err(damaged(inner, &place, sought).await);
    }
    if !in_part {
        if !sought.checked {
            inner.index.checked(sought.copy, sought.chunk);
        }
        let (from, to) = (wanted.start - all.start, wanted.end.min(all.end) - all.start);
        return Ok(got.slice(from as usize..to as usize));
    }
    Ok(got)
}

/// Chunks of a copy that was lost are lost together, as a rule: finds those from `chunks` on, up to one that is there.
/// Then they are fetched in one request.
pub(crate) async fn survey(inner: &Arc<Inner>, version: &Arc<Version>, chunks: Range<u32>) {
    let Some(copy) = version.copy.filter(|_| !inner.has_no_index()) else { return };
    let path = version.object.path.clone();
    let surveyed = inner.clone();
    let survey = async move {
        let (inner, mut lost) = (surveyed, Vec::new());
        for chunk in chunks {
            if !inner.index.chunks(copy).is_some_and(|present| present.contains(chunk)) {
                continue;
            }
            let place = inner.place_of(&path, copy, chunk);
            match inner.patience.of(inner.local.head(&place)).await {
                Err(Error::NotFound { .. }) => lost.extend(inner.index.damaged(copy, chunk)),
                Ok(_) | Err(_) => break,
            }
        }
        inner.remove(lost).await;
    };
    match runtime::is_here() {
        true => survey.await,
        // A panic of the local store is not the reader's.
        false => drop(runtime::run(survey).await),
    }
}

/// A chunk that is too short gives an error, and so does a store that is away.
async fn lack(inner: &Inner, place: &Path, sought: Sought, error: &Error) -> Lack {
    let is_missing = matches!(error, Error::NotFound { .. });
    if is_missing && inner.has_no_index() {
        // Local lets go of what it likes to.
        return Lack::Lost;
    }
    inner.trouble("get", place, error);
    if is_missing {
        return dropped(inner, sought).await;
    }
    if is_overdue(error) {
        return Lack::Trouble;
    }
    match inner.patience.of(inner.local.head(place)).await {
        Ok(meta) if sought.bytes.is_some_and(|bytes| bytes != meta.size) => {
            damaged(inner, place, sought).await
        }
        _ => Lack::Trouble,
    }
}

async fn damaged(inner: &Inner, place: &Path, sought: Sought) -> Lack {
    if inner.has_no_index() {
        // A chunk of another copy, perhaps, that is being laid.
        return Lack::Lost;
    }
    inner.trouble("chunk", place, &"damaged or foreign");
    dropped(inner, sought).await
}

/// The index does not count on it any more.
async fn dropped(inner: &Inner, sought: Sought) -> Lack {
    // Also what is missing: another reader may have fetched it again, where the index does not expect it.
    inner.remove(inner.index.damaged(sought.copy, sought.chunk).into_iter().collect()).await;
    Lack::Lost
}
