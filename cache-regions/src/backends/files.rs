//! Files in a directory, shared by the processes of a machine.

use super::{BackendPlan, Distance};
use crate::config::settings::Settings;
use crate::config::tree::Value;
use crate::config::value;
use cache_clients::{Files, FilesOptions, Mapping, Reads};
use cache_core::Result;

/// Reads the options. The directory is opened, or made, when the whole configuration is right.
pub(super) fn plan(settings: &mut Settings<'_>) -> Result<BackendPlan> {
    settings.required("path");
    let path = settings.text("path").unwrap_or_default();
    if settings.has("path") && path.trim().is_empty() {
        settings.wrong("path", "`path` is empty: right is the path of a directory");
    }
    let mut options = FilesOptions::new().with_clock(settings.clock());
    let capacity = settings.read("capacity", |value| match value::bytes(value)? {
        0 => Err("right is at least 1 byte".to_owned()),
        bytes => Ok(bytes),
    });
    if let Some(bytes) = capacity {
        options = options.with_capacity(bytes);
    }
    let mapping = settings.read("mapping", |value| match value {
        Value::Text(text) | Value::Loose(text) if text == "off" => Ok(Mapping::Off),
        value => value::bytes(value)
            .map(|bytes| Mapping::Above(usize::try_from(bytes).unwrap_or(usize::MAX))),
    });
    if let Some(mapping) = mapping {
        options = options.with_mapping(mapping);
    }
    if let Some(reads) =
        settings.mode("reads", &[("here", Reads::Here), ("threads", Reads::Threads)])
    {
        options = options.with_reads(reads);
    }
    if let Some(deadline) = settings.deadline() {
        options = options.with_deadline(deadline);
    }
    if let Some(every) = settings.limit("touch") {
        options = options.with_touch(every);
    }
    let plan = BackendPlan::new(move || Files::open_with(path, options));
    Ok(plan.with_distance(Distance::Machine))
}
