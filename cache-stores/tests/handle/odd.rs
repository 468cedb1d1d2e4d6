//! A store that counts, cuts its streams, and fails on demand, over one in memory.

use async_trait::async_trait;
use bytes::Bytes;
use cache_stores::object_store::memory::InMemory;
use cache_stores::object_store::path::Path;
use cache_stores::object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart,
};
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use tokio::sync::Semaphore;

#[derive(Debug, Default, Clone)]
pub(crate) struct Odd {
    inner: InMemory,
    pub(crate) seen: Arc<Seen>,
}

#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Reads, writes and removals, of whatever kind.
    pub(crate) requests: AtomicUsize,
    /// Streams are cut into pieces of these lengths, in turn; as they are if there is none.
    pub(crate) cuts: parking_lot::Mutex<Vec<usize>>,
    /// An object of this length, whatever lies below: the same 64 KiB over and over.
    pub(crate) endless: AtomicU64,
    /// How many bytes of it were given.
    pub(crate) given: AtomicU64,
    /// Streams that somebody has.
    pub(crate) streams: Arc<AtomicUsize>,
    /// Streams end after so many bytes, if it is not 0.
    pub(crate) short: AtomicUsize,
    pub(crate) panics: AtomicBool,
    /// The part of this number fails with a full disk, counted from 1.
    pub(crate) full_at: AtomicUsize,
    pub(crate) parts: AtomicUsize,
    pub(crate) flying: Arc<AtomicUsize>,
    pub(crate) most_flying: Arc<AtomicUsize>,
    pub(crate) aborted: AtomicUsize,
    /// Parts are thrown away.
    pub(crate) sink: AtomicBool,
    pub(crate) sunk: Arc<AtomicU64>,
    /// Puts and reads need a permit of this each.
    gate: parking_lot::Mutex<Option<Arc<Semaphore>>>,
    /// Puts that are done.
    pub(crate) put: AtomicUsize,
}

pub(crate) const BLOCK: usize = 64 << 10;

impl Odd {
    pub(crate) fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }

    /// From now on each put and each read needs a permit of this.
    pub(crate) fn hold(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.seen.gate.lock() = Some(gate.clone());
        gate
    }

    /// What is asked from now on needs no permit.
    pub(crate) fn let_go(&self) {
        *self.seen.gate.lock() = None;
    }

    async fn pass(&self) {
        let gate = self.seen.gate.lock().clone();
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
    }

    fn asked(&self) {
        self.seen.requests.fetch_add(1, Ordering::SeqCst);
        assert!(!self.seen.panics.load(Ordering::SeqCst), "on purpose");
    }

    fn endless(&self, location: &Path, options: &GetOptions, size: u64) -> GetResult {
        let start = match &options.range {
            Some(range) => range.as_range(size).unwrap().start,
            None => 0,
        };
        let block = Bytes::from(vec![7; BLOCK]);
        let (seen, guard) = (self.seen.clone(), Counted::new(&self.seen.streams));
        let pieces = stream::unfold((start, guard), move |(at, guard)| {
            let (seen, block) = (seen.clone(), block.clone());
            async move {
                let length = (size - at).min(BLOCK as u64);
                seen.given.fetch_add(length, Ordering::SeqCst);
                (length > 0).then(|| (Ok(block.slice(..length as usize)), (at + length, guard)))
            }
        });
        GetResult {
            payload: GetResultPayload::Stream(pieces.boxed()),
            meta: ObjectMeta {
                location: location.clone(),
                last_modified: chrono::DateTime::UNIX_EPOCH,
                size,
                e_tag: Some("endless".into()),
                version: None,
            },
            range: start..size,
            attributes: Default::default(),
            extensions: Default::default(),
        }
    }

    /// The same bytes in other pieces.
    fn cut(&self, whole: Bytes) -> BoxStream<'static, Result<Bytes>> {
        let cuts = self.seen.cuts.lock().clone();
        let short = self.seen.short.load(Ordering::SeqCst);
        let mut rest = if short > 0 { whole.slice(..short.min(whole.len())) } else { whole };
        let mut pieces = Vec::new();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            pieces.push(Ok(rest.split_to((*cut).min(rest.len()))));
        }
        pieces.push(Ok(rest));
        let guard = Counted::new(&self.seen.streams);
        stream::iter(pieces)
            // Not everything is ready at once.
            .then(move |piece| {
                let _ = &guard;
                tokio::task::yield_now().map(|()| piece)
            })
            .boxed()
    }
}

struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Counted(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl ObjectStore for Odd {
    async fn put_opts(&self, to: &Path, data: PutPayload, o: PutOptions) -> Result<PutResult> {
        self.asked();
        self.pass().await;
        let put = self.inner.put_opts(to, data, o).await;
        self.seen.put.fetch_add(1, Ordering::SeqCst);
        put
    }

    async fn put_multipart_opts(
        &self,
        to: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.asked();
        let inner = self.inner.put_multipart_opts(to, options).await?;
        Ok(Box::new(OddUpload { inner, seen: self.seen.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.asked();
        self.pass().await;
        let size = self.seen.endless.load(Ordering::SeqCst);
        if size > 0 {
            return Ok(self.endless(location, &options, size));
        }
        let head = options.head;
        let mut result = self.inner.get_opts(location, options).await?;
        if !head && let GetResultPayload::Stream(mut stream) = result.payload {
            let whole = stream.next().await.unwrap()?;
            result.payload = GetResultPayload::Stream(self.cut(whole));
        }
        Ok(result)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.asked();
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.asked();
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.asked();
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.asked();
        self.inner.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct OddUpload {
    inner: Box<dyn MultipartUpload>,
    seen: Arc<Seen>,
}

#[async_trait]
impl MultipartUpload for OddUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let part = self.seen.parts.fetch_add(1, Ordering::SeqCst) + 1;
        if part == self.seen.full_at.load(Ordering::SeqCst) {
            let source = Box::new(io::Error::from(io::ErrorKind::StorageFull));
            return Box::pin(async { Err(Error::Generic { store: "odd", source }) });
        }
        let (sink, sunk) = (self.seen.sink.load(Ordering::SeqCst), self.seen.sunk.clone());
        let length = data.content_length() as u64;
        let put = if sink { async { Ok(()) }.boxed() } else { self.inner.put_part(data) };
        let guard = Counted::new(&self.seen.flying);
        self.seen.most_flying.fetch_max(self.seen.flying.load(Ordering::SeqCst), Ordering::SeqCst);
        Box::pin(async move {
            let _guard = guard;
            tokio::task::yield_now().await;
            sunk.fetch_add(length, Ordering::SeqCst);
            put.await
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.seen.aborted.fetch_add(1, Ordering::SeqCst);
        self.inner.abort().await
    }
}

impl std::fmt::Display for Odd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Odd")
    }
}
