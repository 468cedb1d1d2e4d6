//! After a mistake: the function as it was written, and the message. So the rest of the crate still
//! compiles, editors keep working, and one mistake gives one message.

use proc_macro2::TokenStream;

/// The item unchanged, followed by what is wrong with it. `compile_error!` may stand beside a
/// function in a module, in a body and in an `impl` block alike.
pub(crate) fn fallback(function: TokenStream, error: &syn::Error) -> TokenStream {
    function.into_iter().chain(error.to_compile_error()).collect()
}
