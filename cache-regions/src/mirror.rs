//! Another client under the revision of a region.

use crate::revised::{RevisedCache, RevisedKey};
use crate::state::{RegionState, Room};
use cache_core::{Cache, CacheExt, Client, Invalidation, Namespace, Shared};
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

/// A client whose values count as long as those of a region; from [`Region::mirror`](crate::Region::mirror).
pub struct Mirror<C> {
    region: Arc<RegionState>,
    client: C,
}

impl<C> Mirror<C> {
    pub(crate) fn new(region: Arc<RegionState>, client: C) -> Self {
        Mirror { region, client }
    }
}

impl<K, V, C> Client<K, V> for Mirror<C>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    C: Client<RevisedKey<K>, V>,
    C::Cache: Cache<RevisedKey<K>, V>,
{
    type Cache = RevisedCache<K, V>;
    fn open(&self, namespace: &Namespace) -> RevisedCache<K, V> {
        let inner = Shared::new(self.client.open(namespace));
        let cache = RevisedCache::new(self.region.clone(), inner);
        let computing: Arc<dyn Room> = Arc::new(Computing(cache.clone()));
        self.region.enter(Arc::downgrade(&computing));
        cache.with_room(computing)
    }
}

/// The computations of a mirror: values count under a revision each, but who joins one asks for none.
struct Computing<K, V>(RevisedCache<K, V>);

impl<K, V> Room for Computing<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn forget(&self, _how: Invalidation) {
        self.0.fence_all();
    }
    fn start_anew(&self) {
        self.0.fence_all();
    }
    fn believe(&self, _lag: Duration) {}
}

impl<C: fmt::Debug> fmt::Debug for Mirror<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror")
            .field("region", &self.region)
            .field("client", &self.client)
            .finish()
    }
}
