//! A whole configuration: what all regions have in common, the regions, and sections that others read.

use super::draft::{self, Draft};
use super::mistakes::Mistake;
use super::options::Rows;
use super::settings::{Reading, Settings};
use super::tree::{Key, Node, Place, Table, Value, find};
use super::{DEFAULTS, is_name};
use crate::section::{self, SectionDraft};
use std::collections::BTreeMap;

const ROWS: &[&str] = &["region"];
/// A region has one of them: who gives one leaves those of the defaults alone.
const STACK: [&str; 3] = ["tiers", "backend", "arguments"];

/// All that one configuration says.
#[derive(Debug, Default)]
pub(crate) struct Drafts {
    pub(crate) regions: Vec<Draft>,
    pub(crate) sections: Vec<Box<dyn SectionDraft>>,
}

/// Reads a tree; what is wrong is left in `reading`.
pub(super) fn read(tree: &Table, start: &Place, reading: &mut Reading) -> Drafts {
    let known = section::all();
    let mut drafts = Drafts::default();
    for (key, node) in tree {
        if let Some(section) = known.iter().find(|section| section.name() == key.name) {
            drafts.sections.extend(section::read(&**section, node, reading));
        } else if !["defaults", "regions"].contains(&key.name.as_str()) {
            let hint = match Rows::own(ROWS).find(&key.name) {
                Some(_) => "options stand in `defaults`, or in the table of a region".to_owned(),
                None => section::unknown(&key.name),
            };
            let message = format!("there is no `{}` here: {hint}", key.name);
            reading.mistakes.push(Mistake::new(key.place.clone(), message));
        }
    }
    let defaults = defaults(tree, reading);
    drafts.regions = regions(tree, start, &defaults, reading);
    drafts
}

/// Reads one section alone; nothing if it is not there.
pub(super) fn section(
    tree: &Table,
    name: &str,
    start: Place,
    reading: &mut Reading,
) -> Option<Box<dyn SectionDraft>> {
    let Some(known) = section::all().into_iter().find(|section| section.name() == name) else {
        let message = format!("nobody has registered the section `{name}`");
        reading.mistakes.push(Mistake::new(start, message));
        return None;
    };
    section::read(&*known, &find(tree, name)?.1, reading)
}

fn regions(tree: &Table, start: &Place, defaults: &Table, reading: &mut Reading) -> Vec<Draft> {
    let mut wrong = |place: &Place, message: String| {
        reading.mistakes.push(Mistake::new(place.clone(), message));
    };
    let Some((_, node)) = find(tree, "regions").filter(|(_, node)| node.value != Value::Null)
    else {
        let names = section::names();
        if names.iter().all(|name| find(tree, name).is_none()) {
            let mut message =
                "no regions: right is a table for each, as [regions.users]".to_owned();
            names.iter().for_each(|name| message.push_str(&format!(", or [{name}.NAME]")));
            wrong(start, message);
        }
        return Vec::new();
    };
    let Value::Table(regions) = &node.value else {
        wrong(&node.place, format!("`regions` is {}: right is a table of regions", node.value));
        return Vec::new();
    };
    if regions.is_empty() {
        wrong(&node.place, "`regions` is empty: right is a table for each region".to_owned());
    }
    regions.iter().filter_map(|(key, node)| region(key, node, defaults, reading)).collect()
}

/// The defaults that are right; what is not is reported here and for no region.
fn defaults(tree: &Table, reading: &mut Reading) -> Table {
    let Some((_, node)) = find(tree, "defaults") else { return Table::new() };
    let table = match &node.value {
        Value::Table(table) => table,
        Value::Null => return Table::new(),
        other => {
            let message = format!("{DEFAULTS} is {other}: right is a table of options");
            reading.mistakes.push(Mistake::new(node.place.clone(), message));
            return Table::new();
        }
    };
    let before = reading.mistakes.len();
    let place = (table, node.place.clone());
    let mut settings = Settings::new(DEFAULTS.to_owned(), place, Rows::own(ROWS), reading);
    draft::region("", &mut settings, BTreeMap::new());
    for name in STACK {
        settings.take(name);
    }
    settings.finish();
    let places: Vec<&Place> = reading.mistakes[before..].iter().map(|m| &m.place).collect();
    let right = |(key, node): &&(Key, Node)| {
        !places.iter().any(|place| key.place == **place || holds(node, place))
    };
    table.iter().filter(right).cloned().collect()
}

fn holds(node: &Node, place: &Place) -> bool {
    node.place == *place
        || match &node.value {
            Value::List(list) => list.iter().any(|inner| holds(inner, place)),
            Value::Table(table) => {
                table.iter().any(|(key, inner)| key.place == *place || holds(inner, place))
            }
            _ => false,
        }
}

fn region(key: &Key, node: &Node, defaults: &Table, reading: &mut Reading) -> Option<Draft> {
    let name = &key.name;
    let mut wrong = |place: &Place, message: String| {
        reading.mistakes.push(Mistake::new(place.clone(), message));
    };
    if !is_name(name) {
        let message = "the name of a region is 1 to 100 characters without spaces".to_owned();
        wrong(&key.place, message);
        return None;
    }
    let Value::Table(own) = &node.value else {
        let message = format!("region `{name}` is {}: right is a table of options", node.value);
        wrong(&node.place, message);
        return None;
    };
    let has_stack = STACK.iter().any(|name| find(own, name).is_some());
    let inherited = defaults.iter().filter(|(key, _)| {
        find(own, &key.name).is_none() && !(has_stack && STACK.contains(&key.name.as_str()))
    });
    let table: Table = own.iter().chain(inherited).cloned().collect();
    let stated = own.iter().map(|(key, _)| (key.name.clone(), key.place.clone())).collect();
    let place = (&table, key.place.clone());
    let mut settings = Settings::new(format!("region `{name}`"), place, Rows::own(ROWS), reading);
    let mut draft = draft::region(name, &mut settings, stated);
    draft.print = settings.finish() >> 1;
    contradiction(&draft, own, reading);
    Some(draft)
}

/// What no region can be made of, though each option is right by itself.
fn contradiction(draft: &Draft, own: &Table, reading: &mut Reading) {
    use cache_core::AsyncTtl;
    let (Some(ttl), Some(AsyncTtl::Age(time) | AsyncTtl::Remaining(time))) =
        (draft.expiration, draft.async_ttl)
    else {
        return;
    };
    if time >= ttl {
        let option = find(own, "async_ttl").or_else(|| find(own, "expiration"));
        let place = option.map_or(&draft.place, |(_, node)| &node.place);
        let message = format!(
            "`async_ttl` of region `{}` is {time:?}, which is not below its expiration of {ttl:?}: values would expire before they are refreshed",
            draft.name
        );
        reading.mistakes.push(Mistake::new(place.clone(), message));
    }
}
