//! A long write in parts, which arrive in any order.

use super::head::Head;
use super::store::{NAME, Shared, panicked};
use crate::runtime;
use async_trait::async_trait;
use object_store::path::Path;
use object_store::{Error, MultipartUpload, PutMode, PutPayload, PutResult, Result, UploadPart};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

#[derive(Debug)]
pub(super) struct Parts {
    shared: Arc<Shared>,
    location: Path,
    head: Head,
    keep: Option<Duration>,
    /// Parts are put to their end, whoever waits for them: pages that came after an abort would stay.
    putting: Vec<JoinHandle<()>>,
    arrived: Arc<AtomicUsize>,
    over: bool,
}

impl Parts {
    pub(super) fn new(
        shared: Arc<Shared>,
        location: Path,
        head: Head,
        keep: Option<Duration>,
    ) -> Self {
        let putting = Vec::new();
        Parts { shared, location, head, keep, putting, arrived: Arc::default(), over: false }
    }

    /// Removes what has arrived, and what is on its way.
    fn removal(&mut self) -> impl Future<Output = ()> + Send + 'static {
        self.over = true;
        let putting = std::mem::take(&mut self.putting);
        let (shared, head) = (self.shared.clone(), self.head.clone());
        async move {
            for part in putting {
                // One that panicked has ended, too.
                drop(part.await);
            }
            shared.free(&head).await;
        }
    }

    fn begun(&self) -> Result<()> {
        match self.over {
            false => Ok(()),
            true => Err(self.wrong("is over")),
        }
    }

    fn wrong(&self, what: &str) -> Error {
        let source = format!("the upload of `{}` {what}", self.location).into();
        Error::Generic { store: NAME, source }
    }
}

#[async_trait]
impl MultipartUpload for Parts {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        if let Err(error) = self.begun() {
            return Box::pin(async { Err(error) });
        }
        let part = self.head.parts.len() as u32;
        self.head.parts.push(data.content_length() as u64);
        // Only what names the pages.
        let head = Head { parts: Vec::new(), ..self.head.clone() };
        let (shared, arrived, keep) = (self.shared.clone(), self.arrived.clone(), self.keep);
        let (tell, told) = oneshot::channel();
        self.putting.retain(|part| !part.is_finished());
        self.putting.push(runtime::handle().spawn(async move {
            let put = shared.put_part(&head, part, &data, keep).await;
            if put.is_ok() {
                arrived.fetch_add(1, Ordering::AcqRel);
            }
            // Nobody may be waiting any more.
            let _ = tell.send(put);
        }));
        Box::pin(async move { told.await.unwrap_or_else(|_| Err(panicked())) })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.begun()?;
        let (arrived, parts) = (self.arrived.load(Ordering::Acquire), self.head.parts.len());
        if arrived < parts {
            return Err(self.wrong(&format!("has {arrived} of its {parts} parts only")));
        }
        // From here on nobody but `publish` knows whether the pages are still wanted.
        self.over = true;
        let (shared, location) = (self.shared.clone(), self.location.clone());
        let (head, keep) = (self.head.clone(), self.keep);
        // To its end: pages of which no head tells, and former ones, would stay.
        let publish =
            async move { shared.publish(&location, head, &PutMode::Overwrite, keep).await };
        runtime::run(publish).await.unwrap_or_else(|| Err(panicked()))
    }

    async fn abort(&mut self) -> Result<()> {
        self.begun()?;
        runtime::run(self.removal()).await.ok_or_else(panicked)
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        if !self.over && !self.head.parts.is_empty() {
            runtime::handle().spawn(self.removal());
        }
    }
}
