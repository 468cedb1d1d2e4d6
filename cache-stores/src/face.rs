//! The store as an `ObjectStore`: reads go to `read`, everything else to `write`.

use crate::fetch::own;
use crate::read;
use crate::runtime;
use crate::store::{CachedStore, Inner};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
use std::ops::Range;
use std::sync::Arc;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for CachedStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let path = location.clone();
        self.through([location.clone()], move |inner| async move {
            inner.remote.put_opts(&path, payload, opts).await
        })
        .await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let path = location.clone();
        self.through(
            [],
            move |inner| async move { inner.remote.put_multipart_opts(&path, opts).await },
        )
        .await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        read::get(&self.inner, location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        read::get_ranges(&self.inner, location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let deleted = locations.and_then(move |path| {
            let store = store.clone();
            async move {
                store
                    .through([path.clone()], move |inner| async move {
                        let one = futures::stream::iter([Ok(path.clone())]).boxed();
                        inner.remote.delete_stream(one).next().await.unwrap_or(Ok(path))
                    })
                    .await
            }
        });
        deleted.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.remote.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.remote.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let prefix = prefix.cloned();
        self.through([], move |inner| async move {
            inner.remote.list_with_delimiter(prefix.as_ref()).await
        })
        .await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let (from, to) = (from.clone(), to.clone());
        self.through([to.clone()], move |inner| async move {
            inner.remote.copy_opts(&from, &to, options).await
        })
        .await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let (from, to) = (from.clone(), to.clone());
        self.through([from.clone(), to.clone()], move |inner| async move {
            inner.remote.rename_opts(&from, &to, options).await
        })
        .await
    }
}

impl CachedStore {
    /// Changes the remote; these paths are forgotten here.
    async fn through<T: Send + 'static, F: Future<Output = Result<T>> + Send>(
        &self,
        paths: impl IntoIterator<Item = Path>,
        change: impl FnOnce(Arc<Inner>) -> F + Send + 'static,
    ) -> Result<T> {
        let (inner, paths) = (self.inner.clone(), paths.into_iter().collect::<Vec<_>>());
        let changed = runtime::run(async move {
            let doubts: Vec<_> = paths.iter().map(|path| inner.index.doubt(path)).collect();
            let changed = change(inner.clone()).await;
            for path in &paths {
                inner.remove(inner.index.forget(path)).await;
            }
            drop(doubts);
            changed
        });
        changed.await.ok_or_else(|| own("the remote store panicked"))?
    }
}
