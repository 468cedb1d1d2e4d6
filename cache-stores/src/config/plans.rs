//! The stores of a file, one at a time: for tools that need one of them and must not open the others.

use super::draft::Remote;
use super::open;
use super::section::{Drafts, NAME, Planned};
use super::url::At;
use crate::store::CachedStore;
use cache_core::{Error, Result};
use cache_regions::{Configuration, words};
use object_store::ObjectStore;
use std::any::Any;
use std::path::Path;
use std::sync::Arc;

/// The stores that a file describes, none of them opened.
///
/// ```
/// use cache_regions::Configuration;
/// use cache_stores::StorePlans;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("larder.toml");
/// # std::fs::write(&path, "[store.scratch]\nremote = 'memory:'\nlocal = 'memory'\n").unwrap();
/// let plans = StorePlans::read(&Configuration::new(), &path)?; // "larder.toml"
/// assert_eq!(plans.names(), ["scratch"]);
/// let store = plans.open("scratch")?;
/// # Ok::<(), cache_core::Error>(())
/// ```
#[derive(Debug)]
pub struct StorePlans(Vec<Planned>);

impl StorePlans {
    /// Reads the stores of a file; what else is in it does not count.
    ///
    /// # Errors
    /// [Invalid](Error::is_invalid): all mistakes of its stores, with line and column.
    pub fn read(configuration: &Configuration, path: impl AsRef<Path>) -> Result<Self> {
        super::register()?;
        let drafts: Option<Box<dyn Any>> =
            configuration.section(path, NAME)?.map(|drafts| drafts as Box<dyn Any>);
        let drafts = drafts.and_then(|drafts| drafts.downcast::<Drafts>().ok());
        Ok(StorePlans(drafts.map(|drafts| drafts.0).unwrap_or_default()))
    }

    /// Their names.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|plan| plan.name.as_str()).collect()
    }

    /// Opens one of them, and those that it is made from.
    ///
    /// # Errors
    /// [Invalid](Error::is_invalid): there is no store of this name, or it cannot be opened; the message says where
    /// it stands, and why.
    pub fn open(self, name: &str) -> Result<CachedStore> {
        let last = self.open_all(name)?.pop();
        last.ok_or_else(|| Error::invalid(format!("store `{name}` was not opened")))
    }

    /// The same, with those that it is made from before it: for who wants to close them all.
    ///
    /// # Errors
    /// As [`open`](StorePlans::open).
    pub fn open_all(self, name: &str) -> Result<Vec<CachedStore>> {
        self.check(name)?;
        let needed = self.needed(name);
        let mut open: Vec<CachedStore> = Vec::with_capacity(needed.len());
        for Planned { name, spot, draft, .. } in self.0 {
            if needed.contains(&name) {
                let others = |name: &str| open.iter().find(|store| store.name() == name).cloned();
                let store = open::store(&name, &spot, draft, &others)
                    .map_err(|mistake| Error::invalid(mistake.to_string()))?;
                open.push(store);
            }
        }
        Ok(open)
    }

    /// The remote of one of them, past all copies; that of a store over another one is the other one's.
    ///
    /// # Errors
    /// As [`open`](StorePlans::open).
    pub fn remote(&self, name: &str) -> Result<Arc<dyn ObjectStore>> {
        let plan = self.check(name)?;
        let Some(remote) = &plan.draft.remote else {
            return Err(Error::invalid(format!("store `{name}` has no remote")));
        };
        match &remote.at {
            At::Store(other) => self.remote(other),
            _ => open::remote(remote, &|_| None)
                .map_err(|why| Error::invalid(plan.draft.remote_spot.mistake(why).to_string())),
        }
    }

    /// Where the truth of one of them is, as the configuration says it: a URL, or the path of a directory. That of a store
    /// over another one is the other one's.
    ///
    /// # Errors
    /// As [`open`](StorePlans::open).
    pub fn remote_url(&self, name: &str) -> Result<String> {
        let plan = self.check(name)?;
        match &plan.draft.remote {
            Some(Remote { at: At::Store(other), .. }) => self.remote_url(other),
            Some(remote) => Ok(remote.at.to_string()),
            None => Err(Error::invalid(format!("store `{name}` has no remote"))),
        }
    }

    pub(super) fn check(&self, name: &str) -> Result<&Planned> {
        self.0.iter().find(|plan| plan.name == name).ok_or_else(|| {
            let there = match self.names() {
                names if names.is_empty() => "there is none: write [store.NAME]".to_owned(),
                names => words::instead(name, &names),
            };
            Error::invalid(format!("the file has no store `{name}`: {there}"))
        })
    }

    /// The names of a store and of all that it is made from.
    fn needed(&self, name: &str) -> Vec<String> {
        let mut needed = vec![name.to_owned()];
        // Who is made from another one comes after it: one pass from the end finds all.
        for plan in self.0.iter().rev() {
            if needed.contains(&plan.name) {
                needed.extend(plan.draft.uses().into_iter().map(|(name, _)| name.to_owned()));
            }
        }
        needed
    }
}
