//! What waits in a journal that another store has open: its file is read, and nothing is changed.

use super::record::Op;
use super::scan::{self, MAGIC};
use cache_core::{ChangeKind, Error, Result};
use object_store::path::Path;
use std::path::Path as FilePath;

/// The paths that wait for the remote, in the order in which they were written.
pub(crate) fn peek(dir: &FilePath) -> Result<Vec<(Path, ChangeKind)>> {
    let path = dir.join("writes");
    let bytes = std::fs::read(&path)
        .map_err(|error| Error::unreachable(format!("the journal `{}`", path.display()), error))?;
    // It is being made.
    if MAGIC.starts_with(&bytes) {
        return Ok(Vec::new());
    }
    let waiting = scan::scan(&path, &bytes)?.waiting;
    let kind = |op: &Op| match op {
        Op::Put(_) => ChangeKind::Write,
        Op::Delete => ChangeKind::Deletion,
    };
    Ok(waiting.into_iter().map(|(_, _, record)| (record.path, kind(&record.op))).collect())
}
