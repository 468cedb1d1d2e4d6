//! `#[invalidates(..)]`: what a function that changes things makes others forget, once it succeeded.

mod args;
mod check;
mod expand;

use crate::errors::Errors;
use crate::item::Item;
use args::Args;
use proc_macro2::TokenStream;

pub(crate) fn expansion(arguments: TokenStream, function: TokenStream) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    let args = errors.take(syn::parse2::<Args>(arguments));
    let item = errors.take(Item::read("#[invalidates]", function));
    let Some((args, item)) = args.zip(item) else { return Err(errors.into_first()) };
    check::check(&args, &item, &mut errors);
    errors.finish()?;
    Ok(expand::expand(&args, &item))
}
