//! The decorated function: its signature parsed, its body left alone, so that half-written bodies pass.

use proc_macro2::TokenStream;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Error, Result, Signature, Token, Visibility, token};

/// A function as it was written.
pub(crate) struct Item {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// Its braces and what is in them.
    pub(crate) body: TokenStream,
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        Item::parse_for("#[cached]", input)
    }
}

impl Item {
    /// The function under the attribute that is written so.
    pub(crate) fn read(attribute: &str, function: TokenStream) -> Result<Self> {
        (|input: ParseStream<'_>| Item::parse_for(attribute, input)).parse2(function)
    }

    fn parse_for(attribute: &str, input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis: Visibility = input.parse()?;
        refuse_others(attribute, input)?;
        let sig: Signature = input.parse()?;
        if input.peek(Token![;]) {
            let to = if attribute == "#[cached]" { " to cache" } else { "" };
            let message =
                format!("this function has no body{to}: put `{attribute}` on its implementation");
            return Err(Error::new_spanned(&sig.ident, message));
        }
        if !input.peek(token::Brace) {
            return Err(input.error("expected the body of the function"));
        }
        Ok(Item { attrs, vis, sig, body: input.parse()? })
    }
}

/// Everything that is not a function, by its first keyword.
fn refuse_others(attribute: &str, input: ParseStream<'_>) -> Result<()> {
    let what = if input.peek(Token![struct]) || input.peek(Token![enum]) || input.peek(Token![type])
    {
        "a type"
    } else if input.peek(Token![trait]) {
        "a trait: put it on the methods, where they are implemented"
    } else if input.peek(Token![impl]) || (input.peek(Token![unsafe]) && input.peek2(Token![impl]))
    {
        "an `impl` block: put it on each method that is to be cached"
    } else if input.peek(Token![mod]) {
        "a module: put it on each function that is to be cached"
    } else if input.peek(Token![static]) || is_constant(input) {
        "a constant or static, which is computed once anyway"
    } else if input.peek(Token![let]) || input.peek(Token![|]) || input.peek(Token![move]) {
        "a statement or closure: name it as a function"
    } else {
        return Ok(());
    };
    let what = match attribute {
        "#[cached]" => what.to_owned(),
        _ => what
            .replace("that is to be cached", "that changes something")
            .replace(", which is computed once anyway", ""),
    };
    let at = input.span();
    Err(Error::new(at, format!("`{attribute}` is for functions, this is {what}")))
}

/// `const X`, but neither `const fn` nor `const unsafe fn`.
fn is_constant(input: ParseStream<'_>) -> bool {
    input.peek(Token![const]) && !["fn", "async", "unsafe", "extern"].contains(&&*word_after(input))
}

fn word_after(input: ParseStream<'_>) -> String {
    use syn::ext::IdentExt;
    let ahead = input.fork();
    let _ = ahead.parse::<Token![const]>();
    ahead.call(syn::Ident::parse_any).map(|word| word.to_string()).unwrap_or_default()
}
