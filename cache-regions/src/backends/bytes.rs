//! Values as bytes in this process: isolated copies, within so many bytes.

use super::{BackendPlan, Distance, Sharing};
use crate::config::settings::Settings;
use bytes::Bytes;
use cache_clients::encoded::{Backend, Solo};
use cache_core::{Budget, Clock, Eviction, Near, Result, TableOptions};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Counted for each value beside key and bytes.
const ASIDE: usize = 128;
/// Below, pages would be too short to be worth their headers.
const LEAST: u64 = 64 << 10;

/// Reads the options.
pub(super) fn plan(settings: &mut Settings<'_>) -> Result<BackendPlan> {
    settings.required("capacity");
    let capacity = settings.bytes("capacity").unwrap_or(LEAST);
    if capacity < LEAST {
        settings.wrong(
            "capacity",
            format!("`capacity` is {capacity} bytes: right is {LEAST} at least"),
        );
    }
    let clock = settings.clock();
    let make = move || {
        let page = usize::try_from(capacity / 8).unwrap_or(usize::MAX).min(16 << 20);
        let store = MemoryBytes::new(capacity, clock.clone());
        Ok(Solo::new(store).with_name("memory_bytes").with_max_value(page).with_clock(clock))
    };
    let plan = BackendPlan::new(make).with_distance(Distance::Process);
    Ok(plan.with_memory(capacity).with_sharing(Sharing::Never))
}

/// Bytes in this process, within a capacity in bytes; the least recently used value goes first.
///
/// Keys, values and 128 bytes more for each value count; what they count together never exceeds the
/// capacity. A value that is larger than all of it is not kept. Over [`Solo`](cache_clients::encoded::Solo) it
/// is a server, with leases and the fence.
///
/// ```
/// use cache_clients::encoded::{Encoded, Solo};
/// use cache_core::{CacheExt, Clock, wait};
/// use cache_regions::MemoryBytes;
///
/// let store = MemoryBytes::new(64 << 20, Clock::system());
/// let client = Encoded::new(Solo::new(store.clone()))?;
/// let pages = client.open::<u64, String>("pages");
/// wait(pages.put_for(&7, "<html>".to_owned(), 60))?;
/// assert_eq!(wait(pages.get(&7))?.as_deref(), Some("<html>"));
/// assert!(store.used() < 1000);
/// # Ok::<(), cache_core::Error>(())
/// ```
#[derive(Clone)]
pub struct MemoryBytes {
    near: Near<String, Bytes>,
    budget: Arc<Budget>,
}

impl MemoryBytes {
    /// Within so many bytes.
    #[must_use]
    pub fn new(capacity: u64, clock: Clock) -> Self {
        let budget = Budget::weight(capacity);
        let weigh = |key: &String, bytes: &Bytes| {
            u32::try_from(key.len() + bytes.len() + ASIDE).unwrap_or(u32::MAX)
        };
        let options = TableOptions::new(budget.clone(), clock)
            .with_eviction(Eviction::Lru)
            .with_weigher(Arc::new(weigh));
        MemoryBytes { near: Near::new(options), budget }
    }

    /// How much fits in all.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.budget.capacity()
    }

    /// How much is taken at the moment.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.budget.used()
    }
}

impl fmt::Debug for MemoryBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBytes").field("budget", &self.budget).finish()
    }
}

impl Backend for MemoryBytes {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        Ok(self.near.get(key))
    }

    async fn put(&self, key: &str, bytes: Bytes, keep: Option<Duration>) -> Result<()> {
        // A slice would keep the whole buffer that it was cut from.
        let bytes = Bytes::copy_from_slice(&bytes);
        if !self.near.put_for(key.to_owned(), bytes, keep) {
            // It does not fit; what was there before must not stand for it.
            self.near.delete(key);
        }
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<bool> {
        Ok(self.near.delete(key))
    }
}
