//! A store for programs that take an `ObjectStore` of version 0.13 of that crate, as DataFusion 55 does.

use async_trait::async_trait;
use bytes::Bytes;
use earlier as then;
use futures::stream::{BoxStream, StreamExt};
use futures::{FutureExt, TryFutureExt, TryStreamExt};
use object_store as now;
use object_store::ObjectStore;
use std::fmt::{self, Display};
use std::ops::Range;
use std::sync::Arc;

/// Any store of `object_store` 0.14 as one of 0.13.
///
/// Everything passes unchanged: options, attributes, tags, extensions, errors. What a result of 0.14 can say beyond
/// that (its extensions) is dropped.
///
/// ```
/// use cache_stores::Earlier;
/// use cache_stores::object_store::memory::InMemory;
/// use std::sync::Arc;
///
/// // `earlier` is `object_store` 0.13; this is what DataFusion's `register_object_store` takes.
/// let store: Arc<dyn earlier::ObjectStore> = Arc::new(Earlier::new(Arc::new(InMemory::new())));
/// assert_eq!(store.to_string(), "InMemory");
/// ```
#[derive(Debug, Clone)]
pub struct Earlier(Arc<dyn ObjectStore>);

impl Earlier {
    /// This store, as it was called before.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Earlier(store)
    }
}

impl Display for Earlier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl then::ObjectStore for Earlier {
    async fn put_opts(
        &self,
        location: &then::path::Path,
        payload: then::PutPayload,
        opts: then::PutOptions,
    ) -> then::Result<then::PutResult> {
        let mode = match opts.mode {
            then::PutMode::Overwrite => now::PutMode::Overwrite,
            then::PutMode::Create => now::PutMode::Create,
            then::PutMode::Update(then::UpdateVersion { e_tag, version }) => {
                now::PutMode::Update(now::UpdateVersion { e_tag, version })
            }
        };
        let options = now::PutOptions {
            mode,
            tags: tags(&opts.tags),
            attributes: attributes_now(&opts.attributes),
            extensions: opts.extensions,
        };
        let done = self.0.put_opts(&path_now(location)?, payload_now(&payload), options).await;
        done.map(put_result).map_err(error)
    }

    async fn put_multipart_opts(
        &self,
        location: &then::path::Path,
        opts: then::PutMultipartOptions,
    ) -> then::Result<Box<dyn then::MultipartUpload>> {
        let options = now::PutMultipartOptions {
            tags: tags(&opts.tags),
            attributes: attributes_now(&opts.attributes),
            extensions: opts.extensions,
        };
        let upload = self.0.put_multipart_opts(&path_now(location)?, options).await;
        Ok(Box::new(Upload(upload.map_err(error)?)))
    }

    async fn get_opts(
        &self,
        location: &then::path::Path,
        options: then::GetOptions,
    ) -> then::Result<then::GetResult> {
        let range = options.range.map(|range| match range {
            then::GetRange::Bounded(range) => now::GetRange::Bounded(range),
            then::GetRange::Offset(offset) => now::GetRange::Offset(offset),
            then::GetRange::Suffix(length) => now::GetRange::Suffix(length),
        });
        let options = now::GetOptions {
            if_match: options.if_match,
            if_none_match: options.if_none_match,
            if_modified_since: options.if_modified_since,
            if_unmodified_since: options.if_unmodified_since,
            range,
            version: options.version,
            head: options.head,
            extensions: options.extensions,
        };
        let found = self.0.get_opts(&path_now(location)?, options).await.map_err(error)?;
        let payload = match found.payload {
            now::GetResultPayload::File(file, path) => then::GetResultPayload::File(file, path),
            now::GetResultPayload::Stream(stream) => {
                then::GetResultPayload::Stream(stream.map_err(error).boxed())
            }
        };
        let (meta, range) = (meta(found.meta)?, found.range);
        Ok(then::GetResult { payload, meta, range, attributes: attributes_then(&found.attributes) })
    }

