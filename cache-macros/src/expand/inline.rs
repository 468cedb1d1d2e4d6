//! A function without companions: everything is inside it. The only form that a trait's `impl` allows.

use super::attrs::Attrs;
use super::{call, entry, function, key, memo, proof, signature};
use crate::model::Model;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

pub(crate) fn expand(model: &Model) -> TokenStream {
    let attrs = Attrs::of(&model.item.attrs);
    let (every, written, body_attrs) = (attrs.every, attrs.function, attrs.body);
    let (vis, sig) = (&model.item.vis, signature::function(model));
    let (slots, owner, proof) =
        (memo::slots(model), entry::types(model), proof::proof_inside(model));
    let memo = memo::slot(model, &quote!(__SLOTS), None, &owner.name);
    let declaration = &owner.declaration;
    let run = if model.needs_self() { inside(model, &memo) } else { nested(model, &memo) };
    // The body is inside the function here, so is what was said about it.
    let outer = model.needs_self().then(|| quote!(#(#body_attrs)*));
    let underscores = function::underscores(model);
    quote!(#(#every)* #(#written)* #underscores #outer #vis #sig { #declaration #proof #slots #run })
}

/// Without `self` the body can be a function inside the function, and so be run later.
fn nested(model: &Model, memo: &TokenStream) -> TokenStream {
    let body = format_ident!("__uncached", span = model.item.sig.ident.span());
    let function = function::hidden_body(model, body.clone());
    let turbofish = signature::turbofish(model);
    let call = call::new(model, memo, &quote!(#body #turbofish));
    let ask = function::ask(model, &quote!(__call));
    quote!(#function let __call = { #call }; #ask)
}

/// With `self` the body stays where it was: in a closure that borrows what the function was given.
fn inside(model: &Model, memo: &TokenStream) -> TokenStream {
    let (larder, body, ty) = (&model.larder, &model.item.body, &model.output.ty);
    let (mode, share) = call::mode(model);
    let (computed, view) = (key::computed(model), key::view(model, false));
    if model.is_async() {
        let seen = key::seen(model);
        return quote! {
            let __claim = {
                #computed
                let __view = #seen;
                #larder::claim(#memo, &__view, #larder::#mode, #share)
            };
            let __wait = match __claim {
                #larder::Claim::Hit(__hit) => return __hit,
                #larder::Claim::Wait(__wait) => __wait,
            };
            match __wait.await {
                #larder::Step::Done(__done) => __done,
                #larder::Step::Lead(__lead) => {
                    let __body = async move { let __result: #ty = #body; __result };
                    __lead.compute(__body).await
                }
            }
        };
    }
    let pattern = key::view(model, true);
    quote! {
        #computed
        let __view = #view;
        #larder::Call::capturing(#memo, __view, (), #larder::#mode, #share, |#pattern, ()| -> #ty #body).get()
    }
}
