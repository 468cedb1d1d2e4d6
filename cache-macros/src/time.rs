//! Times as text: `1h30m`, `-60s`. The attribute and configuration files read them by the same words.
//!
//! `cache-core/src/text.rs` has the same lines for files and programs, and a test holds the two equal: macros must
//! not drag the heart of larder into the compiler.

/// A time with its sign.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Amount {
    pub(crate) nanos: u64,
    pub(crate) negative: bool,
}

pub(crate) const NANOS: u64 = 1_000_000_000;
pub(crate) const FORMS: &str =
    "write e.g. \"90s\", \"5m\", \"1h30m\", \"250ms\", or a number of seconds";
pub(crate) const TOO_LONG: &str =
    "a time of more than 500 years: leave it out to keep values until they are evicted";

/// Reads `1h30m` and its like.
pub(crate) fn parse(text: &str) -> Result<Amount, String> {
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

fn unit_nanos(text: &str, unit: &str) -> Result<u64, String> {
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

/// So many units, in nanoseconds.
pub(crate) fn scale(number: f64, unit: u64) -> Option<u64> {
    let nanos = number * unit as f64;
    (nanos < u64::MAX as f64).then_some(nanos.round() as u64)
}
