//! A side of a store that counts, fails, stops for good and holds back, over a real one.

use async_trait::async_trait;
use bytes::Bytes;
use cache_stores::LocalTtl;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
    UploadPart,
};
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How writes go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fails {
    No,
    /// Nobody answers, and nothing was done.
    Away,
    /// It was done, and the answer is lost.
    Unsure,
    Denied,
    Full,
}

/// What is called at a step.
#[derive(Default)]
struct Step(Option<Arc<dyn Fn(&str) + Send + Sync>>);

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Step")
    }
}

#[derive(Debug)]
struct State {
    gets: AtomicUsize,
    writes: AtomicUsize,
    paths: Mutex<Vec<String>>,
    lives: Mutex<Vec<Option<Duration>>>,
    /// Nothing tells one version from another of the same length.
    tagless: AtomicBool,
    fails: Mutex<(Fails, String)>,
    /// Called before and after each write.
    step: Mutex<Step>,
    /// Reads take what they read, and then wait here.
    gate: Mutex<Option<Arc<Semaphore>>>,
}

/// A handle on a side.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    inner: Arc<dyn ObjectStore>,
    state: Arc<State>,
}

impl Side {
    pub(crate) fn new(inner: Arc<dyn ObjectStore>) -> Self {
        let state = State {
            gets: AtomicUsize::new(0),
            writes: AtomicUsize::new(0),
            paths: Mutex::default(),
            lives: Mutex::default(),
            tagless: AtomicBool::new(false),
            fails: Mutex::new((Fails::No, String::new())),
            step: Mutex::default(),
            gate: Mutex::default(),
        };
        Side { inner, state: Arc::new(state) }
    }

    pub(crate) fn inner(&self) -> &Arc<dyn ObjectStore> {
        &self.inner
    }

    pub(crate) fn gets(&self) -> usize {
        self.state.gets.load(SeqCst)
    }

    pub(crate) fn writes(&self) -> usize {
        self.state.writes.load(SeqCst)
    }

    /// What was written and deleted, in order: `+a`, `-a`.
    pub(crate) fn told(&self) -> Vec<String> {
        self.state.paths.lock().unwrap().clone()
    }

    /// The `LocalTtl` of each put so far.
    pub(crate) fn lives(&self) -> Vec<Option<Duration>> {
        std::mem::take(&mut *self.state.lives.lock().unwrap())
    }

    pub(crate) fn fail(&self, fails: Fails) {
        self.fail_for(fails, "");
    }

    /// Only what begins so.
    pub(crate) fn fail_for(&self, fails: Fails, prefix: &str) {
        *self.state.fails.lock().unwrap() = (fails, prefix.into());
    }

    /// As a server of files does that knows no e_tags, and times by the second.
    pub(crate) fn without_tags(&self) {
        self.state.tagless.store(true, SeqCst);
    }

    fn is_tagless(&self) -> bool {
        self.state.tagless.load(SeqCst)
    }

    /// Tells of the moment before each write, and of the one after it.
    pub(crate) fn on_step(&self, step: impl Fn(&str) + Send + Sync + 'static) {
        self.state.step.lock().unwrap().0 = Some(Arc::new(step));
    }

    /// Reads wait, with what they have read, until the gate gets permits.
    pub(crate) fn gate(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.state.gate.lock().unwrap() = Some(gate.clone());
        gate
    }

    pub(crate) fn no_gate(&self) {
        *self.state.gate.lock().unwrap() = None;
    }

    fn step(&self, what: &str, path: &Path) {
        let step = self.state.step.lock().unwrap().0.clone();
        if let Some(step) = step {
            step(&format!("{what} {path}"));
        }
    }

    fn trouble(&self, path: &Path) -> Fails {
        let (fails, prefix) = self.state.fails.lock().unwrap().clone();
        match path.as_ref().starts_with(&prefix) {
            true => fails,
            false => Fails::No,
        }
    }

    fn before(&self, path: &Path) -> Result<()> {
        self.state.writes.fetch_add(1, SeqCst);
        self.step("before", path);
        match self.trouble(path) {
            Fails::Away => Err(generic("nobody answers")),
            Fails::Full => Err(generic("no space is left")),
            Fails::Denied => Err(denied(path)),
            Fails::No | Fails::Unsure => Ok(()),
        }
    }

    fn after(&self, what: char, path: &Path) -> Result<()> {
        self.state.paths.lock().unwrap().push(format!("{what}{path}"));
        self.step("after", path);
        match self.trouble(path) {
            Fails::Unsure => Err(generic("the answer was lost")),
            Fails::No | Fails::Away | Fails::Full | Fails::Denied => Ok(()),
        }
    }

    fn readable(&self, path: &Path) -> Result<()> {
        match self.trouble(path) {
            Fails::Away => Err(generic("nobody answers")),
            Fails::No | Fails::Unsure | Fails::Denied | Fails::Full => Ok(()),
        }
    }

    async fn wait(&self) {
        let gate = self.state.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            // Closed or not, it may go on.
            let _ = gate.acquire().await.map(|permit| permit.forget());
        }
    }
}

fn generic(what: &'static str) -> Error {
    Error::Generic { store: "Side", source: what.into() }
}

fn denied(path: &Path) -> Error {
    Error::PermissionDenied { path: path.to_string(), source: "not for you".into() }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Side({})", self.inner)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for Side {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let life = options.extensions.get::<LocalTtl>().map(|ttl| ttl.0);
        self.state.lives.lock().unwrap().push(life);
        self.before(path)?;
        let mut result = self.inner.put_opts(path, payload, options).await?;
        if self.is_tagless() {
            result.e_tag = None;
        }
        self.after('+', path)?;
        Ok(result)
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.before(path)?;
        let upload = self.inner.put_multipart_opts(path, options).await?;
        Ok(Box::new(Upload { side: self.clone(), path: path.clone(), upload }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.state.gets.fetch_add(1, SeqCst);
        self.readable(path)?;
        let mut result = self.inner.get_opts(path, options).await;
        if self.is_tagless()
            && let Ok(found) = &mut result
        {
            (found.meta.e_tag, found.meta.last_modified) = (None, Default::default());
        }
        self.wait().await;
        result
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.state.gets.fetch_add(1, SeqCst);
        self.readable(path)?;
        self.inner.get_ranges(path, ranges).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let side = self.clone();
        let deleted = paths.then(move |path| {
            let side = side.clone();
            async move {
                let path = path?;
                match side.before(&path) {
                    // A full disk does not keep anyone from deleting.
                    Err(_) if side.trouble(&path) == Fails::Full => {}
                    before => before?,
                }
                let one = futures::stream::iter([Ok(path.clone())]).boxed();
                side.inner.delete_stream(one).next().await.unwrap()?;
                side.after('-', &path)?;
                Ok(path)
            }
        });
        deleted.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.before(to)?;
        self.inner.copy_opts(from, to, options).await?;
        self.after('+', to)
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.before(to)?;
        self.inner.rename_opts(from, to, options).await?;
        self.after('+', to)
    }
}

#[derive(Debug)]
struct Upload {
    side: Side,
    path: Path,
    upload: Box<dyn MultipartUpload>,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (side, path, part) = (self.side.clone(), self.path.clone(), self.upload.put_part(data));
        Box::pin(async move {
            side.before(&path)?;
            part.await?;
            side.step("after a part of", &path);
            Ok(())
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.side.before(&self.path)?;
        let result = self.upload.complete().await?;
        self.side.after('+', &self.path)?;
        Ok(result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.side.state.paths.lock().unwrap().push(format!("x{}", self.path));
        self.upload.abort().await
    }
}
