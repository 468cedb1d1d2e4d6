//! `larder store stat`: what is known of an object.

use super::arguments::Arguments;
use super::failure::Failure;
use super::json::Line;
use super::target::{Target, location};
use larder::stores::object_store::ObjectStoreExt;
use std::io::{self, Write};

pub(super) async fn run(arguments: &Arguments, target: &Target) -> Result<(), Failure> {
    let path = arguments.path(0)?;
    let location = location(&path)?;
    let copy = target
        .cached()
        .and_then(|store| store.status().into_iter().find(|status| *status.path() == location));
    let meta = target.store.head(&location).await.map_err(|error| target.failed(&path, &error))?;
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
            text
        }
    };
    let written = io::stdout().write_all(text.as_bytes());
    written.map_err(|error| Failure::file("standard output", &error))
}
