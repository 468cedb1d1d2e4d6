//! How long a store that can forget by itself keeps one object.

use object_store::{Extensions, PutOptions};
use std::time::Duration;

/// How long the local side keeps this one object, where it can forget by itself: among the extensions of a put.
///
/// A `ClientStore` takes it instead of its own TTL; a cached store passes it on to its local
/// side, unless what is written waits there for the remote; other stores do not know it.
///
/// ```
/// use cache_stores::{LocalTtl, OpenExt};
/// use cache_stores::object_store::memory::InMemory;
/// use std::time::Duration;
///
/// let store = std::sync::Arc::new(InMemory::new());
/// let options = LocalTtl(Duration::from_secs(300)).into();
/// store.open("session")?.with_options(options).put("data")?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTtl(pub Duration);

impl From<LocalTtl> for PutOptions {
    fn from(ttl: LocalTtl) -> Self {
        let mut extensions = Extensions::new();
        extensions.insert(ttl);
        PutOptions { extensions, ..PutOptions::default() }
    }
}