    async fn get_ranges(
        &self,
        location: &then::path::Path,
        ranges: &[Range<u64>],
    ) -> then::Result<Vec<Bytes>> {
        self.0.get_ranges(&path_now(location)?, ranges).await.map_err(error)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, then::Result<then::path::Path>>,
    ) -> BoxStream<'static, then::Result<then::path::Path>> {
        // An error of the caller's own list goes back to him as it was: it has no form in between.
        let (told, mistakes) = futures::channel::mpsc::unbounded();
        let locations = locations.filter_map(move |location| {
            let location = location.and_then(|location| path_now(&location));
            let right = location.map_err(|wrong| told.unbounded_send(Err(wrong))).ok();
            futures::future::ready(right.map(Ok))
        });
        let deleted = self.0.delete_stream(locations.boxed());
        let deleted = deleted.map(|path| path.map_err(error).and_then(|path| path_then(&path)));
        deleted.chain(mistakes).boxed()
    }

    fn list(
        &self,
        prefix: Option<&then::path::Path>,
    ) -> BoxStream<'static, then::Result<then::ObjectMeta>> {
        match prefix.map(path_now).transpose() {
            Ok(prefix) => listed(self.0.list(prefix.as_ref())),
            Err(wrong) => failed(wrong),
        }
    }

    fn list_with_offset(
        &self,
        prefix: Option<&then::path::Path>,
        offset: &then::path::Path,
    ) -> BoxStream<'static, then::Result<then::ObjectMeta>> {
        match (prefix.map(path_now).transpose(), path_now(offset)) {
            (Ok(prefix), Ok(offset)) => listed(self.0.list_with_offset(prefix.as_ref(), &offset)),
            (Err(wrong), _) | (_, Err(wrong)) => failed(wrong),
        }
    }

    async fn list_with_delimiter(
        &self,
        prefix: Option<&then::path::Path>,
    ) -> then::Result<then::ListResult> {
        let prefix = prefix.map(path_now).transpose()?;
        let found = self.0.list_with_delimiter(prefix.as_ref()).await.map_err(error)?;
        let common_prefixes = found.common_prefixes.iter().map(path_then).collect::<Result<_, _>>();
        let objects = found.objects.into_iter().map(meta).collect::<Result<_, _>>();
        Ok(then::ListResult { common_prefixes: common_prefixes?, objects: objects? })
    }

    async fn copy_opts(
        &self,
        from: &then::path::Path,
        to: &then::path::Path,
        options: then::CopyOptions,
    ) -> then::Result<()> {
        let mode = match options.mode {
            then::CopyMode::Overwrite => now::CopyMode::Overwrite,
            then::CopyMode::Create => now::CopyMode::Create,
        };
        let options = now::CopyOptions { mode, extensions: options.extensions };
        self.0.copy_opts(&path_now(from)?, &path_now(to)?, options).await.map_err(error)
    }

    async fn rename_opts(
        &self,
        from: &then::path::Path,
        to: &then::path::Path,
        options: then::RenameOptions,
    ) -> then::Result<()> {
        let target_mode = match options.target_mode {
            then::RenameTargetMode::Overwrite => now::RenameTargetMode::Overwrite,
            then::RenameTargetMode::Create => now::RenameTargetMode::Create,
        };
        let options = now::RenameOptions { target_mode, extensions: options.extensions };
        self.0.rename_opts(&path_now(from)?, &path_now(to)?, options).await.map_err(error)
    }
}

/// An upload in parts, as it was called before.
#[derive(Debug)]
struct Upload(Box<dyn now::MultipartUpload>);

#[async_trait]
impl then::MultipartUpload for Upload {
    fn put_part(&mut self, data: then::PutPayload) -> then::UploadPart {
        self.0.put_part(payload_now(&data)).map_err(error).boxed()
    }

