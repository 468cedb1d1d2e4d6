//! Who is told of promotions, and what is written in the background.

use super::Options;
use cache_core::in_background;
use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Sees namespace, key and value.
pub(super) type Hook =
    Arc<dyn Fn(&str, &(dyn Any + Send + Sync), &(dyn Any + Send + Sync)) + Send + Sync>;

/// Writes under way at a time.
const BOUND: usize = 1024;

impl Options {
    /// A hook that panics does not harm the caller.
    pub(super) fn tell<K, V>(&self, namespace: &str, key: &K, value: &V)
    where
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        for hook in &self.hooks {
            drop(catch_unwind(AssertUnwindSafe(|| hook(namespace, key, value))));
        }
    }

    /// Whether one more write may go on in the background; if so, it is to be [run](Options::run).
    pub(super) fn admits_background(&self) -> bool {
        if !self.background {
            return false;
        }
        let full = self.writing.fetch_add(1, Ordering::AcqRel) >= BOUND;
        if full {
            self.writing.fetch_sub(1, Ordering::AcqRel);
        }
        !full
    }

    pub(super) fn run(&self, write: impl Future<Output = ()> + Send + 'static) {
        let writing = self.writing.clone();
        in_background(async move {
            let _under_way = UnderWay(writing);
            write.await;
        });
    }
}

/// Counts itself out, also when the write panics.
struct UnderWay(Arc<std::sync::atomic::AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
