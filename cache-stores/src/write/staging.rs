//! A copy of which nobody knows yet whether it will be: it disappears when its writer does.

use super::cutter::Cut;
use super::keep::staged;
use crate::index::Admitted;
use crate::index::Ticket;
use crate::local::{CopyOf, Laid};
use crate::object::{CopyId, Object};
use crate::runtime;
use crate::store::Inner;
use object_store::PutOptions;
use object_store::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Chunks in the local store under a copy that is not to be seen.
#[derive(Debug)]
pub(super) struct Staging {
    inner: Weighed,
    copy: CopyId,
    object: Object,
    chunk_size: u32,
    fetched: Duration,
    local: PutOptions,
    /// No more chunks are wanted.
    over: AtomicBool,
    /// It belongs to the index as any other copy.
    kept: AtomicBool,
}

/// The store, without its lengthy description.
struct Weighed(Arc<Inner>);

impl std::fmt::Debug for Weighed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.name)
    }
}

impl Staging {
    /// The options go to the local store.
    pub(super) fn new(inner: &Arc<Inner>, path: &Path, local: PutOptions) -> Self {
        let chunk_size = inner.options.chunk;
        Staging {
            copy: inner.index.stage(path, chunk_size),
            object: staged(path, inner.now()),
            chunk_size,
            fetched: inner.now(),
            inner: Weighed(inner.clone()),
            local,
            over: AtomicBool::new(false),
            kept: AtomicBool::new(false),
        }
    }

    pub(super) fn copy(&self) -> CopyId {
        self.copy
    }

    pub(super) fn chunk_size(&self) -> u32 {
        self.chunk_size
    }

    /// Lays chunks, as far as they are wanted. Trouble ends that, and is nobody's failure.
    pub(super) async fn lay(&self, cuts: Vec<Cut>) {
        for Cut { chunk, pieces } in cuts {
            if self.is_over() {
                return;
            }
            let of = CopyOf {
                copy: self.copy,
                object: &self.object,
                chunk_size: self.chunk_size,
                fetched: self.fetched,
            };
            let laid = self.inner.0.lay_with(of, chunk, &pieces, self.local.clone()).await;
            if laid != Laid::Kept {
                self.end();
            }
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// It will not be.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// It is what the remote has now.
    pub(super) async fn reveal(&self, ticket: Ticket, object: &Object, fetched: Duration) {
        let inner = &self.inner.0;
        match inner.index.reveal(&ticket, self.copy, object, fetched) {
            Admitted::New { victims, .. } => {
                self.keep();
                inner.remove(victims).await;
            }
            // It was, and what was before is outdated in any case.
            Admitted::Same { .. } | Admitted::Fenced => inner.forget(ticket).await,
        }
    }

    /// It is not removed when this is dropped.
    pub(super) fn keep(&self) {
        self.kept.store(true, Ordering::Release);
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if self.kept.load(Ordering::Acquire) {
            return;
        }
        let inner = self.inner.0.clone();
        let victims = inner.index.abandon(self.copy);
        if !victims.is_empty() {
            runtime::handle().spawn(async move { inner.remove(victims).await });
        }
    }
}
