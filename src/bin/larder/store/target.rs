//! Which store a command is about.

use super::arguments::{Arguments, Command};
use super::failure::{Failure, causes};
use super::trouble;
use futures::StreamExt;
use larder::stores::object_store::path::Path;
use larder::stores::object_store::{self, ObjectStore};
use larder::stores::{CachedStore, StorePlans};
use larder::{Configuration, Error};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// So long a bucket is looked for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The store of a command.
pub(super) struct Target {
    /// As it was asked for.
    pub(super) name: String,
    pub(super) store: Arc<dyn ObjectStore>,
    /// Where the truth is: a URL, or the path of a directory.
    url: String,
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

    /// What it said of an object that was to be written. If it misses something, that may be its bucket.
    pub(super) fn not_written(
        &self,
        what: impl AsRef<str>,
        error: &object_store::Error,
    ) -> Failure {
        match error {
            object_store::Error::NotFound { .. } => Failure::Missing(format!(
                "`{}` cannot be written to {}: {}",
                what.as_ref(),
                self.name,
                trouble::words(error)
            )),
            other => self.failed(what, other),
        }
    }

    /// The same of what was to be listed.
    pub(super) fn not_listed(&self, error: &object_store::Error) -> Failure {
        let text = format!("{} cannot be listed: {}", self.name, trouble::words(error));
        match trouble::is_missing(error) {
            true => Failure::Missing(text),
            false => Failure::Failed(text),
        }
    }

    /// Something is missing: is it the bucket, with all that would be in it? Then that is what there is to say.
    pub(super) async fn without_home(&self) -> Option<Failure> {
        let (scheme, rest) = self.url.split_once("://")?;
        let kind = match scheme {
            "s3" | "s3a" | "gs" | "gcs" => "bucket",
            "az" | "azure" => "container",
            // Others have neither.
            _ => return None,
        };
        let listed = async { self.store.list(None).next().await };
        let asked = tokio::time::timeout(PATIENCE, listed).await;
        let Ok(Some(Err(error))) = asked else { return None };
        if !trouble::is_missing(&error) {
            return None;
        }
        let home = rest.split('/').next().unwrap_or(rest);
        let correct = match self.url == self.name {
            true => "correct the URL".to_owned(),
            false => format!("correct {} in the configuration", self.url),
        };
        let name = &self.name;
        Some(Failure::Failed(format!(
            "{name}: there is no {kind} `{home}`: make it first, or {correct}"
        )))
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
        return Ok(Target { url: name.clone(), name, store, opened: Vec::new() });
    }
    let plans = plans(arguments)?;
    if let Some(hint) = meant(&name).filter(|_| !plans.names().contains(&name.as_str())) {
        let config = config(arguments)?;
        return Err(Failure::Usage(format!("{} has no store `{name}`: {hint}", config.display())));
    }
    let url = plans.remote_url(&name).map_err(failed)?;
    if arguments.has("remote") {
        let store = plans.remote(&name).map_err(failed)?;
        return Ok(Target { name, store, url, opened: Vec::new() });
    }
    let opened = plans.open_all(&name).map_err(failed)?;
    let Some(cached) = opened.last() else {
        return Err(Failure::Failed(format!("store `{name}` was not opened")));
    };
    Ok(Target { store: Arc::new(cached.clone()), name, url, opened })
}

/// What looks like a URL or a directory, and is written as neither.
fn meant(name: &str) -> Option<String> {
    if name.contains(":/") || name.contains("//") {
        return Some("a URL has `://` behind its scheme, as in s3://bucket".to_owned());
    }
    std::path::Path::new(name).is_dir().then(|| format!("a directory is written ./{name}"))
}

/// The stores of the configuration.
pub(super) fn plans(arguments: &Arguments) -> Result<StorePlans, Failure> {
    let plans = StorePlans::read(&Configuration::new(), config(arguments)?);
    plans.map_err(|error| Failure::Failed(error.to_string()))
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
    if text.split('/').any(|part| [".", ".."].contains(&part)) {
        return Err(wrong(
            "`.` and `..` are no names; right is the path from the store's root on".to_owned(),
        ));
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
