//! The options of one table, read by those who understand them.

use super::environment::Environment;
use super::mistakes::{Mistake, Spot};
use super::nearest::suggestion;
use super::options::Rows;
use super::tree::{Node, Place, Table, Value, find};
use super::value;
use cache_core::Clock;
use std::collections::hash_map::DefaultHasher;
use std::fmt::{self, Debug};
use std::hash::Hasher;
use std::time::Duration;

/// What all that read one configuration share.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) mistakes: Vec<Mistake>,
    pub(crate) environment: Environment,
    pub(crate) clock: Clock,
}

/// The options of a backend or a wrapper, as they stand in a configuration.
///
/// Each is asked for once, by name and by what it should be. What is missing is `None`; so is what
/// is wrong, which is reported with its place. Names that nobody asked for are reported when all
/// have been asked for. What was read tells one setting from another when a configuration is
/// read again: whoever builds something of an option must have asked for it here.
pub struct Settings<'a> {
    what: String,
    table: &'a Table,
    place: Place,
    asked: Vec<&'a str>,
    print: DefaultHasher,
    reading: &'a mut Reading,
    /// The rows of the table of options that hold here.
    rows: Rows,
    /// Of the region, for tiers that have none of their own.
    deadline: Option<Duration>,
}

impl<'a> Settings<'a> {
    pub(crate) fn new(
        what: String,
        (table, place): (&'a Table, Place),
        rows: Rows,
        reading: &'a mut Reading,
    ) -> Self {
        let print = DefaultHasher::new();
        Settings { what, table, place, asked: Vec::new(), print, reading, rows, deadline: None }
    }

    /// A text.
    pub fn text(&mut self, name: &'a str) -> Option<String> {
        self.read(name, value::text)
    }

    /// A list of texts, or one text with commas between them.
    pub fn texts(&mut self, name: &'a str) -> Option<Vec<String>> {
        self.read(name, value::texts)
    }

    /// True or false.
    pub fn flag(&mut self, name: &'a str) -> Option<bool> {
        self.read(name, value::flag)
    }

    /// A whole number, not below zero.
    pub fn count(&mut self, name: &'a str) -> Option<u64> {
        self.read(name, value::count)
    }

    /// A number of bytes, as `65536` or `"64KiB"`.
    pub fn bytes(&mut self, name: &'a str) -> Option<u64> {
        self.read(name, value::bytes)
    }

    /// A number.
    pub fn number(&mut self, name: &'a str) -> Option<f64> {
        self.read(name, value::number)
    }

    /// A time, as `"5m"` or in seconds.
    pub fn duration(&mut self, name: &'a str) -> Option<Duration> {
        self.read(name, value::duration)
    }

    /// A time of more than 0.
    pub fn limit(&mut self, name: &'a str) -> Option<Duration> {
        self.read(name, value::limit)
    }

    /// The option `deadline`, or that of the region: who asks ends his calls by himself.
    pub fn deadline(&mut self) -> Option<Duration> {
        if self.has("deadline") {
            return self.limit("deadline");
        }
        self.asked.push("deadline");
        let deadline = self.deadline;
        self.note("deadline", &deadline);
        deadline
    }

    /// One of these names, as what it stands for.
    pub fn mode<T: Clone>(&mut self, name: &'a str, modes: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = modes.iter().map(|(name, _)| *name).collect();
        let chosen = self.read(name, |value| {
            let text = value::text(value).unwrap_or_default();
            let found = names.iter().position(|name| *name == text);
            found.ok_or_else(|| suggestion(&text, &names))
        })?;
        modes.get(chosen).map(|(_, mode)| mode.clone())
    }

    /// A text that nobody should see: it stands in a variable of the environment or in a file, as
    /// `{ env = "NAME" }` or `{ file = "PATH" }`, and may stand in the configuration itself where
    /// that is no secret. White space around it does not count.
    pub fn secret(&mut self, name: &'a str) -> Option<String> {
        let node = self.take(name)?;
        let found = match &node.value {
            Value::Text(text) | Value::Loose(text) => Ok(text.clone()),
            _ => self.kept_elsewhere(node),
        };
        self.found(name, node, found)
    }

    /// A secret that must not stand in the configuration itself.
    pub(crate) fn kept_secret(&mut self, name: &'a str) -> Option<String> {
        let node = self.take(name)?;
        let found = match &node.value {
            Value::Text(_) | Value::Loose(_) => Err(
                "a key in the file is no secret: right is { env = \"NAME\" } or { file = \"PATH\" }"
                    .to_owned(),
            ),
            _ => self.kept_elsewhere(node),
        };
        self.found(name, node, found)
    }

    fn kept_elsewhere(&self, node: &Node) -> Result<String, String> {
        const FORM: &str = "right is { env = \"NAME\" } or { file = \"PATH\" }";
        let Value::Table(table) = &node.value else { return Err(FORM.to_owned()) };
        let [(key, inner)] = table.as_slice() else { return Err(FORM.to_owned()) };
        let Ok(place) = value::text(&inner.value) else { return Err(FORM.to_owned()) };
        let text = match key.name.as_str() {
            "env" => self
                .reading
                .environment
                .get(&place)
                .map(str::to_owned)
                .ok_or_else(|| format!("the environment variable {place} is not set"))?,
            "file" => std::fs::read_to_string(&place)
                .map_err(|error| format!("the file {place} cannot be read: {error}"))?,
            _ => return Err(FORM.to_owned()),
        };
        match text.trim() {
            "" => Err(format!("{place} holds nothing")),
            text => Ok(text.to_owned()),
        }
    }

    /// Never shows the value: it may be a secret.
    fn found(
        &mut self,
        name: &'a str,
        node: &Node,
        found: Result<String, String>,
    ) -> Option<String> {
        match found {
            Ok(text) => {
                self.note(name, &text);
                Some(text)
            }
            Err(why) => {
                self.report(node.place.clone(), format!("`{name}` cannot be had: {why}"));
                None
            }
        }
    }

    /// What is in the file whose path this is.
    pub fn file(&mut self, name: &'a str) -> Option<Vec<u8>> {
        self.read(name, |value| {
            let path = value::text(value)?;
            std::fs::read(&path).map_err(|error| format!("it cannot be read: {error}"))
        })
    }

    /// Options in a table of their own.
    pub fn table<R>(
        &mut self,
        name: &'a str,
        read: impl FnOnce(&mut Settings<'_>) -> R,
    ) -> Option<R> {
        let node = self.take(name)?;
        let Value::Table(table) = &node.value else {
            self.turn_down(name, node, "right is a table");
            return None;
        };
        let what = format!("`{name}` of {}", self.what);
        let place = (table, node.place.clone());
        let mut inner = Settings::new(what, place, self.rows.inside(name), self.reading);
        let result = read(&mut inner);
        let print = inner.finish();
        self.note(name, &print);
        Some(result)
    }

    /// A text that is read by `parse`: what that turns down is reported with the text.
    pub fn parsed<T: Debug>(
        &mut self,
        name: &'a str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.read(name, |value| parse(&value::text(value)?))
    }

    /// The variables of the environment whose names begin so, such as `AWS_`, for what is configured by them wherever
    /// it runs.
    pub fn variables(&mut self, front: &str) -> Vec<(String, String)> {
        let all = self.reading.environment.all().range(front.to_owned()..);
        let found = all.take_while(|(name, _)| name.starts_with(front));
        let found: Vec<_> = found.map(|(name, text)| (name.clone(), text.clone())).collect();
        self.note(front, &found);
        found
    }

    /// Reads options that change in place: they do not count for what tells one setting from another.
    pub fn rules<R>(&mut self, read: impl FnOnce(&mut Self) -> R) -> R {
        let before = self.print.clone();
        let result = read(self);
        self.print = before;
        result
    }

    /// Whether the option is there, whatever it is.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        find(self.table, name).is_some_and(|(_, node)| node.value != Value::Null)
    }

    /// Reports that something cannot be done without this option.
    pub fn required(&mut self, name: &'a str) {
        if !self.has(name) {
            self.asked.push(name);
            let hint = self.form(name).map(|form| format!(": right is {form}")).unwrap_or_default();
            let message = format!("{} needs `{name}`{hint}", self.what);
            self.report(self.place.clone(), message);
        }
    }

    /// Reports that the value of this option cannot be.
    pub fn wrong(&mut self, name: &str, why: impl fmt::Display) {
        let place = find(self.table, name).map_or(&self.place, |(_, node)| &node.place).clone();
        self.report(place, why.to_string());
    }

    /// Where an option stands, or its table without it, for what is found out later.
    #[must_use]
    pub fn spot(&self, name: &str) -> Spot {
        let place = find(self.table, name).map_or(&self.place, |(_, node)| &node.place);
        Spot(place.clone())
    }

    /// Where times are taken from: a manual clock in tests.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.reading.clock.clone()
    }

