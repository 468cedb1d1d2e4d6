//! The writing side: bytes become one put, or the parts of an upload.

use super::order::Order;
use super::upload::Upload;
use crate::runtime;
use bytes::Bytes;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{
    Error, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Objects up to this length are one put, longer ones are cut into parts of it: no store takes smaller parts than
/// 5 MiB, and S3 takes 10 000 of them, so that an object can have 78 GiB.
pub(super) const PART: usize = 8 << 20;
pub(super) const LEAST_PART: usize = 5 << 20;

pub(super) struct Writing {
    target: Target,
    buffer: Vec<u8>,
    stage: Stage,
}

#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) path: Path,
    pub(super) options: PutOptions,
    pub(super) part: usize,
    pub(super) order: Order,
}

enum Stage {
    /// Everything is in the buffer.
    Small,
    /// Parts have been sent before; the upload waits for the next one.
    Parts(Upload),
    /// A part is handed over.
    Sending(BoxFuture<'static, (Upload, Result<()>)>),
    Closing(BoxFuture<'static, Result<PutResult>>),
    /// Nothing of it will be seen.
    Failed,
}

impl Writing {
    pub(super) fn begin(target: Target) -> Self {
        Writing { target, buffer: Vec::new(), stage: Stage::Small }
    }

    /// For what has not been handed over yet.
    pub(super) fn retarget(&mut self, target: Target) {
        if matches!(self.stage, Stage::Small) {
            self.target = target;
        }
    }

    pub(super) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        loop {
            if let Err(error) = ready!(self.poll_sent(context)) {
                return Poll::Ready(Err(error));
            }
            match &self.stage {
                Stage::Failed => return Poll::Ready(Err(self.failed())),
                Stage::Closing(_) => return Poll::Ready(Err(self.wrong("is being closed"))),
                Stage::Small | Stage::Parts(_) | Stage::Sending(_) => {}
            }
            let room = self.target.part.saturating_sub(self.buffer.len());
            if room > 0 {
                let taken = bytes.len().min(room);
                self.buffer.extend_from_slice(&bytes[..taken]);
                return Poll::Ready(Ok(taken));
            }
            if let Err(error) = self.send() {
                self.stage = Stage::Failed;
                return Poll::Ready(Err(error));
            }
        }
    }

    /// Puts everything, or the last part, and makes it visible. An error: nothing of it is.
    pub(super) fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<Result<PutResult>> {
        if let Err(error) = ready!(self.poll_sent(context)) {
            return Poll::Ready(Err(error));
        }
        match std::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Closing(closing) => self.stage = Stage::Closing(closing),
            Stage::Small => self.stage = Stage::Closing(self.put()),
            Stage::Parts(upload) => self.stage = Stage::Closing(self.complete(upload)),
            // `poll_sent` leaves no other.
            Stage::Failed | Stage::Sending(_) => return Poll::Ready(Err(self.failed())),
        }
        match &mut self.stage {
            Stage::Closing(closing) => closing.as_mut().poll(context),
            _ => Poll::Ready(Err(self.failed())),
        }
    }

    /// Waits for the part that is handed over, if one is.
    fn poll_sent(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Stage::Sending(sending) = &mut self.stage else { return Poll::Ready(Ok(())) };
        let (upload, sent) = ready!(sending.as_mut().poll(context));
        self.stage = match sent {
            Ok(()) => Stage::Parts(upload),
            Err(_) => Stage::Failed,
        };
        Poll::Ready(sent)
    }

    /// Hands the buffer over as a part.
    fn send(&mut self) -> Result<()> {
        let mut upload = match std::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Parts(upload) => upload,
            Stage::Small => self.upload()?,
            Stage::Sending(_) | Stage::Closing(_) | Stage::Failed => return Err(self.failed()),
        };
        let part = Bytes::from(std::mem::take(&mut self.buffer));
        self.buffer.reserve_exact(self.target.part);
        self.stage = Stage::Sending(Box::pin(async move {
            let sent = upload.part(part).await;
            (upload, sent)
        }));
        Ok(())
    }

    fn upload(&self) -> Result<Upload> {
        let Target { store, path, options, part, .. } = &self.target;
        if options.mode != PutMode::Overwrite {
            let source = format!(
                "a put of `{path}` on a condition is done at once, with at most {part} bytes: more were written"
            );
            return Err(Error::NotSupported { source: source.into() });
        }
        let PutOptions { tags, attributes, extensions, .. } = options.clone();
        let options = PutMultipartOptions { tags, attributes, extensions };
        Ok(Upload::begin(store.clone(), path.clone(), options))
    }

    fn put(&mut self) -> BoxFuture<'static, Result<PutResult>> {
        let payload = Bytes::from(std::mem::take(&mut self.buffer));
        Box::pin(put(self.target.clone(), payload))
    }

    fn complete(&mut self, mut upload: Upload) -> BoxFuture<'static, Result<PutResult>> {
        let last = Bytes::from(std::mem::take(&mut self.buffer));
        let place = self.target.order.place();
        Box::pin(async move {
            if !last.is_empty() {
                upload.part(last).await?;
            }
            upload.complete(place).await
        })
    }

    fn failed(&self) -> Error {
        self.wrong("has failed before, and nothing of it was stored")
    }

    fn wrong(&self, what: &str) -> Error {
        let source = format!("the write of `{}` {what}", self.target.path).into();
        Error::Generic { store: "handle", source }
    }
}

/// One put, on the stores' threads.
pub(super) async fn put(target: Target, payload: impl Into<PutPayload>) -> Result<PutResult> {
    let (payload, Target { store, path, options, order, .. }) = (payload.into(), target);
    let mut place = order.place();
    let put = runtime::run(async move {
        place.reached().await;
        store.put_opts(&path, payload, options).await
    });
    let panicked = || Error::Generic { store: "handle", source: "the store panicked".into() };
    put.await.unwrap_or_else(|| Err(panicked()))
}

impl fmt::Debug for Writing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Small => "small",
            Stage::Parts(_) => "parts",
            Stage::Sending(_) => "sending",
            Stage::Closing(_) => "closing",
            Stage::Failed => "failed",
        };
        f.debug_struct("Writing")
            .field("path", &self.target.path)
            .field("buffered", &self.buffer.len())
            .field("stage", &stage)
            .finish_non_exhaustive()
    }
}
