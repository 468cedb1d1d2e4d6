//! An object is put in parts: they go to the remote, and into chunks that nobody sees before it is complete.

use super::back::WriteBack;
use super::cutter::{Cut, Cutter};
use super::outcome::panicked;
use super::put::for_local;
use super::record::is_writable;
use super::spool::spool;
use super::staging::Staging;
use crate::index::Ticket;
use crate::options::{KeepWrites, Presence};
use crate::runtime;
use crate::store::Inner;
use async_trait::async_trait;
use futures::future::{AbortHandle, Abortable};
use futures::{FutureExt, join};
use object_store::path::Path;
use object_store::{
    Error, MultipartUpload, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result, UploadPart,
};
use std::fmt;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

type Remote = Box<dyn MultipartUpload>;

/// `ObjectStore::put_multipart_opts`.
pub(crate) async fn multipart(
    inner: &Arc<Inner>,
    path: &Path,
    options: PutMultipartOptions,
) -> Result<Box<dyn MultipartUpload>> {
    if let Some(back) = inner.writes.as_deref().filter(|_| is_writable(&options.attributes)) {
        return Ok(spool(inner, back, path, options));
    }
    let (inner, path) = (inner.clone(), path.clone());
    let local = for_local(&options.extensions);
    let open = async move {
        let remote = inner.counted(inner.remote.put_multipart_opts(&path, options).await)?;
        let upload: Box<dyn MultipartUpload> = Box::new(Upload::new(inner, path, remote, local));
        Ok(upload)
    };
    runtime::run(open).await.unwrap_or_else(|| Err(panicked("upload")))
}

/// An upload in progress.
struct Upload {
    inner: Arc<Inner>,
    path: Path,
    /// `None`: it was completed or aborted.
    remote: Option<Remote>,
    staging: Option<Arc<Staging>>,
    cutter: Cutter,
    parts: Parts,
}

/// The parts that are on their way.
struct Parts {
    /// Each has a clone of it: when all have gone, so are the parts.
    running: mpsc::Sender<()>,
    ended: mpsc::Receiver<()>,
    aborts: Vec<AbortHandle>,
}

impl Parts {
    fn new() -> Self {
        let (running, ended) = mpsc::channel(1);
        Parts { running, ended, aborts: Vec::new() }
    }

    async fn end(self) {
        let Parts { running, mut ended, .. } = self;
        drop(running);
        while ended.recv().await.is_some() {}
    }
}

impl Upload {
    fn new(inner: Arc<Inner>, path: Path, remote: Remote, local: PutOptions) -> Self {
        let kept = inner.options.keep_writes == KeepWrites::Always
            && inner.options.presence == Presence::Index;
        Upload {
            staging: kept.then(|| Arc::new(Staging::new(&inner, &path, local))),
            cutter: Cutter::new(inner.options.chunk),
            parts: Parts::new(),
            remote: Some(remote),
            inner,
            path,
        }
    }

    /// The chunks that this part completes. What would not fit anyhow is not staged.
    fn cut(&mut self, data: PutPayload) -> Vec<Cut> {
        let cuts = self.cutter.push(data);
        let most = self.inner.index.limits().bytes;
        if let Some(staging) = &self.staging
            && most.is_some_and(|most| self.cutter.size() > most)
        {
            staging.end();
        }
        cuts
    }

    fn ended(&self) -> Error {
        let what = format!("the upload of \"{}\" was completed or aborted already", self.path);
        Error::Generic { store: "CachedStore", source: what.into() }
    }

