//! What only the compiler can tell: whether an innocent name hides a `Result`, or a promising one does not.

use crate::model::{Model, Output};
use crate::types;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericParam, Type};

/// Types of these names are what they are called; asking would only cost time.
const PLAIN: &[&str] = &[
    "bool", "char", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32",
    "f64", "String", "Vec", "Box", "Arc", "Rc", "HashMap", "HashSet", "BTreeMap", "BTreeSet", "Duration", "Bytes",
];

/// A check beside the function.
pub(crate) fn proof(model: &Model) -> Option<TokenStream> {
    let is_generic = model.item.sig.generics.params.iter().any(|param| matches!(param, GenericParam::Type(_)));
    let check = check(model).filter(|_| !is_generic)?;
    Some(quote!(const _: () = #check;))
}

/// A check inside the function, where the types of its surroundings can be named.
pub(crate) fn proof_inside(model: &Model) -> Option<TokenStream> {
    let check = check(model)?;
    Some(quote!(const { #check };))
}

fn check(model: &Model) -> Option<TokenStream> {
    let Output { ty, is_named_outcome, .. } = &model.output;
    if *is_named_outcome || is_plain(ty) {
        return None;
    }
    let larder = &model.larder;
    let (wanted, message) = if model.args.cache_err.is_some() {
        (quote!(), "`cache_err` is for a `Result` or an `Option`, and this is neither: leave it out")
    } else {
        (quote!(!), "this is a `Result` or an `Option` under another name: write `cache_err` to store failures too, or return a type whose name ends in `Result` to store successes only")
    };
    let probe = quote_spanned!(ty.span()=> #larder::Probe::<#ty>::IS_OUTCOME);
    Some(quote_spanned! {ty.span()=>
        ::core::assert!(#wanted { #[allow(unused_imports)] use #larder::ProbeFallback as _; #probe }, #message)
    })
}

/// Whether this is no outcome for certain.
pub(crate) fn is_plain(ty: &Type) -> bool {
    match types::bare(ty) {
        Type::Path(_) => types::last_segment(ty).is_some_and(|last| PLAIN.contains(&&*last.ident.to_string())),
        Type::Macro(_) => false,
        _ => true,
    }
}
