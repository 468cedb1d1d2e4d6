//! `[store.NAME]` in the configuration of regions: read by one table of options, checked with all else, opened when all of
//! it is right, and found by name.

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure", feature = "http"))]
mod cloud;
mod draft;
mod named;
mod open;
mod options;
mod peek;
mod plans;
mod remote;
mod section;
mod url;

pub use named::store;
pub use options::store_options_tables;
pub use peek::Peek;
pub use plans::StorePlans;

use cache_core::{Error, Result};
use object_store::ObjectStore;
use std::sync::Arc;

/// Lets configurations that are read from now on have stores, as `[store.NAME]`. `larder::configure` and its like do
/// this by themselves; a `Configuration` that is made by hand needs it. Twice is fine.
///
/// ```
/// use cache_regions::{Configuration, Format};
///
/// cache_stores::register()?;
/// let text = "[store.reports]\nremote = 'memory:'\nlocal = 'memory'\ntll = '60s'\n";
/// let advice = Configuration::new().advise_str(text, Format::Toml);
/// assert_eq!(
///     advice.findings[0].to_string(),
///     "text:4:1: mistake: store `reports` has no option `tll`: did you mean `ttl`?"
/// );
/// # Ok::<(), cache_core::Error>(())
/// ```
///
/// # Errors
/// When a section of this name is registered that is not larder's.
pub fn register() -> Result<()> {
    cache_regions::register_section(section::StoreSection)
}

/// The store of a URL, past any cache: `s3://bucket/prefix`, `gs://`, `az://`, `https://`, `memory:`, or the path of a directory. Keys and endpoints
/// are those of the environment (`AWS_..`, `GOOGLE_..`, `AZURE_..`). Connects to nothing before it is used.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let archive = folder.path().to_str().unwrap();
/// let archive = cache_stores::remote(archive)?; // "/mnt/archive", "s3://archive"
/// let error = cache_stores::remote("archive").unwrap_err();
/// assert!(error.to_string().starts_with("\"archive\" is no store: right is \"s3://bucket/prefix\", "));
/// # Ok::<(), cache_core::Error>(())
/// ```
///
/// # Errors
/// [Invalid](Error::is_invalid): the URL cannot be read, a feature is missing for it, or the directory is not there.
pub fn remote(url: &str) -> Result<Arc<dyn ObjectStore>> {
    // It may hold a key, though it must not: then it is not shown.
    let text = if url.contains(['@', '?']) { "the URL" } else { &format!("\"{url}\"") };
    let wrong = |why: String| Error::invalid(format!("{text} is no store: {why}"));
    let at = url::remote(url).map_err(wrong)?;
    remote::make(&at, &remote::of_environment(&at)).map_err(wrong)
}
