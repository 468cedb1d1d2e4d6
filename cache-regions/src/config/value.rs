//! What is wanted of a value: each form has one function, and one sentence of what would be right.

use super::tree::{Node, Value};
use cache_core::text::{self, NANOS};
use cache_core::{AsyncTtl, Jitter};
use std::time::Duration;

type Wanted<T> = Result<T, String>;

/// Turns down a value in the words `right is ..`.
fn right<T>(form: &str) -> Wanted<T> {
    Err(format!("right is {form}"))
}

pub(crate) fn text(value: &Value) -> Wanted<String> {
    match value {
        Value::Text(text) | Value::Loose(text) => Ok(text.clone()),
        _ => right("a text"),
    }
}

pub(crate) fn flag(value: &Value) -> Wanted<bool> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        Value::Loose(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Value::Loose(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => right("true or false"),
    }
}

pub(crate) fn whole(value: &Value) -> Wanted<i64> {
    match value {
        Value::Int(number) => Ok(*number),
        Value::Loose(text) => text.replace('_', "").parse().or_else(|_| right("a whole number")),
        _ => right("a whole number"),
    }
}

pub(crate) fn count(value: &Value) -> Wanted<u64> {
    let number = whole(value).ok().and_then(|number| u64::try_from(number).ok());
    number.map_or_else(|| right("a whole number, as in 10_000"), Ok)
}

pub(crate) fn number(value: &Value) -> Wanted<f64> {
    let number = match value {
        Value::Int(number) => *number as f64,
        Value::Float(number) => *number,
        Value::Loose(text) => text.parse().unwrap_or(f64::NAN),
        _ => f64::NAN,
    };
    if number.is_finite() { Ok(number) } else { right("a number") }
}

/// A number of bytes, or text with a unit.
pub(crate) fn bytes(value: &Value) -> Wanted<u64> {
    if let Ok(bytes) = count(value) {
        return Ok(bytes);
    }
    let (Value::Text(words) | Value::Loose(words)) = value else { return right(text::BYTES) };
    // A number alone was not one above: it has a point, or is below zero.
    let unit = words.trim_end().ends_with('B');
    text::bytes(words).ok().filter(|_| unit).map_or_else(|| right(text::BYTES), Ok)
}

/// A time with its sign.
fn signed(value: &Value) -> Wanted<(Duration, bool)> {
    let seconds = match value {
        Value::Int(_) | Value::Float(_) => number(value).ok(),
        Value::Loose(text) => text.trim().parse::<f64>().ok(),
        _ => None,
    };
    if let Some(seconds) = seconds {
        let nanos = text::scale(seconds.abs(), NANOS).filter(|_| seconds.is_finite());
        let nanos = nanos.ok_or(text::TOO_LONG)?;
        return Ok((Duration::from_nanos(nanos), seconds < 0.0));
    }
    match value {
        Value::Text(words) | Value::Loose(words) => {
            let amount = text::parse(words)?;
            Ok((Duration::from_nanos(amount.nanos), amount.negative))
        }
        _ => Err(text::FORMS.to_owned()),
    }
}

pub(crate) fn duration(value: &Value) -> Wanted<Duration> {
    match signed(value)? {
        (time, false) => Ok(time),
        (_, true) => Err("a time below zero; right is \"5m\" or a number of seconds".to_owned()),
    }
}

/// A time that ends something, which cannot be at once.
pub(crate) fn limit(value: &Value) -> Wanted<Duration> {
    match duration(value)? {
        Duration::ZERO => Err("no time at all; right is more than 0".to_owned()),
        time => Ok(time),
    }
}

pub(crate) fn ttl(value: &Value) -> Wanted<Option<Duration>> {
    match value {
        Value::Text(text) | Value::Loose(text) if text.trim() == "never" => Ok(None),
        _ => duration(value).map(Some),
    }
}

pub(crate) fn async_ttl(value: &Value) -> Wanted<AsyncTtl> {
    Ok(match signed(value)? {
        (time, true) => AsyncTtl::Age(time),
        (time, false) => AsyncTtl::Remaining(time),
    })
}

pub(crate) fn jitter(value: &Value) -> Wanted<Jitter> {
    const FORM: &str = "a part such as \"10%\" or 0.1, or a time such as \"5s\"";
    let part = match value {
        Value::Text(text) | Value::Loose(text) => match text.trim().strip_suffix('%') {
            Some(percent) => Some(percent.trim().parse::<f64>().or_else(|_| right(FORM))? / 100.0),
            None => text.trim().parse::<f64>().ok(),
        },
        _ => number(value).ok(),
    };
    match part {
        Some(part) if (0.0..=1.0).contains(&part) => Ok(Jitter::Fraction(part)),
        Some(_) => right(&format!("{FORM}: a part is from 0 to 1")),
        None => duration(value).map(Jitter::Duration).or_else(|_| right(FORM)),
    }
}

/// A list of texts, or one text with commas.
pub(crate) fn texts(value: &Value) -> Wanted<Vec<String>> {
    const FORM: &str = "a list of texts";
    match value {
        Value::Text(text) | Value::Loose(text) => {
            Ok(text.split(',').map(|part| part.trim().to_owned()).collect())
        }
        Value::List(list) => {
            list.iter().map(|node: &Node| text(&node.value).or_else(|_| right(FORM))).collect()
        }
        _ => right(FORM),
    }
}
