//! The copies of a store in a directory of its own: files, of which those of large objects may go past the page cache.

#[cfg(target_os = "linux")]
mod past;

use async_trait::async_trait;
use bytes::Bytes;
use cache_core::Error;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
#[cfg(target_os = "linux")]
use object_store::{Extensions, PutMode};
use std::fmt::{self, Display};
use std::fs;
use std::ops::Range;
use std::path::Path as Place;

/// Among the options of a put: what it belongs to is so large that it would push other things out of the page cache.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Large;

/// A [`LocalFileSystem`] that heeds [`Large`].
#[derive(Debug)]
pub(crate) struct Directory {
    files: LocalFileSystem,
    #[cfg(target_os = "linux")]
    past: past::Past,
}

impl Directory {
    /// It is made if it is missing.
    pub(crate) fn new(place: &Place) -> cache_core::Result<Self> {
        let what = || format!("directory {}", place.display());
        fs::create_dir_all(place).map_err(|error| Error::unreachable(what(), error))?;
        let files = LocalFileSystem::new_with_prefix(place);
        Ok(Directory {
            files: files.map_err(|error| Error::unreachable(what(), error))?,
            #[cfg(target_os = "linux")]
            past: past::Past::default(),
        })
    }

    /// Past the page cache. `None`: this one is not for it, or not now.
    #[cfg(target_os = "linux")]
    async fn put_past(
        &self,
        location: &Path,
        payload: &PutPayload,
        options: &PutOptions,
    ) -> Option<Result<PutResult>> {
        let is_plain = options.mode == PutMode::Overwrite && options.attributes.is_empty();
        if !is_plain || options.extensions.get::<Large>().is_none() {
            return None;
        }
        let turn = self.past.turn(payload.content_length())?;
        let place = match self.files.path_to_filesystem(location) {
            Ok(place) => place,
            Err(error) => return Some(Err(error)),
        };
        let payload = payload.clone();
        let put = tokio::task::spawn_blocking(move || turn.put(&place, &payload));
        // Nobody asks for the e_tag of a copy.
        let done = || PutResult { e_tag: None, version: None, extensions: Extensions::default() };
        Some(put.await.unwrap_or_else(|error| Err(error.into())).map(|()| done()))
    }
}

#[cfg(all(test, target_os = "linux"))]
impl Directory {
    pub(crate) fn has_tried_past(&self) -> bool {
        self.past.has_tried()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for Directory {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        #[cfg(target_os = "linux")]
        if let Some(put) = self.put_past(location, &payload, &options).await {
            return put;
        }
        self.files.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.files.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.files.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.files.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.files.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.files.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.files.rename_opts(from, to, options).await
    }
}

impl Display for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.fmt(f)
    }
}
