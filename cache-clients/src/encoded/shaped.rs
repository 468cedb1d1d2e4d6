//! What the attribute knows of a value's shape, so that a cache may store it without field names.

use super::tail::encode;
use cache_core::{CacheShape, Print};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::marker::PhantomData;

/// The shape of a value type, with the functions that need it.
pub struct Shaped<V> {
    print: Print,
    encode: fn(&V, &mut Vec<u8>) -> Result<(), String>,
    decode: fn(&[u8]) -> Option<V>,
}

impl<V: CacheShape + Serialize + DeserializeOwned> Shaped<V> {
    /// The shape of this type.
    ///
    /// ```
    /// use cache_clients::encoded::Shaped;
    /// assert_ne!(Shaped::<Vec<u8>>::of().print(), Shaped::<Vec<u16>>::of().print());
    /// ```
    #[must_use]
    pub const fn of() -> Self {
        Shaped { print: V::PRINT, encode: encode::<V>, decode: decode::<V> }
    }
}

impl<V> Shaped<V> {
    /// A number that differs between shapes.
    #[must_use]
    pub fn print(&self) -> u64 {
        self.print.number()
    }

    /// Whether the print sees all that decides on the bytes, so that names may be left out.
    pub(super) fn is_positional(&self) -> bool {
        self.print.is_positional()
    }

    pub(super) fn encode(&self, value: &V, out: &mut Vec<u8>) -> Result<(), String> {
        (self.encode)(value, out)
    }

    pub(super) fn decode(&self, bytes: &[u8]) -> Option<V> {
        (self.decode)(bytes)
    }
}

impl<V> Clone for Shaped<V> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<V> Copy for Shaped<V> {}

impl<V> fmt::Debug for Shaped<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shaped").field(&self.print).finish()
    }
}

fn decode<V: DeserializeOwned>(bytes: &[u8]) -> Option<V> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Some(value),
        Ok(_) | Err(_) => None,
    }
}

/// Asks a type, at compile time, for its shape. Inherent items win over the fallback.
///
/// ```
/// use cache_clients::encoded::{ShapeProbe, ShapeProbeFallback as _};
///
/// struct Shapeless;
/// assert!(ShapeProbe::<Shapeless>::EXTRA.is_none());
/// assert!(ShapeProbe::<Vec<String>>::EXTRA.is_some());
/// ```
#[derive(Debug)]
pub struct ShapeProbe<V>(PhantomData<V>);

/// What [`ShapeProbe`] says of types without a shape.
pub trait ShapeProbeFallback<V> {
    /// None.
    const EXTRA: Option<Shaped<V>> = None;
}
impl<V> ShapeProbeFallback<V> for ShapeProbe<V> {}

impl<V: CacheShape + Serialize + DeserializeOwned + 'static> ShapeProbe<V> {
    /// The shape.
    pub const EXTRA: Option<Shaped<V>> = Some(Shaped::of());
}
