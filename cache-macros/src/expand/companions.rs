//! The functions beside a cached function: one line each, and one line of documentation.

use super::proof;
use super::signature::{self, Split};
use crate::model::Model;
use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Ident;

/// One companion. Those with `waits` are `async` for an `async fn`.
struct Companion {
    name: &'static str,
    doc: &'static str,
    gives: Gives,
    takes_value: bool,
    waits: bool,
    in_background: bool,
}

#[derive(Clone, Copy)]
enum Gives {
    Nothing,
    Flag,
    Value,
    ValueAndTime,
    Result,
    Pending,
}

const fn companion(name: &'static str, gives: Gives, waits: bool, doc: &'static str) -> Companion {
    Companion { name, doc, gives, takes_value: false, waits, in_background: false }
}

const fn background(name: &'static str, gives: Gives, waits: bool, doc: &'static str) -> Companion {
    Companion { in_background: true, ..companion(name, gives, waits, doc) }
}

const COMPANIONS: &[Companion] = &[
    companion("peek", Gives::Value, true, "What is stored, if anything is; never computes."),
    background(
        "lazy",
        Gives::Value,
        false,
        "What is at hand, without waiting; if that is nothing or stale, it is computed in the background.",
    ),
    companion("refresh", Gives::Result, true, "Computes now, stores and returns."),
    Companion { takes_value: true, ..companion("put", Gives::Nothing, true, "Stores a value.") },
    background(
        "async_",
        Gives::Result,
        true,
        "What is stored, else computed in the background while the caller waits.",
    ),
    background(
        "future",
        Gives::Pending,
        false,
        "A future of the value; work starts now and goes on when the future is dropped.",
    ),
    background("future_refresh", Gives::Pending, false, "As `refresh`, in the background."),
    companion("invalidate", Gives::Flag, true, "Forgets the value; whether there was one."),
    companion("expire", Gives::Flag, true, "Makes the value stale; whether there was one."),
    companion(
        "get_ttl",
        Gives::ValueAndTime,
        true,
        "What is stored, and what is left of its TTL; never computes.",
    ),
];

/// All companions that take the arguments of the function.
pub(crate) fn companions(model: &Model, split: &Split) -> TokenStream {
    let common = Common::of(model, split);
    let all = COMPANIONS.iter().map(|companion| {
        if companion.in_background && !model.is_rebuildable() {
            companion.refusal(model, split, &common)
        } else {
            companion.call(model, &common)
        }
    });
    all.collect()
}

/// What all companions have in common, as tokens: made once, since macros are seldom optimised.
struct Common {
    inputs: TokenStream,
    lifetimes: TokenStream,
    clause: TokenStream,
    arguments: TokenStream,
}

