//! Mistakes in the use of `#[invalidates(..)]`, each told where it is.

use super::args::{Args, By, Called, Target};
use crate::errors::Errors;
use crate::expand::tags::unknown;
use crate::item::Item;
use crate::template::Place;
use crate::types;
use syn::ext::IdentExt;
use syn::visit::{self, Visit};
use syn::{FnArg, Pat, PatIdent, ReturnType, Type};

pub(super) fn check(args: &Args, item: &Item, errors: &mut Errors) {
    if let Some(constant) = &item.sig.constness {
        errors.at(constant, "a `const fn` changes nothing that is cached: remove `const`");
    }
    output(item, errors);
    let names = arguments(item);
    for target in &args.targets {
        match target {
            Target::Tag(tag) => {
                for hole in tag.holes() {
                    if let Some(why) = why_not(item, &names, hole) {
                        errors.here(tag.literal.span(), why);
                    }
                }
            }
            Target::Value(Called { by: By::Method(name), .. }) if item.sig.receiver().is_none() => {
                errors.at(name, "this function has no `self`");
            }
            Target::Value(_) => {}
        }
    }
}

fn output(item: &Item, errors: &mut Errors) {
    let ReturnType::Type(_, written) = &item.sig.output else { return };
    let ty = types::bare(written);
    let is_future = types::is_boxed_future(ty)
        || types::impl_trait(ty).is_some_and(|found| {
            let found = quote::ToTokens::to_token_stream(found);
            found.to_string().contains("Future")
        });
    if matches!(ty, Type::Never(_)) {
        errors.at(written, "this function never returns, so nothing can be done afterwards");
    } else if is_future {
        errors.at(written, "this function returns before its future has done anything: write `async fn` (under `#[async_trait]`, put `#[invalidates]` on an inherent `async fn` and call it)");
    }
}

/// The names of all arguments, also inside patterns.
fn arguments(item: &Item) -> Vec<String> {
    let mut names = Names(Vec::new());
    for input in &item.sig.inputs {
        if let FnArg::Typed(typed) = input {
            names.visit_pat(&typed.pat);
        }
    }
    names.0
}

struct Names(Vec<String>);

impl<'ast> Visit<'ast> for Names {
    fn visit_pat(&mut self, pat: &'ast Pat) {
        visit::visit_pat(self, pat);
    }
    fn visit_pat_ident(&mut self, pat: &'ast PatIdent) {
        self.0.push(pat.ident.unraw().to_string());
        visit::visit_pat_ident(self, pat);
    }
}

fn why_not(item: &Item, names: &[String], hole: &Place) -> Option<String> {
    if hole.root != "self" {
        let is_known = names.contains(&hole.root);
        return (!is_known).then(|| unknown(&hole.root, names.iter().cloned()));
    }
    match (item.sig.receiver(), &hole.fields[..]) {
        (None, _) => Some("this function has no `self`".to_owned()),
        (Some(_), []) => Some("name a field of `self`: `{self.id}`".to_owned()),
        (Some(_), _) => None,
    }
}
