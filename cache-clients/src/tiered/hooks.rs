//! Who is told of promotions.

use super::Options;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Sees namespace, key and value.
pub(super) type Hook =
    Arc<dyn Fn(&str, &(dyn Any + Send + Sync), &(dyn Any + Send + Sync)) + Send + Sync>;

impl Options {
    pub(super) fn has_hooks(&self) -> bool {
        !self.hooks.is_empty()
    }

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
}
