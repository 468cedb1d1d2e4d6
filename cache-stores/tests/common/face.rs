//! The store that is watched, as an `ObjectStore`.

use super::{Fault, Watched, body, pass};
use async_trait::async_trait;
use bytes::Bytes;
use cache_stores::LocalTtl;
use cache_stores::object_store::path::Path;
use cache_stores::object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
    UploadPart,
};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use std::ops::Range;
use std::sync::atomic::Ordering::SeqCst;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for Watched {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let state = &self.state;
        state.puts.fetch_add(1, SeqCst);
        state.lives.lock().push(options.extensions.get::<LocalTtl>().map(|ttl| ttl.0));
        self.before(path)?;
        if let Some(fault) = self.faults(path).put {
            fault.before(path)?;
        }
        let length = payload.content_length();
        state.held.fetch_add(length, SeqCst);
        let gate = state.laying.lock().clone();
        pass(gate).await;
        let put = self.inner.put_opts(path, payload, options).await;
        state.held.fetch_sub(length, SeqCst);
        let mut put = put?;
        if self.is_tagless() {
            put.e_tag = None;
        }
        self.after('+', path)?;
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.before(path)?;
        let upload = self.inner.put_multipart_opts(path, options).await?;
        Ok(Box::new(Upload { store: self.clone(), path: path.clone(), upload }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let (state, broken) = (&self.state, self.faults(path).body);
        match options.head {
            true => state.heads.fetch_add(1, SeqCst),
            false => state.gets.fetch_add(1, SeqCst),
        };
        state.asked.lock().push(options.clone());
        // What was wrong when it was asked.
        let fault = self.faults(path).get;
        let gate = state.questions.lock().clone();
        pass(gate).await;
        if let Some(fault) = fault {
            fault.before(path)?;
        }
        let is_head = options.head;
        let result = self.inner.get_opts(path, self.heeded(options)).await;
        let gate = state.answers.lock().clone();
        pass(gate).await;
        let mut result = result?;
        if self.is_tagless() {
            (result.meta.e_tag, result.meta.last_modified) = (None, Default::default());
        }
        if state.boasting.load(SeqCst) {
            result.meta.size = u64::MAX / 2;
        }
        if !is_head {
            let body = body::watched(state, &mut result, broken);
            result.payload = GetResultPayload::Stream(body);
        }
        Ok(result)
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.state.gets.fetch_add(1, SeqCst);
        let gate = self.state.questions.lock().clone();
        pass(gate).await;
        self.readable(path)?;
        let got = self.inner.get_ranges(path, ranges).await?;
        let length: usize = got.iter().map(Bytes::len).sum();
        self.state.bytes.fetch_add(length as u64, SeqCst);
        Ok(got)
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let deleted = paths.then(move |path| {
            let store = store.clone();
            async move {
                let path = path?;
                store.state.deletes.fetch_add(1, SeqCst);
                let gate = store.state.questions.lock().clone();
                pass(gate).await;
                match store.before(&path) {
                    // A full disk does not keep anyone from deleting.
                    Err(_) if store.faults(&path).change == Some(Fault::Full) => {}
                    before => before?,
                }
                let one = stream::iter([Ok(path.clone())]).boxed();
                store.inner.delete_stream(one).next().await.expect("an answer for each path")?;
                store.after('-', &path)?;
                Ok(path)
            }
        });
        deleted.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let listed = self.inner.list(prefix);
        let prefix = prefix.cloned().unwrap_or_default();
        let Some(fault) = self.faults(&prefix).list else { return listed };
        let before = async move { fault.pass(&prefix).await.map(|()| listed) };
        stream::once(before).try_flatten().boxed()
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let at = prefix.cloned().unwrap_or_default();
        if let Some(fault) = self.faults(&at).level {
            fault.pass(&at).await?;
        }
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
    store: Watched,
    path: Path,
    upload: Box<dyn MultipartUpload>,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (store, path) = (self.store.clone(), self.path.clone());
        let part = self.upload.put_part(data);
        Box::pin(async move {
            store.before(&path)?;
            part.await?;
            store.step("after a part of", &path);
            Ok(())
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.store.before(&self.path)?;
        let result = self.upload.complete().await?;
        self.store.after('+', &self.path)?;
        Ok(result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.store.tell('x', &self.path);
        self.upload.abort().await
    }
}
