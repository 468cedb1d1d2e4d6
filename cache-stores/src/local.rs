//! The local side: chunks on their way into it, and its troubles, which are counted and never a caller's.

use crate::directory::Large;
use crate::fetch;
use crate::footer::{Footer, Mark};
use crate::index::Kept;
use crate::object::{CopyId, Object};
use crate::patience::LATE;
use crate::remove::delete;
use crate::runtime;
use crate::store::Inner;
use bytes::Bytes;
use futures::FutureExt;
use object_store::path::Path;
use object_store::{Error, ObjectStore, PutOptions, PutPayload};
use std::hash::Hasher as _;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::oneshot;
use twox_hash::XxHash3_64;

/// The copy to which a chunk belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CopyOf<'a> {
    pub(crate) copy: CopyId,
    pub(crate) object: &'a Object,
    pub(crate) chunk_size: u32,
    pub(crate) fetched: Duration,
}

/// Whether a chunk lies in local now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Laid {
    Kept,
    /// The copy has left the index meanwhile, or the chunk is another's: there already, being put, or being deleted.
    Gone,
    /// The local store did not take it: counted.
    Trouble,
}

impl Inner {
    /// Puts a chunk into local and into the index, and deletes what had to go for it. The pieces together are the
    /// chunk.
    pub(crate) async fn lay(&self, of: CopyOf<'_>, chunk: u32, pieces: &[Bytes]) -> Laid {
        self.lay_with(of, chunk, pieces, PutOptions::default()).await
    }

    /// The same; the options go to the local store.
    pub(crate) async fn lay_with(
        &self,
        of: CopyOf<'_>,
        chunk: u32,
        pieces: &[Bytes],
        mut options: PutOptions,
    ) -> Laid {
        if self.options.direct_writes.is_some_and(|least| of.object.size >= least) {
            options.extensions.insert(Large);
        }
        let laid = self.try_to_lay(of, chunk, pieces, options).await;
        if laid == Laid::Trouble && chunk == 0 {
            self.not_laid(&of.object.path).await;
        }
        laid
    }

    async fn try_to_lay(
        &self,
        of: CopyOf<'_>,
        chunk: u32,
        pieces: &[Bytes],
        options: PutOptions,
    ) -> Laid {
        if self.late.load(Ordering::Acquire) >= LATE {
            let place = self.place_of(&of.object.path, of.copy, chunk);
            self.trouble("put", &place, &"earlier ones have not ended");
            return Laid::Trouble;
        }
        let Some(footer) = footer(of, chunk, pieces) else { return Laid::Trouble };
        if self.has_no_index() {
            let payload = pieces.iter().cloned().chain([footer]).collect();
            return self.lay_present(of, chunk, payload, options).await;
        }
        if !self.index.intend(of.copy, chunk) {
            return Laid::Gone;
        }
        let bytes = pieces.iter().map(Bytes::len).sum::<usize>() + footer.len();
        let payload: PutPayload = pieces.iter().cloned().chain([footer]).collect();
        let place = self.place(of.copy, chunk);
        let put = Chunk { copy: of.copy, chunk, bytes: bytes as u64, place };
        self.put_local(put, payload, options).await
    }

    /// Puts an intended chunk in a task of its own, which settles it when it ends, be that late.
    pub(crate) async fn put_local(
        &self,
        put: Chunk,
        payload: PutPayload,
        options: PutOptions,
    ) -> Laid {
        let place = put.place.clone();
        let is_late = Arc::new(AtomicBool::new(false));
        let putting = Putting { own: self.own.clone(), put, is_late: is_late.clone() };
        let (done, laid) = oneshot::channel();
        runtime::handle().spawn(putting.run(self.local.clone(), payload, options, done));
        match self.patience.wait(laid).await {
            Some(laid) => laid.unwrap_or(Laid::Trouble),
            None => {
                // Before it is known as late: it may end now, and takes this back.
                self.outdated.late(&place);
                // Counted, unless it has ended this moment.
                match is_late.swap(true, Ordering::AcqRel) {
                    false => _ = self.late.fetch_add(1, Ordering::AcqRel),
                    true => self.outdated.ended(&place),
                }
                self.trouble("put", &place, &self.patience.overdue());
                Laid::Trouble
            }
        }
    }

