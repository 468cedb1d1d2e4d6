//! `#[derive(CacheShape)]`: the print of a type, as an expression that the compiler evaluates.

mod expand;
mod own;
mod serde;
#[cfg(test)]
mod tests;

use crate::errors::Errors;
use proc_macro2::TokenStream;
use syn::Item;

/// The implementation for a type, or what is wrong with it.
pub(crate) fn derive(input: TokenStream) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    let item = syn::parse2::<Item>(input)?;
    let expanded = match &item {
        Item::Struct(item) => expand::structure(item, &mut errors),
        Item::Enum(item) => expand::enumeration(item, &mut errors),
        Item::Union(item) => {
            errors.at(item.union_token, "`CacheShape` is derived for structs and enums: which field of a union is stored cannot be told. Put it into a struct and write `#[shape(opaque = \"v1\")]` at that field");
            TokenStream::new()
        }
        other => {
            errors.at(other, "`CacheShape` is derived for structs and enums");
            TokenStream::new()
        }
    };
    errors.finish()?;
    Ok(expanded)
}