    async fn complete(&mut self) -> then::Result<then::PutResult> {
        self.0.complete().await.map(put_result).map_err(error)
    }

    async fn abort(&mut self) -> then::Result<()> {
        self.0.abort().await.map_err(error)
    }
}

fn listed(
    found: BoxStream<'static, now::Result<now::ObjectMeta>>,
) -> BoxStream<'static, then::Result<then::ObjectMeta>> {
    found.map(|found| found.map_err(error).and_then(meta)).boxed()
}

fn failed<T: Send + 'static>(wrong: then::Error) -> BoxStream<'static, then::Result<T>> {
    futures::stream::iter([Err(wrong)]).boxed()
}

fn path_now(path: &then::path::Path) -> then::Result<now::path::Path> {
    now::path::Path::parse(path.as_ref()).map_err(|wrong| error(wrong.into()))
}

fn path_then(path: &now::path::Path) -> then::Result<then::path::Path> {
    Ok(then::path::Path::parse(path.as_ref())?)
}

fn payload_now(payload: &then::PutPayload) -> now::PutPayload {
    payload.iter().cloned().collect()
}

fn put_result(done: now::PutResult) -> then::PutResult {
    then::PutResult { e_tag: done.e_tag, version: done.version }
}

fn meta(found: now::ObjectMeta) -> then::Result<then::ObjectMeta> {
    let now::ObjectMeta { location, last_modified, size, e_tag, version } = found;
    Ok(then::ObjectMeta { location: path_then(&location)?, last_modified, size, e_tag, version })
}

fn tags(tags: &then::TagSet) -> now::TagSet {
    let mut same = now::TagSet::default();
    for (name, value) in url::form_urlencoded::parse(tags.encoded().as_bytes()) {
        same.push(&name, &value);
    }
    same
}

/// Each kind of attribute, in both directions; one that either version does not know would be dropped.
macro_rules! attributes {
    ($name:ident: $from:ident -> $to:ident) => {
        fn $name(given: &$from::Attributes) -> $to::Attributes {
            let mut same = $to::Attributes::new();
            for (name, value) in given {
                let name = match name {
                    $from::Attribute::ContentDisposition => $to::Attribute::ContentDisposition,
                    $from::Attribute::ContentEncoding => $to::Attribute::ContentEncoding,
                    $from::Attribute::ContentLanguage => $to::Attribute::ContentLanguage,
                    $from::Attribute::ContentType => $to::Attribute::ContentType,
                    $from::Attribute::CacheControl => $to::Attribute::CacheControl,
                    $from::Attribute::StorageClass => $to::Attribute::StorageClass,
                    $from::Attribute::Metadata(name) => $to::Attribute::Metadata(name.clone()),
                    _ => continue,
                };
                same.insert(name, value.as_ref().to_owned().into());
            }
            same
        }
    };
}

attributes!(attributes_now: then -> now);
attributes!(attributes_then: now -> then);

fn error(error: now::Error) -> then::Error {
    use now::Error as N;
    use then::Error as T;
    match error {
        N::Generic { store, source } => T::Generic { store, source },
        N::NotFound { path, source } => T::NotFound { path, source },
        N::NotSupported { source } => T::NotSupported { source },
        N::AlreadyExists { path, source } => T::AlreadyExists { path, source },
        N::Precondition { path, source } => T::Precondition { path, source },
        N::NotModified { path, source } => T::NotModified { path, source },
        N::NotImplemented { operation, implementer } => {
            T::NotImplemented { operation, implementer }
        }
        N::PermissionDenied { path, source } => T::PermissionDenied { path, source },
        N::Unauthenticated { path, source } => T::Unauthenticated { path, source },
        N::UnknownConfigurationKey { store, key } => T::UnknownConfigurationKey { store, key },
        // Paths are of another type, and whatever comes with later versions is unknown here.
        other => T::Generic { store: "larder", source: Box::new(other) },
    }
}
