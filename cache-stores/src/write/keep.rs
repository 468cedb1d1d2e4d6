//! After a write: what the remote has now is kept locally, if it is certain that it is what was written.

use super::cutter::{Cut, Cutter};
use crate::index::{Admitted, Ticket};
use crate::local::{CopyOf, Laid};
use crate::object::{CopyId, Object};
use crate::options::KeepWrites;
use crate::store::Inner;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, PutOptions, PutPayload, PutResult};
use std::time::Duration;

/// What the remote says that it has now. `None`: that is not what was written, or nobody can tell.
///
/// The answer to a write does not say when the object was modified, and another writer may have been faster.
pub(super) async fn confirmed(
    remote: &dyn ObjectStore,
    path: &Path,
    size: u64,
    put: &PutResult,
) -> object_store::Result<Option<Object>> {
    let found = remote.get_opts(path, GetOptions::new().with_head(true)).await?;
    let object = Object::new(found.meta, found.attributes);
    // Without e_tags nothing better can be had than the size; then a later read does not compare either.
    let ours = object.e_tag == put.e_tag && object.size == size;
    let version = put.version.is_none() || object.version == put.version;
    Ok((ours && version).then_some(object))
}

impl Inner {
    /// The same, for a store that keeps what is written; trouble is counted.
    pub(super) async fn confirm(&self, path: &Path, size: u64, put: &PutResult) -> Option<Object> {
        if self.options.keep_writes == KeepWrites::Never {
            return None;
        }
        match confirmed(&*self.remote, path, size, put).await {
            Ok(object) => object,
            Err(_) => {
                self.stats.remote_errors.add(1);
                None
            }
        }
    }

    /// Keeps what was put, and forgets what it replaced.
    pub(super) async fn keep_put(
        &self,
        ticket: Ticket,
        put: &PutResult,
        payload: PutPayload,
        options: PutOptions,
    ) {
        // The copy is as old as the remote's word about it.
        let fetched = self.now();
        let path = ticket.path().clone();
        let Some(object) = self.confirm(&path, payload.content_length() as u64, put).await else {
            return self.forget(ticket).await;
        };
        let copy = match self.index.admit(&ticket, &object, self.options.chunk, fetched) {
            Admitted::New { copy, victims } => {
                self.remove(victims).await;
                copy
            }
            // Nothing tells these bytes from the former ones: not even the time may.
            Admitted::Same { copy } if object.e_tag.is_none() => {
                return self.drop_copy(copy, &path).await;
            }
            Admitted::Same { copy } => copy,
            // The remote had it, and may have another's by now: what was before is outdated in any case.
            Admitted::Fenced => return self.forget(ticket).await,
        };
        let of = CopyOf { copy, object: &object, chunk_size: self.options.chunk, fetched };
        if self.lay_all(of, payload, options).await == Laid::Trouble {
            self.drop_copy(copy, &path).await;
        }
    }

    async fn drop_copy(&self, copy: CopyId, path: &Path) {
        let victims = self.index.abandon(copy);
        self.remove(victims).await;
        self.absent(path).await;
    }

    /// Lays all chunks of a copy.
    pub(super) async fn lay_all(
        &self,
        of: CopyOf<'_>,
        payload: PutPayload,
        options: PutOptions,
    ) -> Laid {
        let mut cutter = Cutter::new(of.chunk_size);
        let mut cuts = cutter.push(payload);
        cuts.extend(cutter.finish());
        for Cut { chunk, pieces } in cuts {
            match self.lay_with(of, chunk, &pieces, options.clone()).await {
                Laid::Kept => {}
                not => return not,
            }
        }
        Laid::Kept
    }

    /// The remote has changed, and what it has is not kept.
    pub(super) async fn forget(&self, ticket: Ticket) {
        let victims = self.index.forget(ticket.path());
        let path = ticket.path().clone();
        drop(ticket);
        self.remove(victims).await;
        self.absent(&path).await;
    }
}

/// For copies whose object is not known yet: no object has this size, so that an index that is rebuilt from such a
/// chunk does not take it for one.
pub(crate) const STAGED: u64 = u64::MAX;

/// The object of a staged copy.
pub(super) fn staged(path: &Path, now: Duration) -> Object {
    Object {
        path: path.clone(),
        size: STAGED,
        e_tag: None,
        version: None,
        modified: time(now),
        attributes: object_store::Attributes::new(),
    }
}

/// A time since 1970 as objects have it.
pub(super) fn time(since: Duration) -> chrono::DateTime<chrono::Utc> {
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    chrono::DateTime::from_timestamp(seconds, since.subsec_nanos()).unwrap_or_default()
}
