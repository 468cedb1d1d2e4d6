//! Which store a command is about.

use super::arguments::{Arguments, Command};
use super::failure::{Failure, causes};
use larder::stores::object_store::path::Path;
use larder::stores::object_store::{self, ObjectStore};
use larder::stores::{CachedStore, StorePlans};
use larder::{Configuration, Error};
use std::path::PathBuf;
use std::sync::Arc;

/// The store of a command.
pub(super) struct Target {
    /// As it was asked for.
    pub(super) name: String,
    pub(super) store: Arc<dyn ObjectStore>,
    /// If it has local copies: with the stores that it is made from before it.
    pub(super) opened: Vec<CachedStore>,
}

impl Target {
    /// The store, if it has local copies.
    pub(super) fn cached(&self) -> Option<&CachedStore> {
        self.opened.last()
    }

    /// What was written is at the remote when this is done: the command may be the last that opens the store.
    pub(super) async fn send(&self) -> Result<(), Failure> {
        for store in self.opened.iter().rev() {
            store.flush().await.map_err(|error| {
                let why = causes(&error);
                let name = store.name();
                Failure::Failed(format!(
                    "what was written to {name} is kept here and not at its remote: {why}; whoever opens the store next sends it"
                ))
            })?;
        }
        Ok(())
    }

    /// What was fetched last is kept when this is done.
    pub(super) async fn close(self) {
        let Target { store, mut opened, .. } = self;
        drop(store);
        while let Some(store) = opened.pop() {
            store.close().await;
        }
    }

    /// What it said of an object.
    pub(super) fn failed(&self, what: impl AsRef<str>, error: &object_store::Error) -> Failure {
        Failure::of(what.as_ref(), &self.name, error)
    }
}

/// Opens the store; nothing is asked of it yet.
pub(super) fn open(arguments: &Arguments) -> Result<Target, Failure> {
    let name = arguments.store.clone();
    let failed = |error: Error| Failure::Failed(error.to_string());
    let is_url = name.contains("://") || name.starts_with(['/', '.']);
    let needs_copies = matches!(arguments.command, Command::Warm | Command::Status);
    if is_url && needs_copies {
        return Err(Failure::Usage(format!(
            "{name} has no copies: right is the name of a store of the configuration"
        )));
    }
    if is_url {
        let store = larder::stores::remote(&name).map_err(failed)?;
        return Ok(Target { name, store, opened: Vec::new() });
    }
    let plans = StorePlans::read(&Configuration::new(), config(arguments)?).map_err(failed)?;
    if arguments.has("remote") {
        let store = plans.remote(&name).map_err(failed)?;
        return Ok(Target { name, store, opened: Vec::new() });
    }
    let opened = plans.open_all(&name).map_err(failed)?;
    let Some(cached) = opened.last() else {
        return Err(Failure::Failed(format!("store `{name}` was not opened")));
    };
    Ok(Target { store: Arc::new(cached.clone()), name, opened })
}

/// The file that describes the stores.
fn config(arguments: &Arguments) -> Result<PathBuf, Failure> {
    if let Some(path) = &arguments.config {
        return Ok(path.clone());
    }
    if let Some(path) = std::env::var_os("LARDER_CONFIG").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let usual = PathBuf::from("larder.toml");
    if usual.exists() {
        return Ok(usual);
    }
    let name = &arguments.store;
    Err(Failure::Usage(format!(
        "`{name}` is the name of a store of which configuration? give --config FILE, or write a directory as ./{name}"
    )))
}

/// A path as the store has it; nothing in it leads out of the store's root.
pub(super) fn location(text: &str) -> Result<Path, Failure> {
    let wrong = |why: String| Failure::Usage(format!("the path `{}`: {why}", text.escape_debug()));
    if text.is_empty() || text.starts_with('/') || text.split('/').any(|part| part.is_empty()) {
        return Err(wrong("right are names joined by `/`, as in `reports/may.csv`".to_owned()));
    }
    Path::parse(text).map_err(|error| wrong(error.to_string()))
}

/// A prefix: a path that may end with `/`, or nothing.
pub(super) fn prefix(text: &str) -> Result<Option<Path>, Failure> {
    match text.strip_suffix('/').unwrap_or(text) {
        "" => Ok(None),
        text => location(text).map(Some),
    }
}
