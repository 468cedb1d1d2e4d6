//! What a return type keeps: the whole value, or the inside of a `Result` or `Option`.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

/// A return type with a success inside: `Result` and `Option`, also behind an alias.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a `Result` nor an `Option`, though named like one",
    label = "not a `Result` or `Option`",
    note = "write `#[cached(.., cache_err)]` to cache the value as a whole"
)]
pub trait Outcome {
    /// What is cached.
    type Value;
    /// Whether its other side is a failure.
    const FAILS: bool;
    /// The success, if it is one.
    fn value(&self) -> Option<&Self::Value>;
    /// A success again.
    fn wrap(value: Self::Value) -> Self;
}

impl<T, E> Outcome for Result<T, E> {
    type Value = T;
    const FAILS: bool = true;
    #[inline]
    fn value(&self) -> Option<&T> {
        self.as_ref().ok()
    }
    #[inline]
    fn wrap(value: T) -> Self {
        Ok(value)
    }
}

impl<T> Outcome for Option<T> {
    type Value = T;
    const FAILS: bool = false;
    #[inline]
    fn value(&self) -> Option<&T> {
        self.as_ref()
    }
    #[inline]
    fn wrap(value: T) -> Self {
        Some(value)
    }
}

/// How a return type `R` maps to the stored value.
pub trait Mode<R>: 'static {
    /// What is stored.
    type Value;
    /// Whether a result that is not stored is a failure (`Err`), or just nothing (`None`).
    const FAILS: bool;
    /// The part of a result that may be stored.
    fn value(result: &R) -> Option<&Self::Value>;
    /// A result made from a stored value.
    fn wrap(value: Self::Value) -> R;
}

/// Everything is stored as it is.
#[derive(Debug, Clone, Copy)]
pub struct Plain;

/// Only `Ok` and `Some` are stored, without their shell.
#[derive(Debug, Clone, Copy)]
pub struct OkOnly;

impl<R> Mode<R> for Plain {
    type Value = R;
    const FAILS: bool = false;
    #[inline]
    fn value(result: &R) -> Option<&R> {
        Some(result)
    }
    #[inline]
    fn wrap(value: R) -> R {
        value
    }
}

impl<R: Outcome> Mode<R> for OkOnly {
    type Value = R::Value;
    const FAILS: bool = R::FAILS;
    #[inline]
    fn value(result: &R) -> Option<&R::Value> {
        result.value()
    }
    #[inline]
    fn wrap(value: R::Value) -> R {
        R::wrap(value)
    }
}

/// How to copy a failure for everyone who waited for it; `None` where it cannot be copied.
pub type Share<R> = Option<Sharing<R>>;

/// A failure taken out of its result, and put back into another.
#[derive(Debug)]
pub struct Sharing<R> {
    take: fn(&R) -> Option<Arc<dyn Any + Send + Sync>>,
    give: fn(&(dyn Any + Send + Sync)) -> Option<R>,
}

impl<R> Sharing<R> {
    pub(crate) fn take(&self, failed: &R) -> Option<Arc<dyn Any + Send + Sync>> {
        (self.take)(failed)
    }
    pub(crate) fn give(&self, failure: &(dyn Any + Send + Sync)) -> Option<R> {
        (self.give)(failure)
    }
}

impl<R> Clone for Sharing<R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R> Copy for Sharing<R> {}

/// Asks a type, at compile time, what its failures can do. Inherent items win over the fallback.
#[derive(Debug)]
pub struct Probe<R>(PhantomData<R>);

/// What [`Probe`] says of types that are no `Result` with a clonable error and no `Option`.
pub trait ProbeFallback<R> {
    /// Whether the type is a `Result` or an `Option`.
    const IS_OUTCOME: bool = false;
    /// How to copy a failure.
    const SHARE: Share<R> = None;
}
impl<R> ProbeFallback<R> for Probe<R> {}

impl<T, E> Probe<Result<T, E>> {
    /// A `Result` under whatever name.
    pub const IS_OUTCOME: bool = true;
}
impl<T> Probe<Option<T>> {
    /// An `Option` under whatever name.
    pub const IS_OUTCOME: bool = true;
    /// Nothing is easy to copy.
    pub const SHARE: Share<Option<T>> =
        Some(Sharing { take: |_| Some(Arc::new(())), give: |_| Some(None) });
}
impl<T, E: Clone + Send + Sync + 'static> Probe<Result<T, E>> {
    /// The error can be cloned, so that all who waited get it.
    pub const SHARE: Share<Result<T, E>> = Some(Sharing {
        take: |failed| Some(Arc::new(failed.as_ref().err()?.clone())),
        give: |failure| failure.downcast_ref::<E>().cloned().map(Err),
    });
}

/// Whether a result is the failed side of its type.
pub fn failed<R: Outcome>(result: &R) -> bool {
    result.value().is_none()
}

/// How a result of one function is stored, copied and given back; without its types' names.
pub(crate) struct Rules<V, R> {
    pub(crate) value: fn(&R) -> Option<&V>,
    pub(crate) wrap: fn(V) -> R,
    pub(crate) share: Share<R>,
    pub(crate) fails: bool,
}

impl<V, R> Rules<V, R> {
    pub(crate) fn of<M: Mode<R, Value = V>>(share: Share<R>) -> Self {
        Rules { value: M::value, wrap: M::wrap, share, fails: M::FAILS }
    }
}

impl<V, R> Clone for Rules<V, R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<V, R> Copy for Rules<V, R> {}

impl<V, R> std::fmt::Debug for Rules<V, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rules")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct NotClone;
    type Hidden<T> = Result<T, NotClone>;

    #[test]
    fn a_result_behind_an_alias_is_seen() {
        const { assert!(Probe::<Hidden<u8>>::IS_OUTCOME) };
        const { assert!(Probe::<Option<u8>>::IS_OUTCOME) };
        const { assert!(!Probe::<u8>::IS_OUTCOME) };
    }

    #[test]
    fn only_clonable_errors_are_shared() {
        assert!(Probe::<Hidden<u8>>::SHARE.is_none());
        let share = Probe::<Result<u8, String>>::SHARE.unwrap();
        let failure = share.take(&Err("gone".into())).unwrap();
        assert_eq!(share.give(&*failure), Some(Err("gone".into())));
        assert!(Probe::<Option<u8>>::SHARE.is_some());
    }
}
