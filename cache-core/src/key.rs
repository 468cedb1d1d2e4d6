//! Keys seen through borrowed arguments: hashed and compared in place, owned only on a miss.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

/// What a key may consist of.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache key: that takes `Hash + Eq + Clone + Send + Sync + 'static`; derive those, leave the argument out with `skip(..)`, or make the key of something else with `key = ..`",
    label = "not a cache key"
)]
pub trait Key: Hash + Eq + Clone + Send + Sync + 'static {}
#[diagnostic::do_not_recommend]
impl<T: Hash + Eq + Clone + Send + Sync + 'static> Key for T {}

/// What may be stored.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be cached: a value is handed out as a clone, in any thread, which takes `Clone + Send + Sync + 'static`; derive `Clone`, or return an `Arc`",
    label = "not a cache value"
)]
pub trait Storable: Clone + Send + Sync + 'static {}
#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> Storable for T {}

/// One argument of a cached function as the cache sees it.
///
/// Implemented by [`Own`], [`Val`] and [`Ref`]; the attribute picks the right one.
#[diagnostic::on_unimplemented(
    message = "an argument of type `{Self}` cannot be part of a cache key",
    label = "not a cache key",
    note = "a key part must be `Hash + Eq + Clone + Send + Sync + 'static`, or a reference to a type that can be cloned into one",
    note = "leave it out with `skip(argument)`, or build the key yourself with `key = (..)`"
)]
pub trait Part {
    /// What is stored in the key.
    type Owned: Key;
    /// Feeds the hasher exactly as [`Part::Owned`] would.
    fn hash<H: Hasher>(&self, state: &mut H);
    /// Compares with a stored part.
    fn eq(&self, stored: &Self::Owned) -> bool;
    /// Makes the stored form.
    fn own(&self) -> Self::Owned;
}

/// An argument behind a reference: `&str` is kept as `String`, `&[T]` as `Vec<T>`.
#[derive(Debug, Clone, Copy)]
pub struct Ref<'a, T: ?Sized>(pub &'a T);

/// An argument taken by value.
#[derive(Debug, Clone, Copy)]
pub struct Own<T>(pub T);

/// An argument taken by value, looked at without moving it.
#[derive(Debug, Clone, Copy)]
pub struct Val<'a, T>(pub &'a T);

impl<T> Part for Ref<'_, T>
where
    T: ?Sized + ToOwned + Hash + Eq,
    T::Owned: Borrow<T> + Hash + Eq + Clone + Send + Sync + 'static,
{
    type Owned = T::Owned;
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
    #[inline]
    fn eq(&self, stored: &T::Owned) -> bool {
        *stored.borrow() == *self.0
    }
    #[inline]
    fn own(&self) -> T::Owned {
        self.0.to_owned()
    }
}

impl<T: Key> Part for Own<T> {
    type Owned = T;
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
    #[inline]
    fn eq(&self, stored: &T) -> bool {
        *stored == self.0
    }
    #[inline]
    fn own(&self) -> T {
        self.0.clone()
    }
}

impl<T: Key> Part for Val<'_, T> {
    type Owned = T;
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
    #[inline]
    fn eq(&self, stored: &T) -> bool {
        stored == self.0
    }
    #[inline]
    fn own(&self) -> T {
        self.0.clone()
    }
}

/// An optional argument behind a reference: `Option<&str>` is kept as `Option<String>`.
#[derive(Debug, Clone, Copy)]
pub struct Opt<'a, T: ?Sized>(pub Option<&'a T>);

impl<T> Part for Opt<'_, T>
where
    T: ?Sized + ToOwned + Hash + Eq,
    T::Owned: Borrow<T> + Hash + Eq + Clone + Send + Sync + 'static,
{
    type Owned = Option<T::Owned>;
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Hashes like `Option<T::Owned>`, since `T` hashes like `T::Owned`.
        self.0.hash(state);
    }
    #[inline]
    fn eq(&self, stored: &Self::Owned) -> bool {
        match (self.0, stored) {
            (Some(mine), Some(stored)) => *mine == *stored.borrow(),
            (None, None) => true,
            _ => false,
        }
    }
    #[inline]
    fn own(&self) -> Self::Owned {
        self.0.map(ToOwned::to_owned)
    }
}

