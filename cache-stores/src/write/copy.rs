//! Objects are copied and renamed at the remote; what is here of them is forgotten.

use super::back::{Turn, WriteBack};
use super::outcome::panicked;
use crate::adapters::{copying, to_itself};
use crate::runtime;
use crate::store::Inner;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, ObjectStore, ObjectStoreExt, RenameOptions, Result,
};
use std::sync::Arc;

/// `ObjectStore::copy_opts`.
pub(crate) async fn copy(
    inner: &Arc<Inner>,
    from: &Path,
    to: &Path,
    options: CopyOptions,
) -> Result<()> {
    let (inner, from, to) = (inner.clone(), from.clone(), to.clone());
    let copy = async move {
        let _turns = turns(&inner, &from, &to).await?;
        if from == to {
            return itself(&inner, &from, options.mode).await;
        }
        let ticket = inner.index.doubt(&to);
        match inner.remote.copy_opts(&from, &to, options).await {
            Ok(()) => {
                inner.forget(ticket).await;
                Ok(())
            }
            Err(error) => {
                inner.not_written(ticket, &error).await;
                Err(error)
            }
        }
    };
    runtime::run(copy).await.unwrap_or_else(|| Err(panicked("copy")))
}

/// `ObjectStore::rename_opts`.
pub(crate) async fn rename(
    inner: &Arc<Inner>,
    from: &Path,
    to: &Path,
    options: RenameOptions,
) -> Result<()> {
    let (inner, from, to) = (inner.clone(), from.clone(), to.clone());
    let rename = async move {
        let _turns = turns(&inner, &from, &to).await?;
        if from == to {
            return itself(&inner, &from, copying(options).mode).await;
        }
        let tickets = [inner.index.doubt(&from), inner.index.doubt(&to)];
        match inner.remote.rename_opts(&from, &to, options).await {
            Ok(()) => {
                for ticket in tickets {
                    inner.forget(ticket).await;
                }
                Ok(())
            }
            Err(error) => {
                // Elsewhere a rename is a copy and a deletion, and an error may be of either.
                if let Error::AlreadyExists { .. }
                | Error::NotSupported { .. }
                | Error::NotImplemented { .. } = error
                {
                    tickets.into_iter().for_each(|ticket| inner.index.settle_doubt(ticket));
                } else {
                    inner.absent(&from).await;
                    inner.absent(&to).await;
                    inner.not_answered(tickets.into());
                }
                inner.stats.remote_errors.add(1);
                Err(error)
            }
        }
    };
    runtime::run(rename).await.unwrap_or_else(|| Err(panicked("rename")))
}

/// To its own path: many remotes would delete it, or refuse.
async fn itself(inner: &Inner, path: &Path, mode: CopyMode) -> Result<()> {
    to_itself(path, inner.counted(inner.remote.head(path).await), mode)
}

/// With write-back: what waits of both is sent before.
async fn turns(inner: &Inner, from: &Path, to: &Path) -> Result<Vec<Turn>> {
    match &inner.writes {
        None => Ok(Vec::new()),
        Some(back) => WriteBack::clear(back, &[from, to]).await,
    }
}
