//! Configurations: text, maps and the environment become one tree, the tree is checked against one
//! table of options, and what is right becomes plans. All mistakes are reported at once.

mod build;
pub(crate) mod draft;
mod environment;
mod file;
mod flat;
mod format;
mod forms;
pub(crate) mod mistakes;
pub(crate) mod nearest;
pub(crate) mod options;
mod read;
mod server;
pub(crate) mod settings;
mod tiers;
#[cfg(feature = "toml")]
mod toml;
pub(crate) mod tree;
pub(crate) mod value;
#[cfg(any(feature = "yaml", feature = "json"))]
mod yaml;

pub(crate) use file::Drafts;
pub use format::Format;
pub use mistakes::{Mistake, Mistakes, Spot};
pub use options::{OptionRow, options_markdown};
pub use read::Configuration;
pub(crate) use read::Plans;
pub use server::ServerPlan;
pub use settings::Settings;

/// The table of what all regions of a file have in common, in messages.
const DEFAULTS: &str = "`defaults`";

/// Whether a region can have this name, or what else a configuration names.
pub(crate) fn is_name(name: &str) -> bool {
    let printable = |c: char| !c.is_control() && !c.is_whitespace();
    !name.is_empty() && name.chars().count() <= 100 && name.chars().all(printable)
}

/// The tables of the README, made from the one table of options.
#[doc(hidden)]
#[must_use]
pub fn options_tables() -> String {
    options::markdown()
}
