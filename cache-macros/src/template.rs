//! The names of tags as they are written: text with arguments in braces, `"user:{id}"`.

use proc_macro2::Span;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::{Error, Expr, ExprField, Ident, Lit, LitStr, Member, Result};

/// Bytes that the name of a tag may have.
const LONGEST: usize = 250;

/// The name of a tag, with holes for arguments.
pub(crate) struct Template {
    /// As it was written: where mistakes in it are told.
    pub(crate) literal: LitStr,
    pub(crate) pieces: Vec<Piece>,
}

pub(crate) enum Piece {
    Text(String),
    Hole(Place),
}

/// An argument or `self`, and the fields that lead further: `order.user.id`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    pub(crate) root: String,
    pub(crate) fields: Vec<String>,
}

impl Place {
    /// As it is written.
    pub(crate) fn name(&self) -> String {
        let fields = self.fields.iter().map(|field| format!(".{field}"));
        std::iter::once(self.root.clone()).chain(fields).collect()
    }

    /// The fields as they stand in code, in a literal's place.
    pub(crate) fn members(&self, from: usize, place: Span) -> Vec<Member> {
        let member = |field: &String| match field.parse::<u32>() {
            Ok(index) => Member::Unnamed(syn::Index { index, span: place }),
            Err(_) => Member::Named(ident(field, place)),
        };
        self.fields[from..].iter().map(member).collect()
    }

    /// What an expression names, if it is an argument, `self`, or a field of one.
    pub(crate) fn of(expr: &Expr) -> Option<Self> {
        match expr {
            Expr::Paren(inner) => Place::of(&inner.expr),
            Expr::Group(inner) => Place::of(&inner.expr),
            Expr::Path(path) => {
                let root = path.path.get_ident()?.unraw().to_string();
                Some(Place { root, fields: Vec::new() })
            }
            Expr::Field(ExprField { base, member, .. }) => {
                let mut place = Place::of(base)?;
                place.fields.push(match member {
                    Member::Named(name) => name.unraw().to_string(),
                    Member::Unnamed(index) => index.index.to_string(),
                });
                Some(place)
            }
            _ => None,
        }
    }
}

/// A name that may be a keyword otherwise.
pub(crate) fn ident(name: &str, place: Span) -> Ident {
    let plain =
        Ident::parse_any.parse_str(name).is_ok_and(|_| syn::parse_str::<Ident>(name).is_ok());
    if plain || name == "self" { Ident::new(name, place) } else { Ident::new_raw(name, place) }
}

impl Template {
    pub(crate) fn read(expr: &Expr) -> Result<Self> {
        match expr {
            Expr::Group(inner) => Template::read(&inner.expr),
            Expr::Lit(syn::ExprLit { lit: Lit::Str(literal), .. }) => Template::of(literal),
            other => Err(Error::new_spanned(
                other,
                "a tag is text in quotes, with arguments in braces: `\"user:{id}\"`",
            )),
        }
    }

    pub(crate) fn of(literal: &LitStr) -> Result<Self> {
        let wrong = |message: String| Error::new(literal.span(), message);
        let text = literal.value();
        if text.is_empty() {
            return Err(wrong("a tag needs a name: `\"team\"`, or `\"user:{id}\"`".to_owned()));
        }
        let pieces = pieces(&text).map_err(wrong)?;
        let known: usize = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.len(),
                Piece::Hole(_) => 0,
            })
            .sum();
        if known > LONGEST {
            return Err(wrong(format!(
                "the name of a tag has at most {LONGEST} bytes, this has {known}"
            )));
        }
        Ok(Template { literal: literal.clone(), pieces })
    }

    pub(crate) fn holes(&self) -> impl Iterator<Item = &Place> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Hole(place) => Some(place),
            Piece::Text(_) => None,
        })
    }

    /// The texts around the holes: one before each, and one behind the last.
    pub(crate) fn texts(&self) -> Vec<String> {
        let mut texts = vec![String::new()];
        for piece in &self.pieces {
            match (piece, texts.last_mut()) {
                (Piece::Text(text), Some(last)) => last.push_str(text),
                _ => texts.push(String::new()),
            }
        }
        texts
    }
}

impl ToTokens for Template {
    fn to_tokens(&self, tokens: &mut proc_macro2::TokenStream) {
        self.literal.to_tokens(tokens);
    }
}

fn pieces(text: &str) -> std::result::Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let (mut plain, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(['{', '}']) {
        plain.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        let after = &rest[at + 1..];
        if let Some(after) = after.strip_prefix(brace) {
            plain.push_str(brace);
            rest = after;
        } else if brace == "}" {
            return Err("this `}` closes nothing: write `}}` for a brace".to_owned());
        } else {
            let Some((inside, after)) = after.split_once('}') else {
                return Err(
                    "this `{` is never closed: write `{id}`, or `{{` for a brace".to_owned()
                );
            };
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Hole(hole(inside)?));
            rest = after;
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

fn hole(inside: &str) -> std::result::Result<Place, String> {
    if inside.trim().is_empty() {
        return Err("name an argument in the braces: `{id}`".to_owned());
    }
    if let Some((name, _)) = inside.split_once(':') {
        return Err(format!(
            "a tag takes arguments as they are, without a format: write `{{{name}}}`"
        ));
    }
    let mut parts = inside.split('.').map(str::to_owned);
    let root = parts.next().unwrap_or_default();
    let place = Place { root, fields: parts.collect() };
    let is_name = |name: &String| Ident::parse_any.parse_str(name).is_ok();
    let is_field = |name: &String| is_name(name) || name.parse::<u32>().is_ok();
    if is_name(&place.root) && place.fields.iter().all(is_field) {
        return Ok(place);
    }
    Err(format!(
        "`{{{inside}}}` is no argument, nor a field of one: write `{{id}}` or `{{order.user}}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Template> {
        Template::of(&LitStr::new(text, Span::call_site()))
    }

    fn wrong(text: &str) -> String {
        read(text).err().unwrap().to_string()
    }

    #[test]
    fn holes_and_braces_are_told_apart() {
        let tag = read("{{a}}:{order.user.0}/{id}}}").unwrap();
        assert_eq!(tag.texts(), ["{a}:", "/", "}"]);
        let holes: Vec<_> = tag.holes().map(Place::name).collect();
        assert_eq!(holes, ["order.user.0", "id"]);
    }

    #[test]
    fn each_mistake_has_its_words() {
        assert!(wrong("user:{id").contains("never closed"));
        assert!(wrong("user:id}").contains("closes nothing"));
        assert!(wrong("user:{}").contains("name an argument"));
        assert!(wrong("user:{id:?}").contains("write `{id}`"));
        assert!(wrong("user:{id()}").contains("no argument"));
        assert!(wrong("").contains("needs a name"));
        assert!(wrong(&"x".repeat(251)).contains("at most 250 bytes"));
    }

    #[test]
    fn a_place_is_the_same_in_code_and_in_braces() {
        let code: Expr = syn::parse_quote!((self.pair.0).r#type);
        let place = Place::of(&code).unwrap();
        assert_eq!(place.name(), "self.pair.0.type");
        assert_eq!(read("{self.pair.0.type}").unwrap().holes().next(), Some(&place));
    }
}
