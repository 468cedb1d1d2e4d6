//! Reads: the head, then the pages that are wanted.

use super::head::Head;
use super::page::{self, BATCH, Place, Wanted};
use super::store::{NAME, Shared, failed, unsupported};
use crate::adapters::range::within;
use bytes::{Bytes, BytesMut};
use cache_clients::server::{Claim, Server};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error, Extensions, GetOptions, GetResult, GetResultPayload, Result};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// So often is an object looked for anew that was replaced while it was read.
const ATTEMPTS: usize = 4;
/// Batches of pages that are read ahead.
const AHEAD: usize = 2;

/// What lies under an object's key.
#[derive(Debug)]
pub(super) struct Found {
    /// Of the value as the server has it.
    pub(super) token: u64,
    /// `None`: damaged, or of somebody else.
    pub(super) head: Option<Head>,
}

/// A page is not there, or not the one that was written.
struct Gone;

impl Shared {
    pub(super) async fn find(&self, location: &Path) -> Result<Option<Found>> {
        let key = self.key(location);
        let answer = self.server.get_many(&[key], Claim::Nothing).await.pop();
        let Some(stored) = answer.transpose().map_err(failed)?.and_then(|answer| answer.stored)
        else {
            return Ok(None);
        };
        // A key that is a digest may be another path's.
        let head = Head::read(&stored.bytes).filter(|head| head.path == location.as_ref());
        Ok(Some(Found { token: stored.token, head }))
    }

    pub(super) async fn head(&self, location: &Path) -> Result<(u64, Head)> {
        match self.find(location).await? {
            Some(Found { token, head: Some(head) }) => Ok((token, head)),
            _ => Err(self.not_found(location, "the server has no such object")),
        }
    }

    fn not_found(&self, location: &Path, cause: &str) -> Error {
        let source = format!("{}: {cause}", self.server.name()).into();
        Error::NotFound { path: location.to_string(), source }
    }

    pub(super) async fn get(
        self: Arc<Self>,
        location: &Path,
        options: GetOptions,
    ) -> Result<GetResult> {
        if options.version.is_some() {
            return unsupported("keeps one version of an object");
        }
        let (mut token, mut head) = self.head(location).await?;
        for _ in 0..ATTEMPTS {
            let meta = head.meta(location);
            options.check_preconditions(&meta)?;
            let range = match (&options.range, options.head) {
                (Some(range), false) => within(NAME, range, location, meta.size)?,
                _ => 0..meta.size,
            };
            let attributes = head.attributes.clone();
            let stream = match options.head {
                true => stream::empty().boxed(),
                false => match self.clone().bytes(location, &head, &range).await? {
                    Ok(stream) => stream,
                    Err(Gone) => {
                        (token, head) = self.again(location, token, &head).await?;
                        continue;
                    }
                },
            };
            let (payload, extensions) = (GetResultPayload::Stream(stream), Extensions::new());
            return Ok(GetResult { payload, meta, range, attributes, extensions });
        }
        Err(replaced(location))
    }

    /// After a page was not found: the head that has replaced the one it belonged to.
    async fn again(&self, location: &Path, token: u64, head: &Head) -> Result<(u64, Head)> {
        match self.head(location).await {
            Ok((_, now)) if now.writing == head.writing => {
                // The server has dropped a page: without it the others are of no use.
                drop(self.server.discard(&self.key(location), token).await);
                self.free(head).await;
                Err(self.not_found(location, "the server has dropped a part of the object"))
            }
            other => other,
        }
    }

