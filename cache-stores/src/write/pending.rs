//! What waits for the remote, as users see it.

use super::queue::{Progress, Waiting};
use super::record::Op;
use crate::store::{CachedStore, Inner};
use cache_core::{ChangeKind, SendTrouble, UnsentChange};
use object_store::path::Path;
use object_store::{Error, Result};
use std::time::Duration;

/// The writes of a store with write-back that wait for its remote. When the store is dropped they stay in the journal;
/// the next store over the same directories sends them. It can be opened when what was being sent then has ended:
/// [`close`](CachedStore::close) waits for that.
///
/// ```
/// use cache_stores::CachedStore;
/// use cache_stores::object_store::memory::InMemory;
///
/// let store = CachedStore::new(InMemory::new(), InMemory::new()).build()?;
/// assert_eq!(store.pending().writes, 0);
/// # Ok::<(), cache_stores::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pending {
    /// Paths that wait; also those of which the remote has the write, but an earlier request that ended without an answer
    /// may come behind it: for half a minute.
    pub writes: usize,
    /// Bytes of the objects among them.
    pub bytes: u64,
    /// How long the oldest has been waiting in this process.
    pub oldest: Option<Duration>,
    /// Why nothing is sent at the moment: what the remote said last.
    pub trouble: Option<String>,
    /// What the remote does not want or has not answered within five minutes, or cannot be read here; it is tried again
    /// slowly. Writing or deleting the path anew takes its place.
    pub refused: Vec<Refused>,
}

/// A write that the remote has refused or not answered, or that cannot be read any more.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// What was written.
    pub path: Path,
    /// What was said.
    pub why: String,
}

impl CachedStore {
    /// Waits until everything that was written before is at the remote; each write is tried at once, whatever pause
    /// there is. Without write-back there is nothing to wait for.
    ///
    /// # Errors
    /// The first failure: what was not sent waits on, and is tried again in the background.
    ///
    /// ```no_run
    /// use cache_stores::CachedStore;
    /// use cache_stores::object_store::{ObjectStoreExt, memory::InMemory, path::Path};
    ///
    /// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = CachedStore::on_disk("/var/cache/reports", InMemory::new())
    ///     .write_back("/var/lib/reports/journal")
    ///     .build()?;
    /// store.put(&Path::from("monday"), "text".into()).await?;
    /// store.flush().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn flush(&self) -> Result<()> {
        match self.inner.writes.as_deref() {
            None => Ok(()),
            Some(back) => back.flush(None).await,
        }
    }

    /// What waits for the remote. It looks at every write that waits.
    ///
    /// ```
    /// use cache_stores::CachedStore;
    /// use cache_stores::object_store::memory::InMemory;
    ///
    /// let store = CachedStore::new(InMemory::new(), InMemory::new()).build()?;
    /// assert!(store.pending().refused.is_empty());
    /// # Ok::<(), cache_stores::Error>(())
    /// ```
    #[must_use]
    pub fn pending(&self) -> Pending {
        self.inner.pending()
    }
}

impl Inner {
    pub(crate) fn pending(&self) -> Pending {
        let Some(back) = self.writes.as_deref() else { return Pending::default() };
        let queue = back.queue.lock();
        let now = back.clock.nanos();
        let since = queue.iter().map(|waiting| waiting.since).min();
        let refused = queue.iter().filter_map(|waiting| {
            Some(Refused { why: waiting.refused?.to_string(), path: waiting.path })
        });
        let mut refused = Vec::from_iter(refused);
        refused.sort_by(|one, other| one.path.cmp(&other.path));
        Pending {
            writes: queue.len(),
            bytes: queue.bytes(),
            oldest: since.map(|since| Duration::from_nanos(now.saturating_sub(since))),
            trouble: queue.trouble().map(ToString::to_string),
            refused,
        }
    }

    /// What waits for the remote of a path.
    pub(crate) fn unsent(&self, path: &Path) -> Option<UnsentChange> {
        let back = self.writes.as_deref()?;
        let queue = back.queue.lock();
        let Waiting { seq, op, since, refused, .. } = queue.get(path)?;
        // The remote has it, and it is looked after.
        if let Progress::Arrived = queue.progress(path, seq) {
            return None;
        }
        let trouble = match refused {
            Some(error) => Some(SendTrouble::Refused(error.to_string())),
            None => queue.trouble().map(|error| SendTrouble::Away(error.to_string())),
        };
        let kind = match *op {
            Op::Put(_) => ChangeKind::Write,
            Op::Delete => ChangeKind::Deletion,
        };
        let waits = Duration::from_nanos(back.clock.nanos().saturating_sub(since));
        Some(UnsentChange { kind, waits, trouble })
    }

    /// The answer for a path that was deleted here while the remote does not know it yet.
    pub(crate) fn deleted(&self, path: &Path) -> Option<Error> {
        let deleted = self.writes.as_deref().is_some_and(|back| back.is_deleted(path));
        deleted.then(|| Error::NotFound {
            path: path.to_string(),
            source: "it was deleted, and the deletion waits for the remote".into(),
        })
    }

    /// The level for the statistics.
    pub(super) fn count_unsent(&self) {
        if let Some(back) = self.writes.as_deref() {
            self.stats.unsent.set(back.queue.lock().len() as u64);
        }
    }
}
