//! What `#[invalidates]` does after a success: whatever companions give is waited for, in either way.

use crate::outcome::Outcome;
use crate::tags;
use std::fmt::Display;
use std::future::{Future, Ready, ready};

/// Runs a body that may `return`. Its bound tells the compiler that the closure runs once, and so may
/// give away what it has.
#[inline]
pub fn run_once<R>(body: impl FnOnce() -> R) -> R {
    body()
}

/// Whether a `Result` or an `Option` is a success.
pub trait OutcomeSuccess {
    /// Whether it is.
    fn __larder_succeeded(&self) -> bool;
}
impl<R: Outcome> OutcomeSuccess for R {
    fn __larder_succeeded(&self) -> bool {
        self.value().is_some()
    }
}

/// What is neither is always one; found only where [`OutcomeSuccess`] is not.
pub trait AnySuccess {
    /// True.
    fn __larder_succeeded(&self) -> bool;
}
impl<R> AnySuccess for &R {
    fn __larder_succeeded(&self) -> bool {
        true
    }
}

/// What the companion of an `async fn` gives has yet to run.
pub trait ToldInTime {
    /// How to settle it.
    fn __larder_told(&self) -> InTime;
}
impl<F: Future> ToldInTime for F {
    fn __larder_told(&self) -> InTime {
        InTime
    }
}

/// What other companions give has been done; found only where [`ToldInTime`] is not.
pub trait ToldNow {
    /// How to settle it.
    fn __larder_told(&self) -> Now;
}
impl<T> ToldNow for &T {
    fn __larder_told(&self) -> Now {
        Now
    }
}

/// Of a future.
#[derive(Debug, Clone, Copy)]
pub struct InTime;

/// Of anything else.
#[derive(Debug, Clone, Copy)]
pub struct Now;

impl InTime {
    /// The future itself.
    pub fn settle<F: Future>(self, told: F) -> F {
        told
    }
}
impl Now {
    /// Nothing to wait for.
    pub fn settle<T>(self, _told: T) -> Ready<()> {
        ready(())
    }
}

/// Invalidates a tag. What could not be reached has been noted, and hears of it before it is believed.
pub async fn tag_told(name: String) {
    drop(tags::invalidate_tag(name).await);
}

/// The name of a tag: texts, and what is shown between them.
pub fn tag_name(texts: &[&str], shown: &[&dyn Display]) -> String {
    let mut name = String::new();
    for (at, text) in texts.iter().enumerate() {
        name.push_str(text);
        if let Some(shown) = shown.get(at) {
            name.push_str(&shown.to_string());
        }
    }
    name
}

#[cfg(test)]
#[expect(clippy::needless_borrow, reason = "as the attribute writes it: the borrow decides")]
mod tests {
    use super::*;
    use crate::wait;

    #[test]
    fn results_and_options_may_fail_and_all_else_succeeds() {
        type Hidden = Result<u8, &'static str>;
        let (good, bad): (Hidden, Hidden) = (Ok(1), Err("no"));
        assert!((&good).__larder_succeeded());
        assert!(!(&bad).__larder_succeeded());
        assert!(!(&None::<u8>).__larder_succeeded());
        assert!((&()).__larder_succeeded());
        assert!((&false).__larder_succeeded());
    }

    #[test]
    fn futures_and_values_settle_alike() {
        let now = true;
        wait((&now).__larder_told().settle(now));
        let in_time = async { 7 };
        assert_eq!(wait((&in_time).__larder_told().settle(in_time)), 7);
    }
}
