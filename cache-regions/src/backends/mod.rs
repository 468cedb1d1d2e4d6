//! Backends by name: those that larder brings, and those of users.

mod bytes;
#[cfg(feature = "files")]
mod files;
#[cfg(feature = "memcached")]
mod memcached;
mod pool;
#[cfg(feature = "redis")]
mod redis;
mod within;

use crate::config::settings::Settings;
use cache_clients::server::{AnyServer, Server};
use cache_core::{Error, Result};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use bytes::MemoryBytes;
pub(crate) use pool::Pool;
pub(crate) use within::Within;

/// How far away a backend is, for advice about the order of tiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distance {
    /// In the memory of this process.
    Process,
    /// On this machine.
    Machine,
    /// Over a network.
    Network,
}

/// What a backend is made of, checked; it is made when the whole configuration is right.
///
/// ```
/// use cache_regions::{BackendPlan, Distance};
/// # use cache_clients::encoded::{Backend, Solo};
/// # use bytes::Bytes;
/// # use cache_core::Result;
/// # use std::time::Duration;
/// # #[derive(Debug)]
/// # struct Attic { path: String }
/// # impl Attic { fn open(path: String) -> Result<Self> { Ok(Attic { path }) } }
/// # impl Backend for Attic {
/// #     async fn get(&self, _: &str) -> Result<Option<Bytes>> { Ok(None) }
/// #     async fn put(&self, _: &str, _: Bytes, _: Option<Duration>) -> Result<()> { Ok(()) }
/// #     async fn delete(&self, _: &str) -> Result<bool> { Ok(false) }
/// # }
///
/// let plan = BackendPlan::new(|| Ok(Solo::new(Attic::open("/attic".into())?)))
///     .with_distance(Distance::Machine);
/// ```
pub struct BackendPlan {
    pub(crate) make: Box<dyn FnOnce() -> Result<AnyServer> + Send>,
    pub(crate) distance: Distance,
    pub(crate) memory: Option<u64>,
    pub(crate) sharing: Sharing,
}

/// Whether regions of equal settings have one server between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// One for all: connections are not opened twice.
    Equal,
    /// One for each region: a capacity is the region's own.
    Never,
}

impl BackendPlan {
    /// Over a network, shared by regions of equal settings. What `make` opens, it opens when the
    /// whole configuration is known to be right; its error is reported as the tier's.
    pub fn new<S: Server>(make: impl FnOnce() -> Result<S> + Send + 'static) -> Self {
        BackendPlan {
            make: Box::new(|| Ok(AnyServer::new(make()?))),
            distance: Distance::Network,
            memory: None,
            sharing: Sharing::Equal,
        }
    }

    /// How far away it is.
    #[must_use]
    pub fn with_distance(mut self, distance: Distance) -> Self {
        self.distance = distance;
        self
    }

    /// How many bytes of this process it takes at most.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Whether regions share it.
    #[must_use]
    pub fn with_sharing(mut self, sharing: Sharing) -> Self {
        self.sharing = sharing;
        self
    }
}

impl fmt::Debug for BackendPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendPlan")
            .field("distance", &self.distance)
            .field("memory", &self.memory)
            .field("sharing", &self.sharing)
            .finish_non_exhaustive()
    }
}

pub(crate) type Builder = dyn Fn(&mut Settings<'_>) -> Result<BackendPlan> + Send + Sync;

static OWN: Mutex<BTreeMap<String, Arc<Builder>>> = Mutex::new(BTreeMap::new());

/// Those that larder brings, with the features that they need.
const BUILT_IN: [(&str, &str); 6] = [
    ("memory", ""),
    ("memory_bytes", ""),
    ("null", ""),
    ("memcached", "memcached"),
    ("redis", "redis"),
    ("files", "files"),
];

/// Registers a backend, for `backend = "name"` in configurations that are read from now on.
///
/// The builder asks for its options, and says how the server is made of them. Unknown options are
/// reported for it, and `ttl` and `deadline` are seen to: a server that ends its calls by itself asks for
/// [`Settings::deadline`]. Servers must not block the threads that call them.
///
/// ```
/// use cache_regions::{BackendPlan, Configuration, Format, register_backend};
/// # use cache_clients::encoded::{Backend, Solo};
/// # use bytes::Bytes;
/// # use cache_core::Result;
/// # use std::time::Duration;
/// # #[derive(Debug)]
/// # struct Attic { shelves: u64 }
/// # impl Backend for Attic {
/// #     async fn get(&self, _: &str) -> Result<Option<Bytes>> { Ok(None) }
/// #     async fn put(&self, _: &str, _: Bytes, _: Option<Duration>) -> Result<()> { Ok(()) }
/// #     async fn delete(&self, _: &str) -> Result<bool> { Ok(false) }
/// # }
///
/// register_backend("attic", |options| {
///     let shelves = options.count("shelves").unwrap_or(3);
///     Ok(BackendPlan::new(move || Ok(Solo::new(Attic { shelves }))))
/// })?;
/// let text = "[regions.toys]\nbackend = 'attic'\narguments.shelves = 7\n";
/// assert_eq!(Configuration::new().plans_str(text, Format::Toml)?.len(), 1);
/// # Ok::<(), cache_core::Error>(())
/// ```
///
/// # Errors
/// When there is a backend of this name.
pub fn register_backend(
    name: impl Into<String>,
    builder: impl Fn(&mut Settings<'_>) -> Result<BackendPlan> + Send + Sync + 'static,
) -> Result<()> {
    let name = name.into();
    let mut own = OWN.lock();
    if own.contains_key(&name) || BUILT_IN.iter().any(|(known, _)| *known == name) {
        return Err(Error::invalid(format!(
            "there is a backend `{name}` already: give yours another name"
        )));
    }
    own.insert(name, Arc::new(builder));
    Ok(())
}

/// Who makes a backend of this name; `None` for those that are no servers. An error says why there is none.
pub(crate) fn builder(name: &str) -> Result<Option<Arc<Builder>>, String> {
    let found = OWN.lock().get(name).cloned();
    if found.is_some() {
        return Ok(found);
    }
    match name {
        "memory" | "null" => Ok(None),
        "memory_bytes" => Ok(Some(Arc::new(bytes::plan))),
        #[cfg(feature = "memcached")]
        "memcached" => Ok(Some(Arc::new(memcached::plan))),
        #[cfg(feature = "redis")]
        "redis" => Ok(Some(Arc::new(redis::plan))),
        #[cfg(feature = "files")]
        "files" => Ok(Some(Arc::new(files::plan))),
        _ => Err(why_not(name)),
    }
}

fn why_not(name: &str) -> String {
    if let Some((_, feature)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
        return format!("it needs larder's feature `{feature}`");
    }
    let own: Vec<String> = OWN.lock().keys().cloned().collect();
    let names: Vec<&str> =
        BUILT_IN.iter().map(|(name, _)| *name).chain(own.iter().map(String::as_str)).collect();
    crate::config::nearest::suggestion(name, &names)
}

/// The rows of the table of options that hold for a tier of this backend; those of users have none.
pub(crate) fn rows(name: &str) -> &'static [&'static str] {
    match name {
        "memory" => &["tier", "memory"],
        "memory_bytes" => &["tier", "memory_bytes"],
        "null" => &["tier"],
        "memcached" => &["tier", "memcached"],
        "redis" => &["tier", "redis"],
        "files" => &["tier", "files"],
        _ => &[],
    }
}
