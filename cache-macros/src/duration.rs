//! Times are read while compiling: `"1h30m"`, `300`, `0.5`, `"-60s"`, `"10%"`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, ExprUnary, Lit, Result, UnOp};

/// A time in an argument.
#[derive(Clone)]
pub(crate) enum Time {
    /// Known now.
    Known { nanos: u64, negative: bool, at: Span },
    /// Known when the program runs.
    Later(Expr),
}

impl Time {
    /// Reads the value of an argument.
    pub(crate) fn read(value: Expr) -> Result<Self> {
        let at = value.span();
        match literal(&value)? {
            Some(Amount { nanos, negative }) => Ok(Time::Known { nanos, negative, at }),
            None => Ok(Time::Later(value)),
        }
    }

    pub(crate) fn span(&self) -> Span {
        match self {
            Time::Known { at, .. } => *at,
            Time::Later(value) => value.span(),
        }
    }

    /// Its size, if it is known now.
    pub(crate) fn nanos(&self) -> Option<u64> {
        match self {
            Time::Known { nanos, .. } => Some(*nanos),
            Time::Later(_) => None,
        }
    }

    pub(crate) fn is_negative(&self) -> bool {
        matches!(self, Time::Known { negative: true, .. })
    }
}

impl ToTokens for Time {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(match self {
            Time::Known { nanos, .. } => duration(*nanos),
            Time::Later(value) => quote!(#value),
        });
    }
}

/// A `Duration`, written out.
pub(crate) fn duration(nanos: u64) -> TokenStream {
    if nanos.is_multiple_of(1_000_000) {
        let millis = nanos / 1_000_000;
        quote!(::core::time::Duration::from_millis(#millis))
    } else {
        quote!(::core::time::Duration::from_nanos(#nanos))
    }
}

/// By how much TTLs are shortened.
pub(crate) enum Jitter {
    Fraction { part: f64, at: Span },
    Time(Time),
}

impl Jitter {
    /// Reads the value of `jitter`.
    pub(crate) fn read(value: Expr) -> Result<Self> {
        let at = value.span();
        if let Some(percent) = percent(&value) {
            let part = percent
                .parse::<f64>()
                .map_err(|_| Error::new(at, "not a percentage: write e.g. \"10%\""))?;
            return Ok(Jitter::Fraction { part: part / 100.0, at });
        }
        if let Expr::Lit(ExprLit { lit: Lit::Float(number), .. }) = &value {
            return Ok(Jitter::Fraction { part: number.base10_parse()?, at });
        }
        if let Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) = &value {
            let part = number
                .base10_parse::<u32>()
                .map_err(|_| unquoted(number.span(), &number.to_string()))?;
            return Ok(Jitter::Fraction { part: part.into(), at });
        }
        Time::read(value).map(Jitter::Time)
    }
}

fn percent(value: &Expr) -> Option<String> {
    let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = value else { return None };
    text.value().trim().strip_suffix('%').map(|number| number.trim().to_owned())
}

/// A time with its sign.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Amount {
    nanos: u64,
    negative: bool,
}

fn literal(value: &Expr) -> Result<Option<Amount>> {
    match value {
        Expr::Paren(inner) => literal(&inner.expr),
        Expr::Group(inner) => literal(&inner.expr),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => {
            Ok(literal(expr)?.map(|amount| Amount { negative: !amount.negative, ..amount }))
        }
        Expr::Lit(ExprLit { lit, .. }) => number(lit).map(Some),
        _ => Ok(None),
    }
}

fn number(lit: &Lit) -> Result<Amount> {
    let nanos = match lit {
        Lit::Str(text) => {
            return parse(&text.value()).map_err(|wrong| Error::new(text.span(), wrong));
        }
        Lit::Int(seconds) => {
            if !matches!(
                seconds.suffix(),
                "" | "u8" | "u16" | "u32" | "u64" | "usize" | "i32" | "i64"
            ) {
                return Err(unquoted(seconds.span(), &seconds.to_string()));
            }
            seconds.base10_parse::<u64>()?.checked_mul(NANOS)
        }
        Lit::Float(seconds) => {
            if !matches!(seconds.suffix(), "" | "f64") {
                return Err(unquoted(seconds.span(), &seconds.to_string()));
            }
            scale(seconds.base10_parse()?, NANOS)
        }
        other => return Err(Error::new(other.span(), format!("not a time: {FORMS}"))),
    };
    let nanos = nanos.ok_or_else(|| Error::new(lit.span(), TOO_LONG))?;
    Ok(Amount { nanos, negative: false })
}

fn unquoted(at: Span, text: &str) -> Error {
    Error::new(at, format!("a time with a unit is written in quotes: \"{text}\""))
}

const NANOS: u64 = 1_000_000_000;
const FORMS: &str = "write e.g. \"90s\", \"5m\", \"1h30m\", \"250ms\", or a number of seconds";
const TOO_LONG: &str =
    "a time of more than 500 years: leave it out to keep values until they are evicted";

/// Reads `1h30m` and its like.
fn parse(text: &str) -> std::result::Result<Amount, String> {
    let trimmed = text.trim();
    let (negative, mut rest) = match trimmed.strip_prefix('-') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, trimmed),
    };
    if rest.is_empty() {
        return Err(format!("no time in \"{text}\": {FORMS}"));
    }
    let mut nanos = 0_u64;
    while !rest.is_empty() {
        let (number, unit, after) = step(rest);
        if number.is_empty() {
            return Err(format!("not a time: \"{text}\"; {FORMS}"));
        }
        let number: f64 =
            number.parse().map_err(|_| format!("not a number: \"{number}\"; {FORMS}"))?;
        let part = scale(number, unit_nanos(text, unit)?).ok_or(TOO_LONG)?;
        nanos = nanos.checked_add(part).ok_or(TOO_LONG)?;
        rest = after;
    }
    Ok(Amount { nanos, negative })
}

