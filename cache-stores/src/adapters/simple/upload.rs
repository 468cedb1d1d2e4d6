//! An upload in parts to a store that takes whole objects only.

use super::Simple;
use super::store::{NAME, SimpleStore};
use async_trait::async_trait;
use bytes::BytesMut;
use object_store::path::Path;
use object_store::{Error, MultipartUpload, PutPayload, PutResult, Result, UploadPart};

/// An upload, whole in memory until it is complete.
#[derive(Debug)]
pub(super) struct Gathering<S> {
    store: SimpleStore<S>,
    location: Path,
    /// `None`: it was completed or aborted.
    parts: Option<Vec<PutPayload>>,
}

impl<S> Gathering<S> {
    pub(super) fn new(store: SimpleStore<S>, location: Path) -> Self {
        Gathering { store, location, parts: Some(Vec::new()) }
    }

    fn over(&self) -> Error {
        let what = format!("the upload of `{}` is over", self.location);
        Error::Generic { store: NAME, source: what.into() }
    }
}

#[async_trait]
impl<S: Simple> MultipartUpload for Gathering<S> {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let Some(parts) = &mut self.parts else {
            let over = self.over();
            return Box::pin(async { Err(over) });
        };
        parts.push(data);
        Box::pin(async { Ok(()) })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let Some(parts) = &self.parts else { return Err(self.over()) };
        let length = parts.iter().map(PutPayload::content_length).sum();
        let mut whole = BytesMut::with_capacity(length);
        for piece in parts.iter().flat_map(PutPayload::iter) {
            whole.extend_from_slice(piece);
        }
        // If it fails they are still here: it can be completed again.
        let put = self.store.write(&self.location, whole.freeze()).await?;
        self.parts = None;
        Ok(put)
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.take().map(drop).ok_or_else(|| self.over())
    }
}
