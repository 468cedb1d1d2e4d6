//! What was written between the parentheses of `#[cached(..)]`.

use crate::duration::{Jitter, Time};
use crate::errors::Errors;
use crate::options::{self, Argument};
use crate::template::Template;
use proc_macro2::Span;
use std::collections::HashMap;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, ExprClosure, Ident, LitStr, Path, Result, Token, parenthesized, token};

/// The arguments, read but not yet compared with each other or with the function.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) ttl: Option<Time>,
    pub(crate) async_ttl: Option<AsyncTtl>,
    pub(crate) key: Option<Expr>,
    pub(crate) skip: Vec<Skip>,
    pub(crate) client: Option<Expr>,
    pub(crate) capacity: Option<Expr>,
    pub(crate) weight: Option<Expr>,
    pub(crate) namespace: Option<Namespace>,
    pub(crate) version: Option<Expr>,
    pub(crate) jitter: Option<Jitter>,
    pub(crate) grace: Option<Time>,
    pub(crate) cache_if: Option<Expr>,
    pub(crate) ttl_of: Option<Expr>,
    pub(crate) cache_err: Option<CacheErr>,
    pub(crate) tags: Vec<Template>,
    pub(crate) isolate: bool,
    pub(crate) companion: Option<Companion>,
    pub(crate) larder: Option<Path>,
    /// Where each argument was named.
    named: HashMap<&'static str, Span>,
}

/// When to refresh.
pub(crate) enum AsyncTtl {
    /// At half the TTL.
    Half,
    At(Time),
}

/// One name in `skip(..)`.
pub(crate) struct Skip {
    pub(crate) name: Ident,
    /// `= clone` was written.
    pub(crate) cloned: bool,
}

pub(crate) enum Namespace {
    None,
    Named(LitStr),
    Later(Expr),
}

/// `cache_err`, alone or with a TTL of its own.
pub(crate) struct CacheErr(pub(crate) Option<Time>);

pub(crate) enum Companion {
    Named(Ident),
    /// A function `name_entry`, as for methods.
    Function,
    None,
}

impl Args {
    /// Where an argument was named; the attribute itself if it was not.
    pub(crate) fn place(&self, name: &str) -> Span {
        self.named.get(name).copied().unwrap_or_else(Span::call_site)
    }
}

impl Parse for Args {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut args = Args::default();
        while !input.is_empty() {
            args.read(input)?;
            if input.is_empty() {
                break;
            }
            if !input.peek(Token![,]) {
                return Err(input.error("expected a comma before the next argument"));
            }
            input.parse::<Token![,]>()?;
        }
        Ok(args)
    }
}

impl Args {
    fn read(&mut self, input: ParseStream<'_>) -> Result<()> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error("an argument begins with its name: e.g. `ttl = \"5m\"`"));
        }
        let name = input.call(Ident::parse_any)?;
        let argument = options::find(&name.to_string()).ok_or_else(|| unknown(&name, input))?;
        if self.named.insert(argument.name, name.span()).is_some() {
            return Err(Error::new(name.span(), format!("`{name}` is given twice")));
        }
        match argument.name {
            "async_ttl" if is_flag(input) => self.async_ttl = Some(AsyncTtl::Half),
            "cache_err" if is_flag(input) => self.cache_err = Some(CacheErr(None)),
            "isolate" if is_flag(input) => self.isolate = true,
            "isolate" => {
                return Err(Error::new(name.span(), "`isolate` stands alone: it has no value"));
            }
            "skip" => self.skip = skipped(&name, input)?,
            _ => {
                equals(argument, &name, input)?;
                self.value(argument, input)?;
            }
        }
        Ok(())
    }

    fn value(&mut self, argument: &Argument, input: ParseStream<'_>) -> Result<()> {
        match argument.name {
            "ttl" => self.ttl = Some(Time::read(input.parse()?)?),
            "async_ttl" => self.async_ttl = Some(AsyncTtl::At(Time::read(input.parse()?)?)),
            "grace" => self.grace = Some(Time::read(input.parse()?)?),
            "cache_err" => self.cache_err = Some(CacheErr(Some(Time::read(input.parse()?)?))),
            "jitter" => self.jitter = Some(Jitter::read(input.parse()?)?),
            "namespace" => self.namespace = Some(namespace(input)?),
            "companion" => self.companion = Some(companion(input)?),
            "crate" => self.larder = Some(input.call(Path::parse_mod_style)?),
            "key" => self.key = Some(input.parse()?),
            "tags" => self.tags = tags(&input.parse()?)?,
            "client" => self.client = Some(input.parse()?),
            "capacity" => self.capacity = Some(input.parse()?),
            "version" => self.version = Some(input.parse()?),
            "weight" => self.weight = Some(function(argument, 2, input)?),
            "cache_if" => self.cache_if = Some(function(argument, 1, input)?),
            "ttl_of" => self.ttl_of = Some(function(argument, 1, input)?),
            other => unreachable!("the table has `{other}`, the parser has not"),
        }
        Ok(())
    }
}

