//! Why a command ends otherwise than well.

use super::stop::Signal;
use super::trouble;
use larder::stores::object_store;
use std::fmt::Display;
use std::io;

/// Each way to end has an exit code of its own.
#[derive(Debug)]
pub(super) enum Failure {
    /// The command was not understood.
    Usage(String),
    /// It could not be done.
    Failed(String),
    /// There is no such object.
    Missing(String),
    /// It was asked to end while this was being done.
    Stopped(Signal, String),
    /// Nobody reads what is printed any more.
    Closed,
}

impl Failure {
    /// What a store said of an object.
    pub(super) fn of(what: &str, store: &str, error: &object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => {
                Failure::Missing(format!("{store} has no object `{what}`"))
            }
            other if trouble::is_missing(other) => {
                Failure::Missing(format!("`{what}` of {store}: {}", trouble::words(other)))
            }
            other => Failure::Failed(format!("`{what}` of {store}: {}", trouble::words(other))),
        }
    }

    /// What went wrong with a file here.
    pub(super) fn file(what: impl Display, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Closed,
            _ => Failure::Failed(format!("{what}: {error}")),
        }
    }
}

/// An error and what it came from, on one line, each told once.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.contains(&more) {
            text.push_str(&format!(": {more}"));
        }
        cause = next.source();
    }
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}
