//! Listings: the remote's, as they will be when everything that waits was sent.

use super::outcome::panicked;
use super::overlay::Overlay;
use super::pump::pump;
use crate::runtime;
use crate::store::Inner;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{ListResult, ObjectMeta, ObjectStore, Result};
use std::future::ready;
use std::sync::Arc;

/// `ObjectStore::list`, and `list_with_offset`.
pub(crate) fn list(
    inner: &Arc<Inner>,
    prefix: Option<&Path>,
    offset: Option<&Path>,
) -> BoxStream<'static, Result<ObjectMeta>> {
    let (inner, prefix, offset) = (inner.clone(), prefix.cloned(), offset.cloned());
    pump(move || listing(&inner, prefix.as_ref(), offset.as_ref()))
}

fn listing(
    inner: &Inner,
    prefix: Option<&Path>,
    offset: Option<&Path>,
) -> BoxStream<'static, Result<ObjectMeta>> {
    // Before the remote is asked: what is sent meanwhile is in both, and told once.
    let overlay = inner.overlay();
    let remote = match offset {
        None => inner.remote.list(prefix),
        Some(offset) => inner.remote.list_with_offset(prefix, offset),
    };
    if overlay.is_empty() {
        return remote;
    }
    let written = overlay.written(prefix, offset).into_iter().map(Ok);
    let left = remote.filter(move |meta| {
        ready(meta.as_ref().map_or(true, |meta| overlay.leaves(&meta.location)))
    });
    left.chain(stream::iter(written)).boxed()
}

/// `ObjectStore::list_with_delimiter`.
pub(crate) async fn level(inner: &Arc<Inner>, prefix: Option<&Path>) -> Result<ListResult> {
    let (inner, prefix) = (inner.clone(), prefix.cloned());
    let level = async move {
        let prefix = prefix.as_ref();
        let overlay = inner.overlay();
        let remote = inner.remote.list_with_delimiter(prefix).await?;
        let (mut level, doubtful) = overlay.level(prefix, remote);
        for folder in doubtful {
            let mut list = inner.remote.list(Some(&folder));
            let mut left = false;
            while let Some(meta) = list.next().await.transpose()?.filter(|_| !left) {
                left = overlay.leaves(&meta.location);
            }
            if !left {
                level.common_prefixes.retain(|path| *path != folder);
            }
        }
        Ok(level)
    };
    runtime::run(level).await.unwrap_or_else(|| Err(panicked("listing")))
}

impl Inner {
    fn overlay(&self) -> Overlay {
        self.writes.as_ref().map(|back| back.overlay()).unwrap_or_default()
    }
}
