//! Old values that stand in for computations that fail; never one that a tag has made worthless.

use crate::memo::Memo;
use crate::table::{Look, Touch};
use std::hash::Hash;
use std::time::Duration;

impl<K, V> Memo<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// An expired value that may stand in for a failed computation.
    pub(crate) fn graceful(&self, hash: u64, key: &K) -> Option<V> {
        let grace = self.policy().grace()?;
        let near = self.table.as_ref().and_then(|table| {
            match table.look(hash, |k| k == key, Touch::Leave) {
                Look::Expired { value, since, by_call: false, tags, .. } if since <= grace => {
                    Some((value, tags))
                }
                Look::Live { value, tags, .. } => Some((value, tags)),
                Look::Expired { .. } | Look::Missing(_) => None,
            }
        });
        let (value, tags) = near.or_else(|| self.aged.get(hash, key, &self.clock))?;
        // Whoever makes something of it is to try again soon.
        self.hand(&tags, Duration::ZERO);
        Some(value)
    }

    /// The same without trying to compute, while a failing computation is left alone.
    pub(crate) fn pausing(&self, hash: u64, key: &K) -> Option<V> {
        self.policy().grace()?;
        if !self.backoff.is_pausing(hash, self.clock.nanos()) {
            return None;
        }
        self.graceful(hash, key)
    }
}
