//! Shapes: what a type looks like in bytes, as a number known at compile time.
//!
//! A program that was changed must not read the bytes of its predecessor as something else. So the
//! print of the value's type is stored beside each value, and a value of another print is a miss.

mod print;
mod std_types;

pub use print::Print;

/// What `#[derive(CacheShape)]` expands to.
#[doc(hidden)]
pub mod __private {
    pub use super::{CacheShape, Print};
}

/// A type whose form in bytes has a print: another print means another form.
///
/// Derive it for the values of cached functions that are stored as bytes. Larder then stores them
/// without field names, in half the space, and a deploy that changes the type never reads what the
/// old program wrote: that is a miss with the reason [`Schema`](crate::Reason::Schema) at most.
///
/// The print sees the name of the type, the names, order and types of its fields and variants, and
/// the serde attributes; not visibility, documentation, other derives, or where the type is declared.
///
/// ```
/// use cache_core::CacheShape;
///
/// assert_eq!(<Vec<u8>>::PRINT, <Box<[u8]>>::PRINT);
/// assert_ne!(<Vec<u8>>::PRINT, <Vec<i8>>::PRINT);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no shape",
    label = "its form in bytes is not known",
    note = "derive `CacheShape` for it; if it is a foreign or a recursive type, write `#[shape(opaque = \"v1\")]` at the field and count up when the type changes"
)]
pub trait CacheShape {
    /// The print of its form.
    const PRINT: Print;
}
