//! With write-back an object in parts becomes a local copy, and waits for the remote when it is complete. If the local
//! side cannot take it, what came so far goes to the remote, and the rest after it.

use super::back::WriteBack;
use super::cutter::{Cut, Cutter};
use super::keep::{STAGED, staged, time};
use super::load::Loader;
use super::outcome::panicked;
use super::record::Unsent;
use super::staging::Staging;
use crate::fetch::{again, own};
use crate::runtime;
use crate::store::Inner;
use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use object_store::path::Path;
use object_store::{
    MultipartUpload, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart,
};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// What the remote gets at once: no remote wants less of any part but the last.
const PART: usize = 8 << 20;

/// Begins an object that will wait.
pub(super) fn spool(
    inner: &Arc<Inner>,
    back: &Arc<WriteBack>,
    path: &Path,
    options: PutMultipartOptions,
) -> Box<dyn MultipartUpload> {
    let (to, jobs) = mpsc::unbounded_channel();
    let spooler = Spooler {
        staging: Arc::new(Staging::new(inner, path, PutOptions::default())),
        cutter: Cutter::new(inner.options.chunk),
        laid: 0,
        past: None,
        path: path.clone(),
        inner: inner.clone(),
        back: back.clone(),
        options,
    };
    runtime::handle().spawn(spooler.run(jobs));
    Box::new(Spool { to, path: path.clone() })
}

/// The writer's end. Dropping it drops what came.
#[derive(Debug)]
struct Spool {
    to: mpsc::UnboundedSender<Job>,
    path: Path,
}

#[derive(Debug)]
enum Job {
    Part(PutPayload, oneshot::Sender<Result<()>>),
    Complete(oneshot::Sender<Result<PutResult>>),
    Abort(oneshot::Sender<Result<()>>),
}

impl Spool {
    /// Parts are taken in the order of the calls, whoever awaits them when.
    fn job<T: Send + 'static>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T>>) -> Job,
    ) -> impl Future<Output = Result<T>> + Send + 'static {
        let (done, result) = oneshot::channel();
        let ended = self.to.send(job(done)).is_err();
        let path = self.path.clone();
        async move {
            match (result.await, ended) {
                (Ok(result), _) => result,
                (Err(_), true) => {
                    let what = format!("the upload of \"{path}\" was completed or aborted already");
                    Err(own(what))
                }
                (Err(_), false) => Err(panicked("upload")),
            }
        }
    }
}

#[async_trait]
impl MultipartUpload for Spool {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.job(|done| Job::Part(data, done)).boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.job(Job::Complete).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.job(Job::Abort).await
    }
}

/// Does what the writer wants, one after the other: its memory is that of one part.
struct Spooler {
    inner: Arc<Inner>,
    back: Arc<WriteBack>,
    path: Path,
    options: PutMultipartOptions,
    staging: Arc<Staging>,
    cutter: Cutter,
    /// So many chunks lie in local.
    laid: u32,
    /// The local side had trouble: it goes to the remote.
    past: Option<Past>,
}

/// The upload to the remote, and what is not yet a part for it.
struct Past {
    upload: Box<dyn MultipartUpload>,
    pieces: Vec<Bytes>,
    bytes: usize,
}

impl Spooler {
    async fn run(mut self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        let mut failed = false;
        while let Some(job) = jobs.recv().await {
            match job {
                Job::Part(data, done) => {
                    let taken = self.take_all(data).await;
                    failed |= taken.is_err();
                    let _ = done.send(taken);
                }
                Job::Complete(done) if failed => {
                    let what = format!("a part of \"{}\" has failed: write it anew", self.path);
                    let _ = done.send(Err(own(what)));
                }
                Job::Complete(done) => {
                    // What comes after it is told that it is too late.
                    jobs.close();
                    let result = self.complete().await;
                    if result.is_err() {
                        // Nobody can complete it again: what the remote has of it is of no use.
                        let _ = self.abort().await;
                    }
                    let _ = done.send(result);
                    return;
                }
                Job::Abort(done) => {
                    jobs.close();
                    let _ = done.send(self.abort().await);
                    return;
                }
            }
        }
        let _ = self.abort().await;
    }

    async fn abort(&mut self) -> Result<()> {
        match &mut self.past {
            None => Ok(()),
            Some(past) => past.upload.abort().await,
        }
    }

    async fn take_all(&mut self, data: PutPayload) -> Result<()> {
        for cut in self.cutter.push(data) {
            self.take(cut).await?;
        }
        Ok(())
    }

    async fn take(&mut self, cut: Cut) -> Result<()> {
        if self.past.is_none() {
            if self.back.fits(&self.inner, self.cutter.size()) {
                self.staging.lay(vec![cut.clone()]).await;
            } else {
                self.staging.end();
            }
            if !self.staging.is_over() {
                self.laid += 1;
                return Ok(());
            }
            // As long as the size is not known, all chunks are full.
            self.go_past(STAGED).await?;
        }
        self.push(cut.pieces).await
    }

    /// From here on everything goes to the remote, and first what was laid.
    async fn go_past(&mut self, size: u64) -> Result<()> {
        let options = self.options.clone();
        let upload = self.inner.remote.put_multipart_opts(&self.path, options).await;
        let upload = self.inner.counted(upload)?;
        self.past = Some(Past { upload, pieces: Vec::new(), bytes: 0 });
        let loader = Loader::new(&self.inner);
        let laid = self.unsent(size);
        for chunk in 0..self.laid {
            let bytes = loader.load(&laid, chunk).await;
            let bytes = bytes.map_err(|failure| again(failure.error()))?;
            self.push(vec![bytes]).await?;
        }
        Ok(())
    }

    async fn push(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        let Some(past) = &mut self.past else { return Ok(()) };
        past.bytes += pieces.iter().map(Bytes::len).sum::<usize>();
        past.pieces.extend(pieces);
        if past.bytes >= PART { self.inner.counted(past.send().await) } else { Ok(()) }
    }

    fn unsent(&self, size: u64) -> Unsent {
        let mut object = staged(&self.path, self.inner.now());
        object.size = size;
        object.attributes = self.options.attributes.clone();
        object.modified = time(self.inner.now());
        let (copy, chunk_size) = (self.staging.copy(), self.staging.chunk_size());
        Unsent { object, copy, chunk_size, tags: self.options.tags.clone() }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let (last, size) = (self.cutter.finish(), self.cutter.size());
        if let Some(cut) = last {
            self.take(cut).await?;
        }
        if self.past.is_none() {
            let unsent = self.unsent(size);
            // The journal decides: from then on the copy is not this writer's any more.
            if let Some(result) = self.back.take_put(&self.inner, unsent).await {
                self.staging.keep();
                return Ok(result);
            }
            self.go_past(size).await?;
        }
        self.complete_past().await
    }

    async fn complete_past(&mut self) -> Result<PutResult> {
        let Some(past) = &mut self.past else { return Err(panicked("upload")) };
        if !past.pieces.is_empty() {
            self.inner.counted(past.send().await)?;
        }
        let _turns = WriteBack::clear(&self.back, &[&self.path]).await?;
        let (ticket, result) = self.inner.complete(&self.path, &mut *past.upload).await?;
        self.inner.stats.bytes_written.add(self.cutter.size());
        self.inner.forget(ticket).await;
        Ok(result)
    }
}

impl Past {
    async fn send(&mut self) -> Result<()> {
        self.bytes = 0;
        let payload = std::mem::take(&mut self.pieces).into_iter().collect();
        self.upload.put_part(payload).await
    }
}
