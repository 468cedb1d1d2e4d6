//! Times are read while compiling: `"1h30m"`, `300`, `0.5`, `"-60s"`, `"10%"`.

use crate::time::{Amount, FORMS, NANOS, TOO_LONG, parse, scale};
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
