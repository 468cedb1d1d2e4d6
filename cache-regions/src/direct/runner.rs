//! Who computes stale values anew, while their callers go on with the old ones.

use cache_core::BoxFuture;
use parking_lot::Mutex;
use std::any::Any;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// Takes the computations of stale values off their callers' hands.
///
/// ```
/// use cache_regions::{Regeneration, Runner};
///
/// #[derive(Debug)]
/// struct InTasks;
///
/// impl Runner for InTasks {
///     fn run(&self, regeneration: Regeneration) {
///         cache_core::in_background(regeneration.compute());
///     }
/// }
/// ```
pub trait Runner: fmt::Debug + Send + Sync + 'static {
    /// Sees to it that the value is computed, some time: until then its callers get the old one.
    fn run(&self, regeneration: Regeneration);
}

/// A stale value that is to be computed anew: what it is, how it is computed, and the leave to do
/// so, which nobody else has until this is done or dropped.
pub struct Regeneration {
    pub(crate) region: Arc<str>,
    pub(crate) key: Arc<dyn Any + Send + Sync>,
    pub(crate) work: BoxFuture<'static, ()>,
    pub(crate) turn: Turn,
}

impl Regeneration {
    /// The name of the region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The key as the caller wrote it, if it is of this type.
    #[must_use]
    pub fn key<K: 'static>(&self) -> Option<&K> {
        self.key.downcast_ref()
    }

    /// Runs the creator, stores what it gives, and lets others have their turn. What the creator
    /// says in error, and its panic, end here.
    pub async fn compute(self) {
        let Regeneration { work, turn, .. } = self;
        work.await;
        drop(turn);
    }
}

impl fmt::Debug for Regeneration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Regeneration").field("region", &self.region).finish_non_exhaustive()
    }
}

/// Which keys are being computed anew, by their hashes: who comes to one of them is content with the
/// old value, and so is, for that moment, who comes to another key of the same hash.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turns(Arc<Mutex<HashSet<u64>>>);

/// The only one that a key has. Ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Turns,
    hash: u64,
}

impl Turns {
    pub(crate) fn take(&self, hash: u64) -> Option<Turn> {
        let is_mine = self.0.lock().insert(hash);
        is_mine.then(|| Turn { turns: self.clone(), hash })
    }

    pub(crate) fn is_taken(&self, hash: u64) -> bool {
        self.0.lock().contains(&hash)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.0.lock().remove(&self.hash);
    }
}
