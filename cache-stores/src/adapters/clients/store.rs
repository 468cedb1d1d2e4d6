//! The store: its options, the names of its values, and the `ObjectStore` face.

use super::head::Head;
use super::page::{FRONT, MOST, Place};
use super::upload::Parts;
use crate::adapters::{LocalTtl, copying, to_itself};
use crate::runtime;
use async_trait::async_trait;
use bytes::Bytes;
use cache_clients::server::{AnyServer, Server};
use cache_core::{Clock, Error as Wrong};
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, Extensions, GetOptions, GetResult, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    RenameOptions, Result,
};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

pub(super) const NAME: &str = "ClientStore";
/// The longest key of a head; servers take 200 bytes.
const KEY: usize = 180;

/// An `ObjectStore` over a Redis, a memcached or a directory of larder's, or any [`Server`].
///
/// With a [TTL](Self::with_ttl), or a [`LocalTtl`] of a put, the server forgets objects by itself: as the local side of a
/// cached store without an index, its own presence decides what is a hit. Objects above 64 KiB are cut into pages
/// of at most 1 MiB, so that a value may be longer than the server takes; reading a range transfers only its pages,
/// and a write replaces the object at once, whatever happens to the writer. Puts on a condition are decided by the
/// server, among all processes.
///
/// A copy or a rename of an object to itself changes nothing but its TTL, and that if a [`LocalTtl`] says so.
///
/// Servers of caches may drop what they have: an object of which a page is gone is gone as a whole. They cannot
/// list, so that lists are [`NotSupported`](Error::NotSupported). TTLs are rounded up to what the server counts:
/// whole seconds in a memcached. Its futures can be awaited in any thread; clones are cheap.
///
/// ```no_run
/// use cache_clients::redis::Redis;
/// use cache_stores::{ClientStore, LocalTtl, OpenExt};
/// use std::time::Duration;
///
/// let redis = Redis::open("redis://10.0.0.7:6380")?;
/// let store = ClientStore::new(redis).with_ttl(Duration::from_secs(60));
/// store.open("session/17")?.put("data")?; // for a minute
/// let longer = LocalTtl(Duration::from_secs(300)).into();
/// store.open("session/18")?.with_options(longer).put("data")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClientStore(pub(super) Arc<Shared>);

#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) server: AnyServer,
    space: String,
    ttl: Option<Duration>,
    clock: Clock,
    random: RandomState,
}

impl ClientStore {
    /// Over a server: objects stay as long as it has room.
    pub fn new(server: impl Server) -> Self {
        ClientStore(Arc::new(Shared {
            server: AnyServer::new(server),
            space: "larder-store".to_owned(),
            ttl: None,
            clock: Clock::system(),
            random: RandomState::new(),
        }))
    }

    /// How long the server keeps an object whose put says nothing else by [`LocalTtl`].
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        Arc::make_mut(&mut self.0).ttl = Some(ttl);
        self
    }

    /// The beginning of all keys (`larder-store`), where several stores share a server.
    ///
    /// # Errors
    /// [Invalid](Wrong::is_invalid): it has other characters than ASCII letters, digits, `-`, `_` and `.`, or not 1
    /// to 40 of them.
    pub fn with_space(mut self, space: &str) -> Result<Self, Wrong> {
        Self::check_space(space)?;
        Arc::make_mut(&mut self.0).space = space.to_owned();
        Ok(self)
    }

    /// Whether keys can begin so.
    pub(crate) fn check_space(space: &str) -> Result<(), Wrong> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !(1..=40).contains(&space.len()) || !space.chars().all(allowed) {
            return Err(Wrong::invalid(format!(
                "the space `{}` of a store: right are 1 to 40 ASCII letters, digits, `-`, `_` and `.`",
                space.escape_debug()
            )));
        }
        Ok(())
    }

    /// Where the times of changes are taken from.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        Arc::make_mut(&mut self.0).clock = clock;
        self
    }
}

