//! The tiers and wrappers of a region.

use super::draft::{Kind, TierDraft};
use super::options::Rows;
use super::settings::Settings;
use super::tree::{Node, Table, Value};
use super::value;
use crate::backends;
use crate::plan::WrapperPlan;
use crate::register;
use cache_core::Eviction;
use std::hash::Hasher;
use std::time::Duration;

/// Reads `tiers`, or `backend` with `arguments`. A region has one tier at least, or a mistake.
pub(super) fn all(settings: &mut Settings<'_>, deadline: Option<Duration>) -> Vec<TierDraft> {
    let what = settings.what().to_owned();
    let (tiers, backend) = (settings.take("tiers"), settings.take("backend"));
    let arguments = settings.take("arguments");
    let mut prints = Vec::new();
    let mut found = Vec::new();
    match (tiers, backend) {
        (Some(_), Some(_)) => {
            settings.wrong("backend", "`backend` and `tiers`: a region has one of them");
        }
        (None, None) => {
            let place = settings.place().clone();
            settings.report(place, format!("{what} needs `tiers`, or `backend`"));
        }
        (Some(Node { value: Value::List(list), .. }), None) if !list.is_empty() => {
            for (at, node) in list.iter().enumerate() {
                let name = format!("tier {} of {what}", at + 1);
                found.extend(one(settings, name, node, deadline));
            }
        }
        (Some(node), None) => {
            settings.turn_down("tiers", node, "right is a list of tables, one at least");
        }
        (None, Some(backend)) => {
            let empty = Node { value: Value::Table(Table::new()), place: backend.place.clone() };
            let arguments = arguments.unwrap_or(&empty);
            let node = with_backend(arguments, backend);
            found.extend(one(settings, format!("the backend of {what}"), &node, deadline));
        }
    }
    if let (Some(node), None) = (arguments, backend) {
        let place = node.place.clone();
        settings.report(
            place,
            "`arguments` without `backend`: the options of tiers stand in `tiers`".into(),
        );
    }
    prints.extend(found.iter().map(|tier| tier.print));
    settings.note("tiers", &prints);
    found
}

/// The short form as the long one.
fn with_backend(arguments: &Node, backend: &Node) -> Node {
    let Value::Table(table) = &arguments.value else { return arguments.clone() };
    let mut table = table.clone();
    let key = super::tree::Key { name: "backend".to_owned(), place: backend.place.clone() };
    table.insert(0, (key, backend.clone()));
    Node { value: Value::Table(table), place: backend.place.clone() }
}

pub(super) fn one(
    outer: &mut Settings<'_>,
    what: String,
    node: &Node,
    deadline: Option<Duration>,
) -> Option<TierDraft> {
    let Value::Table(table) = &node.value else {
        let message = format!("{what} is {}: right is a table with `backend`", node.value);
        outer.report(node.place.clone(), message);
        return None;
    };
    let name = super::tree::find(table, "backend").map(|(_, node)| &node.value);
    let name = match name {
        Some(Value::Text(name) | Value::Loose(name)) => name.clone(),
        _ => String::new(),
    };
    let rows = if name.is_empty() { &["tier"][..] } else { backends::rows(&name) };
    let place = (table, node.place.clone());
    let mut settings = Settings::new(what, place, Rows::own(rows), outer.reading());
    settings.set_deadline(deadline);
    settings.required("backend");
    let text = settings.text("backend")?;
    let builder = match backends::builder(&text) {
        Ok(builder) => builder,
        // Of its options nothing can be said.
        Err(why) => {
            settings.wrong("backend", format!("the backend `{text}` is not there: {why}"));
            return None;
        }
    };
    let kind = match builder {
        Some(builder) => server(&mut settings, &*builder, &text),
        None if text == "null" => Some(Kind::Null),
        None => Some(memory(&mut settings)),
    };
    let made_of = settings.print_so_far().finish();
    let ttl = match text.as_str() {
        "null" => None,
        _ => settings.read("ttl", value::ttl).flatten(),
    };
    let place = node.place.clone();
    let print = settings.finish();
    Some(TierDraft { place, backend: text, ttl, kind: kind?, made_of, print })
}

fn memory(settings: &mut Settings<'_>) -> Kind {
    settings.required("entries");
    // The room changes in place: it is no part of what a stack is made from.
    let before = settings.print_so_far();
    let entries = settings.read("entries", |value| match value::count(value)? {
        0 => Err("right is 1 at least".to_owned()),
        entries => Ok(usize::try_from(entries).unwrap_or(usize::MAX)),
    });
    settings.print_again(before);
    let orders = [("s3-fifo", Eviction::S3Fifo), ("lru", Eviction::Lru)];
    let eviction = settings.mode("eviction", &orders).unwrap_or_default();
    Kind::Memory { entries: entries.unwrap_or(1), eviction }
}

fn server(settings: &mut Settings<'_>, builder: &backends::Builder, name: &str) -> Option<Kind> {
    let plan = match builder(settings) {
        Ok(plan) => plan,
        Err(error) => {
            let place = settings.place().clone();
            settings.report(place, error.to_string());
            return None;
        }
    };
    // Memory needs no deadline, and says so by not knowing the option.
    let deadline = match settings.has_asked("deadline") || name == "memory_bytes" {
        true => None,
        false => settings.deadline(),
    };
    Some(Kind::Server { plan, deadline })
}

/// Reads `wrappers`.
pub(super) fn wrappers(settings: &mut Settings<'_>) -> Vec<WrapperPlan> {
    let Some(node) = settings.take("wrappers") else { return Vec::new() };
    let place = node.place.clone();
    let texts: Vec<Node> = match &node.value {
        Value::List(list) => list.clone(),
        Value::Text(text) | Value::Loose(text) => text
            .split(',')
            .map(|name| Node { value: Value::Text(name.trim().to_owned()), place: place.clone() })
            .collect(),
        _ => {
            settings.turn_down(
                "wrappers",
                node,
                "right is a list of names, or of tables with `name`",
            );
            return Vec::new();
        }
    };
    texts.iter().filter_map(|node| wrapper(settings, node)).collect()
}

fn wrapper(outer: &mut Settings<'_>, node: &Node) -> Option<WrapperPlan> {
    let empty = Table::new();
    let (table, name) = match &node.value {
        Value::Text(name) | Value::Loose(name) => (&empty, Some(name)),
        Value::Table(table) => {
            let name = super::tree::find(table, "name").map(|(_, node)| &node.value);
            match name {
                Some(Value::Text(name) | Value::Loose(name)) => (table, Some(name)),
                _ => (table, None),
            }
        }
        _ => (&empty, None),
    };
    let Some(name) = name else {
        let message = "a wrapper without a name: right is \"name\", or { name = \"name\", .. }";
        outer.report(node.place.clone(), message.to_owned());
        return None;
    };
    let builder = match register::builder(name) {
        Ok(builder) => builder,
        Err(why) => {
            outer.report(node.place.clone(), format!("the wrapper `{name}` is not there: {why}"));
            return None;
        }
    };
    let what = format!("the wrapper `{name}`");
    let place = (table, node.place.clone());
    let mut settings = Settings::new(what, place, Rows::own(&[]), outer.reading());
    settings.take("name");
    let made = builder(&mut settings);
    let print = settings.finish();
    outer.note(name, &print);
    match made {
        Ok(wrapper) => Some(WrapperPlan { name: name.clone(), wrapper }),
        Err(error) => {
            outer.report(node.place.clone(), error.to_string());
            None
        }
    }
}