    pub(crate) fn read<T: Debug>(
        &mut self,
        name: &'a str,
        want: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let node = self.take(name)?;
        match want(&node.value) {
            Ok(value) => {
                self.note(name, &value);
                Some(value)
            }
            Err(why) => {
                self.turn_down(name, node, &why);
                None
            }
        }
    }

    /// The value of an option, which somebody has asked for now.
    pub(crate) fn take(&mut self, name: &'a str) -> Option<&'a Node> {
        debug_assert!(self.rows.is_empty() || self.form(name).is_some(), "no row for {name}");
        self.asked.push(name);
        let (_, node) = find(self.table, name)?;
        (node.value != Value::Null).then_some(node)
    }

    pub(crate) fn turn_down(&mut self, name: &str, node: &Node, why: &str) {
        self.report(node.place.clone(), format!("`{name}` is {}: {why}", node.value));
    }

    pub(crate) fn report(&mut self, place: Place, message: String) {
        self.reading.mistakes.push(Mistake::new(place, message));
    }

    pub(crate) fn reading(&mut self) -> &mut Reading {
        self.reading
    }

    pub(crate) fn note(&mut self, name: &str, value: &(impl Debug + ?Sized)) {
        self.print.write(format!("{name}={value:?};").as_bytes());
    }

    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    pub(crate) fn set_deadline(&mut self, deadline: Option<Duration>) {
        self.deadline = deadline;
    }

    /// The print, to go back to behind what does not belong to it.
    pub(crate) fn print_so_far(&self) -> DefaultHasher {
        self.print.clone()
    }

    pub(crate) fn print_again(&mut self, print: DefaultHasher) {
        self.print = print;
    }

    /// Whether the option is there as a table.
    #[must_use]
    pub fn is_table(&self, name: &str) -> bool {
        matches!(find(self.table, name), Some((_, Node { value: Value::Table(_), .. })))
    }

    /// Whether these are defaults that leave the tiers to the regions.
    pub(crate) fn is_partial(&self) -> bool {
        self.what == super::DEFAULTS
            && !["tiers", "backend", "arguments"].iter().any(|name| self.has(name))
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn has_asked(&self, name: &str) -> bool {
        self.asked.contains(&name)
    }

    fn form(&self, name: &str) -> Option<&'static str> {
        self.rows.find(name).map(|option| option.forms)
    }

    /// Reports what nobody asked for; gives the print of what was read.
    pub(crate) fn finish(self) -> u64 {
        let mut names: Vec<&str> = self.asked.clone();
        names.dedup();
        for (key, _) in self.table {
            if self.asked.contains(&key.name.as_str()) {
                continue;
            }
            let other = self.rows.by_other_name(&key.name);
            let hint = match other.filter(|option| self.asked.contains(&option.name)) {
                Some(option) => format!("did you mean `{}`?", option.name),
                None => suggestion(&key.name, &names),
            };
            let message = format!("{} has no option `{}`: {hint}", self.what, key.name);
            self.reading.mistakes.push(Mistake::new(key.place.clone(), message));
        }
        self.print.finish()
    }
}

impl Debug for Settings<'_> {
    /// Never the values: there may be secrets among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.table.iter().map(|(key, _)| &key.name).collect();
        f.debug_struct("Settings").field("of", &self.what).field("names", &names).finish()
    }
}
