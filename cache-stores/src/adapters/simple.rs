//! A store of three functions: what someone writes who has only a place to put whole objects.

use super::range::within;
use crate::runtime;
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chrono::DateTime;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, Extensions, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result, UploadPart,
};
use std::fmt::{self, Debug, Display};
use std::io;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// A place for whole objects: three async functions. [`SimpleBlocking`] is the same without `async`.
///
/// [`SimpleStore`] makes an `ObjectStore` of it. Paths are names joined by `/`, none of them empty, `.` or `..`.
/// The functions run on the stores' threads, where tokio's sockets and timers work.
///
/// ```
/// use bytes::Bytes;
/// use cache_stores::{OpenExt, Simple, SimpleStore};
/// use std::collections::HashMap;
/// use std::io::Result;
/// use std::sync::Mutex;
///
/// #[derive(Debug, Default)]
/// struct Shelf(Mutex<HashMap<String, Bytes>>);
///
/// impl Simple for Shelf {
///     async fn read(&self, path: &str) -> Result<Option<Bytes>> {
///         Ok(self.0.lock().unwrap().get(path).cloned())
///     }
///     async fn write(&self, path: &str, data: Bytes) -> Result<()> {
///         self.0.lock().unwrap().insert(path.to_owned(), data);
///         Ok(())
///     }
///     async fn delete(&self, path: &str) -> Result<()> {
///         self.0.lock().unwrap().remove(path);
///         Ok(())
///     }
/// }
///
/// let store = SimpleStore::new(Shelf::default());
/// store.open("a/b")?.put("data")?;
/// assert_eq!(store.open("a/b")?.read_all()?, "data");
/// assert_eq!(store.open("c")?.read_all().unwrap_err().kind(), std::io::ErrorKind::NotFound);
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait Simple: Debug + Send + Sync + 'static {
    /// The whole object; `None`: there is none. Errors of the kinds `NotFound` and `PermissionDenied` are told as
    /// such, others as trouble of the store.
    fn read(&self, path: &str) -> impl Future<Output = io::Result<Option<Bytes>>> + Send;
    /// Puts an object in the place of whatever was there. Readers must never see a part of it.
    fn write(&self, path: &str, data: Bytes) -> impl Future<Output = io::Result<()>> + Send;
    /// Removes it; that there is none should be no error.
    fn delete(&self, path: &str) -> impl Future<Output = io::Result<()>> + Send;
}

/// [`Simple`] without `async`: the functions may block. [`Blocking`] makes the other of it.
///
/// ```
/// use bytes::Bytes;
/// use cache_stores::{Blocking, OpenExt, SimpleBlocking, SimpleStore};
/// use std::io::{Error, ErrorKind, Result};
/// use std::path::PathBuf;
///
/// #[derive(Debug)]
/// struct Attic(PathBuf);
///
/// impl SimpleBlocking for Attic {
///     fn read(&self, path: &str) -> Result<Option<Bytes>> {
///         match std::fs::read(self.0.join(path)) {
///             Ok(data) => Ok(Some(data.into())),
///             Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
///             Err(error) => Err(error),
///         }
///     }
///     fn write(&self, path: &str, data: Bytes) -> Result<()> {
///         std::fs::write(self.0.join("new"), data)?;
///         std::fs::rename(self.0.join("new"), self.0.join(path))
///     }
///     fn delete(&self, path: &str) -> Result<()> {
///         std::fs::remove_file(self.0.join(path))
///     }
/// }
///
/// # let folder = tempfile::tempdir()?;
/// let store = SimpleStore::new(Blocking::new(Attic(folder.path().into())));
/// store.open("hat")?.put("brown")?;
/// assert_eq!(store.open("hat")?.read_all()?, "brown");
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait SimpleBlocking: Debug + Send + Sync + 'static {
    /// As [`Simple::read`].
    fn read(&self, path: &str) -> io::Result<Option<Bytes>>;
    /// As [`Simple::write`].
    fn write(&self, path: &str, data: Bytes) -> io::Result<()>;
    /// As [`Simple::delete`].
    fn delete(&self, path: &str) -> io::Result<()>;
}

/// Makes a [`Simple`] of a [`SimpleBlocking`], whose functions run on threads that may block.
#[derive(Debug)]
pub struct Blocking<S>(Arc<S>);

impl<S: SimpleBlocking> Blocking<S> {
    /// Of these functions.
    pub fn new(simple: S) -> Self {
        Blocking(Arc::new(simple))
    }

    async fn run<T: Send + 'static>(
        &self,
        path: &str,
        job: impl FnOnce(&S, &str) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let (simple, path) = (self.0.clone(), path.to_owned());
        let done = runtime::handle().spawn_blocking(move || job(&simple, &path)).await;
        done.unwrap_or_else(|lost| Err(io::Error::other(lost)))
    }
}

impl<S: SimpleBlocking> Simple for Blocking<S> {
    async fn read(&self, path: &str) -> io::Result<Option<Bytes>> {
        self.run(path, |simple, path| simple.read(path)).await
    }
    async fn write(&self, path: &str, data: Bytes) -> io::Result<()> {
        self.run(path, |simple, path| simple.write(path, data)).await
    }
    async fn delete(&self, path: &str) -> io::Result<()> {
        self.run(path, |simple, path| simple.delete(path)).await
    }
}

/// An `ObjectStore` over three functions: local, remote, or anywhere in between.
///
/// Objects are whole in memory while they are read or written, also for a range of them. The e_tag is a checksum of
/// the bytes, attributes are not kept, and the time of a change is not known (1970 stands for it). What three
/// functions cannot do is [`NotSupported`](Error::NotSupported): lists, puts and copies on a condition, reads that
/// depend on a date.
///
/// Clones are cheap and share the functions.
#[derive(Debug)]
pub struct SimpleStore<S>(Arc<S>);

