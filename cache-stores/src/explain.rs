//! What a store says of itself: figures, the state of a path in words, its entries.

use crate::index::Status;
use crate::object::Standing;
use crate::runtime;
use crate::stats::StoreStats;
use crate::store::CachedStore;
use cache_core::{ChangeKind, Explanation, Reason, TierReport, TierState};
use object_store::path::Path;

impl CachedStore {
    /// The figures since the store was built. Cheap: no I/O.
    ///
    /// ```
    /// use cache_stores::CachedStore;
    /// use cache_stores::object_store::{ObjectStoreExt, memory::InMemory, path::Path};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let store = CachedStore::new(InMemory::new(), InMemory::new()).build()?;
    /// assert!(store.get(&Path::from("missing")).await.is_err());
    /// assert_eq!(store.stats().fetches, 1);
    /// # Ok::<(), cache_stores::Error>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        self.inner.figures()
    }

    /// Why a read of this path would be answered from the copy now, or not; with write-back also what of it waits for
    /// the remote, and what that said last. No I/O: the remote is not asked.
    ///
    /// ```
    /// use cache_stores::CachedStore;
    /// use cache_stores::object_store::{memory::InMemory, path::Path};
    ///
    /// let store = CachedStore::new(InMemory::new(), InMemory::new()).name("reports").build()?;
    /// let told = store.explain(&Path::from("a/b"));
    /// assert!(!told.would_hit());
    /// assert_eq!(told.to_string(), "reports would miss: InMemory: has never heard of it, or forgot");
    /// # Ok::<(), cache_stores::Error>(())
    /// ```
    #[must_use]
    pub fn explain(&self, path: &Path) -> Explanation {
        let inner = &self.inner;
        if inner.has_no_index() {
            let cause = "it has no index, only a read tells what lies in it".to_owned();
            let tier = TierReport::new(inner.local.to_string(), TierState::Unreachable { cause });
            return Explanation::of(&*inner.name, vec![tier]);
        }
        let found = inner.index.look(path);
        let limits = inner.index.limits();
        let ttl = limits.ttl;
        let unsent = inner.waits(path);
        let deleted = unsent.as_ref().filter(|unsent| unsent.kind == ChangeKind::Deletion);
        let state = match &found {
            None if let Some(deleted) = deleted => {
                TierState::Missing { reason: Reason::Invalidated, since: Some(deleted.waits) }
            }
            None => TierState::Missing { reason: Reason::Never, since: None },
            Some(found) => match found.standing {
                Standing::Unsent => TierState::Fresh { left: None, refresh_in: None, age: None },
                Standing::Fresh => TierState::Fresh {
                    left: ttl.map(|ttl| ttl.saturating_sub(found.age)),
                    refresh_in: None,
                    age: Some(found.age),
                },
                Standing::Due => {
                    let since = found.age.saturating_sub(ttl.unwrap_or_default());
                    TierState::Expired { since, by_call: false }
                }
                Standing::Doubtful => {
                    TierState::Missing { reason: Reason::Invalidated, since: None }
                }
            },
        };
        let tiers = vec![TierReport::new(inner.local.to_string(), state)];
        let mut told = Explanation::of(&*inner.name, tiers);
        told.unsent = unsent;
        told.in_flight = inner.flights.is_flying(path, found.as_ref().map(|found| found.copy));
        told.grace = found.filter(|found| found.standing == Standing::Due).and_then(|found| {
            let lasts = ttl?.saturating_add(limits.grace?);
            lasts.checked_sub(found.age)
        });
        told
    }

    /// The entries of the index in the order in which they would be evicted.
    ///
    /// ```
    /// use cache_stores::CachedStore;
    /// use cache_stores::object_store::memory::InMemory;
    /// let store = CachedStore::new(InMemory::new(), InMemory::new()).build()?;
    /// assert!(store.status().is_empty());
    /// # Ok::<(), cache_stores::Error>(())
    /// ```
    #[must_use]
    pub fn status(&self) -> Vec<Status> {
        match self.inner.has_no_index() {
            true => Vec::new(),
            false => self.inner.index.status(),
        }
    }

    /// Deletes the copies that have expired and are of no use any more, and gives their number; and what the local
    /// store refused to delete before, or did not tell of when the index was made anew. What has expired goes by itself when room is needed.
    ///
    /// ```
    /// use cache_stores::CachedStore;
    /// use cache_stores::object_store::memory::InMemory;
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let store = CachedStore::new(InMemory::new(), InMemory::new()).build()?;
    /// assert_eq!(store.purge().await, 0);
    /// # Ok::<(), cache_stores::Error>(())
    /// # }).unwrap();
    /// ```
    pub async fn purge(&self) -> usize {
        let inner = self.inner.clone();
        let victims = inner.index.expired();
        let count = victims.len();
        // A panic of the local store is not the caller's.
        let _ = runtime::run(async move {
            inner.remove(victims).await;
            inner.remove_undeleted().await;
            inner.remove_unlisted().await;
        })
        .await;
        count
    }
}
