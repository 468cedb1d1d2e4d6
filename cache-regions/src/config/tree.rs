//! What any configuration becomes first: values, each with the place where it stands.

use std::fmt;
use std::sync::Arc;

/// Deeper than this nothing is read: no option lies deeper than 6.
pub(crate) const DEEPEST: usize = 32;

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// In a file or a text; line and column count from 1.
    At { file: Arc<str>, line: usize, column: usize },
    /// In something without lines: a variable of the environment, a key of a map.
    Named(Arc<str>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::At { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Place::Named(name) => f.write_str(name),
        }
    }
}

/// A name in a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) place: Place,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) place: Place,
}

/// Names and values, in the order in which they stand.
pub(crate) type Table = Vec<(Key, Node)>;

/// What a value is.
#[cfg_attr(
    not(all(feature = "toml", any(feature = "yaml", feature = "json"))),
    allow(dead_code, reason = "each format makes some of these")
)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// Without quotes, or from where everything is text: becomes what is wanted of it.
    Loose(String),
    /// What no option takes: dates.
    Foreign(String),
    List(Vec<Node>),
    Table(Table),
}

impl fmt::Display for Value {
    /// As written, for messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("nothing"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Float(value) => write!(f, "{value}"),
            Value::Text(text) | Value::Loose(text) => {
                let short: String = text.chars().take(80).collect();
                let more = if short.len() < text.len() { ".." } else { "" };
                write!(f, "\"{}{more}\"", short.escape_debug())
            }
            Value::Foreign(text) => f.write_str(text),
            Value::List(list) if list.is_empty() => f.write_str("an empty list"),
            Value::List(list) => write!(f, "a list of {}", list.len()),
            Value::Table(_) => f.write_str("a table"),
        }
    }
}

/// The value of this name.
pub(crate) fn find<'a>(table: &'a Table, name: &str) -> Option<&'a (Key, Node)> {
    table.iter().find(|(key, _)| key.name == name)
}
