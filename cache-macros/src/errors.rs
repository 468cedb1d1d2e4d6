//! Mistakes are collected, so that one compilation shows all of them.

use proc_macro2::Span;
use quote::ToTokens;
use std::fmt::Display;

/// All mistakes found so far.
#[derive(Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    /// Notes a mistake at these tokens.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// Notes a mistake at a place.
    pub(crate) fn here(&mut self, place: Span, message: impl Display) {
        self.push(syn::Error::new(place, message));
    }

    /// Notes a mistake.
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            none => *none = Some(error),
        }
    }

    /// The value, or what is wrong with it.
    pub(crate) fn take<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// All mistakes, where it is known that there are some.
    pub(crate) fn into_first(self) -> syn::Error {
        self.0.unwrap_or_else(|| syn::Error::new(Span::call_site(), "nothing to cache"))
    }

    /// All mistakes, if there are any.
    pub(crate) fn finish(self) -> syn::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
