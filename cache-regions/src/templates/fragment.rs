//! What a `cached` block says of itself: its key, its region, its TTL.

use super::wrong;
use cache_core::text;
use minijinja::Error;
use minijinja::value::{Kwargs, Value, ValueKind};
use serde::Serialize;
use std::fmt;
use std::time::Duration;

pub(super) struct Fragment {
    pub(super) key: FragmentKey,
    pub(super) region: String,
    pub(super) ttl: Option<Duration>,
}

/// What tells one text from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(super) struct FragmentKey {
    template: String,
    name: String,
    /// The further arguments, written so that texts and numbers differ.
    of: String,
}

impl Fragment {
    pub(super) fn read(
        template: &str,
        arguments: &[Value],
        options: &Kwargs,
    ) -> Result<Self, Error> {
        let Some(name) = arguments.first().and_then(Value::as_str) else {
            return Err(wrong(
                "a cached block begins with its name: cached(\"basket\", user.id, region=\"pages\")",
            ));
        };
        let key = FragmentKey {
            template: template.to_owned(),
            name: name.to_owned(),
            of: written(name, &arguments[1..])?,
        };
        let region = options.get::<Option<String>>("region")?.ok_or_else(|| {
            wrong(format!("the cached block {key} has no region: add region=\"..\""))
        })?;
        let ttl =
            options.get::<Option<Value>>("ttl")?.map(|ttl| read_ttl(&key, &ttl)).transpose()?;
        Ok(Fragment { key, region, ttl })
    }
}

fn written(name: &str, parts: &[Value]) -> Result<String, Error> {
    let mut text = String::new();
    for part in parts {
        write(name, part, &mut text)?;
        text.push(',');
    }
    Ok(text)
}

fn write(name: &str, part: &Value, text: &mut String) -> Result<(), Error> {
    match part.kind() {
        ValueKind::None | ValueKind::Bool | ValueKind::Number => text.push_str(&part.to_string()),
        ValueKind::String => text.push_str(&format!("{:?}", part.as_str().unwrap_or_default())),
        ValueKind::Seq => {
            text.push('[');
            for item in part.try_iter()? {
                write(name, &item, text)?;
                text.push(',');
            }
            text.push(']');
        }
        kind => {
            return Err(wrong(format!(
                "the cached block `{name}` has a key that is {kind}: give it text, numbers, or lists of them"
            )));
        }
    }
    Ok(())
}

fn read_ttl(key: &FragmentKey, ttl: &Value) -> Result<Duration, Error> {
    let why = |why: String| wrong(format!("the ttl of the cached block {key} is {why}"));
    if let Some(text) = ttl.as_str() {
        let amount = text::parse(text).map_err(&why)?;
        return match amount.negative {
            false => Ok(Duration::from_nanos(amount.nanos)),
            true => Err(why("below zero: right is \"5m\" or a number of seconds".to_owned())),
        };
    }
    let seconds = f64::try_from(ttl.clone()).ok();
    let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.ok_or_else(|| why(format!("{ttl}: right is \"5m\" or a number of seconds")))
}

impl fmt::Display for FragmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` of {}", self.name, self.template)
    }
}
