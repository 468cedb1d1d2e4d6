//! An object is put: to the remote first, then into the local store.

use super::back::WriteBack;
use super::outcome::panicked;
use super::record;
use crate::LocalTtl;
use crate::runtime;
use crate::store::Inner;
use object_store::path::Path;
use object_store::{
    Error, Extensions, ObjectStore, PutMode, PutOptions, PutPayload, PutResult, Result,
};
use std::sync::Arc;

/// `ObjectStore::put_opts`. It goes on when the caller drops it.
pub(crate) async fn put(
    inner: &Arc<Inner>,
    path: &Path,
    payload: PutPayload,
    options: PutOptions,
) -> Result<PutResult> {
    let (inner, path) = (inner.clone(), path.clone());
    let put = async move {
        let Some(back) = inner.writes.as_deref().cloned() else {
            return through(&inner, &path, payload, options).await;
        };
        let waits = options.mode == PutMode::Overwrite && record::is_writable(&options.attributes);
        if waits && let Some(result) = back.put(&inner, &path, &payload, &options).await {
            return Ok(result);
        }
        let _turn = WriteBack::clear(&back, &[&path]).await?;
        through(&inner, &path, payload, options).await
    };
    runtime::run(put).await.unwrap_or_else(|| Err(panicked("put")))
}

async fn through(
    inner: &Inner,
    path: &Path,
    payload: PutPayload,
    options: PutOptions,
) -> Result<PutResult> {
    let local = for_local(&options.extensions);
    let mode = options.mode.clone();
    let ticket = inner.index.doubt(path);
    match inner.remote.put_opts(path, payload.clone(), options).await {
        Ok(result) => {
            inner.stats.bytes_written.add(payload.content_length() as u64);
            inner.keep_put(ticket, &result, payload, local).await;
            Ok(result)
        }
        Err(error) => {
            if tells_of_a_change(inner, path, &mode, &error) {
                // Dropping the ticket leaves the entry in doubt, and the next read asks.
                inner.absent(path).await;
                inner.stats.remote_errors.add(1);
            } else {
                inner.not_written(ticket, &error).await;
            }
            Err(error)
        }
    }
}

/// Whether the refusal itself says that the copy is outdated: the remote does not have the version that it is of.
fn tells_of_a_change(inner: &Inner, path: &Path, mode: &PutMode, error: &Error) -> bool {
    match (mode, error) {
        (PutMode::Update(version), Error::Precondition { .. }) => {
            inner.index.look(path).is_some_and(|found| found.object.e_tag == version.e_tag)
        }
        _ => false,
    }
}

/// What of the options is for the local store.
pub(super) fn for_local(extensions: &Extensions) -> PutOptions {
    let mut local = PutOptions::default();
    if let Some(ttl) = extensions.get::<LocalTtl>() {
        local.extensions.insert(*ttl);
    }
    local
}
