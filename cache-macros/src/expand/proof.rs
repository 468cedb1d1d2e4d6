//! What only the compiler can tell: whether types can be keys and values, and which of them are results.

use crate::model::{Model, Output, Param, Part, Taken};
use crate::types;
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericParam, Ident, Type};

/// What has to hold of the types. Each function of the expansion asks for it in a form that is proven
/// only where the function is used (`for<'__x>`), and relies on it otherwise. So what is wrong is told
/// once: where the decorated function uses its companion.
pub(crate) fn bounds(model: &Model) -> Vec<TokenStream> {
    let larder = &model.larder;
    let bound = |ty: &dyn ToTokens, span: Span, name: &str| {
        let name = Ident::new(name, span);
        quote_spanned!(span=> for<'__x> #ty: #larder::#name)
    };
    let output = &model.output;
    let keys = doubtful_keys(model).map(|ty| bound(ty, ty.span(), "Key"));
    let is_doubtful = is_output_doubtful(output);
    let value = is_doubtful.then(|| bound(&output.value, output.ty.span(), "Storable"));
    // Only where the type of the value is had through the trait, is there something to prove.
    let is_projected = output.ok_only && !output.is_spelled;
    let outcome = is_projected.then(|| bound(&output.ty, output.ty.span(), "Outcome"));
    keys.chain(outcome).chain(value).collect()
}

fn doubtful_keys(model: &Model) -> impl Iterator<Item = &Type> {
    let parts = model.key.iter().filter_map(|part| match part {
        Part::Param(index) => Some(key_type(&model.params[*index])),
        Part::Typed(_, ty) => Some(ty),
        Part::Float(_) | Part::Computed(_) => None,
    });
    parts.filter(|ty| !types::is_innocent(ty))
}

fn is_output_doubtful(output: &Output) -> bool {
    let inside = types::last_segment(&output.ty).map(types::type_arguments).unwrap_or_default();
    let stored = if output.ok_only { inside.first().copied() } else { Some(&output.ty) };
    !output.is_spelled || !stored.is_some_and(types::is_innocent)
}

/// What of a parameter ends up in the key.
fn key_type(param: &Param) -> &Type {
    match &param.taken {
        Taken::Value => &param.ty,
        Taken::Reference(elem) | Taken::Optional(elem) => match types::bare(elem) {
            Type::Slice(slice) => &slice.elem,
            _ => elem,
        },
    }
}

/// Where what is wrong with the types is told: at the only type that may be wrong, else at the signature.
pub(crate) fn place(model: &Model) -> Span {
    let (sig, output) = (&model.item.sig, &model.output);
    let keys: Vec<_> = doubtful_keys(model).collect();
    match (&keys[..], is_output_doubtful(output)) {
        // With the hygiene of the expansion, or the compiler would propose to return a reference.
        ([], true) if output.is_spelled => Span::call_site().located_at(output.ty.span()),
        ([], true) => output.ty.span(),
        ([key], false) => key.span(),
        _ => sig.ident.span(),
    }
}

/// Types of these names are what they are called; asking would only cost time.
const PLAIN: &[&str] = &[
    "bool", "char", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128",
    "isize", "f32", "f64", "String", "Vec", "Box", "Arc", "Rc", "HashMap", "HashSet", "BTreeMap",
    "BTreeSet", "Duration", "Bytes",
];

/// A check beside the function.
pub(crate) fn proof(model: &Model) -> Option<TokenStream> {
    let is_generic =
        model.item.sig.generics.params.iter().any(|param| matches!(param, GenericParam::Type(_)));
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
        (
            quote!(),
            "`cache_err` is for a `Result` or an `Option`, and this is neither: leave it out",
        )
    } else {
        (
            quote!(!),
            "this is a `Result` or an `Option` under another name: write `cache_err` to store failures too, or return a type whose name ends in `Result` to store successes only",
        )
    };
    let probe = quote_spanned!(ty.span()=> #larder::Probe::<#ty>::IS_OUTCOME);
    Some(quote_spanned! {ty.span()=>
        ::core::assert!(#wanted { #[allow(unused_imports)] use #larder::ProbeFallback as _; #probe }, #message)
    })
}

/// Whether this is no outcome for certain.
pub(crate) fn is_plain(ty: &Type) -> bool {
    match types::bare(ty) {
        Type::Path(_) => {
            types::last_segment(ty).is_some_and(|last| PLAIN.contains(&&*last.ident.to_string()))
        }
        Type::Macro(_) => false,
        _ => true,
    }
}
