//! Times and sizes as text: `1h30m`, `-60s`, `64MiB`. Configuration files, templates and stores read them by the
//! same words as the attribute.
//!
//! Times are read by `cache-macros` with the same lines (a test holds them equal): macros must not drag the
//! heart of larder into the compiler.

/// A time with its sign.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amount {
    /// Its length.
    pub nanos: u64,
    /// Below zero.
    pub negative: bool,
}

/// Nanoseconds of a second.
pub const NANOS: u64 = 1_000_000_000;
/// What a time looks like.
pub const FORMS: &str = "write e.g. \"90s\", \"5m\", \"1h30m\", \"250ms\", or a number of seconds";
/// Why a time is refused.
pub const TOO_LONG: &str =
    "a time of more than 500 years: leave it out to keep values until they are evicted";

/// Reads `1h30m` and its like.
///
/// # Errors
/// Says what would be right.
///
/// ```
/// assert_eq!(cache_core::text::parse("-60s").unwrap().nanos, 60 * cache_core::text::NANOS);
/// ```
pub fn parse(text: &str) -> Result<Amount, String> {
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
pub fn scale(number: f64, unit: u64) -> Option<u64> {
    let nanos = number * unit as f64;
    (nanos < u64::MAX as f64).then_some(nanos.round() as u64)
}

/// What a number of bytes looks like.
pub const BYTES: &str = "a number of bytes, or text such as \"64MiB\"";

/// Reads `64MiB`, `10GB` or `4096` as bytes.
///
/// # Errors
/// Says what would be right.
///
/// ```
/// assert_eq!(cache_core::text::bytes("64MiB"), Ok(64 << 20));
/// assert_eq!(cache_core::text::bytes("1.5 kB"), Ok(1500));
/// assert!(cache_core::text::bytes("64 megs").is_err());
/// ```
pub fn bytes(text: &str) -> Result<u64, &'static str> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = match unit.trim() {
        "" => return number.parse().map_err(|_| BYTES),
        "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(BYTES),
    };
    number.parse().ok().and_then(|number| scale(number, unit)).ok_or(BYTES)
}
