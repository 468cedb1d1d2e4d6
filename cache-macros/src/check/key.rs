//! Mistakes about the key: arguments that cannot be part of it, or that nobody decided about.

use crate::errors::Errors;
use crate::mention::{mentions, mentions_self};
use crate::model::{Fate, Model, Param, Part, Taken};
use crate::types;
use syn::{Expr, ExprLit, Ident, Lit, Type};

pub(super) fn parameter(model: &Model, param: &Param, errors: &mut Errors) {
    let Param { name, ty, taken, fate } = param;
    if let Type::Reference(reference) = types::bare(ty)
        && reference.mutability.is_some()
    {
        errors.at(ty, format!("a cached function cannot take `&mut`: a hit would skip the change to `{name}`; take it by value or by `&`, and return what changed"));
        return;
    }
    if let Some(found) = types::impl_trait(ty) {
        errors.at(found, format!("an `impl Trait` argument has no name that a key could use: make `{name}` a type parameter, or take a concrete type"));
        return;
    }
    match fate {
        // A key in quotes mentions nothing, and is told as such.
        Fate::Undecided if model.args.key.as_ref().is_some_and(is_text) => {}
        Fate::Undecided => {
            errors.at(name, format!("`{name}` is not in the key: add it to `key = (..)`, or write `skip({name})` if it does not change the value"));
        }
        Fate::Keyed(part) if matches!(model.key[*part], Part::Param(_)) => {
            keyed(name, ty, taken, errors)
        }
        _ => {}
    }
}

/// A parameter that is a part of the key as it is.
fn keyed(name: &Ident, ty: &Type, taken: &Taken, errors: &mut Errors) {
    if let Some(float) = types::float(ty) {
        let how = if types::last_segment(ty).is_some_and(|last| last.ident == *float) {
            format!("write `key = (Float({name}), ..)`")
        } else {
            "take the numbers as `larder::Float`".to_owned()
        };
        errors.at(
            ty,
            format!(
                "an `{float}` has no exact equality to make a key of: {how}, or `skip({name})`"
            ),
        );
        return;
    }
    if let Taken::Reference(elem) | Taken::Optional(elem) = taken
        && matches!(types::bare(elem), Type::TraitObject(_))
    {
        errors.at(ty, format!("a `dyn` cannot be compared, and so cannot be part of a key: `skip({name})`, or name what identifies it in `key = (..)`"));
        return;
    }
    if let Some(found) = types::of_one_thread(ty) {
        errors.at(ty, format!("`{found}` stays in one thread, keys go to any: take `{name}` by another type, or `skip({name})`"));
        return;
    }
    let (borrows, how) = match taken {
        Taken::Value => (types::borrows(ty), format!("take `{name}` by value or behind one `&`")),
        Taken::Reference(elem) => {
            (types::borrows(elem), format!("take `{name}` as a slice or reference to owned values"))
        }
        Taken::Optional(_) => (false, String::new()),
    };
    if borrows {
        errors.at(ty, format!("the key cannot keep what `{name}` borrows: {how}, or name an owned form of it in `key = (..)`"));
    }
}

pub(super) fn skipped(model: &Model, errors: &mut Errors) {
    let known: Vec<_> = model.params.iter().map(|param| format!("`{}`", param.name)).collect();
    for (at, skip) in model.args.skip.iter().enumerate() {
        let name = &skip.name;
        if model.args.skip[..at].iter().any(|other| other.name == *name) {
            errors.at(name, format!("`{name}` is skipped twice"));
        } else if name == "self" {
            skipped_self(model, skip.cloned, name, errors);
        } else if let Some(param) = model.params.iter().find(|param| param.name == *name) {
            let is_mentioned = model.args.key.as_ref().is_some_and(|key| mentions(key, name));
            if matches!(param.fate, Fate::Keyed(_)) {
                errors.at(name, format!("`{name}` is in the key and skipped: decide for one"));
            } else if is_mentioned && !skip.cloned {
                errors.at(name, format!("`{name}` is used in the key: leave it out here, or write `skip({name} = clone)` to keep it for work in the background"));
            }
        } else {
            errors.at(name, format!("no argument is named `{name}`: there {}", are(&known)));
        }
    }
}

fn skipped_self(model: &Model, cloned: bool, name: &Ident, errors: &mut Errors) {
    if model.receiver.is_none() {
        errors.at(name, "this function has no `self` to skip");
    } else if !cloned && model.args.key.as_ref().is_some_and(mentions_self) {
        errors.at(name, "`self` is used in the key: leave it out here, or write `skip(self = clone)` to keep it for work in the background");
    }
}

fn are(known: &[String]) -> String {
    match known {
        [] => "are none".to_owned(),
        [one] => format!("is {one}"),
        more => format!("are {}", more.join(", ")),
    }
}

pub(super) fn key(model: &Model, errors: &mut Errors) {
    let Some(written) = &model.args.key else {
        if model.key.len() > MOST_PARTS {
            let message = format!(
                "a key has at most {MOST_PARTS} parts, this has {}: skip some, or put them into one type",
                model.key.len()
            );
            errors.at(&model.item.sig.ident, message);
        }
        return;
    };
    if is_text(written) {
        errors.at(written, "a key is an expression, not text: write `key = format!(..)`, or name the arguments: `key = (a, b)`");
    }
    if model.key.len() > MOST_PARTS {
        errors.at(written, format!("a key has at most {MOST_PARTS} parts: make a tuple of some"));
    }
    for (at, part) in model.key.iter().enumerate() {
        if let Part::Param(index) | Part::Float(index) = part
            && model.params[*index].fate != Fate::Keyed(at)
        {
            errors.at(written, format!("`{}` is in the key twice", model.params[*index].name));
        }
    }
}

fn is_text(key: &Expr) -> bool {
    matches!(key, Expr::Lit(ExprLit { lit: Lit::Str(_), .. }))
}

const MOST_PARTS: usize = 12;