/// Nothing follows the name.
fn is_flag(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,])
}

fn unknown(name: &Ident, input: ParseStream<'_>) -> Error {
    let message = match options::nearest(&name.to_string()) {
        Some(near) => format!("unknown argument `{name}`: did you mean `{}`?", near.example),
        None if is_flag(input) => {
            format!("an argument needs its name: if this is the client, write `client = {name}`")
        }
        None => format!("unknown argument `{name}`; there are: {}", options::names()),
    };
    Error::new(name.span(), message)
}

fn equals(argument: &Argument, name: &Ident, input: ParseStream<'_>) -> Result<()> {
    let wrong =
        || Error::new(name.span(), format!("`{name}` needs a value: `{}`", argument.example));
    if !input.peek(Token![=]) {
        return Err(wrong());
    }
    input.parse::<Token![=]>()?;
    if is_flag(input) { Err(wrong()) } else { Ok(()) }
}

fn skipped(name: &Ident, input: ParseStream<'_>) -> Result<Vec<Skip>> {
    if !input.peek(token::Paren) {
        let message = "`skip` names arguments in parentheses: `skip(db)`, or `skip(db = clone)`";
        return Err(Error::new(name.span(), message));
    }
    let names;
    parenthesized!(names in input);
    if names.is_empty() {
        return Err(Error::new(
            name.span(),
            "`skip()` skips nothing: name an argument, or leave it out",
        ));
    }
    let names = names.parse_terminated(Skip::parse, Token![,])?;
    Ok(names.into_iter().collect())
}

impl Parse for Skip {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error("expected the name of an argument, as in `skip(db)`"));
        }
        let name = input.call(Ident::parse_any)?;
        if !input.peek(Token![=]) {
            return Ok(Skip { name, cloned: false });
        }
        input.parse::<Token![=]>()?;
        let how = input.call(Ident::parse_any)?;
        if how != "clone" {
            return Err(Error::new(
                how.span(),
                format!("write `skip({name} = clone)` or `skip({name})`"),
            ));
        }
        Ok(Skip { name, cloned: true })
    }
}

/// Tags that one value may have.
const MOST_TAGS: usize = 16;

fn tags(list: &Expr) -> Result<Vec<Template>> {
    let list = match list {
        Expr::Array(list) => list,
        Expr::Group(inner) => return tags(&inner.expr),
        other => {
            let message = "`tags` is a list of names: `tags = [\"user:{id}\", \"team\"]`";
            return Err(Error::new_spanned(other, message));
        }
    };
    if list.elems.is_empty() {
        return Err(Error::new_spanned(list, "`tags = []` names no tag: leave it out"));
    }
    if let Some(beyond) = list.elems.iter().nth(MOST_TAGS) {
        let message = format!("a value has at most {MOST_TAGS} tags");
        return Err(Error::new_spanned(beyond, message));
    }
    let mut errors = Errors::default();
    let mut tags: Vec<Template> = Vec::new();
    for tag in &list.elems {
        let Some(tag) = errors.take(Template::read(tag)) else { continue };
        if tags.iter().any(|known| known.literal.value() == tag.literal.value()) {
            errors.at(&tag, "this tag is given twice");
        }
        tags.push(tag);
    }
    errors.finish().map(|()| tags)
}