/// All key parts of one call; hashes and compares like the key that it would become.
pub trait View {
    /// The stored key: the part itself for one part ([`One`]), else the tuple of the parts.
    type Key: Hash + Eq + Clone + Send + Sync + 'static;
    /// Feeds the hasher exactly as [`View::Key`] would.
    fn hash<H: Hasher>(&self, state: &mut H);
    /// Compares with a stored key.
    fn eq(&self, stored: &Self::Key) -> bool;
    /// Makes the stored key.
    fn own(&self) -> Self::Key;
}

/// The view of a key of one part: its key is the part, not a tuple of one.
#[derive(Debug, Clone, Copy)]
pub struct One<P>(pub P);

impl<P: Part> View for One<P> {
    type Key = P::Owned;
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
    #[inline]
    fn eq(&self, stored: &Self::Key) -> bool {
        self.0.eq(stored)
    }
    #[inline]
    fn own(&self) -> Self::Key {
        self.0.own()
    }
}

/// A view of a whole key: what direct use of a cache passes.
impl<K: Hash + Eq + Clone + Send + Sync + 'static> View for &K {
    type Key = K;
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        Hash::hash(*self, state);
    }
    #[inline]
    fn eq(&self, stored: &K) -> bool {
        stored == *self
    }
    #[inline]
    fn own(&self) -> K {
        (*self).clone()
    }
}

macro_rules! views {
    ($(($($part:ident $at:tt),*))*) => {$(
        impl<$($part: Part),*> View for ($($part,)*) {
            type Key = ($($part::Owned,)*);
            #[inline]
            fn hash<H: Hasher>(&self, _state: &mut H) {
                $(self.$at.hash(_state);)*
            }
            #[inline]
            fn eq(&self, _stored: &Self::Key) -> bool {
                true $(&& self.$at.eq(&_stored.$at))*
            }
            #[inline]
            #[allow(clippy::unused_unit, reason = "the key of no parts")]
            fn own(&self) -> Self::Key {
                ($(self.$at.own(),)*)
            }
        }
    )*};
}

views! {
    ()
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H1 7)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H1 7, I 8)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H1 7, I 8, J 9)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H1 7, I 8, J 9, K 10)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H1 7, I 8, J 9, K 10, L 11)
}

/// A float as a key part: equal when the numbers are, with all NaNs equal and `-0.0 == 0.0`.
///
/// ```
/// use cache_core::Float;
///
/// assert_eq!(Float(0.0_f64), Float(-0.0));
/// assert_eq!(Float(f32::NAN), Float(f32::NAN));
/// assert_ne!(Float(1.5_f64), Float(1.25));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Float<T>(pub T);

macro_rules! floats {
    ($($float:ty),*) => {$(
        impl Float<$float> {
            #[inline]
            fn bits(self) -> u64 {
                let number = self.0;
                if number.is_nan() {
                    return u64::MAX;
                }
                // Adding zero turns -0.0 into 0.0 and leaves everything else.
                (number + 0.0).to_bits().into()
            }
        }
        impl PartialEq for Float<$float> {
            #[inline]
            fn eq(&self, other: &Self) -> bool {
                self.bits() == other.bits()
            }
        }
        impl Eq for Float<$float> {}
        impl Hash for Float<$float> {
            #[inline]
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.bits().hash(state);
            }
        }
    )*};
}
floats!(f32, f64);

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::DefaultHasher;

    fn of(write: impl FnOnce(&mut DefaultHasher)) -> u64 {
        let mut hasher = DefaultHasher::new();
        write(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn a_view_hashes_and_compares_like_its_key() {
        let view = (Ref("north"), Own(7_u64), Ref([1_u8, 2].as_slice()));
        let key = view.own();
        assert_eq!(key, ("north".to_owned(), 7, vec![1, 2]));
        assert!(View::eq(&view, &key));
        assert_eq!(of(|h| View::hash(&view, h)), of(|h| Hash::hash(&key, h)));
        assert!(!View::eq(&view, &("south".to_owned(), 7, vec![1, 2])));
    }

    #[test]
    fn a_single_part_is_its_own_key() {
        let view = One(Ref("north"));
        assert_eq!(view.own(), "north");
        assert_eq!(of(|h| View::hash(&view, h)), of(|h| Hash::hash("north", h)));
    }
}
