//! Reading a configuration from wherever it is.

use super::environment::Environment;
use super::file::Drafts;
use super::format::Format;
use super::mistakes::{Mistake, Mistakes};
use super::settings::Reading;
use super::tree::{Key, Node, Place, Table, Value};
use super::{build, file, flat};
use crate::plan::{RegionPlan, Replace};
use crate::section::SectionDraft;
use cache_core::Clock;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// How configurations are read: with which environment, by which clock.
///
/// Reading opens nothing before all of a configuration is known to be right, and connects to nothing
/// at all. Functions such as `configure` read and apply at once; here are the plans themselves.
///
/// ```
/// use cache_regions::{Configuration, Format};
/// use std::time::Duration;
///
/// let text = "
/// [regions.users]
/// expiration = '5m'
/// [[regions.users.tiers]]
/// backend = 'memory'
/// entries = 10_000
/// ";
/// let reader = Configuration::new().with_environment([("LARDER__USERS__EXPIRATION", "1m")]);
/// let plans = reader.plans_str(text, Format::Toml)?;
/// assert_eq!(plans[0].name, "users");
/// assert_eq!(plans[0].policy.expiration.now(), Some(Duration::from_secs(60)));
/// # Ok::<(), cache_regions::Mistakes>(())
/// ```
#[derive(Debug, Clone)]
pub struct Configuration {
    /// Other variables than the process has.
    environment: Option<Environment>,
    pub(crate) replace: Replace,
    /// A clock of one's own, for tests: its servers are nobody else's.
    clock: Option<Clock>,
}

impl Configuration {
    /// With the environment of the process, as it is when something is read, and the system's clock;
    /// regions that are configured already are an error.
    #[must_use]
    pub fn new() -> Self {
        Configuration { environment: None, replace: Replace::Refuse, clock: None }
    }

