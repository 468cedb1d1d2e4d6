//! The tags of a value, made from its key: the key is all that work in the background has.

use super::key;
use crate::model::{Fate, Model, Part};
use crate::options;
use crate::template::{Place, Template};
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Expr, ExprCast, Index};

/// The closure that makes the names, if there are any.
pub(crate) fn names(model: &Model) -> Option<TokenStream> {
    let tags = &model.args.tags;
    let key = key::name();
    let names = tags.iter().map(|tag| name(model, tag));
    // A key of its own name, or one that no tag looks at.
    (!tags.is_empty()).then(|| quote!(|#key| { let _ = #key; ::std::vec![#(#names),*] }))
}

fn name(model: &Model, tag: &Template) -> TokenStream {
    let (place, texts) = (tag.literal.span().resolved_at(Span::mixed_site()), tag.texts());
    let parts = tag.holes().filter_map(|hole| part(model, hole, place).ok());
    let larder = &model.larder;
    // What has no text is told at the literal.
    let parts = parts.map(|part| quote_spanned!(place=> &#part));
    quote!(#larder::tag_name(&[#(#texts),*], &[#(#parts),*]))
}

/// The part of the key that an argument, or a field of one, is found in; or why there is none.
pub(crate) fn part(model: &Model, hole: &Place, place: Span) -> Result<TokenStream, String> {
    // As generated code, to which the compiler proposes no changes.
    let place = place.resolved_at(Span::mixed_site());
    let mut key = key::name();
    key.set_span(place);
    for (at, part) in model.key.iter().enumerate() {
        let Some(fields) = fields_behind(model, part, hole) else { continue };
        let members = hole.members(fields, place);
        let index = Index { index: at as u32, span: place };
        let whole = if model.key.len() == 1 {
            quote_spanned!(place=> #key)
        } else {
            quote_spanned!(place=> #key.#index)
        };
        let inner = matches!(part, Part::Float(_)).then(|| quote_spanned!(place=> .0));
        return Ok(quote_spanned!(place=> #whole #inner #(.#members)*));
    }
    Err(why_not(model, hole))
}

/// How many of the fields are behind, where this part of the key holds what is sought.
fn fields_behind(model: &Model, part: &Part, hole: &Place) -> Option<usize> {
    let param = |index: &usize| Place {
        root: model.params[*index].name.unraw().to_string(),
        fields: Vec::new(),
    };
    let (held, as_it_is) = match part {
        Part::Param(index) => (param(index), true),
        Part::Float(index) => (param(index), false),
        Part::Typed(expr, ty) if !key::is_cast(ty) => match &**expr {
            Expr::Cast(ExprCast { expr, .. }) => kept(expr)?,
            _ => return None,
        },
        // What is cast may be cut, and so be another's name.
        Part::Typed(..) => return None,
        Part::Computed(expr) => kept(expr)?,
    };
    let is_there = held.root == hole.root && hole.fields.starts_with(&held.fields);
    let is_all = held.fields.len() == hole.fields.len();
    (is_there && (as_it_is || is_all)).then_some(held.fields.len())
}

/// What an expression holds, if it looks the same as text; and whether it has the same fields.
fn kept(expr: &Expr) -> Option<(Place, bool)> {
    match expr {
        Expr::Paren(inner) => kept(&inner.expr),
        Expr::Group(inner) => kept(&inner.expr),
        Expr::Reference(inner) => kept(&inner.expr),
        Expr::Unary(inner) if matches!(inner.op, syn::UnOp::Deref(_)) => kept(&inner.expr),
        Expr::MethodCall(call) if call.args.is_empty() => {
            let (place, as_it_is) = kept(&call.receiver)?;
            match &*call.method.to_string() {
                "clone" | "to_owned" => Some((place, as_it_is)),
                "to_string" => Some((place, false)),
                _ => None,
            }
        }
        other => Some((Place::of(other)?, true)),
    }
}

fn why_not(model: &Model, hole: &Place) -> String {
    let name = hole.name();
    if hole.root == "self" {
        return match (&model.receiver, &hole.fields[..]) {
            (None, _) => "this function has no `self`".to_owned(),
            (Some(_), []) => "name a field of `self` that is in the key: `{self.id}`".to_owned(),
            (Some(_), _) => format!(
                "tags are made from the key, and `{name}` is not in it as it is: write `key = ({name}, ..)`"
            ),
        };
    }
    let Some(param) = model.params.iter().find(|param| param.name.unraw() == hole.root) else {
        return unknown(
            &hole.root,
            model.params.iter().map(|param| param.name.unraw().to_string()),
        );
    };
    match param.fate {
        Fate::Skipped | Fate::Cloned => format!(
            "tags are made from the key, and `{}` is skipped: name an argument that is in the key",
            hole.root
        ),
        Fate::Keyed(_) => format!("`{name}` is in the key as a `Float`, which has no fields"),
        Fate::Mentioned | Fate::Undecided => format!(
            "tags are made from the key, and `{name}` is not in it as it is: write `key = ({name}, ..)`"
        ),
    }
}

/// What is said of a name that no argument has.
pub(crate) fn unknown(name: &str, known: impl Iterator<Item = String>) -> String {
    let known: Vec<String> = known.collect();
    let near = known.iter().map(|other| (options::distance(other, name), other)).min();
    match near {
        Some((far, near)) if far <= 1 + name.len() / 3 => {
            format!("there is no argument `{name}`: did you mean `{{{near}}}`?")
        }
        Some(_) => format!("there is no argument `{name}`; there are: {}", known.join(", ")),
        None => format!("there is no argument `{name}`: this function has none"),
    }
}
