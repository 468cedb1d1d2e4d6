//! Several ranges of one version.

use super::direct::pass;
use super::get::count;
use super::resolve::{Known, Resolve, Resolved, resolve};
use crate::fetch::{changed, is_changed, own};
use crate::store::Inner;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, Result};
use std::ops::Range;
use std::sync::Arc;

/// Ranges so near to each other are read together.
const GAP: u64 = 64 << 10;
/// How many are read at the same time.
const TOGETHER: usize = 8;
/// How often all is read anew, because the object changed.
const TRIES: usize = 4;

pub(crate) async fn get_ranges(
    inner: &Arc<Inner>,
    path: &Path,
    ranges: &[Range<u64>],
) -> Result<Vec<Bytes>> {
    let Some(first) = ranges.iter().min_by_key(|range| range.start) else { return Ok(Vec::new()) };
    let options = GetOptions::new().with_range(Some(first.clone()));
    for _ in 0..TRIES {
        let known = Known::of(inner, path, &options).await;
        let found = match resolve(inner, path, &options, known).await? {
            Resolve::Found(found) => found,
            Resolve::Pass => return passed(inner, path, ranges).await,
        };
        match read(inner, &found, ranges).await {
            Err(error) if is_changed(&error) && found.is_copy() => {}
            read => return read,
        }
    }
    Err(changed(path))
}

async fn read(inner: &Arc<Inner>, found: &Resolved, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
    let size = found.version.object.size;
    let exact = ranges.iter().map(|range| GetRange::Bounded(range.clone()).as_range(size));
    let exact = exact.collect::<Result<Vec<_>, _>>().map_err(own)?;
    let merged = merge(&exact);
    let reads = merged.clone().into_iter().enumerate();
    let reads = reads.map(|(n, range)| collect(inner, found, range, n == 0)).collect::<Vec<_>>();
    let reads: Vec<_> = stream::iter(reads).buffered(TOGETHER).collect().await;
    let read = reads.into_iter().collect::<Result<Vec<_>>>()?;
    let part = |range: &Range<u64>| {
        let at = merged.partition_point(|one| one.start <= range.start) - 1;
        let start = (range.start - merged[at].start) as usize;
        read[at].slice(start..start + (range.end - range.start) as usize)
    };
    Ok(exact.iter().map(part).collect())
}

/// Sorted, and without small gaps.
fn merge(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut sorted = ranges.to_vec();
    sorted.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match merged.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(GAP) => {
                last.end = last.end.max(range.end);
            }
            _ => merged.push(range),
        }
    }
    merged
}

async fn collect(
    inner: &Arc<Inner>,
    found: &Resolved,
    range: Range<u64>,
    is_first: bool,
) -> Result<Bytes> {
    let length = (range.end - range.start) as usize;
    let mut reader = found.reader(inner, range);
    let Some(first) = reader.next().await? else { return Ok(Bytes::new()) };
    if is_first && found.is_copy() {
        count(inner, found, reader.from(), reader.has_lost);
    }
    if first.len() == length {
        return Ok(first);
    }
    let mut all = BytesMut::with_capacity(length);
    all.extend_from_slice(&first);
    while let Some(piece) = reader.next().await? {
        all.extend_from_slice(&piece);
    }
    Ok(all.freeze())
}

/// Of an object that is not cut into chunks.
async fn passed(inner: &Arc<Inner>, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
    let mut all = Vec::with_capacity(ranges.len());
    for range in ranges {
        let options = GetOptions::new().with_range(Some(range.clone()));
        all.push(pass(inner, path, options).await?.bytes().await?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_ranges_are_read_together() {
        let far = GAP + 20;
        assert_eq!(merge(&[10..20, 0..5, 12..15]), std::slice::from_ref(&(0..20)));
        assert_eq!(merge(&[far..far + 1, 0..19]), [0..19, far..far + 1]);
    }
}
