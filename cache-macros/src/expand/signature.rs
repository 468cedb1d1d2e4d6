//! The user's signature, in the variants that the expansion needs.

use super::key;
use crate::model::{Model, Taken};
use crate::types;
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::visit::{self, Visit};
use syn::{
    FnArg, GenericParam, Generics, Ident, Lifetime, Pat, ReceiverKind, Signature, Token, Type,
    TypeParam, TypeParamBound, WhereClause, WherePredicate, parse_quote,
};

/// The function's parameters with `mut` removed: that belongs to the body.
pub(crate) fn inputs(model: &Model) -> Vec<FnArg> {
    let mut inputs: Vec<FnArg> = model.item.sig.inputs.iter().cloned().collect();
    for input in &mut inputs {
        match input {
            FnArg::Receiver(receiver) if !matches!(receiver.kind, ReceiverKind::Reference(..)) => {
                receiver.mutability = None;
            }
            FnArg::Typed(typed) => {
                if let Pat::Ident(pat) = &mut *typed.pat {
                    pat.mutability = None;
                }
            }
            FnArg::Receiver(_) => {}
        }
    }
    inputs
}

/// The same with the lifetime of every reference named, so that the output can name it too.
pub(crate) fn borrowing_inputs(model: &Model, generics: &mut Generics) -> Vec<FnArg> {
    let mut inputs = inputs(model);
    let mut is_new = false;
    let typed = inputs.iter_mut().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    for (typed, param) in typed.zip(&model.params) {
        let named = types::lifetime(&param.ty);
        let lifetime = key::borrow(named);
        let ty: Type = match &param.taken {
            Taken::Value => continue,
            Taken::Reference(elem) => parse_quote!(&#lifetime #elem),
            Taken::Optional(elem) => parse_quote!(::core::option::Option<&#lifetime #elem>),
        };
        is_new |= named != Some(&lifetime);
        *typed.ty = ty;
    }
    if is_new {
        let lifetime = key::borrow(None);
        generics.params.insert(0, parse_quote!(#lifetime));
    }
    inputs
}

/// The signature of the function itself.
pub(crate) fn function(model: &Model) -> Signature {
    Signature { inputs: inputs(model).into_iter().collect(), ..model.item.sig.clone() }
}

/// The signature of the plain body under another name.
pub(crate) fn body(model: &Model, name: Ident) -> Signature {
    Signature { ident: name, ..model.item.sig.clone() }
}

/// The arguments as passed on, `self` first.
pub(crate) fn arguments(model: &Model) -> Vec<TokenStream> {
    let owner = model.receiver.iter().map(|owner| owner.receiver.self_token.to_token_stream());
    owner.chain(model.params.iter().map(|param| param.name.to_token_stream())).collect()
}

/// The same, said to be elsewhere: where a message about them belongs.
pub(crate) fn arguments_at(model: &Model, place: Span) -> Vec<TokenStream> {
    let placed = |token: TokenTree| match token {
        TokenTree::Ident(mut name) => {
            name.set_span(name.span().located_at(place));
            TokenTree::Ident(name)
        }
        other => other,
    };
    arguments(model).into_iter().map(|tokens| tokens.into_iter().map(placed).collect()).collect()
}

/// The type and constant arguments, where a function of the same generics is called: `::<T, N>`.
pub(crate) fn turbofish(model: &Model) -> Option<TokenStream> {
    let names: Vec<_> = model
        .item
        .sig
        .generics
        .params
        .iter()
        .filter_map(|param| match param {
            GenericParam::Type(param) => Some(&param.ident),
            GenericParam::Const(param) => Some(&param.ident),
            GenericParam::Lifetime(_) => None,
        })
        .collect();
    (!names.is_empty()).then(|| quote!(::<#(#names),*>))
}

/// The generics of a function, split between its companion type and each of its functions.
pub(crate) struct Split {
    /// Types and constants: on the companion type.
    pub(crate) outer: Generics,
    /// Lifetimes and what is said of them: on each function.
    pub(crate) inner: Generics,
}

impl Split {
    pub(crate) fn of(model: &Model) -> Self {
        let generics = &model.item.sig.generics;
        let mut split = Split { outer: Generics::default(), inner: Generics::default() };
        let lifetimes: Vec<_> = generics.lifetimes().map(|param| param.lifetime.clone()).collect();
        for param in &generics.params {
            match param {
                GenericParam::Lifetime(_) => split.inner.params.push(param.clone()),
                GenericParam::Type(param) => split.type_param(param, &lifetimes),
                GenericParam::Const(_) => split.outer.params.push(param.clone()),
            }
        }
        for predicate in generics.where_clause.iter().flat_map(|clause| &clause.predicates) {
            split.predicate(predicate.clone(), &lifetimes);
        }
        split
    }

    fn type_param(&mut self, param: &TypeParam, lifetimes: &[Lifetime]) {
        let (inner, outer): (Vec<_>, Vec<_>) =
            param.bounds.iter().cloned().partition(|b| names_any(b, lifetimes));
        let ident = &param.ident;
        if !inner.is_empty() {
            self.predicate(parse_quote!(#ident: #(#inner)+*), lifetimes);
        }
        self.outer.params.push(GenericParam::Type(parse_quote!(#ident: #(#outer)+*)));
    }

    fn predicate(&mut self, predicate: WherePredicate, lifetimes: &[Lifetime]) {
        let side = if names_any(&predicate, lifetimes) { &mut self.inner } else { &mut self.outer };
        side.make_where_clause().predicates.push(predicate);
    }

    /// The companion with its generic arguments, as an expression: `render::<T>`.
    pub(crate) fn path(&self, companion: &Ident, place: Span) -> TokenStream {
        let (_, arguments, _) = self.outer.split_for_impl();
        let arguments = arguments.as_turbofish();
        quote_spanned!(place=> #companion #arguments)
    }

    /// The `where` clause of one function, with more predicates.
    pub(crate) fn inner_where(&self, more: Vec<TokenStream>) -> Option<WhereClause> {
        with(self.inner.where_clause.clone(), more)
    }

    /// The `where` clause of an `impl` of the companion, with more predicates.
    pub(crate) fn outer_where(&self, more: Vec<TokenStream>) -> Option<WhereClause> {
        with(self.outer.where_clause.clone(), more)
    }

    /// The declaration of the companion type; it cannot be made, so it needs no bounds.
    pub(crate) fn declaration(&self, companion: &Ident) -> TokenStream {
        if self.outer.params.is_empty() {
            return quote!(struct #companion { __unsized: [()] });
        }
        let params = self.outer.params.iter().map(|param| match param {
            GenericParam::Type(TypeParam { ident, .. }) => quote!(#ident: ?::core::marker::Sized),
            other => quote!(#other),
        });
        let types = self.outer.type_params().map(|param| &param.ident);
        quote! {
            struct #companion<#(#params),*> {
                __types: ::core::marker::PhantomData<(#(::core::marker::PhantomData<#types>,)*)>,
                __unsized: [()],
            }
        }
    }
}

/// A `where` clause with more predicates.
pub(crate) fn with(mut clause: Option<WhereClause>, more: Vec<TokenStream>) -> Option<WhereClause> {
    for predicate in more {
        let empty = || WhereClause {
            where_token: <Token![where]>::default(),
            predicates: Default::default(),
        };
        clause.get_or_insert_with(empty).predicates.push(parse_quote!(#predicate));
    }
    clause
}

fn names_any(bound: &impl Mentions, lifetimes: &[Lifetime]) -> bool {
    let mut search = Search { lifetimes, found: false };
    bound.search(&mut search);
    search.found
}

trait Mentions {
    fn search(&self, search: &mut Search<'_>);
}
impl Mentions for TypeParamBound {
    fn search(&self, search: &mut Search<'_>) {
        search.visit_type_param_bound(self);
    }
}
impl Mentions for WherePredicate {
    fn search(&self, search: &mut Search<'_>) {
        search.visit_where_predicate(self);
    }
}

struct Search<'a> {
    lifetimes: &'a [Lifetime],
    found: bool,
}

impl<'ast> Visit<'ast> for Search<'_> {
    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        self.found |= self.lifetimes.contains(lifetime);
        visit::visit_lifetime(self, lifetime);
    }
}
