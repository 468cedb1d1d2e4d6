//! Changes of a key that overlap. Each is made behind and then in front, so that the two tiers may take them in
//! different orders: whoever was not alone leaves nothing in front, and what is behind is fetched again.

use super::cache::Inner;
use cache_core::{Cache, Result, in_background};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

/// The changes under way of one namespace.
#[derive(Debug, Default)]
pub(super) struct Changes {
    hasher: RandomState,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By the hashes of keys: two keys of one hash lose their copies at most.
    keys: HashMap<u64, UnderWay>,
    clears: usize,
}

#[derive(Debug, Default)]
struct UnderWay {
    changes: usize,
    /// There were two at the same time.
    met: bool,
}

impl Changes {
    /// Begins a change of these keys.
    pub(super) fn begin<'a, K: Hash + 'a>(
        self: &Arc<Self>,
        keys: impl IntoIterator<Item = &'a K>,
    ) -> Turn {
        let mut hashes: Vec<u64> = keys.into_iter().map(|key| self.hasher.hash_one(key)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        let mut state = self.state.lock();
        let clears = state.clears > 0;
        for hash in &hashes {
            let one = state.keys.entry(*hash).or_default();
            one.changes += 1;
            one.met |= clears || one.changes > 1;
        }
        Turn { changes: self.clone(), hashes: Some(hashes) }
    }

    /// Begins a change of all keys.
    pub(super) fn begin_clear(self: &Arc<Self>) -> Turn {
        let mut state = self.state.lock();
        state.clears += 1;
        state.keys.values_mut().for_each(|one| one.met = true);
        Turn { changes: self.clone(), hashes: None }
    }
}

/// A change, until it is made in front, too.
#[derive(Debug)]
pub(super) struct Turn {
    changes: Arc<Changes>,
    /// `None`: of all keys.
    hashes: Option<Vec<u64>>,
}

impl Turn {
    /// Those of the keys that somebody else changed at the same time. To be asked once the change is made in front.
    pub(super) fn met<K: Hash + Clone>(&self, keys: &[K]) -> Vec<K> {
        let state = self.changes.state.lock();
        let met = |key: &&K| {
            state.keys.get(&self.changes.hasher.hash_one(key)).is_some_and(|one| one.met)
        };
        keys.iter().filter(met).cloned().collect()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.changes.state.lock();
        let Some(hashes) = &self.hashes else {
            state.clears -= 1;
            return;
        };
        for hash in hashes {
            if let Some(one) = state.keys.get_mut(hash) {
                one.changes -= 1;
                if one.changes == 0 {
                    state.keys.remove(hash);
                }
            }
        }
    }
}

/// A change of both tiers on its way. If nobody waits for its end, what is in front goes: it may have been made behind.
pub(super) struct Changing<K, V, N, F>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    N: Cache<K, V>,
    F: Cache<K, V>,
{
    tiers: Arc<Inner<K, V, N, F>>,
    keys: Vec<K>,
    /// `None`: it has ended.
    turn: Option<Turn>,
}

impl<K, V, N, F> Changing<K, V, N, F>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    N: Cache<K, V>,
    F: Cache<K, V>,
{
    pub(super) fn begin(tiers: &Arc<Inner<K, V, N, F>>, keys: &[K]) -> Self {
        let turn = tiers.changes.begin(keys);
        Changing { tiers: tiers.clone(), keys: keys.to_vec(), turn: Some(turn) }
    }

    pub(super) fn begin_clear(tiers: &Arc<Inner<K, V, N, F>>) -> Self {
        let turn = tiers.changes.begin_clear();
        Changing { tiers: tiers.clone(), keys: Vec::new(), turn: Some(turn) }
    }

    /// It is made in both tiers.
    pub(super) async fn end(mut self) -> Result<()> {
        let met = self.turn.as_ref().map(|turn| turn.met(&self.keys)).unwrap_or_default();
        if !met.is_empty() {
            self.tiers.near.delete_many(&met).await?;
        }
        self.turn = None;
        Ok(())
    }

    /// Nothing was changed.
    pub(super) fn none(mut self) {
        self.turn = None;
    }
}

impl<K, V, N, F> Drop for Changing<K, V, N, F>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    N: Cache<K, V>,
    F: Cache<K, V>,
{
    fn drop(&mut self) {
        let Some(turn) = self.turn.take() else { return };
        let (tiers, keys) = (self.tiers.clone(), std::mem::take(&mut self.keys));
        in_background(async move {
            let gone = match turn.hashes {
                Some(_) => tiers.near.delete_many(&keys).await,
                None => tiers.near.clear().await,
            };
            drop((gone, turn));
        });
    }
}
