//! The stores of the program by their names in the configuration.

use super::open;
use super::section::Planned;
use crate::index::Limits;
use crate::store::CachedStore;
use cache_core::{Error, Result};
use cache_regions::{Mistakes, Replace, SectionPlan, Spot};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

static NAMED: Mutex<BTreeMap<String, Slot>> = Mutex::new(BTreeMap::new());
/// Held while stores are exchanged that cannot be open both at once.
static TURN: Mutex<()> = Mutex::new(());

/// A store that is configured.
#[derive(Debug)]
struct Slot {
    store: CachedStore,
    print: u64,
    directories: Vec<PathBuf>,
    uses: Vec<String>,
    /// What takes its place as soon as nobody has it any more: they have a directory in common.
    next: Option<Planned>,
}

impl Slot {
    /// Handles that others have than this table and the stores that are made from it.
    fn is_used(&self, name: &str, all: &BTreeMap<String, Slot>) -> bool {
        let inner = all.values().flat_map(|slot| &slot.uses).filter(|used| *used == name).count();
        Arc::strong_count(&self.store.inner) > 1 + inner
    }
}

/// The store that the configuration calls so: `[store.reports]` is `store("reports")`.
///
/// All calls give handles of one store. When a configuration that is read again gives it another `ttl`, `size`, `count`
/// or `stale_if_error`, they hold in it from then on. When it describes it otherwise, new calls
/// give a new one, and handles that are there stay with the old one. If both need the same directory, new calls
/// give the old one until nobody else has a handle of it.
///
/// ```
/// use cache_regions::{Configuration, Format};
/// use cache_stores::OpenExt;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # std::fs::create_dir(folder.path().join("archive")).unwrap();
/// # std::fs::write(folder.path().join("archive/may.csv"), "7").unwrap();
/// # let (archive, cache) = (folder.path().join("archive"), folder.path().join("cache"));
/// let text = format!("[store.reports]\nremote = {archive:?}\nlocal = {cache:?}\nsize = '10GiB'\n");
/// cache_stores::register()?; // `larder::configure` does this by itself
/// Configuration::new().configure_str(&text, Format::Toml)?;
///
/// let reports = cache_stores::store("reports")?;
/// assert_eq!(reports.open("may.csv")?.read_all()?, "7");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [Invalid](Error::is_invalid): no store is configured under this name; the message says which there are.
pub fn store(name: &str) -> Result<CachedStore> {
    exchange(name)?;
    let there = || NAMED.lock().get(name).map(|slot| slot.store.clone());
    // Who exchanges stores has them out of the table meanwhile: he is waited for.
    if let Some(store) = there().or_else(|| {
        let _turn = TURN.lock();
        there()
    }) {
        return Ok(store);
    }
    let named = NAMED.lock();
    let known: Vec<&str> = named.keys().map(String::as_str).collect();
    let there = match known.is_empty() {
        true => "none is: write [store.NAME], and read it by `larder::configure`".to_owned(),
        false => format!("there are {}", known.join(", ")),
    };
    Err(Error::invalid(format!("no store `{name}` is configured: {there}")))
}

/// The old ones of all stores that wait for their place, if nobody uses them: they are closed by dropping them, and
/// what takes their place is opened.
fn exchange(name: &str) -> Result<()> {
    let waits = || NAMED.lock().get(name).is_some_and(|slot| slot.next.is_some());
    if !waits() {
        return Ok(());
    }
    let _turn = TURN.lock();
    let (old, next) = {
        let mut named = NAMED.lock();
        let waiting: Vec<String> = named
            .iter()
            .filter(|(_, slot)| slot.next.is_some())
            .map(|(name, _)| name.clone())
            .collect();
        if waiting.iter().any(|name| named[name].is_used(name, &named)) {
            return Ok(());
        }
        let old: Vec<Slot> = waiting.iter().filter_map(|name| named.remove(name)).collect();
        let (old, next): (Vec<_>, Vec<_>) =
            old.into_iter().map(|slot| (slot.store, slot.next)).unzip();
        (old, next)
    };
    drop(old);
    let next = in_order(next.into_iter().flatten().collect());
    let mut failed = None;
    for planned in next {
        let others = |name: &str| NAMED.lock().get(name).map(|slot| slot.store.clone());
        match opened(planned, &others) {
            Ok((name, slot)) => drop(NAMED.lock().insert(name, slot)),
            Err(mistake) => failed = failed.or(Some(mistake)),
        }
    }
    match failed {
        None => Ok(()),
        Some(mistake) => Err(Error::invalid(format!(
            "{mistake}; the store as it was is closed: put this right, and call `larder::reload`"
        ))),
    }
}

/// Those that others are made from come first.
fn in_order(mut plans: Vec<Planned>) -> Vec<Planned> {
    let mut sorted: Vec<Planned> = Vec::with_capacity(plans.len());
    while !plans.is_empty() {
        let waits = |plan: &Planned| {
            plan.draft.uses().iter().any(|(name, _)| plans.iter().any(|other| other.name == *name))
        };
        // There are no circles: that was a mistake.
        let at = plans.iter().position(|plan| !waits(plan)).unwrap_or(0);
        sorted.push(plans.remove(at));
    }
    sorted
}

