//! The `#[cached]` attribute of larder.
//!
//! Use it through the crate `larder`, which documents it and re-exports it.

mod args;
mod check;
mod duration;
mod errors;
mod expand;
mod fallback;
mod invalidates;
mod item;
mod mention;
mod model;
mod options;
mod shape;
mod template;
mod time;
mod types;

use args::Args;
use errors::Errors;
use item::Item;
use model::Model;
use proc_macro2::TokenStream;

/// Caches what a function returns.
///
/// The function stays a function. Beside it appears a type of the same name with its companions:
/// `peek`, `lazy`, `refresh`, `put`, `invalidate` and so on. See the crate `larder` for all of it.
///
/// ```ignore
/// #[larder::cached(ttl = "5m", async_ttl = "1m")]
/// fn score(user: u64, query: &str) -> f64 {
///     expensive(user, query)
/// }
///
/// let now = score(7, "tea");
/// let known = score::peek(7, "tea");
/// ```
#[proc_macro_attribute]
pub fn cached(
    arguments: proc_macro::TokenStream,
    function: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    let function = TokenStream::from(function);
    expansion(arguments.into(), function.clone())
        .unwrap_or_else(|error| fallback::fallback(function, &error))
        .into()
}

/// Forgets cached values once a function that changes things has succeeded.
///
/// ```ignore
/// #[larder::invalidates(user(id), tag = "team:{team}")]
/// fn rename(id: u64, team: u64, name: &str) -> Result<(), Error> {
///     database::rename(id, name)
/// }
/// ```
#[proc_macro_attribute]
pub fn invalidates(
    arguments: proc_macro::TokenStream,
    function: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    let function = TokenStream::from(function);
    invalidates::expansion(arguments.into(), function.clone())
        .unwrap_or_else(|error| fallback::fallback(function, &error))
        .into()
}

/// Gives a type the print of its shape, for values that are stored as bytes.
///
/// `#[shape(name = "..")]` keeps the print of a type that was renamed; `#[shape(opaque = "v1")]`, on
/// the type or on a field of a foreign or recursive type, stands for what is inside: count up when
/// that changes.
///
/// ```ignore
/// #[derive(Clone, Serialize, Deserialize, larder::CacheShape)]
/// struct Offer {
///     price: u64,
///     #[shape(opaque = "v1")]
///     details: foreign::Details,
/// }
/// ```
#[proc_macro_derive(CacheShape, attributes(shape, serde))]
pub fn cache_shape(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    shape::derive(input.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Expands to the table of arguments, as the README has it.
#[doc(hidden)]
#[proc_macro]
pub fn arguments_table(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let table = options::markdown();
    quote::quote!(#table).into()
}

fn expansion(arguments: TokenStream, function: TokenStream) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    let args = errors.take(syn::parse2::<Args>(arguments));
    let item = errors.take(syn::parse2::<Item>(function));
    let Some((args, item)) = args.zip(item) else { return Err(errors.into_first()) };
    let model = Model::new(args, item, &mut errors);
    check::check(&model, &mut errors);
    errors.finish()?;
    Ok(expand::expand(&model))
}
