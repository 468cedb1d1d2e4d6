//! Configurations read and applied at once, and again when they have changed.

use crate::config::{Configuration, Drafts, Format, Mistakes, Plans};
use crate::plan::Replace;
use crate::region::configure_plans;
use crate::section::SectionPlan;
use cache_core::{Error, Result};
use parking_lot::Mutex;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The files that regions were configured from.
static FILES: Mutex<Vec<Source>> = Mutex::new(Vec::new());

/// A file, how it is read, and what was in it.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    path: PathBuf,
    configuration: Configuration,
    pub(crate) content: Option<u64>,
}

/// Configures the regions of a file: TOML, YAML or JSON, as its name says, with what variables of the
/// environment such as `LARDER__USERS__EXPIRATION=5m` say over it.
///
/// A wrong file gives all its mistakes, one a line as `file:line:column: message`, and changes nothing.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("larder.toml");
/// # std::fs::write(&path, "[regions.soups]\nbackend = 'memory'\narguments.entries = 100\n").unwrap();
/// use cache_regions::Region;
///
/// static SOUPS: Region = Region::new("soups");
/// cache_regions::configure(&path)?; // "larder.toml"
/// assert!(SOUPS.is_configured());
/// # Ok::<(), cache_core::Error>(())
/// ```
///
/// # Errors
/// When the file cannot be read or is wrong, or one of its regions is configured already.
pub fn configure(path: impl AsRef<Path>) -> Result<()> {
    Configuration::new().configure(path)
}

/// Configures the regions of a text.
///
/// ```
/// use cache_regions::{Format, configure_str};
///
/// configure_str("[regions.pies]\nbackend = 'null'\n", Format::Toml)?;
/// # Ok::<(), cache_core::Error>(())
/// ```
///
/// # Errors
/// As [`configure`].
pub fn configure_str(text: &str, format: Format) -> Result<()> {
    Configuration::new().configure_str(text, format)
}

/// Configures the regions of a flat map of texts, as [`Configuration::plans_map`] reads it. The map
/// stays as it is.
///
/// ```
/// use cache_regions::configure_map;
///
/// let settings = [("cache.regions.cakes.backend", "null"), ("cache.regions.cakes.expiration", "300")];
/// configure_map(settings, "cache.")?;
/// # Ok::<(), cache_core::Error>(())
/// ```
///
/// # Errors
/// As [`configure`].
pub fn configure_map<N: AsRef<str>, V: AsRef<str>>(
    map: impl IntoIterator<Item = (N, V)>,
    prefix: &str,
) -> Result<()> {
    Configuration::new().configure_map(map, prefix)
}

/// Reads all files again from which regions were configured, and follows them: calls in flight
/// finish on the old settings. A region that is not in its file any more stays as it is.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("larder.toml");
/// # std::fs::write(&path, "[regions.stews]\nbackend = 'null'\n").unwrap();
/// cache_regions::configure(&path)?;
/// // .. the file is changed, and then, when a signal says so:
/// cache_regions::reload()?;
/// # Ok::<(), cache_core::Error>(())
/// ```
///
/// # Errors
/// When one of them cannot be read or is wrong: then nothing has changed.
pub fn reload() -> Result<()> {
    // Not under the lock: backends of users are called while a file is read.
    let files = FILES.lock().clone();
    follow(|| {
        let (mut plans, mut mistakes) = (Plans::default(), Vec::new());
        for source in &files {
            match source.read() {
                Ok(read) => {
                    plans.regions.extend(read.regions);
                    plans.sections.extend(read.sections);
                }
                Err(wrong) => mistakes.extend(wrong.list().to_vec()),
            }
        }
        if mistakes.is_empty() { Ok(plans) } else { Err(Mistakes::new(mistakes)) }
    })
}

/// Reads and applies, so that of several who do it at once the last to read has the last word.
fn follow(read: impl Fn() -> Result<Plans, Mistakes>) -> Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    static APPLYING: AtomicU64 = AtomicU64::new(0);
    loop {
        let ticket = NEXT.fetch_add(1, Ordering::SeqCst);
        let plans = read()?;
        if APPLYING.fetch_max(ticket, Ordering::SeqCst) > ticket {
            continue;
        }
        apply(plans, Replace::Existing)?;
        if APPLYING.load(Ordering::SeqCst) == ticket {
            return Ok(());
        }
    }
}

