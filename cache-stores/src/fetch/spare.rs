//! Memory for chunks that lie in local already, and whose readers are about to come: reading them back costs more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// For all fetches of a store together: readers that stand still must not hold more.
const MOST: usize = 8 << 20;

/// What is left of it.
#[derive(Debug, Clone)]
pub(crate) struct Spares(Arc<AtomicUsize>);

/// Bytes that may be held; given back by dropping it.
#[derive(Debug)]
pub(crate) struct Spare {
    of: Spares,
    bytes: usize,
}

impl Default for Spares {
    fn default() -> Self {
        Spares(Arc::new(AtomicUsize::new(MOST)))
    }
}

impl Spares {
    /// `None`: others hold too much.
    pub(crate) fn take(&self, bytes: usize) -> Option<Spare> {
        let less = |left: usize| left.checked_sub(bytes);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok()?;
        Some(Spare { of: self.clone(), bytes })
    }
}

#[cfg(test)]
impl Spares {
    pub(super) fn is_whole(&self) -> bool {
        self.0.load(Ordering::Relaxed) == MOST
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        self.of.0.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_limited_and_comes_back() {
        let spares = Spares::default();
        let most = spares.take(MOST).unwrap();
        assert!(spares.clone().take(1).is_none());
        drop(most);
        assert!(spares.is_whole());
    }
}
