//! A method, or another function in an `impl` block: its companion is a function that gives the handle.

use super::attrs::Attrs;
use super::function::{ask, hidden_body, lints, underscores};
use super::{call, memo, proof, signature};
use crate::model::Model;
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;

pub(crate) fn expand(model: &Model) -> TokenStream {
    let attrs = Attrs::of(&model.item.attrs);
    let (every, function) = (attrs.every, attrs.function);
    let (vis, sig) = (&model.item.vis, signature::function(model));
    let ident = &model.item.sig.ident;
    let name = format_ident!("{}_entry", ident.unraw(), span = ident.span());
    let body_name = format_ident!("{}_uncached", ident.unraw(), span = ident.span());
    let turbofish = signature::turbofish(model);
    let place = proof::place(model);
    let arguments = signature::arguments_at(model, place);
    let mut called = name.clone();
    called.set_span(place);
    let run = ask(model, &quote_spanned!(place=> Self::#called #turbofish (#(#arguments),*)));
    let (entry, body) = (entry(model, &name, &body_name), hidden_body(model, body_name));
    let underscores = underscores(model);
    quote! {
        #(#every)* #(#function)* #underscores #[inline] #vis #sig { #run }
        #(#every)* #entry
        #body
    }
}

fn entry(model: &Model, name: &syn::Ident, body: &syn::Ident) -> TokenStream {
    let (vis, inputs, ty) = (&model.item.vis, signature::inputs(model), call::ty(model));
    let (params, _, clause) = model.item.sig.generics.split_for_impl();
    let clause = signature::with(clause.cloned(), proof::bounds(model));
    let slots = memo::slots(model);
    let owner = types(model);
    let memo = memo::slot(model, &quote!(__SLOTS), None, &owner.name);
    let turbofish = signature::turbofish(model);
    let call = call::new(model, &memo, &quote_spanned!(body.span()=> Self::#body #turbofish));
    let (doc, lints) = (
        format!("The cache entry of [`Self::{}`] for these arguments.", model.item.sig.ident),
        lints(),
    );
    let (tag, proof) = (owner.declaration, proof::proof_inside(model));
    quote! {
        #[doc = #doc] #lints
        #[inline] #vis fn #name #params (#(#inputs),*) -> #ty #clause { #tag #proof #slots #call }
    }
}

/// The type that tells apart the instances of a generic function.
pub(crate) struct Types {
    pub(crate) declaration: Option<TokenStream>,
    pub(crate) name: TokenStream,
}

/// `Self` and the function's own types; constants need a type to be a part of.
pub(crate) fn types(model: &Model) -> Types {
    let generics = &model.item.sig.generics;
    let owner = model.needs_self().then(|| quote!(::core::marker::PhantomData<Self>));
    let own = generics.type_params().map(|param| {
        let name = &param.ident;
        quote!(::core::marker::PhantomData<#name>)
    });
    let all: Vec<_> = owner.into_iter().chain(own).collect();
    let mut types = Types { declaration: None, name: quote!((#(#all,)*)) };
    if generics.const_params().next().is_some() {
        let constants: Vec<_> = generics.const_params().collect();
        let names = constants.iter().map(|param| &param.ident);
        let (inner, declared) = (types.name, &constants);
        types.declaration = Some(
            quote!(struct __Types<__T: ?::core::marker::Sized, #(#declared),*>(::core::marker::PhantomData<__T>);),
        );
        types.name = quote!(__Types<#inner, #(#names),*>);
    }
    if matches!(&*all, [_]) && types.declaration.is_none() && model.needs_self() {
        types.name = quote!(Self);
    }
    types
}
