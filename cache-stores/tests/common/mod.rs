//! A store around a real one that counts what is asked of it, and fails or holds it back on demand.

#![allow(dead_code, reason = "not every test uses all of it")]

use async_trait::async_trait;
use bytes::Bytes;
use cache_stores::object_store::path::Path;
use cache_stores::object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
    Result,
};
use futures::StreamExt;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// A store that is watched.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    inner: Arc<dyn ObjectStore>,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    gets: AtomicU64,
    heads: AtomicU64,
    puts: AtomicU64,
    deletes: AtomicU64,
    /// Bytes of bodies that were handed out.
    bytes: AtomicU64,
    /// The conditions and ranges of all gets.
    asked: Mutex<Vec<GetOptions>>,
    faults: Mutex<Faults>,
    /// Pieces of bodies need a permit each.
    gate: Mutex<Option<Arc<Semaphore>>>,
    /// Puts need one.
    put_gate: Mutex<Option<Arc<Semaphore>>>,
    /// Bytes that puts hold now, and the most that they held.
    held: AtomicUsize,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) get: Option<Fault>,
    pub(crate) put: Option<Fault>,
    /// A body breaks after so many bytes.
    pub(crate) body: Option<usize>,
}

/// How it goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No answer.
    Away,
    Denied,
    /// Its own code fails.
    Panic,
}

impl Fault {
    fn strike(self, path: &Path) -> Error {
        match self {
            Fault::Away => Error::Generic { store: "Watched", source: "connection refused".into() },
            Fault::Denied => {
                Error::PermissionDenied { path: path.to_string(), source: "403".into() }
            }
            Fault::Panic => panic!("a store that panics on purpose"),
        }
    }
}

impl Watched {
    pub(crate) fn new(inner: impl ObjectStore) -> Self {
        let state = State {
            gets: AtomicU64::new(0),
            heads: AtomicU64::new(0),
            puts: AtomicU64::new(0),
            deletes: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            asked: Mutex::default(),
            faults: Mutex::default(),
            gate: Mutex::default(),
            put_gate: Mutex::default(),
            held: AtomicUsize::new(0),
        };
        Watched { inner: Arc::new(inner), state: Arc::new(state) }
    }

    /// Requests for data.
    pub(crate) fn gets(&self) -> u64 {
        self.state.gets.load(Ordering::SeqCst)
    }

    pub(crate) fn heads(&self) -> u64 {
        self.state.heads.load(Ordering::SeqCst)
    }

    pub(crate) fn puts(&self) -> u64 {
        self.state.puts.load(Ordering::SeqCst)
    }

    /// Bytes that were transferred.
    pub(crate) fn bytes(&self) -> u64 {
        self.state.bytes.load(Ordering::SeqCst)
    }

    pub(crate) fn asked(&self) -> Vec<GetOptions> {
        self.state.asked.lock().clone()
    }

    pub(crate) fn fail(&self, faults: Faults) {
        *self.state.faults.lock() = faults;
    }

    /// From now on each piece of a body needs a permit of this.
    pub(crate) fn hold(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.state.gate.lock() = Some(gate.clone());
        gate
    }

    /// Bodies that are asked for from now on need no permit.
    pub(crate) fn let_go(&self) {
        *self.state.gate.lock() = None;
    }

    /// From now on each put needs a permit of this.
    pub(crate) fn hold_puts(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.state.put_gate.lock() = Some(gate.clone());
        gate
    }

    /// Bytes that are in puts now.
    pub(crate) fn held(&self) -> usize {
        self.state.held.load(Ordering::SeqCst)
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Watched {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.state.puts.fetch_add(1, Ordering::SeqCst);
        if let Some(fault) = self.state.faults.lock().put {
            return Err(fault.strike(location));
        }
        let length = payload.content_length();
        self.state.held.fetch_add(length, Ordering::SeqCst);
        let gate = self.state.put_gate.lock().clone();
        if let Some(gate) = gate {
            gate.acquire().await.expect("it is never closed").forget();
        }
        let put = self.inner.put_opts(location, payload, opts).await;
        self.state.held.fetch_sub(length, Ordering::SeqCst);
        put
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let faults = *self.state.faults.lock();
        match options.head {
            true => self.state.heads.fetch_add(1, Ordering::SeqCst),
            false => self.state.gets.fetch_add(1, Ordering::SeqCst),
        };
        self.state.asked.lock().push(options.clone());
        if let Some(fault) = faults.get {
            return Err(fault.strike(location));
        }
        let head = options.head;
        let mut result = self.inner.get_opts(location, options).await?;
        if head {
            return Ok(result);
        }
        let gate = self.state.gate.lock().clone();
        let (state, mut left) = (self.state.clone(), faults.body);
        let empty = GetResultPayload::Stream(futures::stream::empty().boxed());
        let payload = std::mem::replace(&mut result.payload, empty);
        let (meta, range) = (result.meta.clone(), result.range.clone());
        let whole = GetResult {
            payload,
            meta,
            range,
            attributes: Default::default(),
            extensions: Default::default(),
        };
        // In pieces, as a network brings them.
        let pieces = whole.into_stream().flat_map(|piece| {
            futures::stream::iter(match piece {
                Ok(piece) => split(&piece).into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            })
        });
        let body = pieces.then(move |piece| {
            let (gate, state) = (gate.clone(), state.clone());
            let broken = left.as_mut().is_some_and(|left| {
                let length = piece.as_ref().map_or(0, Bytes::len);
                let broken = *left < length;
                *left = left.saturating_sub(length);
                broken
            });
            async move {
                if let Some(gate) = gate {
                    gate.acquire().await.expect("it is never closed").forget();
                }
                if broken {
                    return Err(Error::Generic {
                        store: "Watched",
                        source: "reset by peer".into(),
                    });
                }
                let piece = piece?;
                state.bytes.fetch_add(piece.len() as u64, Ordering::SeqCst);
                Ok(piece)
            }
        });
        result.payload = GetResultPayload::Stream(body.boxed());
        Ok(result)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.state.gets.fetch_add(1, Ordering::SeqCst);
        let fault = self.state.faults.lock().get;
        if let Some(fault) = fault {
            return Err(fault.strike(location));
        }
        let got = self.inner.get_ranges(location, ranges).await?;
        let length: usize = got.iter().map(Bytes::len).sum();
        self.state.bytes.fetch_add(length as u64, Ordering::SeqCst);
        Ok(got)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let state = self.state.clone();
        let locations = locations.inspect(move |_| {
            state.deletes.fetch_add(1, Ordering::SeqCst);
        });
        self.inner.delete_stream(locations.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

/// The pieces in which bodies come.
pub(crate) const PIECE: usize = 1000;

fn split(bytes: &Bytes) -> Vec<Bytes> {
    (0..bytes.len()).step_by(PIECE).map(|at| bytes.slice(at..bytes.len().min(at + PIECE))).collect()
}
