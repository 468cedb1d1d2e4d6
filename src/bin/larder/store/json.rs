//! JSON on one line.

use std::fmt::Write;

/// An object in the making.
#[derive(Debug, Default)]
pub(super) struct Line(String);

impl Line {
    /// With a text, or `null`.
    pub(super) fn text(mut self, name: &str, value: Option<&str>) -> Self {
        self.name(name);
        match value {
            Some(text) => quoted(&mut self.0, text),
            None => self.0.push_str("null"),
        }
        self
    }

    /// With what JSON writes as Rust does: a number, a truth value.
    pub(super) fn plain(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.name(name);
        let _ = write!(self.0, "{value}");
        self
    }

    /// With seconds, or `null`.
    pub(super) fn seconds(self, name: &str, value: Option<std::time::Duration>) -> Self {
        match value {
            Some(time) => self.plain(name, time.as_secs_f64()),
            None => self.text(name, None),
        }
    }

    fn name(&mut self, name: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        quoted(&mut self.0, name);
        self.0.push(':');
    }

    pub(super) fn end(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push_str("}\n");
        self.0
    }
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                // Control characters lie in the first plane: one unit each.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_are_quoted() {
        let line = Line::default().text("a\"b", Some("x\\\n\u{7f}é")).text("c", None).plain("d", 5);
        assert_eq!(line.end(), "{\"a\\\"b\":\"x\\\\\\u000a\\u007fé\",\"c\":null,\"d\":5}\n");
        assert_eq!(Line::default().end(), "{}\n");
    }
}
