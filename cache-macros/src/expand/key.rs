//! The key of one call: made from the arguments, and the arguments made from it again.

use crate::model::{Fate, Model, Param, Part, Taken};
use crate::types;
use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ExprCast, Ident, Index, Lifetime, Type};

/// Whether a cast to this type is what `as` does; for all other types it only names the type.
const CASTS: &[&str] = &[
    "bool", "char", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128",
    "isize",
];

/// Computes the parts that are expressions, before any argument is moved.
pub(crate) fn computed(model: &Model) -> TokenStream {
    let lets = model.key.iter().enumerate().map(|(at, part)| {
        let name = local(at);
        let (expr, ty) = match part {
            Part::Param(_) | Part::Float(_) => return TokenStream::new(),
            Part::Typed(expr, ty) => (expr, (!is_cast(ty)).then_some(ty)),
            Part::Computed(expr) => (expr, None),
        };
        match (&**expr, ty) {
            (Expr::Cast(ExprCast { expr, .. }), Some(ty)) => quote!(let #name: #ty = #expr;),
            (expr, _) => quote!(let #name = #expr;),
        }
    });
    lets.collect()
}

pub(crate) fn is_cast(ty: &Type) -> bool {
    types::last_segment(ty).is_some_and(|last| CASTS.contains(&&*last.ident.to_string()))
}

fn local(at: usize) -> Ident {
    Ident::new(&format!("__part{at}"), proc_macro2::Span::mixed_site())
}

/// The view: an expression, and with the same tokens (parts of the key that cannot be had back are
/// passed over) a pattern.
pub(crate) fn view(model: &Model, is_pattern: bool) -> TokenStream {
    let larder = &model.larder;
    let parts: Vec<_> = model
        .key
        .iter()
        .enumerate()
        .map(|(at, part)| match part {
            Part::Param(index) => {
                let Param { name, taken, ty, .. } = &model.params[*index];
                let wrapper = wrapper(taken, ty);
                quote!(#larder::#wrapper(#name))
            }
            Part::Float(index) => {
                let name = &model.params[*index].name;
                quote!(#larder::Own(#larder::Float(#name)))
            }
            _ if is_pattern => quote!(_),
            Part::Typed(expr, _) | Part::Computed(expr) => {
                let name = local(at);
                quote_spanned!(expr.span()=> #larder::Own(#name))
            }
        })
        .collect();
    match &parts[..] {
        [one] => quote!(#larder::One(#one)),
        parts => quote!((#(#parts),*)),
    }
}

/// The view of arguments that are looked at where they are, and stay there.
pub(crate) fn seen(model: &Model) -> TokenStream {
    let larder = &model.larder;
    let parts: Vec<_> = model
        .key
        .iter()
        .enumerate()
        .map(|(at, part)| match part {
            Part::Param(index) => {
                let Param { name, taken, ty, .. } = &model.params[*index];
                match taken {
                    Taken::Value => quote_spanned!(ty.span()=> #larder::Val(&#name)),
                    _ => {
                        let wrapper = wrapper(taken, ty);
                        quote!(#larder::#wrapper(#name))
                    }
                }
            }
            Part::Float(index) => {
                let name = &model.params[*index].name;
                quote!(#larder::Own(#larder::Float(#name)))
            }
            Part::Typed(expr, _) | Part::Computed(expr) => {
                let name = local(at);
                quote_spanned!(expr.span()=> #larder::Own(#name))
            }
        })
        .collect();
    match &parts[..] {
        [one] => quote!(#larder::One(#one)),
        parts => quote!((#(#parts),*)),
    }
}

/// The wrapper has the span of the type, since that is what is wrong if it is no key part.
fn wrapper(taken: &Taken, ty: &Type) -> TokenStream {
    match taken {
        Taken::Value => quote_spanned!(ty.span()=> Own),
        Taken::Reference(elem) if types::is_unsized(elem) => quote_spanned!(ty.span()=> Ref),
        Taken::Reference(_) => quote_spanned!(ty.span()=> Val),
        Taken::Optional(_) => quote_spanned!(ty.span()=> Opt),
    }
}

/// The type of the view, where every part of it is a parameter. What is behind references has the
/// lifetime [`borrow`].
pub(crate) fn view_ty(model: &Model) -> TokenStream {
    let larder = &model.larder;
    let parts = model.key.iter().filter_map(|part| {
        let (Part::Param(index) | Part::Float(index)) = part else { return None };
        let Param { ty, taken, .. } = &model.params[*index];
        if matches!(part, Part::Float(_)) {
            return Some(quote!(#larder::Own<#larder::Float<#ty>>));
        }
        let wrapper = wrapper(taken, ty);
        Some(match taken {
            Taken::Value => quote!(#larder::#wrapper<#ty>),
            Taken::Reference(elem) | Taken::Optional(elem) => {
                let borrow = borrow(types::lifetime(ty));
                quote!(#larder::#wrapper<#borrow, #elem>)
            }
        })
    });
    let parts: Vec<_> = parts.collect();
    match &parts[..] {
        [one] => quote!(#larder::One<#one>),
        parts => quote!((#(#parts),*)),
    }
}

/// The lifetime of an argument's reference: its own, or the one that all unnamed ones share.
pub(crate) fn borrow(named: Option<&Lifetime>) -> Lifetime {
    let named = named.filter(|lifetime| lifetime.ident != "_");
    named.cloned().unwrap_or_else(|| Lifetime::new("'__a", proc_macro2::Span::mixed_site()))
}

/// The type of the key, if every part of it can be named.
pub(crate) fn ty(model: &Model) -> Option<TokenStream> {
    let larder = &model.larder;
    let parts = model.key.iter().map(|part| match part {
        Part::Param(index) => {
            let Param { ty, taken, .. } = &model.params[*index];
            Some(match taken {
                Taken::Value => ty.to_token_stream(),
                Taken::Reference(elem) => types::owned(elem),
                Taken::Optional(elem) => {
                    let elem = types::owned(elem);
                    quote!(::core::option::Option<#elem>)
                }
            })
        }
        Part::Float(index) => {
            let ty = &model.params[*index].ty;
            Some(quote!(#larder::Float<#ty>))
        }
        Part::Typed(_, ty) => Some(ty.to_token_stream()),
        Part::Computed(_) => None,
    });
    let parts = parts.collect::<Option<Vec<_>>>()?;
    Some(match &parts[..] {
        [one] => one.clone(),
        parts => quote!((#(#parts),*)),
    })
}

/// Everything that is not in the key: `self` and the arguments that cannot be had back from it.
pub(crate) fn rest(model: &Model, owner: impl ToTokens) -> TokenStream {
    let owner = model.receiver.iter().map(|_| owner.to_token_stream());
    let others = model.params.iter().filter(|param| !matches!(param.fate, Fate::Keyed(_)));
    let all = owner.chain(others.map(|param| param.name.to_token_stream()));
    quote!((#(#all,)*))
}

/// Whether there is anything that is not in the key.
pub(crate) fn has_rest(model: &Model) -> bool {
    model.receiver.is_some()
        || model.params.iter().any(|param| !matches!(param.fate, Fate::Keyed(_)))
}

/// `self`, under a name that closures can bind.
pub(crate) fn owner() -> Ident {
    Ident::new("__self", proc_macro2::Span::mixed_site())
}

/// Keeps what is skipped for work in the background, owned.
pub(crate) fn kept(model: &Model) -> TokenStream {
    let owner = model.receiver.iter().filter(|owner| !owner.by_value).map(|owner| {
        let name = self::owner();
        quote_spanned!(owner.receiver.self_token.span=> let #name = ::core::clone::Clone::clone(#name);)
    });
    let clones = cloned(model).map(|Param { name, ty, taken, .. }| match taken {
        Taken::Value => TokenStream::new(),
        Taken::Reference(_) => quote_spanned!(ty.span()=> let #name = ::std::borrow::ToOwned::to_owned(#name);),
        Taken::Optional(_) => {
            quote_spanned!(ty.span()=> let #name = ::core::option::Option::map(#name, ::std::borrow::ToOwned::to_owned);)
        }
    });
    owner.chain(clones).collect()
}

/// Clones what was kept, for one of several runs in the background: all of it for a future, which
/// may outlive the others, else only what the body takes by value.
pub(crate) fn kept_again(model: &Model) -> TokenStream {
    let is_needed = |by_value: bool| by_value || model.is_async();
    let owner = model.receiver.iter().filter(|owner| is_needed(owner.by_value)).map(|owner| {
        let name = self::owner();
        quote_spanned!(owner.receiver.self_token.span=> let #name = ::core::clone::Clone::clone(&#name);)
    });
    let params = cloned(model).filter(|param| is_needed(matches!(param.taken, Taken::Value)));
    let params = params.map(|Param { name, ty, .. }| {
        quote_spanned!(ty.span()=> let #name = ::core::clone::Clone::clone(&#name);)
    });
    owner.chain(params).collect()
}

fn cloned(model: &Model) -> impl Iterator<Item = &Param> {
    model.params.iter().filter(|param| param.fate == Fate::Cloned)
}

/// The arguments of the body, had back from the key (`__key`, by value or by reference) and from what was kept.
pub(crate) fn rebuilt(model: &Model, key_is_owned: bool) -> Vec<TokenStream> {
    let owner = model.receiver.iter().map(|owner| {
        let name = self::owner();
        if owner.by_value { quote!(#name) } else { quote!(&#name) }
    });
    let params = model.params.iter().map(|param| match param.fate {
        Fate::Keyed(at) => from_key(model, param, at, key_is_owned),
        _ => from_kept(param),
    });
    owner.chain(params).collect()
}

/// The name of the key in the code that [`rebuilt`] makes.
pub(crate) fn name() -> Ident {
    format_ident!("__key", span = proc_macro2::Span::mixed_site())
}

fn from_key(model: &Model, param: &Param, at: usize, key_is_owned: bool) -> TokenStream {
    let (key, index) = (name(), Index::from(at));
    let is_single = model.key.len() == 1;
    let place = if is_single { quote!(#key) } else { quote!(#key.#index) };
    // The only part behind a reference is a reference already.
    let borrowed = if is_single && !key_is_owned { quote!(#place) } else { quote!(&#place) };
    if matches!(model.key[at], Part::Float(_)) {
        return quote!(#place.0);
    }
    match &param.taken {
        Taken::Value if key_is_owned => place,
        Taken::Value => quote!(::core::clone::Clone::clone(#borrowed)),
        Taken::Reference(_) => quote!(::core::borrow::Borrow::borrow(#borrowed)),
        Taken::Optional(_) => optional(&place),
    }
}

fn from_kept(Param { name, taken, .. }: &Param) -> TokenStream {
    match taken {
        Taken::Value => quote!(#name),
        Taken::Reference(_) => quote!(::core::borrow::Borrow::borrow(&#name)),
        Taken::Optional(_) => optional(&quote!(#name)),
    }
}

fn optional(place: &TokenStream) -> TokenStream {
    let inner = Ident::new("__inner", proc_macro2::Span::mixed_site());
    quote!(#place.as_ref().map(|#inner| ::core::borrow::Borrow::borrow(#inner)))
}
