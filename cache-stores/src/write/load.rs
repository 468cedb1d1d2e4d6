//! Chunks of a copy that waits come back from the local store, checked.

use super::queue::Failure;
use super::record::Unsent;
use crate::footer::{MARK, Mark};
use crate::layout::{Cut, Layout};
use crate::patience::Patience;
use crate::store::Inner;
use bytes::Bytes;
use cache_core::Clock;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt};
use std::sync::{Arc, Weak};
use twox_hash::XxHash3_64;

/// What sending needs of a store: it does not keep the store alive.
pub(super) struct Loader {
    pub(super) remote: Arc<dyn ObjectStore>,
    local: Arc<dyn ObjectStore>,
    layout: Layout,
    patience: Patience,
    pub(super) clock: Clock,
    store: Weak<Inner>,
}

impl Loader {
    pub(super) fn new(inner: &Inner) -> Self {
        Loader {
            remote: inner.remote.clone(),
            local: inner.local.clone(),
            layout: inner.layout,
            patience: inner.patience.clone(),
            clock: inner.clock.clone(),
            store: inner.own.clone(),
        }
    }

    /// Nobody has the store any more.
    pub(super) fn is_left(&self) -> bool {
        self.store.strong_count() == 0
    }

    /// The bytes of a chunk. A damaged one is never sent.
    pub(super) async fn load(&self, unsent: &Unsent, chunk: u32) -> Result<Bytes, Failure> {
        let place = self.layout.chunk(unsent.copy, chunk);
        let bytes = async { self.local.get(&place).await?.bytes().await };
        let bytes =
            self.patience.of(bytes).await.map_err(|error| lost(unsent, chunk, &place, &error))?;
        let cut = Cut::new(unsent.object.size, unsent.chunk_size).bytes_of(chunk);
        let length = usize::try_from(cut.end - cut.start).unwrap_or(usize::MAX);
        let damaged = || lost(unsent, chunk, &place, &"it is damaged");
        let footer = bytes.get(length..).and_then(|rest| rest.get(..MARK)).ok_or_else(damaged)?;
        let mark = Mark::decode(footer).map_err(|_| damaged())?;
        let payload = bytes.slice(..length);
        let right = (mark.copy, mark.chunk, mark.payload as usize) == (unsent.copy, chunk, length);
        if !right || mark.sum != XxHash3_64::oneshot(&payload) {
            return Err(damaged());
        }
        Ok(payload)
    }
}

/// It may come back: a disk that is not mounted, a file that is restored. Until then it is told, and tried slowly.
fn lost(unsent: &Unsent, chunk: u32, place: &Path, why: &dyn std::fmt::Display) -> Failure {
    let path = &unsent.object.path;
    let source = format!(
        "chunk {chunk} of \"{path}\" waits for the remote and cannot be read at \"{place}\" in the local store: {why}"
    );
    Failure::Refused(Arc::new(Error::Generic { store: "CachedStore", source: source.into() }))
}
