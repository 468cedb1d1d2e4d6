//! TOML into the tree.

use super::mistakes::Mistake;
use super::tree::{DEEPEST, Key, Node, Place, Table, Value};
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeString, DeTable, DeValue};

/// Reads a text; everything that is no TOML is reported.
pub(super) fn read(file: &Arc<str>, text: &str) -> Result<Table, Vec<Mistake>> {
    let reader = Reader { file, text, lines: line_starts(text) };
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let mistake = |error: &toml::de::Error| {
            Mistake::new(reader.place(error.span().unwrap_or(0..0)), one_line(error.message()))
        };
        return Err(errors.iter().map(mistake).collect());
    }
    Ok(reader.table(table.into_inner(), DEEPEST))
}

/// Messages of parsers may have several lines; ours have one.
fn one_line(message: &str) -> String {
    message.lines().map(str::trim).collect::<Vec<_>>().join(", ")
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

struct Reader<'a> {
    file: &'a Arc<str>,
    text: &'a str,
    lines: Vec<usize>,
}

impl Reader<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        let line = self.lines.partition_point(|start| *start <= span.start);
        let start = self.lines[line - 1];
        let before = self.text.get(start..span.start).unwrap_or_default();
        Place::At { file: self.file.clone(), line, column: before.chars().count() + 1 }
    }

    fn table(&self, table: DeTable<'_>, depth: usize) -> Table {
        let entry = |(key, value): (Spanned<DeString<'_>>, Spanned<DeValue<'_>>)| {
            let place = self.place(key.span());
            let at = key.span().start;
            (at, (Key { name: key.into_inner().into_owned(), place }, self.node(value, depth)))
        };
        let mut entries: Vec<_> = table.into_iter().map(entry).collect();
        entries.sort_by_key(|(at, _)| *at);
        entries.into_iter().map(|(_, entry)| entry).collect()
    }

    fn node(&self, node: Spanned<DeValue<'_>>, depth: usize) -> Node {
        let place = self.place(node.span());
        let value = match node.into_inner() {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(number) => integer(&number),
            DeValue::Float(number) => float(&number),
            DeValue::Boolean(value) => Value::Bool(value),
            DeValue::Datetime(date) => Value::Foreign(format!("the date {date}")),
            DeValue::Array(_) | DeValue::Table(_) if depth == 0 => {
                Value::Foreign("too deep".to_owned())
            }
            DeValue::Array(list) => {
                Value::List(list.into_iter().map(|item| self.node(item, depth - 1)).collect())
            }
            DeValue::Table(table) => Value::Table(self.table(table, depth - 1)),
        };
        Node { value, place }
    }
}

fn integer(number: &DeInteger<'_>) -> Value {
    let digits = number.as_str().replace('_', "");
    match i64::from_str_radix(&digits, number.radix()) {
        Ok(value) => Value::Int(value),
        Err(_) => Value::Foreign(format!("the number {digits}, which is too large")),
    }
}

fn float(number: &DeFloat<'_>) -> Value {
    let digits = number.as_str().replace('_', "");
    match digits.parse() {
        Ok(value) => Value::Float(value),
        Err(_) => Value::Foreign(digits),
    }
}