/// Opens what other sections describe, and then configures all of it or nothing.
fn apply(plans: Plans, replace: Replace) -> Result<()> {
    let (mut opened, mut mistakes) = (Vec::new(), Vec::new());
    for draft in plans.sections {
        match draft.open(replace) {
            Ok(plan) => opened.push(plan),
            Err(wrong) => mistakes.extend(wrong.list().to_vec()),
        }
    }
    if !mistakes.is_empty() {
        return Err(Mistakes::new(mistakes).into());
    }
    configure_plans(plans.regions, replace)?;
    opened.into_iter().for_each(SectionPlan::apply);
    Ok(())
}

impl Source {
    fn read(&self) -> Result<Plans, Mistakes> {
        self.configuration.plans_of(self.configuration.drafts(&self.path)?)
    }
}

/// Reads one of these files again.
pub(crate) fn reload_file(path: &Path) -> Result<()> {
    let source = configured(path)?;
    follow(|| source.read())
}

/// The file of this path, from which regions were configured.
pub(crate) fn configured(path: &Path) -> Result<Source> {
    let files = FILES.lock();
    files.iter().find(|source| source.path == path).cloned().ok_or_else(|| {
        Error::invalid(format!(
            "no region was configured from {}: call `configure` before it is watched",
            path.display()
        ))
    })
}

/// A number for what is in a file.
pub(crate) fn content(path: &Path) -> std::io::Result<u64> {
    let mut hasher = DefaultHasher::new();
    std::fs::read(path)?.hash(&mut hasher);
    Ok(hasher.finish())
}

/// A process that changes its working directory still means this one.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

impl Configuration {
    /// With regions that may be configured already: the new configuration takes their place.
    #[must_use]
    pub fn with_replace(mut self, replace: Replace) -> Self {
        self.replace = replace;
        self
    }

    /// Configures the regions of a file; see [`configure`].
    ///
    /// # Errors
    /// When the file cannot be read or is wrong, or, unless they may be replaced, one of its regions is
    /// configured already.
    pub fn configure(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        // Before it is read: what is changed meanwhile is followed once too often, and not never.
        let content = content(path).ok();
        self.apply(self.drafts(path))?;
        let source = Source { path: absolute(path), configuration: self.clone(), content };
        let mut files = FILES.lock();
        files.retain(|known| known.path != source.path);
        files.push(source);
        Ok(())
    }

    /// Configures the regions of a text; see [`configure_str`].
    ///
    /// # Errors
    /// As [`Configuration::configure`].
    pub fn configure_str(&self, text: &str, format: Format) -> Result<()> {
        self.apply(self.drafts_str("text", text, format))
    }

    /// Configures the regions of a map; see [`configure_map`].
    ///
    /// # Errors
    /// As [`Configuration::configure`].
    pub fn configure_map<N: AsRef<str>, V: AsRef<str>>(
        &self,
        map: impl IntoIterator<Item = (N, V)>,
        prefix: &str,
    ) -> Result<()> {
        self.apply(self.drafts_map(map, prefix))
    }

    /// Configures one region from a map that holds its options alone, as
    /// [`plan_map`](Configuration::plan_map) reads it; `{prefix}replace_existing_backend` says whether
    /// it may be configured already.
    ///
    /// ```
    /// use cache_regions::{Configuration, Region};
    /// use std::collections::HashMap;
    ///
    /// static TEAS: Region = Region::new("teas");
    /// let settings = HashMap::from([
    ///     ("cache.local.backend", "memory"),
    ///     ("cache.local.expiration_time", "300"),
    ///     ("cache.local.arguments.entries", "1000"),
    /// ]);
    /// Configuration::new().configure_region_map("teas", settings, "cache.local.")?;
    /// assert!(TEAS.is_configured());
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Configuration::configure`].
    pub fn configure_region_map<N: AsRef<str>, V: AsRef<str>>(
        &self,
        region: &str,
        map: impl IntoIterator<Item = (N, V)>,
        prefix: &str,
    ) -> Result<()> {
        let name = format!("{prefix}replace_existing_backend");
        let mut replace = self.replace;
        let mut rest: Vec<(String, String)> = Vec::new();
        for (key, value) in map {
            let (key, value) = (key.as_ref(), value.as_ref().trim());
            match value.to_lowercase().as_str() {
                "true" if key == name => replace = Replace::Existing,
                "false" if key == name => replace = Replace::Refuse,
                other if key == name => {
                    return Err(Error::invalid(format!(
                        "{name}: it is \"{other}\": right is true or false"
                    )));
                }
                _ => rest.push((key.to_owned(), value.to_owned())),
            }
        }
        configure_plans(vec![self.plan_map(region, rest, prefix)?], replace)
    }

    fn apply(&self, drafts: Result<Drafts, Mistakes>) -> Result<()> {
        apply(self.plans_of(drafts?)?, self.replace)
    }
}
