//! Each change that waits for the remote, with what is known of it.

use crate::object::Standing;
use crate::store::{CachedStore, Inner};
use cache_core::{ChangeKind, UnsentChange};
use object_store::path::Path;

impl CachedStore {
    /// The changes that wait for the remote, with write-back, by their paths: since when, and why each was not sent when
    /// that was tried last. It looks at every one that waits; no I/O.
    ///
    /// ```
    /// use cache_stores::CachedStore;
    /// use cache_stores::object_store::memory::InMemory;
    ///
    /// let store = CachedStore::new(InMemory::new(), InMemory::new()).build()?;
    /// for (path, change) in store.unsent() {
    ///     println!("{path}: {change}");
    /// }
    /// # assert!(store.unsent().is_empty());
    /// # Ok::<(), cache_stores::Error>(())
    /// ```
    #[must_use]
    pub fn unsent(&self) -> Vec<(Path, UnsentChange)> {
        let Some(back) = self.inner.writes.as_deref() else { return Vec::new() };
        let mut paths: Vec<Path> = back.queue.lock().iter().map(|waiting| waiting.path).collect();
        paths.sort();
        let known = |path: Path| Some((path.clone(), self.inner.waits(&path)?));
        paths.into_iter().filter_map(known).collect()
    }
}

impl Inner {
    /// What waits for the remote of a path. Of a write the index knows when it was made, also in an earlier process.
    pub(crate) fn waits(&self, path: &Path) -> Option<UnsentChange> {
        let mut unsent = self.unsent(path)?;
        if unsent.kind == ChangeKind::Write
            && let Some(found) = self.index.look(path)
            && found.standing == Standing::Unsent
        {
            unsent.waits = unsent.waits.max(found.age);
        }
        Some(unsent)
    }
}