    /// With other variables in the place of all of the environment.
    #[must_use]
    pub fn with_environment<N: Into<String>, V: Into<String>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.environment = Some(Environment::of(variables));
        self
    }

    /// With another clock for regions and tiers: a manual one in tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The plans of a file, whose name tells the format.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn plans(&self, path: impl AsRef<Path>) -> Result<Vec<RegionPlan>, Mistakes> {
        self.build(self.drafts(path.as_ref())?)
    }

    /// The plans of a text.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn plans_str(&self, text: &str, format: Format) -> Result<Vec<RegionPlan>, Mistakes> {
        self.build(self.drafts_str("text", text, format)?)
    }

    /// The plans of a map: `{prefix}regions.users.expiration`, with dots on the way down, and numbers
    /// for the items of lists: `{prefix}regions.users.tiers.0.backend`. Values are text: whole numbers,
    /// fractions, truth values and `None` are read as what they say. Keys with another prefix do not
    /// count, nor does the environment.
    ///
    /// ```
    /// use cache_regions::Configuration;
    ///
    /// let map = [("cache.regions.users.backend", "memory"), ("cache.regions.users.arguments.entries", "1000")];
    /// assert_eq!(Configuration::new().plans_map(map, "cache.")?.len(), 1);
    /// # Ok::<(), cache_regions::Mistakes>(())
    /// ```
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn plans_map<N: AsRef<str>, V: AsRef<str>>(
        &self,
        map: impl IntoIterator<Item = (N, V)>,
        prefix: &str,
    ) -> Result<Vec<RegionPlan>, Mistakes> {
        self.build(self.drafts_map(map, prefix)?)
    }

    pub(crate) fn drafts_map<N: AsRef<str>, V: AsRef<str>>(
        &self,
        map: impl IntoIterator<Item = (N, V)>,
        prefix: &str,
    ) -> Result<Drafts, Mistakes> {
        let tree = flat::read(&owned(map), prefix).map_err(Mistakes::new)?;
        let place = Place::Named(format!("keys beginning with `{prefix}`").into());
        self.check(&tree, &place)
    }

    /// The plan of one region, of a map that holds its options alone: `{prefix}expiration`. It may use
    /// the names of dogpile.cache: `expiration_time`, `arguments.*`, `wrap`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn plan_map<N: AsRef<str>, V: AsRef<str>>(
        &self,
        region: &str,
        map: impl IntoIterator<Item = (N, V)>,
        prefix: &str,
    ) -> Result<RegionPlan, Mistakes> {
        let mut tree = flat::read(&owned(map), prefix).map_err(Mistakes::new)?;
        for (key, _) in &mut tree {
            match key.name.as_str() {
                "expiration_time" => key.name = "expiration".to_owned(),
                "wrap" => key.name = "wrappers".to_owned(),
                _ => {}
            }
        }
        let place = Place::Named(format!("keys beginning with `{prefix}`").into());
        let tree = nested("regions", &place, nested(region, &place, tree));
        let mut plans = self.build(self.check(&tree, &place)?)?;
        let none = || Mistakes::new(vec![Mistake::new(place, "there is no region")]);
        plans.pop().ok_or_else(none)
    }

    /// What a file says, before anything is made of it.
    pub(crate) fn drafts(&self, path: &Path) -> Result<Drafts, Mistakes> {
        let (name, text, format) = Self::text(path)?;
        self.drafts_str(&name, &text, format)
    }

    /// A file's name, its text and its format.
    fn text(path: &Path) -> Result<(String, String, Format), Mistakes> {
        let name = path.display().to_string();
        let wrong = |message: String| {
            Mistakes::new(vec![Mistake::new(Place::Named(name.as_str().into()), message)])
        };
        let Some(format) = Format::of(path) else {
            return Err(wrong(
                "the name tells no format: right is .toml, .yaml, .yml or .json".into(),
            ));
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| wrong(format!("the file cannot be read: {error}")))?;
        Ok((name, text, format))
    }

    /// What a file says in one section, with the variables of the environment over it; nothing if it is not there. What
    /// else is wrong with the file does not count. Nothing is opened.
    ///
    /// # Errors
    /// All that is wrong with the section; a section that nobody has registered.
    pub fn section(
        &self,
        path: impl AsRef<Path>,
        section: &str,
    ) -> Result<Option<Box<dyn SectionDraft>>, Mistakes> {
        let (name, text, format) = Self::text(path.as_ref())?;
        let file: Arc<str> = name.as_str().into();
        let mut tree = format.read(&file, &text).map_err(Mistakes::new)?;
        let mut mistakes = flat::overlay(&mut tree, self.environment().all());
        let mut reading = self.reading();
        let draft = file::section(&tree, section, Format::start(&file), &mut reading);
        let front = flat::front(section);
        mistakes.retain(|mistake| mistake.place.to_string().starts_with(&front));
        mistakes.extend(reading.mistakes);
        if mistakes.is_empty() { Ok(draft) } else { Err(Mistakes::new(mistakes)) }
    }

    pub(crate) fn drafts_str(
        &self,
        name: &str,
        text: &str,
        format: Format,
    ) -> Result<Drafts, Mistakes> {
        let file: Arc<str> = name.into();
        let mut tree = format.read(&file, text).map_err(Mistakes::new)?;
        let laid = flat::overlay(&mut tree, self.environment().all());
        match (self.check(&tree, &Format::start(&file)), laid) {
            (result, laid) if laid.is_empty() => result,
            (result, mut laid) => {
                laid.extend(result.err().iter().flat_map(|mistakes| mistakes.list().to_vec()));
                Err(Mistakes::new(laid))
            }
        }
    }

    fn check(&self, tree: &Table, start: &Place) -> Result<Drafts, Mistakes> {
        let mut reading = self.reading();
        let drafts = file::read(tree, start, &mut reading);
        match reading.mistakes.is_empty() {
            true => Ok(drafts),
            false => Err(Mistakes::new(reading.mistakes)),
        }
    }

    fn reading(&self) -> Reading {
        Reading {
            mistakes: Vec::new(),
            environment: self.environment(),
            clock: self.clock.clone().unwrap_or_else(Clock::system),
        }
    }

    fn environment(&self) -> Environment {
        self.environment.clone().unwrap_or_else(Environment::of_process)
    }

    /// The plans of regions; what other sections describe is read and not opened.
    fn build(&self, drafts: Drafts) -> Result<Vec<RegionPlan>, Mistakes> {
        Ok(self.plans_of(drafts)?.regions)
    }

    pub(crate) fn plans_of(&self, drafts: Drafts) -> Result<Plans, Mistakes> {
        let Drafts { regions, sections } = drafts;
        Ok(Plans { regions: build::all(regions, self.clock.as_ref())?, sections })
    }
}

/// All that a configuration describes: regions, ready to be configured, and what is to be opened with them.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    pub(crate) regions: Vec<RegionPlan>,
    pub(crate) sections: Vec<Box<dyn SectionDraft>>,
}

impl Default for Configuration {
    fn default() -> Self {
        Configuration::new()
    }
}

fn owned<N: AsRef<str>, V: AsRef<str>>(
    map: impl IntoIterator<Item = (N, V)>,
) -> BTreeMap<String, String> {
    map.into_iter()
        .map(|(name, value)| (name.as_ref().to_owned(), value.as_ref().to_owned()))
        .collect()
}

fn nested(name: &str, place: &Place, table: Table) -> Table {
    let key = Key { name: name.to_owned(), place: place.clone() };
    vec![(key, Node { value: Value::Table(table), place: place.clone() })]
}
