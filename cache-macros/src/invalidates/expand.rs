//! From what is to be forgotten to code: the arguments before the body, the rest after its success.

use super::args::{Args, By, Called, Target};
use crate::item::Item;
use crate::template::{self, Place, Template};
use crate::types;
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, Ident, Path, Receiver, ReceiverKind, ReturnType};

pub(super) fn expand(args: &Args, item: &Item) -> TokenStream {
    let larder = match &args.larder {
        Some(path) => quote!(#path::__private),
        None => quote!(::larder::__private),
    };
    let (mut before, mut after) = (TokenStream::new(), TokenStream::new());
    for (at, target) in args.targets.iter().enumerate() {
        let (kept, told) = match target {
            Target::Value(called) => value(called, at),
            Target::Tag(tag) => tag_of(&larder, tag, at),
        };
        before.extend(kept);
        let span = place(target);
        let settle = quote_spanned!(span=> match #told { __told => (&__told).__larder_told().settle(__told) });
        after.extend(match item.sig.asyncness {
            Some(_) => quote!(#settle.await;),
            None => quote!(#larder::wait(#settle);),
        });
    }
    let Item { attrs, vis, sig, .. } = item;
    let run = run(&larder, args, item);
    quote! {
        #(#attrs)* #vis #sig {
            #before
            #run
            if {
                #[allow(unused_imports)]
                use #larder::{AnySuccess as _, OutcomeSuccess as _};
                (&__result).__larder_succeeded()
            } {
                #[allow(unused_imports)]
                use #larder::{ToldInTime as _, ToldNow as _};
                #after
            }
            __result
        }
    }
}

fn place(target: &Target) -> Span {
    match target {
        Target::Tag(tag) => tag.literal.span(),
        Target::Value(Called { by: By::Path(path) | By::Type(path), .. }) => {
            path.segments.last().map_or_else(Span::call_site, |last| last.ident.span())
        }
        Target::Value(Called { by: By::Method(name), .. }) => name.span(),
    }
    .resolved_at(Span::mixed_site())
}

/// The body, with its result in `__result`: it may `return` and use `?`.
fn run(larder: &TokenStream, args: &Args, item: &Item) -> TokenStream {
    let body = &item.body;
    let by_move = (!needs_self(args, item)).then(|| quote!(move));
    let ty = match &item.sig.output {
        ReturnType::Type(_, ty) => ty.to_token_stream(),
        ReturnType::Default => quote!(()),
    };
    // What has no name cannot be written twice.
    let ty = match &item.sig.output {
        ReturnType::Type(_, written) if types::impl_trait(written).is_some() => None,
        _ => Some(ty),
    };
    if item.sig.asyncness.is_none() {
        let ty = ty.map(|ty| quote!(: #ty));
        return quote!(let __result #ty = #larder::run_once(#by_move || #body););
    }
    // Tells the compiler the type before it comes to the first `?`.
    let hint = ty.map(|ty| quote! {
        #[allow(unreachable_code, clippy::diverging_sub_expression, clippy::empty_loop, clippy::let_unit_value)]
        if false { let __never: #ty = loop {}; return __never; }
    });
    quote!(let __result = async #by_move { #hint #body }.await;)
}

/// `self` is needed after the body, which would else have it.
fn needs_self(args: &Args, item: &Item) -> bool {
    let is_used = args.targets.iter().any(
        |target| matches!(target, Target::Value(called) if matches!(called.by, By::Method(_))),
    );
    let is_shared = |receiver: &Receiver| match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => mutability.is_none(),
        _ => false,
    };
    is_used && item.sig.receiver().is_some_and(|receiver| !is_shared(receiver))
}

/// The arguments, kept before the body may move them; and the call that forgets the value.
fn value(called: &Called, at: usize) -> (TokenStream, TokenStream) {
    let (mut kept, mut passed) = (TokenStream::new(), Vec::new());
    for (n, argument) in called.arguments.iter().enumerate() {
        let mut name = local(&format!("__argument_{at}_{n}"));
        // What does not fit is told where it was written.
        name.set_span(argument.span().resolved_at(Span::mixed_site()));
        let (value, is_borrowed) = owned(argument);
        kept.extend(quote!(
            #[allow(clippy::clone_on_copy, clippy::redundant_clone, clippy::clone_on_ref_ptr)]
            let #name = #value;
        ));
        let lent = is_borrowed.then(|| quote_spanned!(name.span()=> &));
        passed.push(quote!(#lent #name));
    }
    let forget = match &called.by {
        By::Path(path) => {
            let mut path = path.clone();
            let place = path.segments.last().map_or_else(Span::call_site, |last| last.ident.span());
            turbofish(&mut path);
            let invalidate = Ident::new("invalidate", place);
            quote!(#path::#invalidate(#(#passed),*))
        }
        By::Type(path) => {
            let mut path = path.clone();
            if let Some(last) = path.segments.last_mut() {
                last.ident = entry(&last.ident);
            }
            quote!(#path(#(#passed),*).invalidate())
        }
        By::Method(name) => {
            let name = entry(name);
            quote!(self.#name(#(#passed),*).invalidate())
        }
    };
    (kept, forget)
}

/// `user::<T>::invalidate`, not `user<T>::invalidate`.
fn turbofish(path: &mut Path) {
    for segment in &mut path.segments {
        if let syn::PathArguments::AngleBracketed(arguments) = &mut segment.arguments {
            arguments.colon2_token.get_or_insert_with(Default::default);
        }
    }
}

fn entry(name: &Ident) -> Ident {
    format_ident!("{}_entry", name.unraw(), span = name.span())
}

/// What is had from an argument without taking it; and whether it has to be lent.
fn owned(argument: &Expr) -> (TokenStream, bool) {
    let span = argument.span();
    match argument {
        Expr::Group(inner) => owned(&inner.expr),
        Expr::Paren(inner) => owned(&inner.expr),
        Expr::Reference(inner) if inner.mutability.is_none() => {
            let inner = &inner.expr;
            (quote_spanned!(span=> ::std::borrow::ToOwned::to_owned(&#inner)), true)
        }
        place if Place::of(place).is_some() => {
            (quote_spanned!(span=> ::core::clone::Clone::clone(&#place)), false)
        }
        other => (other.to_token_stream(), false),
    }
}

fn tag_of(larder: &TokenStream, tag: &Template, at: usize) -> (TokenStream, TokenStream) {
    let (name, texts) = (local(&format!("__tag_{at}")), tag.texts());
    let place = tag.literal.span();
    let parts = tag.holes().map(|hole| {
        let root = template::ident(&hole.root, place);
        let generated = place.resolved_at(Span::mixed_site());
        let members = hole.members(0, generated);
        quote_spanned!(generated=> &#root #(.#members)*)
    });
    let kept = quote!(let #name = #larder::tag_name(&[#(#texts),*], &[#(#parts),*]););
    (kept, quote!(#larder::tag_told(#name)))
}

fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