impl Shared {
    /// Of an object's head.
    pub(super) fn key(&self, location: &Path) -> String {
        let path = location.as_ref();
        let plain = path.bytes().all(|byte| byte.is_ascii_graphic());
        if plain && self.space.len() + 1 + path.len() <= KEY {
            format!("{}:{path}", self.space)
        } else {
            format!("{}#{}", self.space, blake3::hash(path.as_bytes()).to_hex())
        }
    }

    pub(super) fn page_key(&self, writing: u64, place: Place) -> String {
        format!("{}+{writing:016x}.{:x}.{:x}", self.space, place.part, place.number)
    }

    /// The length of pages.
    pub(super) fn page(&self) -> u32 {
        let most = self.server.limits().max_value.saturating_sub(FRONT);
        // No more than `MOST`, which fits.
        most.clamp(1, MOST) as u32
    }

    /// A head for a new writing.
    pub(super) fn begin(&self, location: &Path, attributes: object_store::Attributes) -> Head {
        let now = self.clock.unix();
        Head {
            writing: RandomState::new().hash_one((now, self.random.hash_one(now))),
            modified: u64::try_from(now.as_nanos()).unwrap_or(u64::MAX),
            page: self.page(),
            parts: Vec::new(),
            path: location.to_string(),
            attributes,
            inline: Bytes::new(),
        }
    }

    /// To its end, or pages without a head would stay.
    async fn remove(self: Arc<Self>, location: &Path) -> Result<()> {
        let location = location.clone();
        let removal = async move { self.delete(&location).await };
        runtime::run(removal).await.unwrap_or_else(|| Err(panicked()))
    }

    /// How long the server is to keep what is put with these.
    pub(super) fn keep(&self, extensions: &Extensions) -> Result<Option<Duration>> {
        let keep = extensions.get::<LocalTtl>().map(|ttl| ttl.0).or(self.ttl);
        if keep.is_some_and(|keep| keep.is_zero()) {
            return Err(Error::Generic {
                store: NAME,
                source: "a TTL of zero keeps nothing".into(),
            });
        }
        Ok(keep)
    }
}

pub(super) fn failed(error: Wrong) -> Error {
    Error::Generic { store: NAME, source: Box::new(error) }
}

pub(super) fn panicked() -> Error {
    Error::Generic { store: NAME, source: "the server panicked".into() }
}

pub(super) fn unsupported<T>(what: &str) -> Result<T> {
    Err(Error::NotSupported { source: format!("a store over a server of bytes {what}").into() })
}

#[async_trait]
impl ObjectStore for ClientStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let keep = self.0.keep(&options.extensions)?;
        let head = self.0.begin(location, options.attributes);
        let (shared, location) = (self.0.clone(), location.clone());
        // To its end, or pages without a head would stay.
        let put = async move { shared.put(&location, head, payload, &options.mode, keep).await };
        runtime::run(put).await.unwrap_or_else(|| Err(panicked()))
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let keep = self.0.keep(&options.extensions)?;
        let head = self.0.begin(location, options.attributes);
        Ok(Box::new(Parts::new(self.0.clone(), location.clone(), head, keep)))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.clone().get(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.0.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let shared = self.0.clone();
        let delete = move |location: Result<Path>| {
            let shared = shared.clone();
            async move {
                let location = location?;
                shared.remove(&location).await?;
                Ok(location)
            }
        };
        locations.map(delete).buffered(8).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::once(async { unsupported("cannot list") }).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        unsupported("cannot list")
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let keep = self.0.keep(&options.extensions)?;
        if from == to && options.extensions.get::<LocalTtl>().is_none() {
            return to_itself(from, self.0.head(from).await, options.mode);
        }
        let mode = match options.mode {
            CopyMode::Overwrite => PutMode::Overwrite,
            CopyMode::Create => PutMode::Create,
        };
        let (shared, from, to) = (self.0.clone(), from.clone(), to.clone());
        let copy = async move { shared.copy(&from, &to, &mode, keep).await };
        runtime::run(copy).await.unwrap_or_else(|| Err(panicked()))
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.copy_opts(from, to, copying(options)).await?;
        match from == to {
            true => Ok(()),
            false => self.0.clone().remove(from).await,
        }
    }
}

impl fmt::Display for ClientStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientStore({}, {})", self.0.server.name(), self.0.space)
    }
}
