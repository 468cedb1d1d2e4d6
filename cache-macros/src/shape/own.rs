//! The attribute `#[shape(..)]`, on types and on fields.

use crate::errors::Errors;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::meta::ParseNestedMeta;
use syn::{Attribute, LitStr, Path};

/// What it says.
#[derive(Default)]
pub(super) struct Own {
    /// Where larder is found.
    pub(super) path: Option<Path>,
    /// The name in the print, for a type that was renamed.
    pub(super) name: Option<LitStr>,
    /// Stands for what the print is not to look into.
    pub(super) opaque: Option<LitStr>,
}

/// Where the attribute stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Type,
    Field,
    Variant,
}

impl Place {
    fn expected(self) -> &'static str {
        match self {
            Place::Type => "expected `name = \"..\"`, `opaque = \"..\"` or `crate = path`",
            Place::Field => "expected `opaque = \"..\"`",
            Place::Variant => "variants have no `#[shape(..)]`: write it at the type or at a field",
        }
    }
}

impl Own {
    pub(super) fn read(attrs: &[Attribute], place: Place, errors: &mut Errors) -> Self {
        let mut own = Own::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("shape")) {
            errors.take(attr.parse_nested_meta(|meta| own.one(&meta, place)));
        }
        own
    }

    fn one(&mut self, meta: &ParseNestedMeta<'_>, place: Place) -> syn::Result<()> {
        let is_type = place == Place::Type;
        if meta.path.is_ident("crate") && is_type {
            return once(&mut self.path, meta, meta.value()?.call(Path::parse_mod_style)?);
        }
        if meta.path.is_ident("name") && is_type {
            let name = text(meta)?;
            return once(&mut self.name, meta, name);
        }
        if meta.path.is_ident("opaque") && place != Place::Variant {
            let opaque = text(meta)?;
            return once(&mut self.opaque, meta, opaque);
        }
        Err(meta.error(place.expected()))
    }

    /// Where the trait and the print are found.
    pub(super) fn larder(&self) -> TokenStream {
        match &self.path {
            Some(path) => quote!(#path::__private),
            None => quote!(::larder::__private),
        }
    }
}

fn text(meta: &ParseNestedMeta<'_>) -> syn::Result<LitStr> {
    let name = meta.path.to_token_stream();
    let wanted = format!("`{name}` wants a text: write `{name} = \"..\"`");
    let value = meta.value().map_err(|_| meta.error(&wanted))?;
    let text: LitStr = value.parse().map_err(|error| syn::Error::new(error.span(), wanted))?;
    if text.value().is_empty() {
        let empty = format!("an empty text says nothing: write `{name} = \"..\"`");
        return Err(syn::Error::new_spanned(&text, empty));
    }
    Ok(text)
}

fn once<T>(slot: &mut Option<T>, meta: &ParseNestedMeta<'_>, value: T) -> syn::Result<()> {
    if slot.is_some() {
        let name = meta.path.to_token_stream();
        return Err(meta.error(format!("`{name}` is given twice")));
    }
    *slot = Some(value);
    Ok(())
}
