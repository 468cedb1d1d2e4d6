//! Top-level sections of configurations that crates above this one read: `[store.NAME]` beside `[regions.NAME]`.

use crate::config::mistakes::Mistake;
use crate::config::nearest::suggestion;
use crate::config::options::{OptionRow, Rows};
use crate::config::settings::{Reading, Settings};
use crate::config::tree::{Key, Node, Table, Value};
use crate::config::{Spot, is_name};
use crate::plan::Replace;
use cache_core::{Error, Result};
use parking_lot::Mutex;
use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;

static SECTIONS: Mutex<Vec<(TypeId, Arc<dyn Section>)>> = Mutex::new(Vec::new());

/// Sections that crates of larder's above this one read, with the features that they need.
const ABOVE: [(&str, &str); 1] = [("store", "stores")];

/// A section at the top of configurations, with a table for each thing that it names: `[store.NAME]`.
///
/// It is read with the regions of the same configuration, from files, texts and maps, with variables of the
/// environment such as `LARDER__STORE__NAME__OPTION` over it. Its mistakes stand in one list with theirs, and what it
/// describes is opened and applied with them, or nothing is.
///
/// ```
/// use cache_core::Result;
/// use cache_regions::{
///     Configuration, Entries, Format, Mistakes, OptionRow, Replace, Section, SectionDraft, SectionPlan,
///     register_section,
/// };
/// use std::sync::Mutex;
///
/// const OPTIONS: &[OptionRow] =
///     &[OptionRow::new("shelf", "boards", "a whole number", "`4`", "how many boards it has", &["planks"])];
/// static SHELVES: Mutex<Vec<(String, u64)>> = Mutex::new(Vec::new());
///
/// #[derive(Debug)]
/// struct Shelves;
///
/// impl Section for Shelves {
///     fn name(&self) -> &'static str { "shelf" }
///     fn options(&self) -> &'static [OptionRow] { OPTIONS }
///     fn read(&self, entries: &mut Entries<'_>) -> Box<dyn SectionDraft> {
///         let shelves = entries.each(|_, options| options.count("boards").unwrap_or(4));
///         Box::new(Drafts(shelves.into_iter().map(|shelf| (shelf.name, shelf.draft)).collect()))
///     }
/// }
///
/// #[derive(Debug)]
/// struct Drafts(Vec<(String, u64)>);
///
/// impl SectionDraft for Drafts {
///     fn bounds(&self) -> Vec<String> {
///         self.0.iter().map(|(name, boards)| format!("shelf `{name}`: {boards} boards")).collect()
///     }
///     fn open(self: Box<Self>, _: Replace) -> std::result::Result<SectionPlan, Mistakes> {
///         Ok(SectionPlan::new(move || SHELVES.lock().unwrap().extend(self.0)))
///     }
/// }
///
/// register_section(Shelves)?;
/// let reader = Configuration::new();
/// reader.configure_str("[shelf.spices]\nboards = 7\n", Format::Toml)?;
/// assert_eq!(*SHELVES.lock().unwrap(), [("spices".to_owned(), 7)]);
/// let error = reader.configure_str("[shelf.spices]\nplanks = 7\n", Format::Toml).unwrap_err();
/// assert_eq!(error.to_string(), "text:2:1: shelf `spices` has no option `planks`: did you mean `boards`?");
/// # Ok::<(), cache_core::Error>(())
/// ```
pub trait Section: fmt::Debug + Send + Sync + 'static {
    /// What stands at the top of a configuration: `store`.
    fn name(&self) -> &'static str;

    /// Its table of options: those of an entry are [`of`](OptionRow::of) the section's name, those of an option that is a
    /// table are of the option's. Without a row no option may be asked for.
    fn options(&self) -> &'static [OptionRow];

    /// Reads all entries; what is wrong is reported to them. Opens nothing.
    fn read(&self, entries: &mut Entries<'_>) -> Box<dyn SectionDraft>;
}

/// What a section says, read. Who has registered the section gets its own type back from
/// [`Configuration::section`](crate::Configuration::section), as `dyn Any`.
pub trait SectionDraft: Any + fmt::Debug + Send {
    /// What follows from the options, a paragraph for each entry: `larder check` prints them.
    fn bounds(&self) -> Vec<String>;

    /// Opens what is described, when the whole configuration is known to be right. Nobody sees it before the plan is
    /// applied; the plan may be dropped instead.
    ///
    /// # Errors
    /// What cannot be opened, with the places of the options that say so; what is there already, if nothing may be replaced.
    fn open(self: Box<Self>, replace: Replace)
    -> std::result::Result<SectionPlan, crate::Mistakes>;
}

/// What a section describes, opened; applied with all else, or dropped.
pub struct SectionPlan {
    apply: Box<dyn FnOnce() + Send>,
}

impl SectionPlan {
    /// A plan that is applied by this, which cannot fail.
    pub fn new(apply: impl FnOnce() + Send + 'static) -> Self {
        SectionPlan { apply: Box::new(apply) }
    }