impl<S: Simple> SimpleStore<S> {
    /// Over these functions.
    pub fn new(simple: S) -> Self {
        SimpleStore(Arc::new(simple))
    }

    async fn read(&self, location: &Path) -> Result<Bytes> {
        let (simple, path) = (self.0.clone(), location.clone());
        let read = runtime::run(async move { simple.read(path.as_ref()).await });
        let missing = || Error::NotFound {
            path: location.to_string(),
            source: "the store has no such object".into(),
        };
        answered(location, read.await)?.ok_or_else(missing)
    }

    async fn write(&self, location: &Path, data: Bytes) -> Result<PutResult> {
        let (simple, path) = (self.0.clone(), location.clone());
        let e_tag = Some(e_tag(&data));
        let write = runtime::run(async move { simple.write(path.as_ref(), data).await });
        answered(location, write.await)?;
        Ok(PutResult { e_tag, version: None, extensions: Extensions::new() })
    }

    async fn remove(&self, location: &Path) -> Result<()> {
        let (simple, path) = (self.0.clone(), location.clone());
        let delete = runtime::run(async move { simple.delete(path.as_ref()).await });
        answered(location, delete.await)
    }
}

/// So that a range of another version is another one.
fn e_tag(data: &[u8]) -> String {
    format!("\"{:032x}\"", xxh3_128(data))
}

fn answered<T>(location: &Path, answer: Option<io::Result<T>>) -> Result<T> {
    let error = match answer {
        Some(Ok(value)) => return Ok(value),
        Some(Err(error)) => error,
        None => io::Error::other(format!("the store panicked at `{location}`")),
    };
    let path = location.to_string();
    // A store over other stores may pass their errors on.
    let error = match error.downcast::<Error>() {
        Ok(error) => return Err(error),
        Err(error) => error,
    };
    Err(match error.kind() {
        io::ErrorKind::NotFound => Error::NotFound { path, source: error.into() },
        io::ErrorKind::PermissionDenied => Error::PermissionDenied { path, source: error.into() },
        _ => Error::Generic { store: NAME, source: error.into() },
    })
}

const NAME: &str = "SimpleStore";

fn unsupported<T>(what: &str) -> Result<T> {
    let source = format!("a simple store has three functions, which {what}");
    Err(Error::NotSupported { source: source.into() })
}

fn meta(location: &Path, data: &Bytes) -> ObjectMeta {
    ObjectMeta {
        location: location.clone(),
        last_modified: DateTime::UNIX_EPOCH,
        size: data.len() as u64,
        e_tag: Some(e_tag(data)),
        version: None,
    }
}

#[async_trait]
impl<S: Simple> ObjectStore for SimpleStore<S> {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if options.mode != PutMode::Overwrite {
            return unsupported("cannot put on a condition");
        }
        self.write(location, payload.into()).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let store = SimpleStore(self.0.clone());
        Ok(Box::new(Gathering { store, location: location.clone(), parts: Some(Vec::new()) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let by_date = |tag: &Option<_>, date: &Option<_>| tag.is_none() && date.is_some();
        if by_date(&options.if_match, &options.if_unmodified_since)
            || by_date(&options.if_none_match, &options.if_modified_since)
        {
            return unsupported("do not tell when an object was changed");
        }
        if options.version.is_some() {
            return unsupported("keep one version of an object");
        }
        let data = self.read(location).await?;
        let meta = meta(location, &data);
        options.check_preconditions(&meta)?;
        let range = match (&options.range, options.head) {
            (Some(range), false) => within(NAME, range, location, meta.size)?,
            _ => 0..meta.size,
        };
        // Both are within what is in memory.
        let data = data.slice(range.start as usize..range.end as usize);
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::once(async { Ok(data) }).boxed()),
            meta,
            range,
            attributes: object_store::Attributes::default(),
            extensions: Extensions::new(),
        })
    }

    async fn get_ranges(
        &self,
        location: &Path,
        ranges: &[std::ops::Range<u64>],
    ) -> Result<Vec<Bytes>> {
        let data = self.read(location).await?;
        let slice = |range: &std::ops::Range<u64>| {
            let range = within(NAME, &range.clone().into(), location, data.len() as u64)?;
            Ok(data.slice(range.start as usize..range.end as usize))
        };
        ranges.iter().map(slice).collect()
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = SimpleStore(self.0.clone());
        locations
            .map(move |location| {
                let store = SimpleStore(store.0.clone());
                async move {
                    let location = location?;
                    store.remove(&location).await?;
                    Ok(location)
                }
            })
            .buffered(8)
            .boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::once(async { unsupported("do not list") }).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        unsupported("do not list")
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        if options.mode != CopyMode::Overwrite {
            return unsupported("cannot copy on a condition");
        }
        let data = self.read(from).await?;
        self.write(to, data).await.map(drop)
    }
}

/// An upload, whole in memory until it is complete.
#[derive(Debug)]
struct Gathering<S> {
    store: SimpleStore<S>,
    location: Path,
    /// `None`: it was completed or aborted.
    parts: Option<Vec<PutPayload>>,
}

impl<S> Gathering<S> {
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

impl<S> Clone for SimpleStore<S> {
    fn clone(&self) -> Self {
        SimpleStore(self.0.clone())
    }
}

impl<S: Debug> Display for SimpleStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimpleStore({:?})", self.0)
    }
}
