//! A free function, with a type of the same name beside it that has the companions.

use super::attrs::Attrs;
use super::signature::{self, Split};
use super::{call, companions, key, memo, proof};
use crate::args::Companion;
use crate::model::Model;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Ident;

/// What generated code may do that written code should not.
pub(crate) fn lints() -> TokenStream {
    quote! {
        #[allow(dead_code, unused_qualifications, clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction)]
    }
}

/// What only the split into function and plain body brings about.
fn body_lints() -> TokenStream {
    quote! {
        #[allow(
            dead_code,
            clippy::missing_const_for_fn,
            clippy::must_use_candidate,
            clippy::missing_errors_doc,
            clippy::missing_panics_doc,
            clippy::unused_async,
            clippy::redundant_pub_crate,
            clippy::same_name_method
        )]
    }
}

pub(crate) fn expand(model: &Model) -> TokenStream {
    let split = Split::of(model);
    let (every, companion) = (Attrs::of(&model.item.attrs).every, companion(model));
    let (outer, arguments, clause) = split.outer.split_for_impl();
    let proven = split.outer_where(proof::bounds(model));
    let (larder, value) = (&model.larder, &model.output.value);
    let (function, declaration, proof) =
        (main(model, &split), declaration(model, &split), proof::proof(model));
    let (functions, body, reason) =
        (functions(model, &split), body(model), companions::reason(model));
    let (lints, name, any) = (lints(), memo::name(model), any_memo(model));
    quote! {
        #function
        #(#every)* #declaration
        #(#every)* #reason
        #(#every)* #proof
        #(#every)* impl #outer #larder::CachedFn for #companion #arguments #proven {
            type Value = #value;
            const NAME: &'static str = #name;
            #[inline] fn memo() -> &'static dyn #larder::AnyMemo { #any }
        }
        #(#every)* #lints impl #outer #companion #arguments #clause { #functions }
        #(#every)* impl #outer #companion #arguments #clause { #body }
    }
}

fn companion(model: &Model) -> Ident {
    match &model.args.companion {
        Some(Companion::Named(name)) => name.clone(),
        _ => model.item.sig.ident.clone(),
    }
}

