//! `larder store stat`: what is known of an object.

use super::arguments::Arguments;
use super::failure::Failure;
use super::json::Line;
use super::target::{Target, location};
use larder::UnsentChange;
use larder::stores::CachedStore;
use larder::stores::object_store::path::Path;
use larder::stores::object_store::{self, ObjectStoreExt};
use std::io::{self, Write};

pub(super) async fn run(arguments: &Arguments, target: &Target) -> Result<(), Failure> {
    let path = arguments.path(0)?;
    let location = location(&path)?;
    let copy = target
        .cached()
        .and_then(|store| store.status().into_iter().find(|status| *status.path() == location));
    let head = target.store.head(&location).await;
    let unsent = unsent(target, &location).await;
    let meta = head.map_err(|error| missing(target, &path, &error, unsent.as_ref()))?;
    let modified = meta.last_modified.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let text = match arguments.has("json") {
        true => Line::default()
            .text("path", Some(&path))
            .plain("size", meta.size)
            .text("modified", Some(&modified))
            .text("e_tag", meta.e_tag.as_deref())
            .text("version", meta.version.as_deref())
            .plain("kept", copy.as_ref().map_or(0, |copy| copy.kept()))
            .seconds("age", copy.as_ref().map(|copy| copy.age()))
            .text("unsent", unsent.as_ref().map(ToString::to_string).as_deref())
            .end(),
        false => {
            let mut text =
                format!("path      {path}\nsize      {}\nmodified  {modified}\n", meta.size);
            for (name, value) in [("e_tag", &meta.e_tag), ("version", &meta.version)] {
                if let Some(value) = value {
                    text.push_str(&format!("{name:9} {value}\n"));
                }
            }
            if let Some(copy) = copy {
                let part = if copy.is_complete() { "complete" } else { "in part" };
                let (kept, age) = (copy.kept(), copy.age().as_secs());
                text.push_str(&format!("copy      {part}, {kept} bytes, {age} s old\n"));
            }
            if let Some(unsent) = unsent {
                text.push_str(&format!("unsent    {unsent}\n"));
            }
            text
        }
    };
    let written = io::stdout().write_all(text.as_bytes());
    written.map_err(|error| Failure::file("standard output", &error))
}

/// What of the object waits for the remote, after one more try: why it waits is known then.
async fn unsent(target: &Target, location: &Path) -> Option<UnsentChange> {
    let unsent = |store: &CachedStore| store.explain(location).unsent;
    let store = target.cached()?;
    unsent(store)?;
    // What is told is this object's trouble, and not another's.
    let _ = store.flush().await;
    unsent(store)
}

/// That an object is not here any more may be news to the remote.
fn missing(
    target: &Target,
    path: &str,
    error: &object_store::Error,
    unsent: Option<&UnsentChange>,
) -> Failure {
    match (target.failed(path, error), unsent) {
        (Failure::Missing(text), Some(unsent)) => Failure::Missing(format!("{text}: {unsent}")),
        (failure, _) => failure,
    }
}