fn opened(
    planned: Planned,
    others: open::Others<'_>,
) -> std::result::Result<(String, Slot), cache_regions::Mistake> {
    let Planned { name, spot, draft, print } = planned;
    let directories = draft.directories();
    let uses = draft.uses().into_iter().map(|(name, _)| name.to_owned()).collect();
    let store = open::store(&name, &spot, draft, others)?;
    Ok((name, Slot { store, print, directories, uses, next: None }))
}

/// Opens what is new or has changed; it can be had by its name when the plan is applied.
pub(super) fn open(
    plans: Vec<Planned>,
    replace: Replace,
) -> std::result::Result<SectionPlan, Mistakes> {
    let mut wrong = Vec::new();
    let mut new: BTreeMap<String, Slot> = BTreeMap::new();
    let mut later: BTreeMap<String, Planned> = BTreeMap::new();
    let mut same: BTreeMap<String, Limits> = BTreeMap::new();
    for plan in plans {
        match standing(&plan, replace, &later) {
            Standing::There => wrong.push(there(&plan.name, &plan.spot)),
            Standing::Same => {
                same.insert(plan.name, plan.draft.limits());
            }
            Standing::Later => {
                later.insert(plan.name.clone(), plan);
            }
            Standing::New => {
                let others = |name: &str| match new.get(name) {
                    Some(slot) => Some(slot.store.clone()),
                    None => NAMED.lock().get(name).map(|slot| slot.store.clone()),
                };
                match opened(plan, &others) {
                    Ok((name, slot)) => drop(new.insert(name, slot)),
                    Err(mistake) => wrong.push(mistake),
                }
            }
        }
    }
    if !wrong.is_empty() {
        return Err(Mistakes::new(wrong));
    }
    Ok(SectionPlan::new(move || apply(new, later, same)))
}

fn there(name: &str, spot: &Spot) -> cache_regions::Mistake {
    spot.mistake(format!(
        "store `{name}` is configured already: ask for its replacement, or configure it once"
    ))
}

/// What a plan is to the store of its name.
enum Standing {
    New,
    /// There is one, and it may not be replaced.
    There,
    /// It is described as it was, but for its limits.
    Same,
    /// It cannot be opened before those that are there are closed.
    Later,
}

fn standing(plan: &Planned, replace: Replace, later: &BTreeMap<String, Planned>) -> Standing {
    let named = NAMED.lock();
    match named.get(&plan.name) {
        Some(_) if replace == Replace::Refuse => return Standing::There,
        Some(slot) if slot.print == plan.print => return Standing::Same,
        _ => {}
    }
    let wanted = plan.draft.directories();
    let taken =
        named.values().any(|slot| slot.directories.iter().any(|path| wanted.contains(path)));
    let waits = plan.draft.uses().iter().any(|(name, _)| later.contains_key(*name));
    // A store that is new has no old one to stand for it meanwhile; opening it says whose the directory is.
    if named.contains_key(&plan.name) && (taken || waits) { Standing::Later } else { Standing::New }
}

fn apply(
    new: BTreeMap<String, Slot>,
    later: BTreeMap<String, Planned>,
    same: BTreeMap<String, Limits>,
) {
    let mut named = NAMED.lock();
    let (mut old, mut stay) = (Vec::new(), Vec::new());
    for (name, slot) in new {
        old.extend(named.insert(name, slot));
    }
    for (name, plan) in later {
        if let Some(slot) = named.get_mut(&name) {
            slot.next = Some(plan);
        }
    }
    for (name, limits) in same {
        if let Some(slot) = named.get_mut(&name) {
            slot.next = None;
            stay.push((slot.store.inner.clone(), limits));
        }
    }
    drop(named);
    // Not under the lock: the last handle of a store closes files, and other limits write to the index's.
    drop(old);
    stay.into_iter().for_each(|(store, limits)| store.limit(limits));
}

#[cfg(test)]
mod tests {
    use super::*;
    use cache_regions::{Configuration, Format};
    use std::thread;
    use std::time::Duration;

    #[test]
    fn who_wants_a_store_while_it_is_exchanged_waits_for_it() {
        crate::register().unwrap();
        let text = "[store.exchanged]\nremote = 'memory:'\nlocal = 'memory'\n";
        Configuration::new().configure_str(text, Format::Toml).unwrap();
        // As in the middle of an exchange: the old one is closed, the new one not open yet.
        let turn = TURN.lock();
        let slot = NAMED.lock().remove("exchanged").unwrap();
        let asked = thread::spawn(|| store("exchanged").map(drop));
        for _ in 0..20 {
            thread::sleep(Duration::from_millis(5));
            assert!(!asked.is_finished(), "it had no answer to give");
        }
        NAMED.lock().insert("exchanged".to_owned(), slot);
        drop(turn);
        asked.join().unwrap().unwrap();
    }
}