    fn end(&mut self) -> Option<(Remote, Parts)> {
        let remote = self.remote.take()?;
        if let Some(staging) = self.staging.take() {
            staging.end();
        }
        let parts = std::mem::replace(&mut self.parts, Parts::new());
        parts.aborts.iter().for_each(AbortHandle::abort);
        Some((remote, parts))
    }
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let Some(remote) = &mut self.remote else {
            let error = self.ended();
            return async move { Err(error) }.boxed();
        };
        let bytes = data.content_length() as u64;
        let part = {
            // Some begin at once, and want a runtime around them.
            let _inside = runtime::handle().enter();
            remote.put_part(data.clone())
        };
        let cuts = self.cut(data);
        let (abort, registration) = AbortHandle::new_pair();
        self.parts.aborts.push(abort);
        let (inner, staging) = (self.inner.clone(), self.staging.clone());
        let running = self.parts.running.clone();
        let (done, result) = oneshot::channel();
        runtime::handle().spawn(async move {
            let staged = async {
                if let Some(staging) = &staging {
                    staging.lay(cuts).await
                }
            };
            // Chunks are laid to their end: half laid ones nobody could account for.
            let part = async { inner.counted(part.await) };
            let (sent, ()) = join!(Abortable::new(part, registration), staged);
            match &sent {
                Ok(Ok(())) => inner.stats.bytes_written.add(bytes),
                Ok(Err(_)) | Err(_) => staging.iter().for_each(|staging| staging.end()),
            }
            drop((staging, running));
            // Nobody may be waiting any more.
            let _ = done.send(sent.unwrap_or_else(|_| Err(panicked("upload, aborted, "))));
        });
        async move { result.await.unwrap_or_else(|_| Err(panicked("upload"))) }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let Some(remote) = self.remote.take() else { return Err(self.ended()) };
        let completing = Completing {
            inner: self.inner.clone(),
            path: self.path.clone(),
            staging: self.staging.take(),
            last: self.cutter.finish(),
            size: self.cutter.size(),
        };
        let parts = std::mem::replace(&mut self.parts, Parts::new());
        let complete = async move {
            let mut remote = remote;
            parts.end().await;
            let result = completing.complete(&mut *remote).await;
            (remote, result)
        };
        let (remote, result) = runtime::run(complete).await.ok_or_else(|| panicked("upload"))?;
        // A failed one can be completed again, or aborted; its copy is gone.
        self.remote = result.is_err().then_some(remote);
        result
    }

    async fn abort(&mut self) -> Result<()> {
        let Some((mut remote, parts)) = self.end() else { return Err(self.ended()) };
        let abort = async move {
            parts.end().await;
            remote.abort().await
        };
        runtime::run(abort).await.unwrap_or_else(|| Err(panicked("upload")))
    }
}

/// Dropped without a word: as aborted, as far as the remote can.
impl Drop for Upload {
    fn drop(&mut self) {
        if let Some((mut remote, parts)) = self.end() {
            runtime::handle().spawn(async move {
                parts.end().await;
                let _ = remote.abort().await;
            });
        }
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("path", &self.path)
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}

/// The last step of an upload.
struct Completing {
    inner: Arc<Inner>,
    path: Path,
    staging: Option<Arc<Staging>>,
    last: Option<Cut>,
    size: u64,
}

impl Completing {
    async fn complete(self, remote: &mut dyn MultipartUpload) -> Result<PutResult> {
        let inner = &self.inner;
        let _turns = match inner.writes.as_deref() {
            None => Vec::new(),
            Some(back) => WriteBack::clear(back, &[&self.path]).await?,
        };
        if let Some(staging) = &self.staging {
            staging.lay(self.last.into_iter().collect()).await;
        }
        let (ticket, result) = inner.complete(&self.path, remote).await?;
        let fetched = inner.now();
        match self.staging.filter(|staging| !staging.is_over()) {
            Some(staging) => match inner.confirm(&self.path, self.size, &result).await {
                Some(object) => staging.reveal(ticket, &object, fetched).await,
                None => inner.forget(ticket).await,
            },
            None => inner.forget(ticket).await,
        }
        Ok(result)
    }
}

impl Inner {
    /// Makes an upload visible. The ticket admits what the remote has then.
    pub(super) async fn complete(
        &self,
        path: &Path,
        remote: &mut dyn MultipartUpload,
    ) -> Result<(Ticket, PutResult)> {
        let ticket = self.index.doubt(path);
        match remote.complete().await {
            Ok(result) => Ok((ticket, result)),
            Err(error) => {
                self.not_written(ticket, &error).await;
                Err(error)
            }
        }
    }
}
