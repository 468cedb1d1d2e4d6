//! The section `[store.NAME]`: all stores of a configuration, seen together.

use super::draft::{self, Draft, Local};
use super::named;
use super::options::OPTIONS;
use crate::adapters::ClientStore;
use cache_regions::{
    Entries, Mistake, Mistakes, OptionRow, Replace, Section, SectionDraft, SectionEntry,
    SectionPlan, Spot,
};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

/// The name of the section.
pub(super) const NAME: &str = "store";

#[derive(Debug)]
pub(super) struct StoreSection;

/// One store, checked.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) name: String,
    pub(super) spot: Spot,
    pub(super) draft: Draft,
    /// Equal for stores of equal options, over stores of equal options.
    pub(super) print: u64,
}

/// All stores of a configuration; who is made from another one comes after it.
#[derive(Debug, Default)]
pub(super) struct Drafts(pub(super) Vec<Planned>);

impl Section for StoreSection {
    fn name(&self) -> &'static str {
        NAME
    }

    fn options(&self) -> &'static [OptionRow] {
        OPTIONS
    }

    fn read(&self, entries: &mut Entries<'_>) -> Box<dyn SectionDraft> {
        let stores = entries.each(|_, settings| draft::store(settings));
        let mut wrong = names(&stores);
        wrong.extend(spaces(&stores));
        wrong.extend(directories(&stores));
        let sorted = sorted(stores, &mut wrong);
        wrong.into_iter().for_each(|mistake| entries.wrong(mistake));
        Box::new(Drafts(sorted))
    }
}

impl SectionDraft for Drafts {
    fn bounds(&self) -> Vec<String> {
        self.0.iter().map(|store| store.draft.bounds(&store.name)).collect()
    }

    fn open(self: Box<Self>, replace: Replace) -> Result<SectionPlan, Mistakes> {
        named::open(self.0, replace)
    }
}

/// Stores that are named and not there.
fn names(stores: &[SectionEntry<Draft>]) -> Vec<Mistake> {
    let known: Vec<&str> = stores.iter().map(|store| store.name.as_str()).collect();
    let uses = stores.iter().flat_map(|store| store.draft.uses());
    let missing = uses.filter(|(name, _)| !known.contains(name));
    missing
        .map(|(name, spot)| {
            spot.mistake(format!("there is no store `{name}` here: there are {}", known.join(", ")))
        })
        .collect()
}

/// The keys that a store has on a server begin with its name.
fn spaces(stores: &[SectionEntry<Draft>]) -> impl Iterator<Item = Mistake> {
    let over = stores.iter().filter(|store| matches!(store.draft.local, Some(Local::Server(_))));
    over.filter_map(|store| {
        let why = ClientStore::check_space(&store.name).err()?;
        let name = &store.name;
        Some(store.spot.mistake(format!("store `{name}` has its name on the server, too: {why}")))
    })
}

/// A directory belongs to one store.
fn directories(stores: &[SectionEntry<Draft>]) -> Vec<Mistake> {
    let mut owners: BTreeMap<PathBuf, &str> = BTreeMap::new();
    let mut wrong = Vec::new();
    for store in stores {
        for directory in store.draft.directories() {
            if let Some(owner) = owners.get(&directory) {
                let path = directory.display();
                let message = match *owner == store.name {
                    true => format!("{path} is used twice by store `{owner}`: give each its own"),
                    false => {
                        format!("{path} is used by store `{owner}` already: give this one its own")
                    }
                };
                wrong.push(store.draft.local_spot.mistake(message));
            }
            owners.insert(directory, &store.name);
        }
        wrong.extend(store.draft.within_itself());
    }
    wrong
}

/// Those that others are made from come first; who is made from himself is a mistake.
fn sorted(stores: Vec<SectionEntry<Draft>>, wrong: &mut Vec<Mistake>) -> Vec<Planned> {
    let known: BTreeSet<String> = stores.iter().map(|store| store.name.clone()).collect();
    let mut left = stores;
    let mut done: Vec<Planned> = Vec::new();
    loop {
        let before = left.len();
        let (ready, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(|store| {
            let mut uses = store.draft.uses().into_iter();
            uses.all(|(name, _)| !known.contains(name) || done.iter().any(|one| one.name == name))
        });
        done.extend(ready.into_iter().map(|store| planned(store, &done)).collect::<Vec<_>>());
        left = rest;
        if left.is_empty() || left.len() == before {
            break;
        }
    }
    // What is left waits for itself, or for somebody who does.
    for store in &left {
        if let Some(way) = circle(&store.name, &left) {
            let message = format!("store `{}` is made from itself: {way}", store.name);
            wrong.push(store.spot.mistake(message));
        }
    }
    done
}

fn planned(store: SectionEntry<Draft>, done: &[Planned]) -> Planned {
    let mut print = DefaultHasher::new();
    store.print.hash(&mut print);
    for (name, _) in store.draft.uses() {
        done.iter().filter(|one| one.name == name).for_each(|one| one.print.hash(&mut print));
    }
    let SectionEntry { name, spot, draft, .. } = store;
    Planned { name, spot, draft, print: print.finish() }
}

/// The way from a store back to it: `a, b, a`.
fn circle(name: &str, stores: &[SectionEntry<Draft>]) -> Option<String> {
    let mut ways = vec![vec![name]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        let last = way.last().copied().unwrap_or(name);
        let store = stores.iter().find(|store| store.name == last)?;
        for (next, _) in store.draft.uses() {
            let mut longer = way.clone();
            longer.push(next);
            if next == name {
                return Some(longer.join(", "));
            }
            if stores.iter().any(|store| store.name == next) && seen.insert(next) {
                ways.push(longer);
            }
        }
    }
    None
}
