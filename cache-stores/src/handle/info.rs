//! What is known of an object, and of how a read of it went.

use crate::{Refresh, Served};
use chrono::{DateTime, Utc};
use object_store::{Attributes, Extensions, GetOptions, GetResult, ObjectMeta};
use std::io;
use std::ops::Range;
use std::time::Duration;

/// What a store says of an object before its bytes.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) meta: ObjectMeta,
    pub(super) attributes: Attributes,
    pub(super) origin: Origin,
    range: Range<u64>,
}

impl Opened {
    pub(super) fn of(result: &GetResult) -> Self {
        Opened {
            meta: result.meta.clone(),
            attributes: result.attributes.clone(),
            origin: Origin::of(&result.extensions),
            range: result.range.clone(),
        }
    }

    /// A read behind the end.
    pub(super) fn at_end(meta: ObjectMeta) -> Self {
        let range = meta.size..meta.size;
        Opened { meta, attributes: Attributes::default(), origin: Origin::default(), range }
    }

    /// How many bytes will come.
    pub(super) fn left(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }
}

/// What a cached store says of where its answer is from; nothing, if it is another store's.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Origin {
    pub(super) cached: bool,
    pub(super) age: Option<Duration>,
}

impl Origin {
    pub(super) fn of(extensions: &Extensions) -> Self {
        match extensions.get::<Served>() {
            Some(served) => Origin { cached: served.is_cached(), age: served.age },
            None => Origin::default(),
        }
    }

    /// A read of the remote, if the cache is not to be believed.
    pub(super) fn options(refresh: bool) -> GetOptions {
        let mut options = GetOptions::default();
        if refresh {
            options.extensions.insert(Refresh);
        }
        options
    }
}

/// An object without its bytes: what [`Handle::stat`](super::Handle::stat) gives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stat {
    /// Its path.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// What changes with every version of it, if the store knows such a thing.
    pub e_tag: Option<String>,
    /// The name of this version, in a store that keeps several.
    pub version: Option<String>,
    /// When it was written.
    pub modified: DateTime<Utc>,
    /// Its content type and what else was said of it when it was written.
    pub attributes: Attributes,
    /// The answer is a cache's, which did not ask the remote.
    pub cached: bool,
    /// How old the copy is of which the cache spoke.
    pub age: Option<Duration>,
}

impl From<Opened> for Stat {
    fn from(opened: Opened) -> Self {
        let Opened { meta, attributes, origin, .. } = opened;
        Stat {
            path: meta.location.into(),
            size: meta.size,
            e_tag: meta.e_tag,
            version: meta.version,
            modified: meta.last_modified,
            attributes,
            cached: origin.cached,
            age: origin.age,
        }
    }
}

/// How the last read of a handle went: what [`Handle::info`](super::Handle::info) gives.
///
/// ```
/// use cache_stores::OpenExt;
/// use cache_stores::object_store::memory::InMemory;
/// use std::sync::Arc;
///
/// let store = Arc::new(InMemory::new());
/// let mut handle = store.open("greeting")?;
/// handle.read_all().unwrap_err();
/// let info = handle.info().unwrap();
/// assert!(!info.success && !info.cached);
/// assert!(info.error.as_ref().unwrap().contains("greeting"));
///
/// handle.put("hello")?;
/// handle.read_all()?;
/// let info = handle.info().unwrap();
/// assert!(info.success && info.error.is_none());
/// assert_eq!(info.size, Some(5));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// The object was there and could be read, so far.
    pub success: bool,
    /// It came from the local copy of a cached store, or from what had been fetched for it by then, and the remote was
    /// not read. False for who joins a fetch whose bytes are still coming.
    pub cached: bool,
    /// How old that copy was.
    pub age: Option<Duration>,
    /// The length of the whole object.
    pub size: Option<u64>,
    /// Its e_tag.
    pub e_tag: Option<String>,
    /// Why it could not be read.
    pub error: Option<String>,
    /// What kind of error that is.
    pub kind: Option<io::ErrorKind>,
}

impl Info {
    pub(super) fn success(opened: &Opened) -> Self {
        Info {
            success: true,
            cached: opened.origin.cached,
            age: opened.origin.age,
            size: Some(opened.meta.size),
            e_tag: opened.meta.e_tag.clone(),
            error: None,
            kind: None,
        }
    }

    /// What was known before stays known.
    pub(super) fn failure(before: Option<Info>, error: &io::Error) -> Self {
        let (error, kind) = (Some(error.to_string()), Some(error.kind()));
        match before {
            Some(info) => Info { success: false, error, kind, ..info },
            None => Info {
                success: false,
                cached: false,
                age: None,
                size: None,
                e_tag: None,
                error,
                kind,
            },
        }
    }
}
