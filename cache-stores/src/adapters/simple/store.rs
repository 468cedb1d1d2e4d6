//! The `ObjectStore` over three functions.

use super::Simple;
use super::upload::Gathering;
use crate::adapters::range::within;
use crate::adapters::{copying, to_itself};
use crate::runtime;
use async_trait::async_trait;
use bytes::Bytes;
use chrono::DateTime;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, Extensions, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, RenameOptions, Result,
};
use std::fmt::{self, Debug, Display};
use std::io;
use std::sync::Arc;
use twox_hash::XxHash3_128;

/// An `ObjectStore` over three functions: local, remote, or anywhere in between.
///
/// Objects are whole in memory while they are read or written, also for a range of them. The e_tag is a checksum of
/// the bytes, attributes are not kept, and the time of a change is not known (1970 stands for it). What three
/// functions cannot do is [`NotSupported`](Error::NotSupported): lists, puts and copies on a condition, reads that
/// depend on a date. A copy or a rename of an object to itself changes nothing.
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

    pub(super) async fn write(&self, location: &Path, data: Bytes) -> Result<PutResult> {
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
    format!("\"{:032x}\"", XxHash3_128::oneshot(data))
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

pub(super) const NAME: &str = "SimpleStore";

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
        Ok(Box::new(Gathering::new(self.clone(), location.clone())))
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
        let store = self.clone();
        locations
            .map(move |location| {
                let store = store.clone();
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
        if from == to {
            return to_itself(from, self.read(from).await, options.mode);
        }
        if options.mode != CopyMode::Overwrite {
            return unsupported("cannot copy on a condition");
        }
        let data = self.read(from).await?;
        self.write(to, data).await.map(drop)
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.copy_opts(from, to, copying(options)).await?;
        match from == to {
            true => Ok(()),
            false => self.remove(from).await,
        }
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
