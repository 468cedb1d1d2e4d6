//! Maps of texts and the environment into the tree.

use super::mistakes::Mistake;
use super::nearest::suggestion;
use super::tree::{Key, Node, Place, Table, Value, find};
use crate::section;
use std::collections::BTreeMap;

/// What variables that change a configuration begin with.
const FRONT: &str = "LARDER__";

/// A text from where everything is text: whole numbers, with a sign or without, fractions and truth
/// values in any case become what they say when that is wanted, and exactly `None` is nothing.
fn coerced(text: &str) -> Value {
    match text.trim() {
        "None" => Value::Null,
        text => Value::Loose(text.to_owned()),
    }
}

/// The tree of what begins with the prefix; dots lead deeper, and numbers are places in lists.
pub(super) fn read(map: &BTreeMap<String, String>, prefix: &str) -> Result<Table, Vec<Mistake>> {
    let mut table = Table::new();
    let mut mistakes = Vec::new();
    for (name, text) in
        map.range(prefix.to_owned()..).take_while(|(name, _)| name.starts_with(prefix))
    {
        let place = Place::Named(name.as_str().into());
        let path: Vec<&str> = name[prefix.len()..].split('.').collect();
        let node = Node { value: coerced(text), place: place.clone() };
        if path.len() > super::tree::DEEPEST || path.iter().any(|part| part.is_empty()) {
            mistakes.push(Mistake::new(place, "a key is names with dots between them"));
        } else if let Err(message) = insert(&mut table, &path, node) {
            mistakes.push(Mistake::new(place, message));
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    table.iter_mut().for_each(|(_, node)| number(node));
    Ok(table)
}

fn insert(table: &mut Table, path: &[&str], node: Node) -> Result<(), String> {
    let Some((name, rest)) = path.split_first() else { return Ok(()) };
    let at = match table.iter().position(|(key, _)| key.name == *name) {
        Some(at) => at,
        None => {
            let key = Key { name: (*name).to_owned(), place: node.place.clone() };
            let inner = Node { value: Value::Table(Table::new()), place: node.place.clone() };
            table.push((key, inner));
            table.len() - 1
        }
    };
    let found = &mut table[at].1;
    if rest.is_empty() {
        if matches!(&found.value, Value::Table(inner) if inner.is_empty()) {
            *found = node;
            return Ok(());
        }
        return Err(format!("`{name}` has options of its own, and a value"));
    }
    match &mut found.value {
        Value::Table(inner) => insert(inner, rest, node),
        _ => Err(format!("`{name}` has a value, and options of its own")),
    }
}

/// Makes lists of tables whose names are 0, 1, 2 and so on.
fn number(node: &mut Node) {
    let Value::Table(table) = &mut node.value else { return };
    table.iter_mut().for_each(|(_, inner)| number(inner));
    table.sort_by_key(|(key, _)| key.name.parse::<usize>().unwrap_or(usize::MAX));
    let counts = table.iter().enumerate().all(|(at, (key, _))| key.name == at.to_string());
    if counts && !table.is_empty() {
        let table = std::mem::take(table);
        node.value = Value::List(table.into_iter().map(|(_, inner)| inner).collect());
    }
}

/// What variables of a section begin with.
pub(super) fn front(section: &str) -> String {
    format!("{FRONT}{}__", plain(section).to_uppercase())
}

/// Lays `LARDER__USERS__EXPIRATION=5m` and its like over a configuration.
pub(super) fn overlay(tree: &mut Table, variables: &BTreeMap<String, String>) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (name, text) in variables.range(FRONT.to_owned()..) {
        let Some(path) = name.strip_prefix(FRONT) else { break };
        let node = Node { value: coerced(text), place: Place::Named(name.as_str().into()) };
        if let Err(message) = lay(tree, path, node) {
            mistakes.push(Mistake::new(Place::Named(name.as_str().into()), message));
        }
    }
    mistakes
}

fn lay(tree: &mut Table, path: &str, node: Node) -> Result<(), String> {
    let parts: Vec<String> = path.split("__").map(str::to_lowercase).collect();
    let [first, rest @ ..] = parts.as_slice() else { return Ok(()) };
    if rest.is_empty() || parts.iter().any(String::is_empty) {
        return Err(format!("right is {FRONT}REGION__OPTION, as in {FRONT}USERS__EXPIRATION=5m"));
    }
    if first == "defaults" {
        if find(tree, "defaults").is_none() {
            let place = node.place.clone();
            let empty = Node { value: Value::Table(Table::new()), place: place.clone() };
            tree.push((Key { name: "defaults".to_owned(), place }, empty));
        }
        let defaults = tree.iter_mut().find(|(key, _)| key.name == "defaults");
        return defaults.map_or(Ok(()), |(_, found)| set(found, rest, node));
    }
    // A region of the name of a section was there before the section.
    let is_region = names(tree, "regions").contains(first);
    match section::names().into_iter().find(|section| plain(section) == *first && !is_region) {
        Some(section) => match rest {
            [name, _, ..] => under(tree, section, section, (name, &rest[1..], node)),
            _ => {
                let front = format!("{FRONT}{}", first.to_uppercase());
                Err(format!("right is {front}__NAME__OPTION"))
            }
        },
        None if find(tree, "regions").is_none() => Err("there are no regions".to_owned()),
        None => under(tree, "regions", "region", (first, rest, node)),
    }
}

/// The names in a table at the top, as variables write them.
fn names(tree: &Table, top: &str) -> Vec<String> {
    match find(tree, top) {
        Some((_, Node { value: Value::Table(table), .. })) => {
            table.iter().map(|(key, _)| plain(&key.name)).collect()
        }
        _ => Vec::new(),
    }
}

/// Sets an option of what has this name in a table at the top.
fn under(
    tree: &mut Table,
    top: &str,
    what: &str,
    (name, option, node): (&String, &[String], Node),
) -> Result<(), String> {
    let names = names(tree, top);
    let found = tree.iter_mut().find(|(key, _)| key.name == top);
    match (names.iter().position(|known| known == name), found) {
        (Some(at), Some((_, Node { value: Value::Table(table), .. }))) => {
            set(&mut table[at].1, option, node)
        }
        _ => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let hint = section::missing(name).unwrap_or_else(|| suggestion(name, &names));
            Err(format!("there is no {what} `{name}`: {hint}"))
        }
    }
}

/// A name as variables write it.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

fn set(found: &mut Node, path: &[String], node: Node) -> Result<(), String> {
    let Some((name, rest)) = path.split_first() else {
        *found = node;
        return Ok(());
    };
    match &mut found.value {
        Value::List(list) => {
            let length = list.len();
            match name.parse::<usize>().ok().and_then(|at| list.get_mut(at)) {
                Some(inner) => set(inner, rest, node),
                None => {
                    Err(format!("there is no item {name}: the list has {length}, counted from 0"))
                }
            }
        }
        Value::Table(table) => {
            let at = table.iter().position(|(key, _)| key.name == *name).unwrap_or_else(|| {
                let place = node.place.clone();
                let empty = Node { value: Value::Table(Table::new()), place: place.clone() };
                table.push((Key { name: name.clone(), place }, empty));
                table.len() - 1
            });
            set(&mut table[at].1, rest, node)
        }
        _ => {
            *found = Node { value: Value::Table(Table::new()), place: node.place.clone() };
            set(found, path, node)
        }
    }
}
