//! Which edits of a type change its print: those that change its form in bytes, and those that
//! change what the bytes mean.
//!
//! The name of a type counts: `Meters(f64)` that becomes `Feet(f64)` has the same bytes and other
//! values. A rename costs one cold cache, or `#[shape(name = "Old")]`.
#![cfg(feature = "encoded")]
#![allow(dead_code, reason = "only the prints of the types count")]

use cache_clients::encoded::{ShapeProbe, ShapeProbeFallback as _};
use cache_core::{CacheShape, Print};
use std::collections::HashMap;

/// Each edit is a type before and after.
macro_rules! edits {
    ($($edit:literal: $verdict:ident { $($before:tt)* } => { $($after:tt)* })*) => {
        /// What was edited, whether the print is to change, and the prints.
        fn edits() -> Vec<(&'static str, bool, Print, Print)> {
            vec![$({
                mod before {
                    #![allow(unused_imports, reason = "some need none")]
                    use cache_macros::CacheShape;
                    use std::collections::*;
                    #[derive(CacheShape)]
                    #[shape(crate = cache_core::shape)]
                    $($before)*
                    pub(super) const PRINT: cache_core::Print = <T as cache_core::CacheShape>::PRINT;
                }
                mod after {
                    #![allow(unused_imports, reason = "some need none")]
                    use cache_macros::CacheShape;
                    use std::collections::*;
                    #[derive(CacheShape)]
                    #[shape(crate = cache_core::shape)]
                    $($after)*
                    pub(super) const PRINT: cache_core::Print = <T as cache_core::CacheShape>::PRINT;
                }
                ($edit, changes!($verdict), before::PRINT, after::PRINT)
            }),*]
        }
    };
}

macro_rules! changes {
    (changes) => {
        true
    };
    (keeps) => {
        false
    };
}