    /// The first pages are read at once, so that an object that has gone is seen before it is begun.
    async fn bytes(
        self: Arc<Self>,
        location: &Path,
        head: &Head,
        range: &Range<u64>,
    ) -> Result<Result<BoxStream<'static, Result<Bytes>>, Gone>> {
        if head.parts.is_empty() {
            // What is in a head fits into memory.
            let bytes = head.inline.slice(range.start as usize..range.end as usize);
            return Ok(Ok(stream::once(async { Ok(bytes) }).boxed()));
        }
        let mut wanted = page::wanted(head, range);
        let rest = wanted.split_off(wanted.len().min(BATCH));
        let first = match self.pages(head.writing, &wanted).await? {
            Ok(first) => first,
            Err(Gone) => return Ok(Err(Gone)),
        };
        let batches: Vec<Vec<Wanted>> = rest.chunks(BATCH).map(<[_]>::to_vec).collect();
        let (writing, location) = (head.writing, location.clone());
        let later = stream::iter(batches).map(move |batch| {
            let (shared, location) = (self.clone(), location.clone());
            async move {
                let pages = shared.pages(writing, &batch).await?;
                let pages = pages.map_err(|Gone| replaced(&location))?;
                Ok::<_, Error>(stream::iter(pages.into_iter().map(Ok)))
            }
        });
        let first = stream::iter(first.into_iter().map(Ok));
        Ok(Ok(first.chain(later.buffered(AHEAD).try_flatten()).boxed()))
    }

    /// The wanted bytes of some pages.
    async fn pages(&self, writing: u64, wanted: &[Wanted]) -> Result<Result<Vec<Bytes>, Gone>> {
        let key = |wanted: &Wanted| self.page_key(writing, wanted.place);
        let keys: Vec<String> = wanted.iter().map(key).collect();
        let mut bytes = Vec::with_capacity(keys.len());
        let answers = self.server.get_many(&keys, Claim::Nothing).await;
        for (wanted, answer) in wanted.iter().zip(answers) {
            let stored = answer.map_err(failed)?.stored;
            match stored.and_then(|stored| page::open(stored.bytes, writing, wanted)) {
                Some(page) => bytes.push(page.slice(wanted.within.clone())),
                None => return Ok(Err(Gone)),
            }
        }
        Ok(Ok(bytes))
    }

    pub(super) async fn get_ranges(
        &self,
        location: &Path,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>> {
        let (mut token, mut head) = self.head(location).await?;
        for _ in 0..ATTEMPTS {
            let whole = head.size();
            let ranges =
                ranges.iter().map(|range| within(NAME, &range.clone().into(), location, whole));
            let ranges = ranges.collect::<Result<Vec<_>>>()?;
            if head.parts.is_empty() {
                let slice = |range: &Range<u64>| {
                    head.inline.slice(range.start as usize..range.end as usize)
                };
                return Ok(ranges.iter().map(slice).collect());
            }
            match self.gather(&head, &ranges).await? {
                Ok(bytes) => return Ok(bytes),
                Err(Gone) => (token, head) = self.again(location, token, &head).await?,
            }
        }
        Err(replaced(location))
    }

    /// Each page is transferred once, however many ranges touch it.
    async fn gather(&self, head: &Head, ranges: &[Range<u64>]) -> Result<Result<Vec<Bytes>, Gone>> {
        let wanted: Vec<Vec<Wanted>> =
            ranges.iter().map(|range| page::wanted(head, range)).collect();
        let mut pages: HashMap<Place, Bytes> = HashMap::new();
        let mut missing: Vec<Wanted> = Vec::new();
        for one in wanted.iter().flatten() {
            if pages.insert(one.place, Bytes::new()).is_none() {
                missing.push(Wanted { within: 0..one.length, ..one.clone() });
            }
        }
        for batch in missing.chunks(BATCH) {
            match self.pages(head.writing, batch).await? {
                Ok(bytes) => {
                    pages.extend(batch.iter().map(|wanted| wanted.place).zip(bytes));
                }
                Err(Gone) => return Ok(Err(Gone)),
            }
        }
        let join = |wanted: &Vec<Wanted>| match wanted.as_slice() {
            [one] => pages[&one.place].slice(one.within.clone()),
            several => {
                let length = several.iter().map(|wanted| wanted.within.len()).sum();
                let mut whole = BytesMut::with_capacity(length);
                for wanted in several {
                    whole.extend_from_slice(&pages[&wanted.place][wanted.within.clone()]);
                }
                whole.freeze()
            }
        };
        Ok(Ok(wanted.iter().map(join).collect()))
    }
}

fn replaced(location: &Path) -> Error {
    Error::Precondition {
        path: location.to_string(),
        source: "it was replaced, or a part of it dropped, while it was read".into(),
    }
}