impl Common {
    fn of(model: &Model, split: &Split) -> Self {
        let (inputs, arguments) = (signature::inputs(model), signature::arguments(model));
        let (lifetimes, _, _) = split.inner.split_for_impl();
        Common {
            inputs: quote!(#(#inputs,)*),
            lifetimes: lifetimes.to_token_stream(),
            clause: split.inner_where(proof::bounds(model)).to_token_stream(),
            arguments: quote!(#(#arguments),*),
        }
    }
}

impl Companion {
    fn head(&self, model: &Model, common: &Common, clause: &TokenStream) -> TokenStream {
        let Companion { doc, .. } = self;
        let Common { inputs, lifetimes, .. } = common;
        let name = Ident::new(self.name, model.item.sig.ident.span());
        let vis = &model.item.vis;
        let stored = self.takes_value.then(|| {
            let (name, ty) = (value_name(model), &model.output.value);
            quote!(#name: #ty)
        });
        let waits = (self.waits && model.is_async()).then(|| quote!(async));
        let output = self.output(model);
        quote!(#[doc = #doc] #[inline] #vis #waits fn #name #lifetimes (#inputs #stored) #output #clause)
    }

    fn call(&self, model: &Model, common: &Common) -> TokenStream {
        let head = self.head(model, common, &common.clause);
        let (name, arguments) = (format_ident!("{}", self.name), &common.arguments);
        let value = self.takes_value.then(|| value_name(model));
        let waits = (self.waits && model.is_async()).then(|| quote!(.await));
        quote!(#head { Self::entry(#arguments).#name(#value) #waits })
    }

    /// The companion cannot be; whoever uses it learns why, all others never notice.
    fn refusal(&self, model: &Model, split: &Split, common: &Common) -> TokenStream {
        let (larder, reason) = (&model.larder, reason_name(model));
        let never = quote!(for<'__x> Self: #reason);
        let bounds = proof::bounds(model).into_iter().chain([never]).collect();
        let clause = split.inner_where(bounds).to_token_stream();
        let head = self.head(model, common, &clause);
        quote!(#[allow(unused_variables)] #head { #larder::cannot_rebuild() })
    }

    fn output(&self, model: &Model) -> TokenStream {
        let (larder, value, result) = (&model.larder, &model.output.value, &model.output.ty);
        match self.gives {
            Gives::Nothing => TokenStream::new(),
            Gives::Flag => quote!(-> bool),
            Gives::Value => quote!(-> ::core::option::Option<#value>),
            Gives::ValueAndTime => {
                quote!(-> ::core::option::Option<(#value, ::core::time::Duration)>)
            }
            Gives::Result => quote!(-> #result),
            Gives::Pending => quote!(-> #larder::Pending<#result>),
        }
    }
}

/// `value`, unless an argument has that name.
fn value_name(model: &Model) -> Ident {
    let is_taken = |name: &&str| model.params.iter().any(|param| param.name == *name);
    let free = ["value", "new_value", "value_to_store"].into_iter().find(|name| !is_taken(name));
    format_ident!("{}", free.unwrap_or("__value"))
}

/// The trait that nothing implements and whose message says why.
fn reason_name(model: &Model) -> Ident {
    use syn::ext::IdentExt;
    format_ident!("__{}_cannot_be_recomputed_later", model.item.sig.ident.unraw())
}

/// The reason why some companions cannot be, if it is so.
pub(crate) fn reason(model: &Model) -> Option<TokenStream> {
    let (lost, _) = model.lost()?;
    let (vis, name, trait_name) = (&model.item.vis, &model.item.sig.ident, reason_name(model));
    let message = format!("`{name}` cannot be recomputed in the background");
    let label = format!("`{lost}` is skipped, and so is gone by then");
    let note = format!("write `skip({lost} = clone)` to keep a clone of it");
    Some(quote! {
        #[doc(hidden)]
        #[diagnostic::on_unimplemented(message = #message, label = #label, note = #note)]
        #[allow(non_camel_case_types, dead_code)]
        #vis trait #trait_name {}
    })
}

/// The companions that concern all calls: their memo is at hand.
pub(crate) fn of_all_calls(model: &Model, key: Option<&TokenStream>) -> TokenStream {
    let bounds = signature::with(None, proof::bounds(model));
    let (larder, vis, value) = (&model.larder, &model.item.vis, &model.output.value);
    let span = model.item.sig.ident.span();
    let [stats, clear, on_value] =
        ["stats", "clear", "on_value"].map(|name| Ident::new(name, span));
    // Plain functions of a plain type: a method of a trait would have to be found for each.
    let all = quote!(<Self as #larder::CachedFn>::memo());
    let hook = key.map(|key| quote_spanned! {span=>
        #[doc = "Calls back with each value that is stored from now on."]
        #vis fn #on_value(callback: impl ::core::ops::Fn(&#key, &#value) + ::core::marker::Send + ::core::marker::Sync + 'static) #bounds {
            Self::__memo().on_value(callback)
        }
    });
    quote! {
        #[doc = "Counts of hits, misses and computations."]
        #[inline] #vis fn #stats() -> #larder::Stats #bounds { #larder::stats_of(#all) }
        #[doc = "Forgets all values."]
        #[inline] #vis fn #clear() #bounds { #larder::clear_all(#all) }
        #hook
    }
}
