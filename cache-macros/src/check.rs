//! Everything that is wrong with a decorated function, each told where it is and how to mend it.

use crate::args::{Args, AsyncTtl, Companion};
use crate::duration::{Jitter, Time};
use crate::errors::Errors;
use crate::mention::{mentions, mentions_self};
use crate::model::{Fate, Model, Owner, Param, Part, Shape, Taken};
use crate::types;
use quote::ToTokens;
use syn::{Expr, ExprLit, Ident, Lit, ReceiverKind, ReturnType, Safety, Signature, Type};

/// Finds all mistakes.
pub(crate) fn check(model: &Model, errors: &mut Errors) {
    signature(&model.item.sig, errors);
    output(model, errors);
    receiver(model, errors);
    for param in &model.params {
        parameter(model, param, errors);
    }
    skipped(model, errors);
    key(model, errors);
    times(&model.args, errors);
    storage(&model.args, errors);
    once(model, errors);
    background(model, errors);
    companion(model, errors);
}

fn signature(sig: &Signature, errors: &mut Errors) {
    if let Some(constant) = &sig.constness {
        errors.at(constant, "a `const fn` cannot be cached: a cache is made when the program runs; remove `const`");
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
        return errors.at(&model.item.sig.ident, "this function returns nothing, so there is nothing to cache");
    };
    let ty = &model.output.ty;
    match ty {
        Type::Tuple(tuple) if tuple.elems.is_empty() => {
            errors.at(written, "this function returns nothing, so there is nothing to cache");
        }
        Type::Never(_) => errors.at(written, "this function never returns, so there is nothing to cache"),
        _ if types::is_boxed_future(ty) => {
            errors.at(written, "a future cannot be cached, what it resolves to can: write `async fn` (under `#[async_trait]`, cache an inherent `async fn` and call it)");
        }
        _ if types::impl_trait(ty).is_some() => {
            errors.at(written, "an `impl Trait` cannot be stored: name the type, or box it; instead of `impl Future` write `async fn`");
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
        ReceiverKind::Typed(_, ty) => matches!(types::bare(ty), Type::Reference(r) if r.mutability.is_some()),
        _ => false,
    };
    if is_mutable {
        errors.at(receiver, "a cached method cannot take `&mut self`: a hit would skip the change; take `&self`");
    } else if *fate == Fate::Undecided {
        let names = model.params.iter().map(|param| format!(", {}", param.name)).collect::<String>();
        errors.at(receiver, format!(
            "say what of `self` identifies a value: `key = (self.id{names})`; or `skip(self)` if all instances may share their values"
        ));
    }
}

fn parameter(model: &Model, param: &Param, errors: &mut Errors) {
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
        Fate::Undecided => {
            errors.at(name, format!("`{name}` is not in the key: add it to `key = (..)`, or write `skip({name})` if it does not change the value"));
        }
        Fate::Keyed(part) if matches!(model.key[*part], Part::Param(_)) => keyed(name, ty, taken, errors),
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
        errors.at(ty, format!("a `{float}` has no exact equality to make a key of: {how}, or `skip({name})`"));
        return;
    }
    if let Taken::Reference(elem) | Taken::Optional(elem) = taken
        && matches!(types::bare(elem), Type::TraitObject(_))
    {
        errors.at(ty, format!("a `dyn` cannot be compared, and so cannot be part of a key: `skip({name})`, or name what identifies it in `key = (..)`"));
        return;
    }
    let (borrows, how) = match taken {
        Taken::Value => (types::borrows(ty), format!("take `{name}` by value or behind one `&`")),
        Taken::Reference(elem) => (types::borrows(elem), format!("take `{name}` as a slice or reference to owned values")),
        Taken::Optional(_) => (false, String::new()),
    };
    if borrows {
        errors.at(ty, format!("the key cannot keep what `{name}` borrows: {how}, or name an owned form of it in `key = (..)`"));
    }
}

