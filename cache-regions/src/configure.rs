//! Configurations applied: all regions of a file at once, when the program starts and again while it
//! runs.

use crate::config::Configuration;
use crate::config::mistakes::{Mistake, Mistakes};
use crate::config::tree::Place;
use crate::plan::{RegionPlan, Replace};
use crate::region::configure_plans;
use parking_lot::Mutex;
use std::path::{Path, PathBuf};

/// The files that the program was configured by, for [`reload`].
static FILES: Mutex<Vec<(PathBuf, Configuration)>> = Mutex::new(Vec::new());

/// One reload at a time: what is read first is applied first.
static RELOADING: Mutex<()> = Mutex::new(());

/// Configures all regions of a file, whose name tells the format (`.toml`, `.yaml`, `.json`);
/// variables of the environment such as `LARDER__USERS__EXPIRATION=1m` win over it.
///
/// Nothing is connected to before it is used. The file is remembered for [`reload`].
///
/// # Errors
/// All that is wrong with the file, with line and column; when a region in it is configured already.
/// Then nothing has changed.
///
/// ```
/// use cache_core::wait;
/// use cache_regions::{Region, configure};
///
/// static USERS: Region = Region::new("users");
///
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("larder.toml");
/// std::fs::write(&file, "
///     [regions.users]
///     expiration = '5m'
///     [[regions.users.tiers]]
///     backend = 'memory'
///     entries = 10_000
/// ")?;
/// configure(&file)?;
/// wait(USERS.put(&7_u64, "Ann".to_owned()))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn configure(path: impl AsRef<Path>) -> Result<(), Mistakes> {
    configure_with(path, Configuration::new(), Replace::Refuse)
}

/// [`configure`] by a reader of one's own, with leave to replace what is configured.
///
/// # Errors
/// As [`configure`].
pub fn configure_with(
    path: impl AsRef<Path>,
    reader: Configuration,
    replace: Replace,
) -> Result<(), Mistakes> {
    let path = path.as_ref();
    let turn = RELOADING.lock();
    apply(reader.plans(path)?, replace, path)?;
    let mut files = FILES.lock();
    files.retain(|(known, _)| known != path);
    files.push((path.to_owned(), reader));
    drop((files, turn));
    Ok(())
}

/// Reads the files that the program was configured by again, and applies what has changed: all of it,
/// or, when anything is wrong, nothing.
///
/// Calls in flight finish on the old settings. A region whose tiers stay the same only gets its new
/// rules, and keeps its values; another begins with what its new tiers hold. A region that is not in
/// a file any more stays as it is.
///
/// # Errors
/// All that is wrong with the files. Then the old settings hold.
///
/// ```
/// use cache_regions::{Region, configure, reload};
/// use std::fs;
///
/// static USERS: Region = Region::new("users");
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("larder.toml");
/// let text = |ttl| format!("
///     [regions.users]
///     expiration = '{ttl}'
///     [[regions.users.tiers]]
///     backend = 'memory'
///     entries = 10_000
/// ");
/// fs::write(&file, text("5m"))?;
/// configure(&file)?;
/// fs::write(&file, text("10m"))?;
/// reload()?;
/// fs::write(&file, text("ten minutes"))?;
/// assert!(reload().is_err()); // ten minutes still, by the one before
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn reload() -> Result<(), Mistakes> {
    let turn = RELOADING.lock();
    let files = FILES.lock().clone();
    let (mut plans, mut mistakes) = (Vec::new(), Vec::new());
    for (path, reader) in &files {
        match reader.plans(path) {
            Ok(read) => plans.extend(read),
            Err(wrong) => mistakes.extend(wrong.list().to_vec()),
        }
    }
    if !mistakes.is_empty() {
        return Err(Mistakes::new(mistakes));
    }
    let last = files.last().map_or(Path::new("larder"), |(path, _)| path);
    apply(plans, Replace::Existing, last)?;
    drop(turn);
    Ok(())
}

/// Configures one region by a flat map of its options; see
/// [`Configuration::plan_map`]. The map stays as it is.
///
/// # Errors
/// All that is wrong with the map; when the region is configured already and is not to be replaced.
///
/// ```
/// use cache_core::wait;
/// use cache_regions::{Region, Replace, configure_map};
///
/// static USERS: Region = Region::new("users");
/// let settings = [("cache.backend", "memory"), ("cache.arguments.entries", "1000"), ("cache.expiration_time", "300")];
/// configure_map("users", settings, "cache.", Replace::Refuse)?;
/// wait(USERS.put(&7_u64, 49_u64))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn configure_map<N: AsRef<str>, V: AsRef<str>>(
    region: &str,
    map: impl IntoIterator<Item = (N, V)>,
    prefix: &str,
    replace: Replace,
) -> Result<(), Mistakes> {
    let plan = Configuration::new().plan_map(region, map, prefix)?;
    apply(vec![plan], replace, Path::new(prefix))
}

fn apply(plans: Vec<RegionPlan>, replace: Replace, from: &Path) -> Result<(), Mistakes> {
    configure_plans(plans, replace).map_err(|error| {
        let place = Place::Named(from.display().to_string().as_str().into());
        Mistakes::new(vec![Mistake::new(place, error.to_string())])
    })
}