fn namespace(input: ParseStream<'_>) -> Result<Namespace> {
    Ok(match input.parse::<Expr>()? {
        Expr::Path(path) if path.path.is_ident("none") => Namespace::None,
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(name), .. }) => {
            if name.value().is_empty() {
                return Err(Error::new(
                    name.span(),
                    "an empty namespace: write `namespace = none`",
                ));
            }
            Namespace::Named(name)
        }
        other => Namespace::Later(other),
    })
}

fn companion(input: ParseStream<'_>) -> Result<Companion> {
    if input.peek(Token![fn]) {
        input.parse::<Token![fn]>()?;
        return Ok(Companion::Function);
    }
    let wrong = input.error("write `companion = Name`, `companion = fn` or `companion = none`");
    if !input.peek(Ident::peek_any) {
        return Err(wrong);
    }
    let name = input.call(Ident::parse_any)?;
    Ok(if name == "none" { Companion::None } else { Companion::Named(name) })
}

/// A function over `count` borrowed values; a closure is checked for their number here.
fn function(argument: &Argument, count: usize, input: ParseStream<'_>) -> Result<Expr> {
    let value: Expr = input.parse()?;
    match &value {
        Expr::Closure(ExprClosure { inputs, .. }) if inputs.len() != count => {
            Err(Error::new_spanned(
                &value,
                format!("expected a closure of {count}: `{}`", argument.example),
            ))
        }
        Expr::Lit(_) | Expr::Tuple(_) => Err(Error::new_spanned(
            &value,
            format!("expected a closure or function: `{}`", argument.example),
        )),
        _ => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    fn wrong(tokens: proc_macro2::TokenStream) -> String {
        syn::parse2::<Args>(tokens).err().unwrap().to_string()
    }

    #[test]
    fn every_argument_of_the_table_is_read() {
        for Argument { name, example, .. } in options::ARGUMENTS {
            let args: Args =
                syn::parse_str(example).unwrap_or_else(|error| panic!("{example}: {error}"));
            assert!(args.named.contains_key(name));
        }
    }

    #[test]
    fn each_mistake_has_its_words() {
        assert!(wrong(quote!(tll = 5)).contains("did you mean `ttl = \"5m\"`"));
        assert!(wrong(quote!(ttl = 5, ttl = 6)).contains("given twice"));
        assert!(wrong(quote!(ttl)).contains("needs a value"));
        assert!(wrong(quote!(ttl("5m"))).contains("needs a value"));
        assert!(wrong(quote!("5m")).contains("begins with its name"));
        assert!(wrong(quote!(CLIENT)).contains("`client = CLIENT`"));
        assert!(wrong(quote!(skip = a)).contains("parentheses"));
        assert!(wrong(quote!(isolate = true)).contains("stands alone"));
        assert!(wrong(quote!(tags = "team")).contains("a list of names"));
        assert!(wrong(quote!(tags = [])).contains("names no tag"));
        assert!(wrong(quote!(tags = ["team", 7])).contains("text in quotes"));
        assert!(wrong(quote!(tags = ["team", "team"])).contains("given twice"));
        assert!(wrong(quote!(skip(a = copy))).contains("skip(a = clone)"));
        assert!(wrong(quote!(weight = |v| 1)).contains("closure of 2"));
        assert!(wrong(quote!(ttl = 5 capacity = 3)).contains("comma"));
    }
}
