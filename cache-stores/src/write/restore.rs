//! After a restart: what the journal says waits is what waits, whatever the index remembers.

use super::back::{WriteBack, Writes};
use super::journal::Journal;
use super::record::{Op, Record, Unsent};
use super::sender;
use crate::footer::{Footer, Mark};
use crate::index::{Piece, Victim};
use crate::layout::Cut;
use crate::object::CopyId;
use crate::store::Inner;
use cache_core::{Clock, Result};
use futures::{StreamExt, stream};
use object_store::{Error, ObjectStoreExt};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// So many chunks are asked for together.
const TOGETHER: usize = 16;

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

    fn puts(&self) -> impl Iterator<Item = &Unsent> {
        self.records.iter().filter_map(|record| match &record.op {
            Op::Put(unsent) => Some(&**unsent),
            Op::Delete => None,
        })
    }
}

/// Opens the journal. What waits in it is sent when [`restore`] was called.
pub(crate) fn open(
    directory: &Path,
    clock: Clock,
    ended: watch::Sender<()>,
) -> Result<(Writes, Restored)> {
    let (journal, records) = Journal::open(directory)?;
    let copies = records.iter().enumerate().filter_map(|(at, record)| match &record.op {
        Op::Put(unsent) => Some((unsent.copy, at)),
        Op::Delete => None,
    });
    let copies = copies.collect();
    let writes = Writes(Arc::new(WriteBack::new(journal, clock, ended)));
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
    let sizes = sizes(inner, &restored).await;
    for record in restored.records {
        match &record.op {
            Op::Put(unsent) => hold(inner, unsent, &sizes).await,
            Op::Delete => inner.remove(inner.index.forget(&record.path)).await,
        }
        back.restored(&record.path, record.seq);
        back.enqueue(&record.path, record.seq, record.op);
    }
    inner.count_unsent();
    sender::start(inner, back);
}

/// What chunks take in the local store; `None`: they are not there.
type Sizes = HashMap<(CopyId, u32), Option<u64>>;

/// Asks local for the chunks of the copies of which the index does not know everything. However many there are, that
/// takes no longer than one operation of local may.
async fn sizes(inner: &Inner, restored: &Restored) -> Sizes {
    let unsure = restored.puts().filter(|unsent| !is_complete(inner, unsent));
    let asked: Vec<_> =
        unsure.flat_map(|put| (0..chunks(put)).map(|chunk| (put.copy, chunk))).collect();
    let found = stream::iter(asked).map(|(copy, chunk)| async move {
        let place = inner.place(copy, chunk);
        let found = inner.local.head(&place).await;
        if let Err(error) = &found {
            inner.trouble("get", &place, error);
        }
        ((copy, chunk), found)
    });
    let mut found = found.buffer_unordered(TOGETHER);
    let mut sizes = Sizes::new();
    let all = async {
        while let Some((which, found)) = found.next().await {
            match found {
                Ok(meta) => _ = sizes.insert(which, Some(meta.size)),
                Err(Error::NotFound { .. }) => _ = sizes.insert(which, None),
                // It may be there.
                Err(_) => {}
            }
        }
    };
    if inner.patience.wait(all).await.is_none() {
        inner.trouble("get", &inner.layout.root(), &inner.patience.overdue());
    }
    sizes
}

/// Whether the index knows all of a copy.
fn is_complete(inner: &Inner, unsent: &Unsent) -> bool {
    let known = inner.index.look(&unsent.object.path).filter(|found| found.copy == unsent.copy);
    known.is_some_and(|found| found.present.len() == u64::from(chunks(unsent)))
}

/// The copy is in the index, as one that waits: whatever is missing of it, the remote has only what was before. What
/// local did not tell of is there, as the journal has it. What is missing the sender reports.
async fn hold(inner: &Inner, unsent: &Unsent, sizes: &Sizes) {
    let copy = unsent.copy;
    if !is_complete(inner, unsent) {
        // What the index remembers of it is that it was to be deleted.
        let all = Victim { copy, chunks: (0..chunks(unsent)).collect() };
        inner.index.removed(&[all]);
        let footer = footer(unsent);
        for chunk in 0..chunks(unsent) {
            let told = sizes.get(&(copy, chunk)).copied().flatten();
            let payload = Cut::new(unsent.object.size, unsent.chunk_size).bytes_of(chunk);
            let size = told.unwrap_or(payload.end - payload.start + footer);
            inner.remove(inner.index.add_found(&piece(unsent, chunk, size))).await;
        }
    }
    if !inner.index.hold(copy) {
        inner.trouble("journal", &unsent.object.path, &"a write that waits is not to be seen");
    }
    let missing = (0..chunks(unsent)).filter(|chunk| sizes.get(&(copy, *chunk)) == Some(&None));
    for chunk in missing {
        let none = inner.index.useless(copy, chunk);
        inner.index.removed(&[none]);
    }
}

/// What the footer of a chunk takes, as a rule: those of an object in parts were written before it was known.
fn footer(unsent: &Unsent) -> u64 {
    let Unsent { object, copy, chunk_size, .. } = unsent;
    let (copy, chunk_size, fetched) = (*copy, *chunk_size, Duration::ZERO);
    let mark = Mark { copy, chunk: 0, chunk_size, payload: 0, sum: 0, size: object.size, fetched };
    Footer::encode(&mark, object).map_or(0, |footer| footer.len() as u64)
}

fn chunks(unsent: &Unsent) -> u32 {
    Cut::new(unsent.object.size, unsent.chunk_size).count().unwrap_or(u32::MAX)
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
