//! The languages of configuration files.

use super::mistakes::Mistake;
use super::tree::{Place, Table};
use std::path::Path;
use std::sync::Arc;

/// In which language a configuration is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// TOML.
    Toml,
    /// YAML, without aliases; needs the feature `yaml`.
    Yaml,
    /// JSON; needs the feature `json` or `yaml`.
    Json,
}

impl Format {
    /// The language that the ending of a file's name tells.
    ///
    /// ```
    /// use cache_regions::Format;
    /// assert_eq!(Format::of("etc/larder.yml".as_ref()), Some(Format::Yaml));
    /// assert_eq!(Format::of("etc/larder".as_ref()), None);
    /// ```
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "toml" => Some(Format::Toml),
            "yaml" | "yml" => Some(Format::Yaml),
            "json" => Some(Format::Json),
            _ => None,
        }
    }

    /// Reads a text into the tree.
    #[cfg_attr(
        not(any(feature = "toml", feature = "yaml", feature = "json")),
        allow(unused_variables, reason = "there is nothing to read it by")
    )]
    pub(super) fn read(self, file: &Arc<str>, text: &str) -> Result<Table, Vec<Mistake>> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match self {
            #[cfg(feature = "toml")]
            Format::Toml => super::toml::read(file, text),
            #[cfg(feature = "yaml")]
            Format::Yaml => super::yaml::read(file, text, super::yaml::Dialect::Yaml),
            #[cfg(any(feature = "yaml", feature = "json"))]
            Format::Json => super::yaml::read(file, text, super::yaml::Dialect::Json),
            #[cfg(not(all(feature = "toml", feature = "yaml")))]
            other => Err(other.missing(file)),
        }
    }

    #[cfg(not(all(feature = "toml", feature = "yaml")))]
    fn missing(self, file: &Arc<str>) -> Vec<Mistake> {
        let feature = match self {
            Format::Toml => "regions` (of the crate cache-regions: `toml",
            Format::Yaml => "yaml",
            Format::Json => "json",
        };
        let place = Place::At { file: file.clone(), line: 1, column: 1 };
        vec![Mistake::new(place, format!("reading {self:?} needs larder's feature `{feature}`"))]
    }

    pub(super) fn start(file: &Arc<str>) -> Place {
        Place::At { file: file.clone(), line: 1, column: 1 }
    }
}