/// Splits off one number and its unit.
fn step(text: &str) -> (&str, &str, &str) {
    let number = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(number);
    let rest = rest.trim_start();
    let unit = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit);
    (number, unit, rest.trim_start())
}

fn unit_nanos(text: &str, unit: &str) -> std::result::Result<u64, String> {
    Ok(match unit {
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" | "sec" | "secs" => NANOS,
        "m" | "min" | "mins" => 60 * NANOS,
        "h" | "hour" | "hours" => 3_600 * NANOS,
        "d" | "day" | "days" => 86_400 * NANOS,
        "w" | "week" | "weeks" => 7 * 86_400 * NANOS,
        "" => {
            return Err(format!(
                "no unit in \"{text}\": write e.g. \"{0}s\", \"{0}m\" or \"{0}ms\"",
                text.trim()
            ));
        }
        "M" | "month" | "months" => {
            return Err("a month has no fixed length: write days, as in \"30d\"".to_owned());
        }
        "y" | "year" | "years" => {
            return Err("a year has no fixed length: write days, as in \"365d\"".to_owned());
        }
        other => {
            return Err(format!(
                "unknown unit `{other}` in \"{text}\": use ms, s, m, h, d or w, as in \"1h30m\""
            ));
        }
    })
}

fn scale(number: f64, unit: u64) -> Option<u64> {
    let nanos = number * unit as f64;
    (nanos < u64::MAX as f64).then_some(nanos.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    fn known(value: Expr) -> (u64, bool) {
        match Time::read(value).unwrap() {
            Time::Known { nanos, negative, .. } => (nanos / 1_000_000, negative),
            Time::Later(_) => panic!("not known"),
        }
    }

    fn wrong(value: Expr) -> String {
        Time::read(value).err().unwrap().to_string()
    }

    #[test]
    fn all_forms_are_read() {
        assert_eq!(known(parse_quote!("5m")), (300_000, false));
        assert_eq!(known(parse_quote!("1h30m")), (5_400_000, false));
        assert_eq!(known(parse_quote!("1h 30m")), (5_400_000, false));
        assert_eq!(known(parse_quote!("1.5h")), (5_400_000, false));
        assert_eq!(known(parse_quote!("250ms")), (250, false));
        assert_eq!(known(parse_quote!(300)), (300_000, false));
        assert_eq!(known(parse_quote!(0.5)), (500, false));
        assert_eq!(known(parse_quote!("-60s")), (60_000, true));
        assert_eq!(known(parse_quote!(-60)), (60_000, true));
        assert!(matches!(Time::read(parse_quote!(Duration::from_secs(3))), Ok(Time::Later(_))));
    }

    #[test]
    fn each_mistake_has_its_words() {
        assert!(wrong(parse_quote!("5")).starts_with("no unit"));
        assert!(wrong(parse_quote!("5x")).starts_with("unknown unit `x`"));
        assert!(wrong(parse_quote!("1 month")).contains("no fixed length"));
        assert!(wrong(parse_quote!("")).starts_with("no time"));
        assert!(wrong(parse_quote!("soon")).starts_with("not a time"));
        assert!(wrong(parse_quote!("1.2.3s")).starts_with("not a number"));
        assert!(wrong(parse_quote!(5m)).contains("\"5m\""));
        assert!(wrong(parse_quote!("9999999d")).contains("500 years"));
        assert!(wrong(parse_quote!(true)).starts_with("not a time"));
    }
}