fn skipped(model: &Model, errors: &mut Errors) {
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

fn key(model: &Model, errors: &mut Errors) {
    let Some(written) = &model.args.key else {
        if model.key.len() > MOST_PARTS {
            let message = format!("a key has at most {MOST_PARTS} parts, this has {}: skip some, or put them into one type", model.key.len());
            errors.at(&model.item.sig.ident, message);
        }
        return;
    };
    if let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = written {
        errors.at(text, "a key is an expression, not text: write `key = format!(..)`, or name the arguments: `key = (a, b)`");
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

const MOST_PARTS: usize = 12;

fn times(args: &Args, errors: &mut Errors) {
    let positive = [("ttl", &args.ttl), ("grace", &args.grace)];
    for (name, time) in positive.into_iter().filter_map(|(name, time)| Some((name, time.as_ref()?))) {
        if time.is_negative() {
            errors.here(time.span(), format!("`{name}` cannot be negative"));
        } else if time.nanos() == Some(0) {
            errors.here(time.span(), format!("`{name}` of zero: nothing would be kept; leave it out"));
        }
    }
    if let Some(time) = args.cache_err.as_ref().and_then(|own| own.0.as_ref())
        && (time.is_negative() || time.nanos() == Some(0))
    {
        errors.here(time.span(), "the TTL of errors must be more than zero: leave `cache_err` out to store none");
    }
    if let Some(when) = &args.async_ttl {
        async_ttl(args, when, errors);
    }
    if let Some(grace) = &args.grace
        && args.ttl.is_none()
        && args.ttl_of.is_none()
    {
        errors.here(grace.span(), "`grace` begins when the TTL ends, and there is none: add `ttl = ..`");
    }
    if let Some(jitter) = &args.jitter {
        self::jitter(args, jitter, errors);
    }
}

fn async_ttl(args: &Args, when: &AsyncTtl, errors: &mut Errors) {
    let has_ttl = args.ttl.is_some() || args.ttl_of.is_some();
    let AsyncTtl::At(when) = when else {
        if args.ttl.is_none() {
            errors.here(args.place("async_ttl"), "`async_ttl` alone means half the TTL, and there is none: add `ttl = ..`");
        }
        return;
    };
    let ttl = args.ttl.as_ref().and_then(Time::nanos);
    match (when.nanos(), ttl) {
        (Some(0), _) => errors.here(when.span(), "`async_ttl` of zero: values would never be refreshed, or always"),
        (Some(nanos), Some(ttl)) if nanos >= ttl && when.is_negative() => {
            errors.here(when.span(), "values expire (`ttl`) before they are this old, and so would never be refreshed: an age for `async_ttl` must be below `ttl`");
        }
        (Some(nanos), Some(ttl)) if nanos >= ttl => {
            errors.here(when.span(), "new values have less than this left (`ttl`), and so would be refreshed all the time: `async_ttl` must be below `ttl`");
        }
        (Some(_), None) if !when.is_negative() && !has_ttl => {
            errors.here(when.span(), "this is the time left of a TTL, and there is none: add `ttl = ..`, or give an age: `async_ttl = \"-60s\"`");
        }
        _ => {}
    }
}

fn jitter(args: &Args, jitter: &Jitter, errors: &mut Errors) {
    match jitter {
        Jitter::Fraction { part, at } if !(*part > 0.0 && *part <= 1.0) => {
            errors.here(*at, "`jitter` is a part of the TTL, above 0 and at most 1 (100%), or a time in quotes: \"10%\", 0.1, \"5s\"");
        }
        Jitter::Time(time) if time.is_negative() || time.nanos() == Some(0) => {
            errors.here(time.span(), "`jitter` must be more than zero: it is by how much a TTL may be shortened");
        }
        Jitter::Time(time) if exceeds(time, args.ttl.as_ref()) => {
            errors.here(time.span(), "`jitter` is as long as `ttl`: values could expire at once");
        }
        _ if args.ttl.is_none() && args.ttl_of.is_none() => {
            errors.here(args.place("jitter"), "`jitter` shortens a TTL, and there is none: add `ttl = ..`");
        }
        _ => {}
    }
}

fn exceeds(time: &Time, ttl: Option<&Time>) -> bool {
    matches!((time.nanos(), ttl.and_then(Time::nanos)), (Some(time), Some(ttl)) if time >= ttl)
}

fn storage(args: &Args, errors: &mut Errors) {
    if args.client.is_some() && args.capacity.is_some() {
        errors.here(args.place("capacity"), "a `client` has its own capacity: set it there, or leave `client` out for a cache of this function's own");
    }
    if args.client.is_some() && args.weight.is_some() {
        errors.here(args.place("weight"), "a `client` weighs its entries itself: set it there, or write `capacity = ..` instead of `client`");
    } else if args.weight.is_some() && args.capacity.is_none() {
        errors.here(args.place("weight"), "`weight` counts against a `capacity` of this function's own: add `capacity = ..`");
    }
    if let Some(Expr::Lit(ExprLit { lit: Lit::Int(number), .. })) = &args.capacity
        && number.base10_parse::<u64>().is_ok_and(|number| number == 0)
    {
        errors.at(number, "a capacity of 0 keeps nothing: remove `#[cached]`, or give it room");
    }
}

/// Settings hold for all calls, so they cannot depend on one.
fn once(model: &Model, errors: &mut Errors) {
    let args = &model.args;
    let time = |time: &Time| match time {
        Time::Later(value) => Some(value.to_token_stream()),
        Time::Known { .. } => None,
    };
    let tokens = |value: &Option<Expr>| value.as_ref().map(ToTokens::to_token_stream);
    let settings = [
        ("client", tokens(&args.client)),
        ("capacity", tokens(&args.capacity)),
        ("version", tokens(&args.version)),
        ("ttl", args.ttl.as_ref().and_then(time)),
        ("grace", args.grace.as_ref().and_then(time)),
    ];
    for (name, value) in settings {
        if let Some(value) = value.filter(|value| mentions_self(value)) {
            errors.at(value, format!("`{name}` holds for all instances, so it cannot come from `self`: use a static"));
        }
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
    "bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
    "f32", "f64",
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
