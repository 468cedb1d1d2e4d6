//! Everything that is wrong with a decorated function, each told where it is and how to mend it.

mod key;
mod settings;

use crate::args::Companion;
use crate::errors::Errors;
use crate::expand::is_plain;
use crate::expand::tags::part as tag_part;
use crate::model::{Fate, Model, Owner, Shape};
use crate::types;
use syn::{ReceiverKind, ReturnType, Safety, Signature, Type};

/// Finds all mistakes.
pub(crate) fn check(model: &Model, errors: &mut Errors) {
    signature(&model.item.sig, errors);
    output(model, errors);
    receiver(model, errors);
    for param in &model.params {
        key::parameter(model, param, errors);
    }
    key::skipped(model, errors);
    key::key(model, errors);
    tags(model, errors);
    settings::times(&model.args, errors);
    settings::storage(&model.args, errors);
    settings::once(model, errors);
    background(model, errors);
    companion(model, errors);
}

fn tags(model: &Model, errors: &mut Errors) {
    for tag in &model.args.tags {
        let place = tag.literal.span();
        for hole in tag.holes() {
            if let Err(why) = tag_part(model, hole, place) {
                errors.here(place, why);
            }
        }
    }
}

fn signature(sig: &Signature, errors: &mut Errors) {
    if let Some(constant) = &sig.constness {
        errors.at(
            constant,
            "a `const fn` cannot be cached: a cache is made when the program runs; remove `const`",
        );
    }
    if let Safety::Unsafe(word) = &sig.safety {
        errors.at(word, "an `unsafe fn` cannot be cached: its caller's promises say nothing about later calls; cache a safe function around it");
    }
    if let Some(abi) = &sig.abi {
        errors.at(abi, "a function with a foreign ABI cannot be cached: cache a plain function, and call it from this one");
    }
    if let Some(dots) = &sig.variadic {
        errors.at(dots, "a variadic function cannot be cached: its arguments cannot be compared");
    }
}

fn output(model: &Model, errors: &mut Errors) {
    let ReturnType::Type(_, written) = &model.item.sig.output else {
        return errors.at(
            &model.item.sig.ident,
            "this function returns nothing, so there is nothing to cache",
        );
    };
    let ty = &model.output.ty;
    match ty {
        Type::Tuple(tuple) if tuple.elems.is_empty() => {
            errors.at(written, "this function returns nothing, so there is nothing to cache");
        }
        Type::Never(_) => {
            errors.at(written, "this function never returns, so there is nothing to cache")
        }
        _ if types::is_boxed_future(ty) => {
            errors.at(written, "a future cannot be cached, what it resolves to can: write `async fn` (under `#[async_trait]`, cache an inherent `async fn` and call it)");
        }
        _ if types::impl_trait(ty).is_some() => {
            errors.at(written, "an `impl Trait` cannot be stored: name the type, or box it; instead of `impl Future` write `async fn`");
        }
        _ if types::of_one_thread(ty).is_some() => {
            let name = types::of_one_thread(ty).map(ToString::to_string).unwrap_or_default();
            errors.at(written, format!("`{name}` stays in one thread, cached values go to any: use `Arc`, `Mutex` or atomics"));
        }
        _ if model.args.cache_err.is_some() && is_plain(ty) => {
            errors.here(
                model.args.place("cache_err"),
                "`cache_err` is for functions that return a `Result` or an `Option`: leave it out",
            );
        }
        _ if types::borrows(ty) => {
            errors.at(written, "a cached function cannot return a borrow: return an owned value, an `Arc<..>`, or `&'static ..`");
        }
        _ => {}
    }
}

fn receiver(model: &Model, errors: &mut Errors) {
    let Some(Owner { receiver, fate, .. }) = &model.receiver else { return };
    let is_mutable = match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => mutability.is_some(),
        ReceiverKind::Typed(_, ty) => {
            matches!(types::bare(ty), Type::Reference(r) if r.mutability.is_some())
        }
        _ => false,
    };
    if is_mutable {
        errors.at(
            receiver,
            "a cached method cannot take `&mut self`: a hit would skip the change; take `&self`",
        );
    } else if *fate == Fate::Undecided {
        let names =
            model.params.iter().map(|param| format!(", {}", param.name)).collect::<String>();
        errors.at(receiver, format!(
            "say what of `self` identifies a value: `key = (self.id{names})`; or `skip(self)` if all instances may share their values"
        ));
    }
}

fn background(model: &Model, errors: &mut Errors) {
    if model.args.async_ttl.is_none() || model.is_rebuildable() {
        return;
    }
    let at = model.args.place("async_ttl");
    match model.lost() {
        Some((name, Fate::Skipped)) => {
            errors.here(at, format!("`async_ttl` recomputes in the background, where `{name}` is gone: write `skip({name} = clone)`"));
        }
        Some((name, _)) => {
            errors.here(at, format!("`async_ttl` recomputes in the background, where only the key is left, and `{name}` is not in it as it is: write `skip({name} = clone)`"));
        }
        None if model.shape == Shape::None && model.needs_self() => {
            errors.here(at, "`async_ttl` needs a companion to recompute in the background: leave `companion = none` out; in the `impl` of a trait, cache an inherent method and call it");
        }
        // Mistakes that are told elsewhere.
        None => {}
    }
}

/// Types that a companion of the same name would hide.
const PRIMITIVES: &[&str] = &[
    "bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64",
    "i128", "isize", "f32", "f64",
];

fn companion(model: &Model, errors: &mut Errors) {
    let name = &model.item.sig.ident;
    match &model.args.companion {
        None if model.shape == Shape::Type && PRIMITIVES.contains(&&*name.to_string()) => {
            errors.at(name, format!("the companion type would hide the primitive type `{name}`: name it with `companion = {}`", camel(&name.to_string())));
        }
        Some(Companion::Named(given)) if model.needs_self() => {
            errors.at(given, format!("in an `impl` block no type can be declared: leave `companion` out, the method `{name}_entry` is the companion"));
        }
        Some(Companion::Named(given)) if PRIMITIVES.contains(&&*given.to_string()) => {
            errors.at(given, format!("the companion type would hide the primitive type `{given}`"));
        }
        _ => {}
    }
}

fn camel(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).chain("Cache".chars()).collect()
}