    pub(crate) fn apply(self) {
        (self.apply)();
    }
}

impl fmt::Debug for SectionPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SectionPlan").finish_non_exhaustive()
    }
}

/// The tables of a section, by name.
#[derive(Debug)]
pub struct Entries<'a> {
    section: &'static str,
    options: &'static [OptionRow],
    tables: Vec<(&'a Key, &'a Table)>,
    reading: &'a mut Reading,
}

/// One of them, read.
#[derive(Debug)]
#[non_exhaustive]
pub struct SectionEntry<D> {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub spot: Spot,
    /// What was made of it.
    pub draft: D,
    /// Equal for equal options; [rules](Settings::rules) do not count.
    pub print: u64,
}

impl Entries<'_> {
    /// The names of all entries.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.tables.iter().map(|(key, _)| key.name.as_str()).collect()
    }

    /// Reads each entry by what this asks of its options.
    pub fn each<D>(
        &mut self,
        mut read: impl FnMut(&str, &mut Settings<'_>) -> D,
    ) -> Vec<SectionEntry<D>> {
        let mut entries = Vec::with_capacity(self.tables.len());
        for (key, table) in &self.tables {
            let what = format!("{} `{}`", self.section, key.name);
            let rows = Rows::new(self.options, &[self.section]);
            let mut settings = Settings::new(what, (table, key.place.clone()), rows, self.reading);
            let draft = read(&key.name, &mut settings);
            let print = settings.finish();
            let (name, spot) = (key.name.clone(), Spot(key.place.clone()));
            entries.push(SectionEntry { name, spot, draft, print });
        }
        entries
    }

    /// Reports what only shows when entries are seen together.
    pub fn wrong(&mut self, mistake: Mistake) {
        self.reading.mistakes.push(mistake);
    }
}

/// Registers a section, for configurations that are read from now on. The same one twice is fine.
///
/// # Errors
/// When another one has this name, or configurations have something else of it.
pub fn register_section<S: Section>(section: S) -> Result<()> {
    let (name, of) = (section.name(), TypeId::of::<S>());
    let mut sections = SECTIONS.lock();
    let known = sections.iter().find(|(_, known)| known.name() == name);
    match known.map(|(known, _)| *known == of) {
        Some(true) => Ok(()),
        None if !["defaults", "regions"].contains(&name) => {
            sections.push((of, Arc::new(section)));
            Ok(())
        }
        Some(false) | None => Err(Error::invalid(format!(
            "configurations have a `{name}` already: give your section another name"
        ))),
    }
}

/// Those that are registered.
pub(crate) fn all() -> Vec<Arc<dyn Section>> {
    SECTIONS.lock().iter().map(|(_, section)| section.clone()).collect()
}

/// Their names.
pub(crate) fn names() -> Vec<&'static str> {
    SECTIONS.lock().iter().map(|(_, section)| section.name()).collect()
}

/// Why nobody reads this section, though larder has one of its name.
pub(crate) fn missing(name: &str) -> Option<String> {
    let (_, feature) = ABOVE.iter().find(|(known, _)| *known == name)?;
    Some(format!(
        "it needs larder's feature `{feature}`, and `larder::{feature}::register()` where a `Configuration` is made by hand"
    ))
}

/// Reads what stands under the name of a section.
pub(crate) fn read(
    section: &dyn Section,
    node: &Node,
    reading: &mut Reading,
) -> Option<Box<dyn SectionDraft>> {
    let name = section.name();
    let table = match &node.value {
        Value::Table(table) => table,
        Value::Null => return None,
        other => {
            let message =
                format!("`{name}` is {other}: right is a table for each, as [{name}.NAME]");
            reading.mistakes.push(Mistake::new(node.place.clone(), message));
            return None;
        }
    };
    let tables =
        table.iter().filter_map(|(key, node)| entry(section, key, node, reading)).collect();
    let options = section.options();
    Some(section.read(&mut Entries { section: name, options, tables, reading }))
}

fn entry<'a>(
    section: &dyn Section,
    key: &'a Key,
    node: &'a Node,
    reading: &mut Reading,
) -> Option<(&'a Key, &'a Table)> {
    let (section, name) = (section.name(), &key.name);
    if !is_name(name) {
        let message = format!("the name of a {section} is 1 to 100 characters without spaces");
        reading.mistakes.push(Mistake::new(key.place.clone(), message));
        return None;
    }
    match &node.value {
        Value::Table(table) => Some((key, table)),
        other => {
            let message = format!("{section} `{name}` is {other}: right is a table of options");
            reading.mistakes.push(Mistake::new(node.place.clone(), message));
            None
        }
    }
}

/// What to say of a name at the top that nobody reads.
pub(crate) fn unknown(name: &str) -> String {
    missing(name).unwrap_or_else(|| {
        let mut known = vec!["defaults", "regions"];
        known.extend(names());
        suggestion(name, &known)
    })
}