/// The function itself: documented, exported and called as ever.
fn main(model: &Model, split: &Split) -> TokenStream {
    let attrs = Attrs::of(&model.item.attrs);
    let (every, function) = (attrs.every, attrs.function);
    let (vis, sig) = (&model.item.vis, signature::function(model));
    let place = proof::place(model);
    let arguments = signature::arguments_at(model, place);
    let mut companion = companion(model);
    companion.set_span(companion.span().located_at(place));
    let path = split.path(&companion, place);
    let run = if asks_inside(model) {
        quote_spanned!(place=> #path::__get(#(#arguments),*))
    } else {
        ask(model, &quote_spanned!(place=> #path::entry(#(#arguments),*)))
    };
    // With braces of its own it is generated code to the compiler, which so asks no questions when only
    // companions are used.
    let underscores = underscores(model);
    quote!(#(#every)* #(#function)* #underscores #[inline] #vis #sig { #run })
}

/// What the body does not use, the key does.
pub(crate) fn underscores(model: &Model) -> Option<TokenStream> {
    let any = model.params.iter().any(|param| param.name.to_string().starts_with('_'));
    any.then(|| quote!(#[allow(clippy::used_underscore_binding)]))
}

/// Where the types may be wrong, the handle is asked in a function of its own, which relies on them:
/// what is wrong is then told once, where that function is called.
fn asks_inside(model: &Model) -> bool {
    call::is_spelled(model) && !proof::bounds(model).is_empty()
}

fn asked(model: &Model, split: &Split) -> Option<TokenStream> {
    let sig = signature::function(model);
    let (lifetimes, _, _) = split.inner.split_for_impl();
    let clause = split.inner_where(proof::bounds(model));
    let (inputs, output) = (&sig.inputs, &sig.output);
    let arguments = signature::arguments(model);
    let run = ask(model, &quote!(Self::entry(#(#arguments),*)));
    asks_inside(model)
        .then(|| quote!(#[inline] fn __get #lifetimes (#inputs) #output #clause { #run }))
}

/// Asks the handle for the value.
pub(crate) fn ask(model: &Model, entry: &TokenStream) -> TokenStream {
    // A client may have an async TTL for its functions.
    let is_refreshed =
        model.args.async_ttl.is_some() || model.args.client.is_some() && model.is_rebuildable();
    let larder = &model.larder;
    let place = proof::place(model);
    if !model.is_async() {
        let get = if is_refreshed { "get_swr" } else { "get" };
        let get = Ident::new(get, place);
        return quote_spanned!(place=> #entry.#get());
    }
    if !model.is_rebuildable() {
        return quote_spanned!(place=> #entry.get().await);
    }
    let begin = Ident::new(if is_refreshed { "begin_swr" } else { "begin" }, place);
    // Nothing that borrows lives across the await.
    quote_spanned! {place=>
        let __fly = match #entry.#begin() {
            #larder::Begun::Hit(__hit) => return __hit,
            #larder::Begun::Fly(__fly) => __fly,
        };
        __fly.await
    }
}

fn declaration(model: &Model, split: &Split) -> TokenStream {
    let (vis, companion) = (&model.item.vis, companion(model));
    let doc = format!("Cache operations of [`{}()`].", model.item.sig.ident);
    let declaration = split.declaration(&companion);
    // The name is only allowed where it needs to be: `#![forbid]` would refuse even that.
    let is_camel = companion.to_string().starts_with(char::is_uppercase);
    let camel = (!is_camel).then(|| quote!(non_camel_case_types,));
    quote!(#[doc = #doc] #[allow(#camel dead_code, missing_debug_implementations)] #vis #declaration)
}

fn functions(model: &Model, split: &Split) -> TokenStream {
    let key = key::ty(model);
    let storage = storage(model, key.as_ref());
    let companions = companions::companions(model, split);
    let of_all_calls = companions::of_all_calls(model, key.as_ref());
    let entry = entry(model, split, key.as_ref());
    let asked = asked(model, split);
    quote!(#storage #entry #asked #companions #of_all_calls)
}

/// Where the memo is kept.
fn storage(model: &Model, key: Option<&TokenStream>) -> TokenStream {
    let (larder, value) = (&model.larder, &model.output.value);
    let slots = memo::slots(model);
    let Some(key) = key else {
        return quote!(#[inline] fn __slots() -> &'static #larder::Slots { #slots &__SLOTS });
    };
    let memo = if model.is_generic() {
        let slot = memo::slot(model, &quote!(__SLOTS), Some(key), &quote!(Self));
        quote!(#slots #slot)
    } else {
        memo::fixed(model, key, &companion(model))
    };
    let bounds = signature::with(None, proof::bounds(model));
    quote!(#[inline] fn __memo() -> &'static #larder::Memo<#key, #value> #bounds { #memo })
}

fn any_memo(model: &Model) -> TokenStream {
    if key::ty(model).is_some() { quote!(Self::__memo()) } else { quote!(Self::__slots()) }
}

fn entry(model: &Model, split: &Split, key: Option<&TokenStream>) -> TokenStream {
    let (vis, ty) = (&model.item.vis, call::ty(model));
    let name = Ident::new("entry", model.item.sig.ident.span());
    let mut inner = split.inner.clone();
    let inputs = match call::is_spelled(model) {
        true => signature::borrowing_inputs(model, &mut inner),
        false => signature::inputs(model),
    };
    let (lifetimes, _, _) = inner.split_for_impl();
    let clause = split.inner_where(proof::bounds(model));
    let memo = match key {
        Some(_) => quote!(Self::__memo()),
        None => memo::slot(model, &quote!(Self::__slots()), None, &quote!(Self)),
    };
    let call =
        call::new(model, &memo, &quote_spanned!(model.item.sig.ident.span()=> Self::uncached));
    quote! {
        #[doc = "The cache entry of these arguments, with all operations as methods."]
        #[inline] #vis fn #name #lifetimes (#(#inputs),*) -> #ty #clause { #call }
    }
}

/// The body as it was written.
fn body(model: &Model) -> TokenStream {
    let name = Ident::new("uncached", model.item.sig.ident.span());
    let mut sig = signature::body(model, name);
    let split = Split::of(model);
    sig.generics = split.inner;
    let (vis, body, attrs) = (&model.item.vis, &model.item.body, Attrs::of(&model.item.attrs).body);
    let lints = body_lints();
    quote!(#[doc = "The function itself: neither reads nor writes the cache."] #lints #(#attrs)* #vis #sig #body)
}

/// The body of a method, under a name that documentation leaves out.
pub(crate) fn hidden_body(model: &Model, name: Ident) -> TokenStream {
    let sig = signature::body(model, name);
    let placed = Attrs::of(&model.item.attrs);
    let (every, attrs) = (placed.every, placed.body);
    let (vis, body, lints) = (&model.item.vis, &model.item.body, body_lints());
    quote!(#(#every)* #[doc(hidden)] #lints #(#attrs)* #vis #sig #body)
}
