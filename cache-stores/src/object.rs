//! An object as its remote described it, and the names of its copies.

use chrono::{DateTime, Utc};
use object_store::path::Path;
use object_store::{Attributes, ObjectMeta};

/// An object as the remote described it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) path: Path,
    pub(crate) size: u64,
    pub(crate) e_tag: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) modified: DateTime<Utc>,
    pub(crate) attributes: Attributes,
}

impl Object {
    pub(crate) fn new(meta: ObjectMeta, attributes: Attributes) -> Self {
        let ObjectMeta { location, last_modified, size, e_tag, version } = meta;
        Object { path: location, size, e_tag, version, modified: last_modified, attributes }
    }

    pub(crate) fn meta(&self) -> ObjectMeta {
        ObjectMeta {
            location: self.path.clone(),
            last_modified: self.modified,
            size: self.size,
            e_tag: self.e_tag.clone(),
            version: self.version.clone(),
        }
    }
}

/// One local copy of one version of an object: never used again for another, so that a chunk of it is either
/// what was fetched or not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CopyId(pub(crate) u64);

/// How far an entry of the index can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// As the remote told it, within its TTL.
    Fresh,
    /// Its TTL has passed: the remote is asked whether it has changed.
    Due,
    /// A write to the remote may or may not have happened: the remote is asked, whatever the age.
    Doubtful,
    /// It was written here and waits for the remote: this is the truth, and it is not evicted.
    Unsent,
}
