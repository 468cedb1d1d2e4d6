//! A remote that does what it was once asked for, also when nobody waits for it any more; and takes its time.

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart,
};
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;

#[derive(Debug, Clone)]
pub(crate) struct Stubborn {
    memory: Arc<InMemory>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    gate: Mutex<Option<Arc<Semaphore>>>,
    begun: AtomicUsize,
    ended: AtomicUsize,
    hurried: AtomicBool,
    aborted: AtomicUsize,
    deletions: Mutex<VecDeque<Arc<Semaphore>>>,
}

impl Stubborn {
    pub(crate) fn new(memory: Arc<InMemory>) -> Self {
        Stubborn { memory, state: Arc::default() }
    }

    /// From now on each put and each part needs a permit of this.
    pub(crate) fn hold(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.state.gate.lock().unwrap() = Some(gate.clone());
        gate
    }

    /// From now on who asks is told at once that it took too long, as by a client that has a time limit; it is done all
    /// the same.
    pub(crate) fn hurry(&self) {
        self.state.hurried.store(true, SeqCst);
    }

    /// What is asked for from now on is done at once.
    pub(crate) fn let_go(&self) {
        *self.state.gate.lock().unwrap() = None;
        self.state.hurried.store(false, SeqCst);
    }

    /// The next deletions need a permit of these, one each.
    pub(crate) fn hold_deletions(&self, count: usize) -> Vec<Arc<Semaphore>> {
        let gates = Vec::from_iter((0..count).map(|_| Arc::new(Semaphore::new(0))));
        *self.state.deletions.lock().unwrap() = gates.clone().into();
        gates
    }

    /// Those of them that nobody has asked for.
    pub(crate) fn unasked_deletions(&self) -> usize {
        self.state.deletions.lock().unwrap().len()
    }

    /// Puts and parts that were asked for.
    pub(crate) fn begun(&self) -> usize {
        self.state.begun.load(SeqCst)
    }

    /// Those of them that were done.
    pub(crate) fn ended(&self) -> usize {
        self.state.ended.load(SeqCst)
    }

    pub(crate) fn aborted(&self) -> usize {
        self.state.aborted.load(SeqCst)
    }

    /// Goes on when it is dropped.
    fn does<T: Send + 'static>(
        &self,
        what: impl Future<Output = Result<T>> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send + 'static {
        self.state.begun.fetch_add(1, SeqCst);
        let gate = self.state.gate.lock().unwrap().clone();
        let state = self.state.clone();
        let hurried = state.hurried.load(SeqCst);
        let done = tokio::spawn(async move {
            if let Some(gate) = gate {
                gate.acquire().await.unwrap().forget();
            }
            let done = what.await;
            state.ended.fetch_add(1, SeqCst);
            done
        });
        async move {
            match hurried {
                true => Err(late()),
                false => done.await.unwrap(),
            }
        }
    }
}

impl fmt::Display for Stubborn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stubborn")
    }
}

#[async_trait]
impl ObjectStore for Stubborn {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let (memory, path) = (self.memory.clone(), path.clone());
        self.does(async move { memory.put_opts(&path, payload, options).await }).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.memory.put_multipart_opts(path, options).await?;
        Ok(Box::new(Upload { store: self.clone(), upload }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.memory.get_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let deleted = paths.map(move |path| {
            let gate = store.state.deletions.lock().unwrap().pop_front();
            let (memory, state) = (store.memory.clone(), store.state.clone());
            async move {
                let path = path?;
                let deleting = async move {
                    if let Some(gate) = gate {
                        gate.acquire().await.unwrap().forget();
                    }
                    memory.delete(&path).await.map(|()| path)
                };
                match state.hurried.load(SeqCst) {
                    true => {
                        tokio::spawn(deleting);
                        Err(late())
                    }
                    false => deleting.await,
                }
            }
        });
        // Several at a time, as those of most stores.
        deleted.buffered(8).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.memory.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.memory.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.memory.copy_opts(from, to, options).await
    }
}

fn late() -> Error {
    Error::Generic { store: "Stubborn", source: "the time is over".into() }
}

#[derive(Debug)]
struct Upload {
    store: Stubborn,
    upload: Box<dyn MultipartUpload>,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        Box::pin(self.store.does(self.upload.put_part(data)))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.upload.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.store.state.aborted.fetch_add(1, SeqCst);
        self.upload.abort().await
    }
}
