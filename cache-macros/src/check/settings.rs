//! Mistakes in the settings: times that contradict each other, and places that cannot both be.

use crate::args::{Args, AsyncTtl};
use crate::duration::{Jitter, Time};
use crate::errors::Errors;
use crate::mention::{mentions, mentions_self};
use crate::model::Model;
use quote::ToTokens;
use syn::{Expr, ExprLit, Lit};

pub(super) fn times(args: &Args, errors: &mut Errors) {
    let positive = [("ttl", &args.ttl), ("grace", &args.grace)];
    for (name, time) in positive.into_iter().filter_map(|(name, time)| Some((name, time.as_ref()?)))
    {
        if time.is_negative() {
            errors.here(time.span(), format!("`{name}` cannot be negative"));
        } else if time.nanos() == Some(0) {
            errors.here(
                time.span(),
                format!("`{name}` of zero: nothing would be kept; leave it out"),
            );
        }
    }
    if let Some(time) = args.cache_err.as_ref().and_then(|own| own.0.as_ref())
        && (time.is_negative() || time.nanos() == Some(0))
    {
        errors.here(
            time.span(),
            "the TTL of errors must be more than zero: leave `cache_err` out to store none",
        );
    }
    if let Some(when) = &args.async_ttl {
        async_ttl(args, when, errors);
    }
    if let Some(grace) = &args.grace
        && args.ttl.is_none()
        && args.ttl_of.is_none()
    {
        errors.here(
            grace.span(),
            "`grace` begins when the TTL ends, and there is none: add `ttl = ..`",
        );
    }
    if let Some(jitter) = &args.jitter {
        self::jitter(args, jitter, errors);
    }
}

fn async_ttl(args: &Args, when: &AsyncTtl, errors: &mut Errors) {
    let has_ttl = args.ttl.is_some() || args.ttl_of.is_some();
    let AsyncTtl::At(when) = when else {
        if args.ttl.is_none() {
            errors.here(
                args.place("async_ttl"),
                "`async_ttl` alone means half the TTL, and there is none: add `ttl = ..`",
            );
        }
        return;
    };
    let ttl = args.ttl.as_ref().and_then(Time::nanos);
    match (when.nanos(), ttl) {
        (Some(0), _) => errors
            .here(when.span(), "`async_ttl` of zero: values would never be refreshed, or always"),
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
            errors.here(
                time.span(),
                "`jitter` must be more than zero: it is by how much a TTL may be shortened",
            );
        }
        Jitter::Time(time) if exceeds(time, args.ttl.as_ref()) => {
            errors.here(time.span(), "`jitter` is as long as `ttl`: values could expire at once");
        }
        _ if args.ttl.is_none() && args.ttl_of.is_none() => {
            errors.here(
                args.place("jitter"),
                "`jitter` shortens a TTL, and there is none: add `ttl = ..`",
            );
        }
        _ => {}
    }
}

fn exceeds(time: &Time, ttl: Option<&Time>) -> bool {
    matches!((time.nanos(), ttl.and_then(Time::nanos)), (Some(time), Some(ttl)) if time >= ttl)
}

pub(super) fn storage(args: &Args, errors: &mut Errors) {
    if args.client.is_some() && args.capacity.is_some() {
        errors.here(args.place("capacity"), "a `client` has its own capacity: set it there, or leave `client` out for a cache of this function's own");
    }
    if args.capacity.is_some() && args.client.is_none() && args.namespace.is_some() {
        errors.here(args.place("namespace"), "a `capacity` makes a cache of this function's own, which nobody else can open by name: leave `namespace` out, or write `client = ..` instead of `capacity` to share values");
    }
    if args.client.is_some() && args.weight.is_some() {
        errors.here(args.place("weight"), "a `client` weighs its entries itself: set it there, or write `capacity = ..` instead of `client`");
    } else if args.weight.is_some() && args.capacity.is_none() {
        errors.here(
            args.place("weight"),
            "`weight` counts against a `capacity` of this function's own: add `capacity = ..`",
        );
    }
    if let Some(Expr::Lit(ExprLit { lit: Lit::Int(number), .. })) = &args.capacity
        && number.base10_parse::<u64>().is_ok_and(|number| number == 0)
    {
        errors.at(number, "a capacity of 0 keeps nothing: remove `#[cached]`, or give it room");
    }
}

/// Settings hold for all calls, so they cannot depend on one.
pub(super) fn once(model: &Model, errors: &mut Errors) {
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
    for (name, value) in settings.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        if mentions_self(&value) {
            errors.at(
                value,
                format!(
                    "`{name}` holds for all instances, so it cannot come from `self`: use a static"
                ),
            );
        } else if let Some(param) = model.params.iter().find(|param| mentions(&value, &param.name))
        {
            let own =
                if name == "ttl" { "; `ttl_of = |value| ..` gives a value its own" } else { "" };
            errors.at(
                value,
                format!(
                    "`{name}` holds for all calls, so it cannot come from the argument `{}`{own}",
                    param.name
                ),
            );
        }
    }
}
