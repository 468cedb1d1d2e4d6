//! Drives async calls: a whole pass in one future, so that entering a runtime is not part of a call.

use std::cell::RefCell;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: RefCell<Runtime> =
        RefCell::new(Builder::new_current_thread().enable_time().build().expect("a runtime starts"));
}

/// Runs a future on this thread's own runtime.
pub fn drive<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with_borrow(|runtime| runtime.block_on(future))
}

/// The async pass: calls one after the other, and sums up the answers.
#[inline]
pub async fn sum_async<K: Copy, F: Future<Output = u64>>(
    keys: &[K],
    answer: impl Fn(K) -> F,
) -> u64 {
    let mut sum = 0u64;
    for &key in keys {
        sum = sum.wrapping_add(answer(key).await);
    }
    sum
}
