//! The local side: chunks in, chunks out, and its troubles, which are counted and never a caller's.

use crate::footer::{Footer, Mark};
use crate::index::{Kept, Victim};
use crate::object::{CopyId, Object};
use crate::store::Inner;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{Error, ObjectStore, PutOptions, PutPayload};
use std::time::Duration;
use xxhash_rust::xxh3::Xxh3Default;

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
    /// The copy has left the index meanwhile.
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
        options: PutOptions,
    ) -> Laid {
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
        if let Err(error) = self.local.put_opts(&place, payload, options).await {
            self.index.failed(of.copy, chunk);
            self.trouble("put", &place, &error);
            return Laid::Trouble;
        }
        let kept = self.index.keep(of.copy, chunk, bytes as u64);
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

    /// Deletes what has left the index.
    pub(crate) async fn remove(&self, victims: Vec<Victim>) {
        for victim in victims {
            let mut left = 0;
            for place in
                victim.chunks.iter().map(|chunk| self.place(victim.copy, chunk)).collect::<Vec<_>>()
            {
                left += usize::from(!self.delete_local(place).await);
            }
            // What could not be deleted stays noted, and is tried again when the index is opened.
            if left == 0 {
                self.index.removed(&[victim]);
            }
        }
    }

    /// Whether it is gone; that it was not there is as good.
    pub(crate) async fn delete_local(&self, place: Path) -> bool {
        let one: BoxStream<'static, _> = stream::iter([Ok(place.clone())]).boxed();
        match self.local.delete_stream(one).next().await {
            None | Some(Ok(_) | Err(Error::NotFound { .. })) => true,
            Some(Err(error)) => {
                self.trouble("delete", &place, &error);
                false
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

/// `None`: the object or the chunk cannot be described.
fn footer(of: CopyOf<'_>, chunk: u32, pieces: &[Bytes]) -> Option<Bytes> {
    let mut sum = Xxh3Default::new();
    pieces.iter().for_each(|piece| sum.update(piece));
    let mark = Mark {
        copy: of.copy,
        chunk,
        chunk_size: of.chunk_size,
        payload: u32::try_from(pieces.iter().map(Bytes::len).sum::<usize>()).ok()?,
        sum: sum.digest(),
        size: of.object.size,
        fetched: of.fetched,
    };
    Footer::encode(&mark, of.object)
}
