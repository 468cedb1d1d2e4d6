//! After a restart: what the journal says waits is what waits, whatever the index remembers.

use super::back::{WriteBack, Writes};
use super::journal::Journal;
use super::record::{Op, Record, Unsent};
use super::sender;
use crate::index::{Piece, Victim};
use crate::layout::Cut;
use crate::object::CopyId;
use crate::store::Inner;
use cache_core::{Clock, Result};
use object_store::ObjectStoreExt;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The writes of an earlier process that wait.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    records: Vec<Record>,
    copies: HashMap<CopyId, usize>,
}

impl Restored {
    /// The copy, if it waits: its chunks are not to be deleted, whatever the index says about them.
    pub(crate) fn get(&self, copy: CopyId) -> Option<&Unsent> {
        match &self.records[*self.copies.get(&copy)?].op {
            Op::Put(unsent) => Some(unsent),
            Op::Delete => None,
        }
    }
}

/// Opens the journal. What waits in it is sent when [`restore`] was called.
pub(crate) fn open(directory: &Path, clock: Clock) -> Result<(Writes, Restored)> {
    let (journal, records) = Journal::open(directory)?;
    let copies = records.iter().enumerate().filter_map(|(at, record)| match &record.op {
        Op::Put(unsent) => Some((unsent.copy, at)),
        Op::Delete => None,
    });
    let copies = copies.collect();
    let writes = Writes(Arc::new(WriteBack::new(journal, clock)));
    Ok((writes, Restored { records, copies }))
}

/// Makes the index agree with the journal, and starts sending. The index was settled before.
pub(crate) async fn restore(inner: &Arc<Inner>, restored: Restored) {
    let Some(back) = inner.writes.as_deref() else { return };
    for (path, copy) in inner.index.unsent_copies() {
        // Sent or replaced, and the index was not told any more.
        if restored.get(copy).is_none() {
            inner.remove(inner.index.forget(&path)).await;
        }
    }
    for record in restored.records {
        match &record.op {
            Op::Put(unsent) => hold(inner, unsent).await,
            Op::Delete => inner.remove(inner.index.forget(&record.path)).await,
        }
        back.enqueue(&record.path, record.seq, record.op);
    }
    inner.count_unsent();
    sender::start(inner, back);
}

/// The copy is in the index, as one that waits. What is missing of it the sender reports.
async fn hold(inner: &Inner, unsent: &Unsent) {
    let cut = Cut::new(unsent.object.size, unsent.chunk_size);
    let chunks = cut.count().unwrap_or(u32::MAX);
    let known = inner.index.look(&unsent.object.path).filter(|found| found.copy == unsent.copy);
    let complete = known.is_some_and(|found| found.present.len() == u64::from(chunks));
    if !complete {
        // What the index remembers of it is that it was to be deleted.
        let all = Victim { copy: unsent.copy, chunks: (0..chunks).collect() };
        inner.index.removed(&[all]);
        for chunk in 0..chunks {
            let place = inner.place(unsent.copy, chunk);
            match inner.patience.of(inner.local.head(&place)).await {
                Ok(meta) => {
                    let victims = inner.index.add_found(&piece(unsent, chunk, meta.size));
                    inner.remove(victims).await;
                }
                Err(error) => inner.trouble("get", &place, &error),
            }
        }
    }
    if !inner.index.hold(unsent.copy) {
        inner.trouble("journal", &unsent.object.path, &"nothing of a write that waits is there");
    }
}

/// A chunk of a copy that waits: the journal knows the object, and no other copy of its path is younger.
pub(crate) fn piece(unsent: &Unsent, chunk: u32, bytes: u64) -> Piece {
    Piece {
        object: unsent.object.clone(),
        copy: unsent.copy,
        chunk_size: unsent.chunk_size,
        fetched: Duration::from_nanos(u64::MAX),
        chunk,
        bytes,
    }
}
