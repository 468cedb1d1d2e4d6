//! The memo of a function: what it is built with, and how it is reached.

use super::tags;
use crate::args::{AsyncTtl, CacheErr, Namespace};
use crate::duration::{Jitter, Time, duration};
use crate::model::Model;
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, Ident};

/// The path of the function, as text.
pub(crate) fn name(model: &Model) -> TokenStream {
    let name = format!("::{}", model.item.sig.ident.unraw());
    quote!(::core::concat!(::core::module_path!(), #name))
}

/// What is called on the builder, in the order of its documentation.
fn settings(model: &Model) -> TokenStream {
    let args = &model.args;
    let all = [
        args.ttl.as_ref().map(|ttl| quote!(.ttl(#ttl))),
        args.async_ttl.as_ref().map(|when| async_ttl(model, when)),
        args.jitter.as_ref().map(|jitter| self::jitter(model, jitter)),
        args.grace.as_ref().map(|grace| quote!(.grace(#grace))),
        cache_err(model),
        args.namespace.as_ref().map(namespace),
        args.version.as_ref().map(|version| quote!(.version(#version))),
        args.cache_if.as_ref().map(|wanted| quote!(.cache_if(#wanted))),
        ttl_of(model),
        args.weight.as_ref().map(|weight| quote!(.weight(#weight))),
        args.capacity.as_ref().map(|capacity| quote!(.capacity(#capacity))),
        args.isolate.then(|| quote!(.isolate())),
    ];
    all.into_iter().flatten().collect()
}

/// A builder with all its settings. Last comes the client: it is opened at once, with what is known
/// by then.
fn set(model: &Model, builder: &TokenStream) -> TokenStream {
    let (larder, value, settings) = (&model.larder, &model.output.value, settings(model));
    let builder = quote!(#builder #settings);
    let tags = tags::names(model);
    let Some(client) = &model.args.client else {
        let tags = tags.map(|tags| quote!(.tags(#larder::TagSource::local(), #tags)));
        return quote!(#builder #tags);
    };
    // The shape of a value type: of a type parameter nothing is known.
    let builder =
        if model.is_generic() { builder } else { quote!(#larder::shape_extra!((#builder) #value)) };
    match tags {
        Some(tags) => quote_spanned!(client.span()=> #builder.tagged_client(&#client, #tags)),
        None => {
            let name = Ident::new("__client", Span::mixed_site());
            let source = |client: TokenStream| {
                quote!({
                    #[allow(unused_imports)]
                    use #larder::TagProbeFallback as _;
                    #larder::TagProbe(#client).source()
                })
            };
            // A name can be said twice; what is wrong with it is then told where it is.
            if matches!(client, Expr::Path(_)) {
                let source = source(quote!(&#client));
                return quote_spanned!(client.span()=> #builder.tag_source(#source).client(&#client));
            }
            let source = source(quote!(#name));
            quote_spanned!(client.span()=> match &#client {
                #name => #builder.tag_source(#source).client(#name),
            })
        }
    }
}

fn async_ttl(model: &Model, when: &AsyncTtl) -> TokenStream {
    let larder = &model.larder;
    match (when, &model.args.ttl) {
        (AsyncTtl::At(Time::Later(value)), _) => quote!(.async_ttl(#value)),
        (AsyncTtl::At(time), _) => {
            let side = if time.is_negative() { quote!(Age) } else { quote!(Remaining) };
            quote!(.async_ttl(#larder::AsyncTtl::#side(#time)))
        }
        (AsyncTtl::Half, Some(Time::Known { nanos, .. })) => {
            let half = duration(nanos / 2);
            quote!(.async_ttl(#larder::AsyncTtl::Remaining(#half)))
        }
        (AsyncTtl::Half, ttl) => {
            let half = quote!(#larder::IntoTtl::into_ttl(#ttl).map_or(::core::time::Duration::ZERO, |__ttl| __ttl / 2));
            quote!(.async_ttl(#larder::AsyncTtl::Remaining(#half)))
        }
    }
}

fn jitter(model: &Model, jitter: &Jitter) -> TokenStream {
    let larder = &model.larder;
    match jitter {
        Jitter::Fraction { part, .. } => quote!(.jitter(#larder::Jitter::Fraction(#part))),
        Jitter::Time(Time::Later(value)) => quote!(.jitter(#value)),
        Jitter::Time(time) => quote!(.jitter(#larder::Jitter::Duration(#time))),
    }
}

fn cache_err(model: &Model) -> Option<TokenStream> {
    let Some(CacheErr(Some(ttl))) = &model.args.cache_err else { return None };
    let (larder, ty) = (&model.larder, &model.output.ty);
    Some(quote!(.err_ttl(#ttl, #larder::failed::<#ty>)))
}

fn namespace(namespace: &Namespace) -> TokenStream {
    match namespace {
        Namespace::None => quote!(.no_namespace()),
        Namespace::Named(name) => quote!(.namespace(#name)),
        Namespace::Later(value) => quote!(.namespace(&#value)),
    }
}

fn ttl_of(model: &Model) -> Option<TokenStream> {
    let (larder, own) = (&model.larder, model.args.ttl_of.as_ref()?);
    // The closure is passed on, not called here: only so are its types inferred.
    Some(quote!(.ttl_of(|__value| #larder::ttl_of(__value, #own))))
}

/// A memo in a static of its own: for functions whose types can all be named there. It is made in
/// the function's body, where the bounds hold that a static would have to prove again.
pub(crate) fn fixed(model: &Model, key: &TokenStream, companion: &impl ToTokens) -> TokenStream {
    let (larder, value) = (&model.larder, &model.output.value);
    let builder = set(
        model,
        &quote!(#larder::MemoBuilder::<#key, #value>::new(<#companion as #larder::CachedFn>::NAME)),
    );
    // A function pointer, not a closure: so all memos of the same types are made by the same code.
    quote! {
        static __MEMO: ::std::sync::OnceLock<#larder::Memo<#key, #value>> = ::std::sync::OnceLock::new();
        #larder::memo_in(&__MEMO, || {
            #builder.finish()
        })
    }
}

/// A memo out of many, one for each set of types.
pub(crate) fn slot(
    model: &Model,
    slots: &TokenStream,
    key: Option<&TokenStream>,
    owner: &TokenStream,
) -> TokenStream {
    let (larder, value, name) = (&model.larder, &model.output.value, name(model));
    let scope =
        if model.is_generic() || model.needs_self() { Some(quote!(.of::<#owner>())) } else { None };
    let types = quote!(#larder::type_id_of::<#owner>());
    let build = set(model, &quote!(__memo #scope));
    let build = quote!(|__memo| #build);
    match key {
        Some(key) => quote!(#slots.memo::<#key, #value>(#types, #name, #build)),
        None => quote!(#slots.memo_of::<_, #value>(#types, #name, &__view, #build)),
    }
}

/// The static that [`slot`] looks in.
pub(crate) fn slots(model: &Model) -> TokenStream {
    let larder = &model.larder;
    quote!(static __SLOTS: #larder::Slots = #larder::Slots::new();)
}