    /// A put has ended.
    async fn settle(&self, put: Chunk, failure: Option<&Error>, alone: bool) -> Laid {
        if self.has_no_index() {
            return self.settle_present(put, failure, alone).await;
        }
        if let Some(error) = failure {
            self.trouble("put", &put.place, error);
            self.remove(vec![self.index.failed(put.copy, put.chunk)]).await;
            return Laid::Trouble;
        }
        let kept = self.index.keep(put.copy, put.chunk, put.bytes);
        if let Some(why) = self.index.news() {
            self.trouble("index", &self.layout.root(), &why);
        }
        match kept {
            Kept::Yes { victims } => {
                self.remove(victims).await;
                Laid::Kept
            }
            Kept::Gone(victim) => {
                self.remove(vec![victim]).await;
                Laid::Gone
            }
        }
    }

    /// Tells that a copy past its TTL stands in for the remote.
    pub(crate) fn told_stale(&self, path: &Path, why: &Error) {
        #[cfg(feature = "tracing")]
        tracing::warn!(target: "larder", store = &*self.name, %path, "a stale copy is served: {why}");
        #[cfg(not(feature = "tracing"))]
        let _ = (path, why);
    }

    /// Counts and tells what went wrong on the local side.
    pub(crate) fn trouble(&self, what: &str, place: &Path, why: &dyn std::fmt::Display) {
        self.stats.local_errors.add(1);
        #[cfg(feature = "tracing")]
        tracing::warn!(target: "larder", store = &*self.name, %place, "the local {what} failed: {why}");
        #[cfg(not(feature = "tracing"))]
        let _ = (what, place, why);
    }
}

/// A chunk on its way into local.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) copy: CopyId,
    pub(crate) chunk: u32,
    /// With its footer.
    pub(crate) bytes: u64,
    pub(crate) place: Path,
}

/// A put that nobody has to wait for: whoever gave it up, its chunk is accounted for, or deleted.
struct Putting {
    own: Weak<Inner>,
    put: Chunk,
    is_late: Arc<AtomicBool>,
}

impl Putting {
    async fn run(
        self,
        local: Arc<dyn ObjectStore>,
        payload: PutPayload,
        options: PutOptions,
        done: oneshot::Sender<Laid>,
    ) {
        let Putting { own, put, is_late } = self;
        let ended = AssertUnwindSafe(local.put_opts(&put.place, payload, options)).catch_unwind();
        let failure = ended.await.unwrap_or_else(|_| Err(fetch::own("it panicked"))).err();
        let was_late = is_late.swap(true, Ordering::AcqRel);
        let Some(inner) = own.upgrade() else {
            // The store has gone, and its successor does not know of this copy.
            if failure.is_none() {
                let _ = delete(&*local, &put.place).await;
            }
            return;
        };
        if was_late {
            inner.late.fetch_sub(1, Ordering::AcqRel);
        }
        let place = put.place.clone();
        let laid = inner.settle(put, failure.as_ref(), done.is_closed()).await;
        if was_late {
            inner.outdated.ended(&place);
        }
        // Nobody may be waiting any more.
        let _ = done.send(laid);
    }
}

/// `None`: the object or the chunk cannot be described.
fn footer(of: CopyOf<'_>, chunk: u32, pieces: &[Bytes]) -> Option<Bytes> {
    let mut sum = XxHash3_64::new();
    pieces.iter().for_each(|piece| sum.write(piece));
    let mark = Mark {
        copy: of.copy,
        chunk,
        chunk_size: of.chunk_size,
        payload: u32::try_from(pieces.iter().map(Bytes::len).sum::<usize>()).ok()?,
        sum: sum.finish(),
        size: of.object.size,
        fetched: of.fetched,
    };
    Footer::encode(&mark, of.object)
}
