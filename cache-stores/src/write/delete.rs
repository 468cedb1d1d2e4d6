//! Objects are deleted: doubted, deleted at the remote, forgotten.

use super::back::WriteBack;
use super::pump::pump;
use crate::index::Ticket;
use crate::store::Inner;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{Error, ObjectStore, Result};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// So many deletions wait for the disk of the journal together.
const TOGETHER: usize = 16;

/// `ObjectStore::delete_stream`.
pub(crate) fn delete(
    inner: &Arc<Inner>,
    paths: BoxStream<'static, Result<Path>>,
) -> BoxStream<'static, Result<Path>> {
    let inner = inner.clone();
    match inner.writes.as_deref().cloned() {
        None => pump(move || through(inner, paths)),
        Some(back) => pump(move || {
            let deleted = paths.map(move |path| {
                let (inner, back) = (inner.clone(), back.clone());
                async move { one(inner, &back, path?).await }
            });
            deleted.buffered(TOGETHER).boxed()
        }),
    }
}

async fn one(inner: Arc<Inner>, back: &Arc<WriteBack>, path: Path) -> Result<Path> {
    if back.delete(&inner, &path).await {
        return Ok(path);
    }
    let _turn = WriteBack::clear(back, &[&path]).await?;
    let only = futures::stream::iter([Ok(path.clone())]).boxed();
    through(inner, only).next().await.unwrap_or(Ok(path))
}

/// The paths that the remote was asked to delete, and has not answered about; each as often as it was.
struct Open {
    inner: Arc<Inner>,
    tickets: Mutex<HashMap<Path, Vec<Ticket>>>,
}

/// Nobody waits for an answer any more.
impl Drop for Open {
    fn drop(&mut self) {
        let open = std::mem::take(self.tickets.get_mut());
        if !open.is_empty() {
            self.inner.not_answered(open.into_values().flatten().collect());
        }
    }
}

fn through(
    inner: Arc<Inner>,
    paths: BoxStream<'static, Result<Path>>,
) -> BoxStream<'static, Result<Path>> {
    let open = Arc::new(Open { inner: inner.clone(), tickets: Mutex::default() });
    let asked = open.clone();
    let paths = paths.map(move |path| {
        let path = path?;
        let ticket = asked.inner.index.doubt(&path);
        asked.tickets.lock().entry(path.clone()).or_default().push(ticket);
        Ok(path)
    });
    let deleted = inner.remote.delete_stream(paths.boxed());
    let settled = deleted.then(move |result| {
        let (inner, open) = (inner.clone(), open.clone());
        async move {
            if let Some(ticket) = answered(&open, &result) {
                inner.forget(ticket).await;
            }
            if result.is_err() {
                inner.stats.remote_errors.add(1);
                let doubtful: Vec<Path> = open.tickets.lock().keys().cloned().collect();
                for path in doubtful {
                    inner.absent(&path).await;
                }
            }
            result
        }
    });
    settled.boxed()
}

/// The path that is certainly gone. An error does not say whose it is: those that it may be of stay in doubt, and
/// the next read of them asks the remote.
fn answered(open: &Open, result: &Result<Path>) -> Option<Ticket> {
    let mut open = open.tickets.lock();
    let path = match result {
        Ok(path) => path.clone(),
        Err(Error::NotFound { .. }) if open.len() == 1 => open.keys().next()?.clone(),
        Err(_) => return None,
    };
    let tickets = open.get_mut(&path)?;
    let ticket = tickets.pop();
    if tickets.is_empty() {
        open.remove(&path);
    }
    ticket
}
