//! What an index holds, for people.

use super::lookup::standing;
use super::slot::{Marks, Slot, unpack};
use super::{Index, Limits};
use crate::object::Standing;
use object_store::path::Path;
use std::time::Duration;

/// One object of a store's local side, as it was when [`CachedStore::status`](crate::CachedStore::status) was called.
///
/// ```
/// use cache_stores::object_store::{ObjectStoreExt, memory::InMemory, path::Path};
/// use cache_stores::{CachedStore, Standing};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let store = CachedStore::new(InMemory::new(), InMemory::new()).build()?;
/// store.put(&Path::from("a/b"), "text".into()).await?;
/// store.get(&Path::from("a/b")).await?.bytes().await?;
/// let [status] = &store.status()[..] else { panic!("one object") };
/// assert_eq!((status.path().as_ref(), status.size()), ("a/b", 4));
/// // Each chunk takes a little more than its bytes.
/// assert!(status.is_complete() && status.kept() > 4);
/// assert_eq!(status.standing(), Standing::Fresh);
/// assert!(status.age().as_secs() < 60);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    path: Path,
    size: u64,
    kept: u64,
    age: Duration,
    standing: Standing,
    complete: bool,
}

impl Status {
    /// Where the object is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The size of the object.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The bytes that its chunks take on the local side, with what larder writes beside them.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// The time since the remote told of the object last.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.age
    }

    /// How far the copy can be believed.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Whether all chunks are there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}

impl Index {
    /// All visible copies in the order in which they would be evicted; then those that cannot be, since the
    /// remote does not have them yet.
    pub(crate) fn status(&self) -> Vec<Status> {
        let now = self.now();
        self.look_at(|state| {
            let table = &state.table;
            let order = table.order.iter(&table.slab).map(|at| table.slab.get(at));
            let waiting = table.slab.iter().filter(|slot| slot.marks.has(Marks::UNSENT));
            order.chain(waiting).filter_map(|slot| status(slot, &state.limits, now)).collect()
        })
    }
}

fn status(slot: &Slot, limits: &Limits, now: Duration) -> Option<Status> {
    let object = unpack(&slot.text)?;
    // An empty object has one chunk of nothing.
    let chunks = object.size.div_ceil(u64::from(slot.chunk_size.max(1))).max(1);
    Some(Status {
        size: object.size,
        kept: slot.kept.bytes(),
        age: now.saturating_sub(Duration::from_nanos(slot.fetched)),
        standing: standing(slot, limits, now),
        complete: slot.kept.len() == chunks,
        path: object.path,
    })
}
