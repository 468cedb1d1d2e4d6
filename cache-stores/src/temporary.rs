//! A directory that is there as long as its store.

use crate::{CachedStore, StoreBuilder};
use async_trait::async_trait;
use bytes::Bytes;
use cache_core::{Error as Wrong, Result as Built};
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
use rustix::fs::{FlockOperation, flock};
use std::fmt::{self, Display};
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::Path as Place;
use std::sync::Arc;
use tempfile::TempDir;

const PREFIX: &str = "larder-store-";
const LOCK: &str = "lock";

/// Objects in a directory of the system's temporary ones, which is removed with the last clone of the store.
///
/// Objects appear whole or not at all. What a killed process has left is removed by the next one that makes a
/// temporary store.
///
/// ```
/// use cache_stores::{OpenExt, Temporary};
///
/// let store = Temporary::new()?;
/// store.open("notes/today")?.put("sunny")?;
/// let folder = store.folder().to_owned();
/// assert!(folder.join("notes/today").exists());
/// drop(store);
/// assert!(!folder.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Temporary(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    files: LocalFileSystem,
    objects: std::path::PathBuf,
    // In this order: the directory is removed while the lock says that it is in use.
    _folder: TempDir,
    _lock: File,
}

impl Temporary {
    /// A new directory, empty.
    ///
    /// # Errors
    /// The system's temporary directory cannot be written.
    pub fn new() -> Built<Self> {
        Temporary::below(std::env::temp_dir())
    }

    /// A new directory in another one than the system's.
    ///
    /// # Errors
    /// It cannot be written.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let scratch = folder.path();
    /// let store = cache_stores::Temporary::below(scratch)?;
    /// assert!(store.folder().starts_with(scratch));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn below(parent: impl AsRef<Place>) -> Built<Self> {
        let parent = parent.as_ref();
        let failed = |error: io::Error| {
            let parent = parent.display();
            Wrong::invalid(format!("a temporary store in {parent} cannot be made: {error}"))
        };
        sweep(parent);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent).map_err(failed)?;
        let lock = lock(folder.path()).map_err(failed)?;
        let objects = folder.path().join("objects");
        fs::create_dir(&objects).map_err(failed)?;
        let files = LocalFileSystem::new_with_prefix(&objects);
        let files = files.map_err(|error| failed(io::Error::other(error)))?;
        Ok(Temporary(Arc::new(Shared { files, objects, _folder: folder, _lock: lock })))
    }

    /// Where the objects are, by their paths.
    #[must_use]
    pub fn folder(&self) -> &Place {
        &self.0.objects
    }
}

impl CachedStore {
    /// A store whose copies are in a temporary directory, which is removed with the store's last handle.
    ///
    /// That no such directory can be made is an error of [`build`](StoreBuilder::build).
    ///
    /// ```
    /// use cache_stores::object_store::memory::InMemory;
    /// use cache_stores::{CachedStore, Size};
    ///
    /// let store = CachedStore::temporary(InMemory::new()).policy(Size("1GiB")).build()?;
    /// store.open("a/b")?.put("data")?;
    /// assert_eq!(store.open("a/b")?.read_all()?, "data");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn temporary(remote: impl ObjectStore) -> StoreBuilder {
        let local = Temporary::new().map(|local| Arc::new(local) as Arc<dyn ObjectStore>);
        StoreBuilder::over(local, Arc::new(remote))
    }
}

/// The lock has its name only when it is held: whoever sweeps takes no directory that is being made.
fn lock(folder: &Place) -> io::Result<File> {
    let unnamed = folder.join("new");
    let file = File::create(&unnamed)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    fs::rename(&unnamed, folder.join(LOCK))?;
    Ok(file)
}

/// Removes what dead processes have left; what cannot be removed stays.
fn sweep(parent: &Place) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if ours
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
            && let Ok(lock) = File::open(entry.path().join(LOCK))
            && flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for Temporary {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.0.files.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.0.files.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.files.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.0.files.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.0.files.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.files.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.files.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.files.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.0.files.rename_opts(from, to, options).await
    }
}

impl Display for Temporary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Temporary({})", self.0.objects.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f17_what_a_dead_process_has_left_is_removed_and_what_a_living_one_uses_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let used = Temporary::below(parent.path()).unwrap();
        // As a killed process leaves it: everything is there, and nobody holds the lock.
        let left = parent.path().join("larder-store-dead");
        fs::create_dir_all(left.join("objects")).unwrap();
        fs::write(left.join("objects/a"), "data").unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        // Being made: nobody holds a lock yet.
        let made = parent.path().join("larder-store-new");
        fs::create_dir_all(&made).unwrap();
        let others = parent.path().join("others");
        fs::create_dir_all(&others).unwrap();

        let second = Temporary::below(parent.path()).unwrap();
        assert!(!left.exists());
        for kept in [used.folder(), second.folder(), &made, &others] {
            assert!(kept.exists(), "{}", kept.display());
        }
    }

    #[test]
    fn a_place_that_cannot_be_is_named() {
        let error = Temporary::below("/nowhere/at/all").unwrap_err();
        assert!(error.is_invalid() && error.to_string().contains("/nowhere/at/all"), "{error}");
    }
}