edits! {
    "nothing": keeps { struct T { a: u8, b: u16 } } => { struct T { a: u8, b: u16 } }
    "a doc comment": keeps { struct T { a: u8 } } => { /** Text. */ struct T { /** More. */ a: u8 } }
    "visibility": keeps { struct T { a: u8 } } => { pub(super) struct T { pub(super) a: u8 } }
    "other derives": keeps { struct T { a: u8 } } => { #[derive(Debug, Clone)] struct T { a: u8 } }
    "the layout in memory": keeps { struct T { a: u8 } } => { #[repr(C)] struct T { a: u8 } }
    "a raw name": keeps { struct T { r#type: u8 } } => { struct T { #[serde(rename = "type")] kind: u8 } }
    "the name of a type parameter": keeps { struct G<A>(A); type T = G<u8>; } => { struct G<B>(B); type T = G<u8>; }
    "a bound": keeps { struct G<A>(A); type T = G<u8>; } => { struct G<A: Clone>(A); type T = G<u8>; }
    "a lifetime": keeps { struct G { a: String } type T = G; } => { struct G<'a> { a: &'a str } type T = G<'static>; }
    "a box around a field": keeps { struct T { a: u64 } } => { struct T { a: Box<u64> } }
    "shared instead of owned text": keeps { struct T { a: String } } => { struct T { a: std::sync::Arc<str> } }
    "an ordered map": keeps { struct T { a: HashMap<u8, u8> } } => { struct T { a: BTreeMap<u8, u8> } }
    "a deque": keeps { struct T { a: Vec<u8> } } => { struct T { a: VecDeque<u8> } }
    "a field renamed, its stored name kept": keeps { struct T { a: u8 } } => { struct T { #[serde(rename = "a")] b: u8 } }
    "the type renamed, the name of its print kept": keeps { struct T { a: u8 } } => { #[shape(name = "T")] struct U { a: u8 } type T = U; }
    "a field that is not stored": keeps { struct T { a: u8 } } => { struct T { a: u8, #[serde(skip)] b: u64 } }
    "an alias that is read too": keeps { struct T { a: u8 } } => { struct T { #[serde(alias = "b")] a: u8 } }
    "a discriminant": keeps { enum T { A, B } } => { enum T { A = 5, B = 9 } }
    "the inside of an opaque field": keeps { struct T { #[shape(opaque = "v1")] a: u8 } } => { struct T { #[shape(opaque = "v1")] a: u16 } }
    "the inside of an opaque type": keeps { #[shape(opaque = "v1")] struct T { a: u8 } } => { #[shape(opaque = "v1")] struct T { b: u8 } }

    "the type renamed": changes { struct Meters(f64); type T = Meters; } => { struct Feet(f64); type T = Feet; }
    "a field renamed": changes { struct T { a: u8 } } => { struct T { b: u8 } }
    "a field's stored name": changes { struct T { a: u8 } } => { struct T { #[serde(rename = "b")] a: u8 } }
    "a field added": changes { struct T { a: u8 } } => { struct T { a: u8, b: u8 } }
    "a field removed": changes { struct T { a: u8, b: u8 } } => { struct T { a: u8 } }
    "two fields swapped": changes { struct T { a: u8, b: u8 } } => { struct T { b: u8, a: u8 } }
    "the types of two fields swapped": changes { struct T { a: u8, b: u16 } } => { struct T { a: u16, b: u8 } }
    "a field's type": changes { struct T { a: u32 } } => { struct T { a: i32 } }
    "a field's width": changes { struct T { a: u32 } } => { struct T { a: u64 } }
    "a field made optional": changes { struct T { a: u8 } } => { struct T { a: Option<u8> } }
    "a type deep inside": changes { struct T { a: Vec<Option<(u8, u8)>> } } => { struct T { a: Vec<Option<(u8, i8)>> } }
    "a set instead of a list": changes { struct T { a: Vec<u8> } } => { struct T { a: BTreeSet<u8> } }
    "an array instead of a list": changes { struct T { a: Vec<u8> } } => { struct T { a: [u8; 4] } }
    "the length of an array": changes { struct T { a: [u8; 4] } } => { struct T { a: [u8; 5] } }
    "a map turned around": changes { struct T { a: HashMap<u8, u16> } } => { struct T { a: HashMap<u16, u8> } }
    "names taken away": changes { struct T { a: u8, b: u8 } } => { struct T(u8, u8); }
    "an empty struct": changes { struct T; } => { struct T {} }
    "one of two parameters": changes { struct G<A, B>(A, B); type T = G<u8, u16>; } => { struct G<A, B>(A, B); type T = G<u8, u32>; }
    "a variant added": changes { enum T { A } } => { enum T { A, B } }
    "a variant renamed": changes { enum T { A, B } } => { enum T { A, C } }
    "two variants swapped": changes { enum T { A, B } } => { enum T { B, A } }
    "a field of a variant": changes { enum T { A(u8) } } => { enum T { A(u16) } }
    "a field between two variants": changes { enum T { A(u8), B } } => { enum T { A, B(u8) } }
    "a variant without its field": changes { enum T { A(u8) } } => { enum T { A } }
    "a struct made an enum": changes { struct T { a: u8 } } => { enum T { T { a: u8 } } }
    "all names of fields": changes { struct T { a: u8 } } => { #[serde(rename_all = "UPPERCASE")] struct T { a: u8 } }
    "a tag": changes { enum T { A { a: u8 } } } => { #[serde(tag = "kind")] enum T { A { a: u8 } } }
    "another tag": changes { #[serde(tag = "kind")] enum T { A { a: u8 } } } => { #[serde(tag = "type")] enum T { A { a: u8 } } }
    "no tag": changes { enum T { A { a: u8 } } } => { #[serde(untagged)] enum T { A { a: u8 } } }
    "a transparent wrapper": changes { struct T { a: u8 } } => { #[serde(transparent)] struct T { a: u8 } }
    "a flattened field": changes { struct T { a: (u8,) } } => { struct T { #[serde(flatten)] a: (u8,) } }
    "a field skipped": changes { struct T { a: u8, b: u8 } } => { struct T { a: u8, #[serde(skip)] b: u8 } }
    "a field skipped at times": changes { struct T { a: Option<u8> } } => { struct T { #[serde(skip_serializing_if = "Option::is_none")] a: Option<u8> } }
    "a default": changes { struct T { a: u8 } } => { struct T { #[serde(default)] a: u8 } }
    "a field written by other code": changes { struct T { a: u8 } } => { struct T { #[serde(with = "other")] a: u8 } }
    "a type written as another": changes { struct T { a: u8 } } => { #[serde(into = "u8", from = "u8")] struct T { a: u8 } }
    "an opaque field counted up": changes { struct T { #[shape(opaque = "v1")] a: u8 } } => { struct T { #[shape(opaque = "v2")] a: u8 } }
    "an opaque type counted up": changes { #[shape(opaque = "v1")] struct T { a: u8 } } => { #[shape(opaque = "v2")] struct T { a: u8 } }
    "a part of an inner type": changes {
        struct T { a: Inner }
        #[derive(CacheShape)] #[shape(crate = cache_core::shape)] struct Inner { b: u8 }
    } => {
        struct T { a: Inner }
        #[derive(CacheShape)] #[shape(crate = cache_core::shape)] struct Inner { c: u8 }
    }
}

#[test]
fn a_print_changes_with_the_form_and_with_nothing_else() {
    let edits = edits();
    assert!(edits.len() >= 30);
    let wrong: Vec<_> = edits
        .iter()
        .filter(|(_, changes, before, after)| (before.number() != after.number()) != *changes)
        .map(|(edit, changes, ..)| {
            format!("{edit}: should {}", if *changes { "change" } else { "stay" })
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

mod types {
    use cache_macros::CacheShape;
    use std::collections::HashMap;

    #[derive(CacheShape)]
    #[shape(crate = cache_core::shape)]
    pub(super) struct Seen {
        pub(super) names: HashMap<String, Vec<u8>>,
        #[serde(default)]
        pub(super) rest: Option<u8>,
    }

    #[derive(CacheShape)]
    #[shape(crate = cache_core::shape)]
    #[serde(untagged)]
    pub(super) enum Untold {
        A(u8),
    }

    #[derive(CacheShape)]
    #[shape(crate = cache_core::shape)]
    pub(super) struct Around(pub(super) Vec<Untold>);
}

#[test]
fn only_what_the_print_sees_in_full_is_stored_without_names() {
    assert!(types::Seen::PRINT.is_positional());
    assert!(!types::Untold::PRINT.is_positional());
    // Also where it is somewhere inside.
    assert!(!types::Around::PRINT.is_positional());
}

#[test]
fn the_probe_finds_a_shape_where_there_is_one() {
    assert!(ShapeProbe::<HashMap<String, Option<u64>>>::EXTRA.is_some());
    // A shape, and no serde.
    assert!(ShapeProbe::<types::Seen>::EXTRA.is_none());
    struct Plain;
    assert!(ShapeProbe::<Plain>::EXTRA.is_none());
}
