//! Which names an expression mentions, found in its tokens: also inside macros such as `format!`.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::Ident;

/// Whether the name occurs, as an identifier or in a format string.
pub(crate) fn mentions(tokens: impl ToTokens, name: &Ident) -> bool {
    occurs(tokens.into_token_stream(), &name.to_string())
}

/// Whether `self` occurs.
pub(crate) fn mentions_self(tokens: impl ToTokens) -> bool {
    occurs(tokens.into_token_stream(), "self")
}

/// Whether `Self` occurs.
pub(crate) fn mentions_self_type(tokens: impl ToTokens) -> bool {
    occurs(tokens.into_token_stream(), "Self")
}

fn occurs(tokens: TokenStream, name: &str) -> bool {
    let mut after_dot = false;
    tokens.into_iter().any(|token| {
        // `self.id` does not mention an argument `id`.
        let is_field = std::mem::replace(&mut after_dot, is_dot(&token));
        match token {
            TokenTree::Ident(ident) => !is_field && ident == name,
            TokenTree::Group(group) => occurs(group.stream(), name),
            TokenTree::Literal(literal) => is_formatted(&literal.to_string(), name),
            TokenTree::Punct(_) => false,
        }
    })
}

fn is_dot(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == '.')
}

/// `"{name}"` and `"{name:?}"`, as in `format!`.
fn is_formatted(literal: &str, name: &str) -> bool {
    literal
        .match_indices(&format!("{{{name}"))
        .any(|(at, found)| literal[at + found.len()..].starts_with(['}', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::{format_ident, quote};

    #[test]
    fn names_are_found_where_they_count() {
        let id = format_ident!("id");
        assert!(mentions(quote!(id.to_string()), &id));
        assert!(mentions(quote!(f(1, (2, id))), &id));
        assert!(mentions(quote!(format!("{id:>8}")), &id));
        assert!(!mentions(quote!(self.id), &id));
        assert!(!mentions(quote!(format!("{idle}")), &id));
        assert!(mentions_self(quote!(self.id)));
    }
}
