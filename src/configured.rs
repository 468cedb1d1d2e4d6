//! Configuring with all that larder reads: regions, and stores.

use crate::{Configuration, Format, Result};
use std::path::Path;

/// A configuration that knows `[store.NAME]`.
fn reader() -> Result<Configuration> {
    cache_stores::register()?;
    Ok(Configuration::new())
}

/// Configures the regions and the stores of a file: TOML, YAML or JSON, as its name says, with what variables of the
/// environment such as `LARDER__USERS__EXPIRATION=5m` and `LARDER__STORE__REPORTS__TTL=60s` say over it.
///
/// A wrong file gives all its mistakes, one a line as `file:line:column: message`, and changes nothing.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("larder.toml");
/// # std::fs::write(&path, "[regions.soups]\nbackend = 'memory'\narguments.entries = 100\n[store.recipes]\nremote = 'memory:'\nlocal = 'memory'\n").unwrap();
/// static SOUPS: larder::Region = larder::Region::new("soups");
///
/// larder::configure(&path)?; // "larder.toml"
/// assert!(SOUPS.is_configured());
/// let recipes = larder::store("recipes")?;
/// # Ok::<(), larder::Error>(())
/// ```
///
/// # Errors
/// When the file cannot be read or is wrong, one of its stores cannot be opened, or something in it is configured
/// already.
pub fn configure(path: impl AsRef<Path>) -> Result<()> {
    reader()?.configure(path)
}

/// Configures the regions and the stores of a text.
///
/// ```
/// use larder::{Format, configure_str};
///
/// configure_str("[store.pies]\nremote = 'memory:'\nlocal = 'memory'\n", Format::Toml)?;
/// # Ok::<(), larder::Error>(())
/// ```
///
/// # Errors
/// As [`configure`].
pub fn configure_str(text: &str, format: Format) -> Result<()> {
    reader()?.configure_str(text, format)
}

/// Configures the regions and the stores of a flat map of texts, as [`Configuration::plans_map`] reads it. The map
/// stays as it is.
///
/// ```
/// use larder::configure_map;
///
/// let settings = [("shop.store.cakes.remote", "memory:"), ("shop.store.cakes.local", "memory")];
/// configure_map(settings, "shop.")?;
/// # Ok::<(), larder::Error>(())
/// ```
///
/// # Errors
/// As [`configure`].
pub fn configure_map<N: AsRef<str>, V: AsRef<str>>(
    map: impl IntoIterator<Item = (N, V)>,
    prefix: &str,
) -> Result<()> {
    reader()?.configure_map(map, prefix)
}
