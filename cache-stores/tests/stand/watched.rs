//! A store that counts what is asked of it, and breaks as it is told.

use super::Store;
use super::life::Life;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart,
};
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// What goes wrong with every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nobody answers.
    Away,
    /// Who asks may not.
    Denied,
    /// Reading fails, as from a damaged disk.
    Unreadable,
    /// Writing fails, as on a full disk.
    Full,
}

/// What was asked of a [`Watched`] store, and what it is told to do.
#[derive(Debug)]
pub(crate) struct Watch {
    gets: AtomicUsize,
    conditional: AtomicUsize,
    heads: AtomicUsize,
    puts: AtomicUsize,
    deletes: AtomicUsize,
    lists: AtomicUsize,
    /// What was written and not deleted, also in a store that cannot list.
    present: Mutex<BTreeSet<Path>>,
    trouble: Mutex<Option<Trouble>>,
    held: watch::Sender<bool>,
    life: Mutex<Option<Arc<Life>>>,
}

impl Default for Watch {
    fn default() -> Self {
        Watch {
            gets: AtomicUsize::new(0),
            conditional: AtomicUsize::new(0),
            heads: AtomicUsize::new(0),
            puts: AtomicUsize::new(0),
            deletes: AtomicUsize::new(0),
            lists: AtomicUsize::new(0),
            present: Mutex::default(),
            trouble: Mutex::new(None),
            held: watch::Sender::new(false),
            life: Mutex::new(None),
        }
    }
}

impl Watch {
    /// Requests for contents, conditional ones too.
    pub(crate) fn gets(&self) -> usize {
        self.gets.load(SeqCst)
    }

    /// Requests for contents that need not be sent where the e_tag is the same.
    pub(crate) fn conditional(&self) -> usize {
        self.conditional.load(SeqCst)
    }

    /// Requests for contents, or for their description.
    pub(crate) fn reads(&self) -> usize {
        self.gets() + self.heads.load(SeqCst)
    }

    /// Objects that were written, or copied.
    pub(crate) fn puts(&self) -> usize {
        self.puts.load(SeqCst)
    }

    pub(crate) fn deletes(&self) -> usize {
        self.deletes.load(SeqCst)
    }

    /// Everything that was asked.
    pub(crate) fn requests(&self) -> usize {
        self.reads() + self.puts() + self.deletes() + self.lists.load(SeqCst)
    }

    /// What was written through it and not deleted.
    pub(crate) fn present(&self) -> Vec<Path> {
        self.present.lock().unwrap().iter().cloned().collect()
    }

    pub(crate) fn set(&self, trouble: impl Into<Option<Trouble>>) {
        *self.trouble.lock().unwrap() = trouble.into();
    }

    /// Requests for contents wait until they are let go.
    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    pub(crate) fn let_go(&self) {
        self.held.send_replace(false);
    }

    /// Its writes are steps of this life from now on.
    pub(crate) fn live(&self, life: &Arc<Life>) {
        *self.life.lock().unwrap() = Some(Arc::clone(life));
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.life.lock().unwrap().as_ref().is_some_and(|life| life.is_dead())
    }

    async fn read(&self, path: &Path) -> Result<()> {
        let mut held = self.held.subscribe();
        // Both ends are here.
        let _ = held.wait_for(|held| !held).await;
        if let Some(life) = &*self.life.lock().unwrap() {
            life.is_alive()?;
        }
        match *self.trouble.lock().unwrap() {
            None | Some(Trouble::Full) => Ok(()),
            Some(trouble) => Err(error(trouble, path)),
        }
    }

    fn write(&self, path: &Path) -> Result<()> {
        self.step()?;
        match *self.trouble.lock().unwrap() {
            None | Some(Trouble::Unreadable) => Ok(()),
            Some(trouble) => Err(error(trouble, path)),
        }
    }

    fn written(&self, path: &Path) -> Result<()> {
        self.present.lock().unwrap().insert(path.clone());
        self.step()
    }

    fn deleted(&self, path: &Path) -> Result<()> {
        self.present.lock().unwrap().remove(path);
        self.step()
    }

    /// Before a write, and after it: the moments in which a process may die.
    fn step(&self) -> Result<()> {
        let life = self.life.lock().unwrap().clone();
        life.map_or(Ok(()), |life| life.step())
    }
}

fn error(trouble: Trouble, path: &Path) -> Error {
    let broken = |kind, words: &'static str| Error::Generic {
        store: "Watched",
        source: io::Error::new(kind, words).into(),
    };
    match trouble {
        Trouble::Away => broken(io::ErrorKind::ConnectionRefused, "nobody is there"),
        Trouble::Unreadable => broken(io::ErrorKind::Other, "the disk is damaged"),
        Trouble::Full => broken(io::ErrorKind::StorageFull, "no space left"),
        Trouble::Denied => {
            Error::PermissionDenied { path: path.to_string(), source: "not for you".into() }
        }
    }
}

/// A store with a [`Watch`].
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    inner: Store,
    watch: Arc<Watch>,
}

impl Watched {
    pub(crate) fn over(inner: Store) -> (Store, Arc<Watch>) {
        let watch = Arc::new(Watch::default());
        (Arc::new(Watched { inner, watch: Arc::clone(&watch) }), watch)
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watched({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Watched {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.watch.puts.fetch_add(1, SeqCst);
        self.watch.write(path)?;
        let put = self.inner.put_opts(path, payload, options).await?;
        self.watch.written(path)?;
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.watch.write(path)?;
        let inner = self.inner.put_multipart_opts(path, options).await?;
        Ok(Box::new(Upload { inner, path: path.clone(), watch: Arc::clone(&self.watch) }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        match options.head {
            true => &self.watch.heads,
            false => &self.watch.gets,
        }
        .fetch_add(1, SeqCst);
        if options.if_none_match.is_some() {
            self.watch.conditional.fetch_add(1, SeqCst);
        }
        self.watch.read(path).await?;
        self.inner.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.watch.gets.fetch_add(1, SeqCst);
        self.watch.read(path).await?;
        self.inner.get_ranges(path, ranges).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let own = self.clone();
        let delete = move |path: Path| {
            let own = own.clone();
            async move {
                own.watch.deletes.fetch_add(1, SeqCst);
                own.watch.write(&path)?;
                own.inner.delete(&path).await?;
                own.watch.deleted(&path)?;
                Ok(path)
            }
        };
        paths.and_then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.watch.lists.fetch_add(1, SeqCst);
        let (own, prefix) = (self.clone(), prefix.cloned());
        let listed = async move {
            own.watch.read(&Path::default()).await?;
            Ok::<_, Error>(own.inner.list(prefix.as_ref()))
        };
        futures::stream::once(listed).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.watch.lists.fetch_add(1, SeqCst);
        self.watch.read(&Path::default()).await?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.watch.puts.fetch_add(1, SeqCst);
        self.watch.write(to)?;
        self.inner.copy_opts(from, to, options).await?;
        self.watch.written(to)
    }
}

#[derive(Debug)]
struct Upload {
    inner: Box<dyn MultipartUpload>,
    path: Path,
    watch: Arc<Watch>,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        if let Err(error) = self.watch.write(&self.path) {
            return Box::pin(async { Err(error) });
        }
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.watch.puts.fetch_add(1, SeqCst);
        self.watch.write(&self.path)?;
        let put = self.inner.complete().await?;
        self.watch.written(&self.path)?;
        Ok(put)
    }

    async fn abort(&mut self) -> Result<()> {
        self.watch.write(&self.path)?;
        self.inner.abort().await
    }
}
