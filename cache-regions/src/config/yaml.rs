//! YAML and JSON into the tree.

use super::mistakes::Mistake;
use super::tree::{DEEPEST, Key, Node, Place, Table, Value};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput};
use std::sync::Arc;

/// What is meant to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Yaml,
    /// The part of YAML that is JSON.
    Json,
}

/// Reads a text; the first thing that is no YAML, or no JSON, is reported.
pub(super) fn read(file: &Arc<str>, text: &str, dialect: Dialect) -> Result<Table, Vec<Mistake>> {
    let mut reader = Reader { file, events: Parser::new_from_str(text), dialect };
    reader.document().map_err(|mistake| vec![mistake])
}

struct Reader<'a> {
    file: &'a Arc<str>,
    events: Parser<'a, StrInput<'a>>,
    dialect: Dialect,
}

type Read<T> = Result<T, Mistake>;

impl<'a> Reader<'a> {
    fn place(&self, at: &Marker) -> Place {
        Place::At { file: self.file.clone(), line: at.line().max(1), column: at.col() + 1 }
    }

    fn wrong<T>(&self, at: Span, message: impl Into<String>) -> Read<T> {
        Err(Mistake::new(self.place(&at.start), message))
    }

    fn next(&mut self) -> Read<(Event<'a>, Span)> {
        let none = || ScanError::new_str(Marker::new(0, 1, 0), "the text ends too soon");
        let event = self.events.next().unwrap_or_else(|| Err(none()));
        event.map_err(|error| {
            Mistake::new(self.place(error.marker()), error.info().replace('\n', ", "))
        })
    }

    fn document(&mut self) -> Read<Table> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
                Event::StreamEnd => return Ok(Table::new()),
                Event::MappingStart(..) => {
                    let table = self.table(DEEPEST)?;
                    return self.end(table);
                }
                Event::Scalar(text, ScalarStyle::Plain, ..) if text.is_empty() || text == "~" => {
                    return self.end(Table::new());
                }
                _ => {
                    return self.wrong(
                        span,
                        "the file is no table: right is `regions:` with the regions below it",
                    );
                }
            }
        }
    }

    /// One document is all that is read.
    fn end(&mut self, table: Table) -> Read<Table> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(table),
                Event::DocumentStart(_) => {
                    return self.wrong(span, "a second document: right is one");
                }
                _ => {}
            }
        }
    }

    fn table(&mut self, depth: usize) -> Read<Table> {
        let mut table = Table::new();
        loop {
            let (event, span) = self.next()?;
            let name = match event {
                Event::MappingEnd => return Ok(table),
                Event::Scalar(name, ..) => name.into_owned(),
                _ => return self.wrong(span, "a name that is no text: right is `name: value`"),
            };
            if table.iter().any(|(key, _)| key.name == name) {
                return self.wrong(span, format!("`{name}` stands here twice"));
            }
            let place = self.place(&span.start);
            let node = self.node(depth)?;
            table.push((Key { name, place }, node));
        }
    }

    fn list(&mut self, depth: usize) -> Read<Vec<Node>> {
        let mut list = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(list);
            }
            list.push(self.value(event, span, depth)?);
        }
    }

    fn node(&mut self, depth: usize) -> Read<Node> {
        let (event, span) = self.next()?;
        self.value(event, span, depth)
    }

    fn value(&mut self, event: Event<'a>, span: Span, depth: usize) -> Read<Node> {
        let place = self.place(&span.start);
        let value = match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) => self.plain(text.into_owned(), span)?,
            Event::Scalar(text, ..) => Value::Text(text.into_owned()),
            Event::SequenceStart(..) | Event::MappingStart(..) if depth == 0 => {
                return self.wrong(
                    span,
                    format!("lists and tables in each other, more than {DEEPEST} deep"),
                );
            }
            Event::SequenceStart(..) => Value::List(self.list(depth - 1)?),
            Event::MappingStart(..) => Value::Table(self.table(depth - 1)?),
            Event::Alias(_) => {
                return self
                    .wrong(span, "an alias: what regions have in common stands under `defaults`");
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return self.wrong(span, "the text ends too soon"),
        };
        Ok(Node { value, place })
    }

    /// A value without quotes: in YAML it becomes what is wanted of it, in JSON it is what it is.
    fn plain(&self, text: String, span: Span) -> Read<Value> {
        let value = match text.as_str() {
            "null" => Value::Null,
            "" | "~" | "Null" | "NULL" if self.dialect == Dialect::Yaml => Value::Null,
            _ if self.dialect == Dialect::Yaml => Value::Loose(text),
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(number), _) => Value::Int(number),
                (_, Ok(number)) if number.is_finite() => Value::Float(number),
                _ => {
                    return self.wrong(span, format!("`{text}` is no JSON: text stands in quotes"));
                }
            },
        };
        Ok(value)
    }
}
