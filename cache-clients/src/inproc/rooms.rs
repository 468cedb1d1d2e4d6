//! The caches of one client: found by name and types, or known only to whoever opened them.

use cache_core::table::Budget;
use cache_core::{Near, WeakNear};
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A cache whose types are forgotten.
pub(super) trait Room: Send + Sync {
    fn clear(&self);
    fn purge(&self, stale_for: Duration) -> usize;
    fn as_any(&self) -> &dyn Any;
}

impl<K, V> Room for Near<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn clear(&self) {
        Near::clear(self);
    }
    fn purge(&self, stale_for: Duration) -> usize {
        Near::purge(self, stale_for)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A cache that lives for as long as its function does.
trait Closet: Send + Sync {
    fn open(&self) -> Option<Arc<dyn Room>>;
}

impl<K, V> Closet for WeakNear<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn open(&self) -> Option<Arc<dyn Room>> {
        Some(Arc::new(self.upgrade()?))
    }
}

pub(super) struct Rooms {
    budget: Arc<Budget>,
    doors: Mutex<Doors>,
}

#[derive(Default)]
struct Doors {
    /// Kept for as long as the client lives: a name must find its values again.
    named: HashMap<(TypeId, Box<str>), Arc<dyn Room>>,
    private: Vec<Box<dyn Closet>>,
}

impl Rooms {
    pub(super) fn new(capacity: u64) -> Self {
        Rooms { budget: Budget::weight(capacity), doors: Mutex::default() }
    }

    pub(super) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// Nothing that can panic leaves the doors half changed.
    fn doors(&self) -> MutexGuard<'_, Doors> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn named<K, V>(&self, name: &str, make: impl FnOnce() -> Near<K, V>) -> Near<K, V>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        let id = (TypeId::of::<(K, V)>(), Box::from(name));
        let found = self.doors().named.get(&id).cloned();
        let room = found.unwrap_or_else(|| {
            // Made outside of the lock. Whoever comes second throws his empty one away.
            let made: Arc<dyn Room> = Arc::new(make());
            self.doors().named.entry(id).or_insert(made).clone()
        });
        match room.as_any().downcast_ref::<Near<K, V>>() {
            Some(near) => near.clone(),
            None => unreachable!("the key of a room holds its types"),
        }
    }

    pub(super) fn private<K, V>(&self, near: Near<K, V>) -> Near<K, V>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        let mut doors = self.doors();
        if doors.private.len() == doors.private.capacity() {
            doors.private.retain(|closet| closet.open().is_some());
        }
        doors.private.push(Box::new(near.downgrade()));
        near
    }

    /// All of them, so that nothing needs to be done under the lock.
    pub(super) fn all(&self) -> Vec<Arc<dyn Room>> {
        let doors = self.doors();
        let private = doors.private.iter().filter_map(|closet| closet.open());
        doors.named.values().cloned().chain(private).collect()
    }
}
