//! What the files of a store say that another process has open.

use super::draft::{Draft, IndexAt, Local};
use super::plans::StorePlans;
use super::url::At;
use crate::index::{Index, Status};
use crate::{owned, write};
use cache_core::{ChangeKind, Error, Result};
use object_store::path::Path;
use std::path::PathBuf;

/// What the files of a store say, while it may be open elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peek {
    /// The copies in its index, as [`CachedStore::status`](crate::CachedStore::status) gives them.
    pub status: Vec<Status>,
    /// What all chunks take on the local side.
    pub bytes: u64,
    /// What waits for the remote according to its journal, in the order in which it was written.
    pub unsent: Vec<(Path, ChangeKind)>,
}

impl StorePlans {
    /// What the index and the journal of one of them say, without opening it: for when another process has it open.
    /// What that process knows alone, such as what the remote said, is not in it.
    ///
    /// ```
    /// use cache_core::ChangeKind;
    /// use cache_regions::Configuration;
    /// use cache_stores::{OpenExt, StorePlans};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("larder.toml");
    /// # std::fs::create_dir(folder.path().join("archive")).unwrap();
    /// # let (archive, cache) = (folder.path().join("archive"), folder.path().join("cache"));
    /// # let text = format!("[store.reports]\nremote = {archive:?}\nlocal = {cache:?}\n");
    /// # std::fs::write(&path, text).unwrap();
    /// let open = StorePlans::read(&Configuration::new(), &path)?.open("reports")?;
    /// open.open("may.csv")?.put("1,17\n")?;
    ///
    /// let peek = StorePlans::read(&Configuration::new(), &path)?.peek("reports")?;
    /// assert_eq!(peek.status[0].path().as_ref(), "may.csv");
    /// assert!(peek.unsent.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [Invalid](Error::is_invalid): there is no store of this name, or its index is in memory.
    /// [Unreachable](Error::is_unreachable): its files cannot be read.
    pub fn peek(&self, name: &str) -> Result<Peek> {
        let draft = &self.check(name)?.draft;
        let directory = index(draft).ok_or_else(|| {
            let what =
                format!("store `{name}` has no index on the disk: only who has it open can tell");
            Error::invalid(what)
        })?;
        let (status, totals) =
            Index::peek(&directory, draft.limits(), &draft.clock).map_err(|why| {
                Error::unreachable(format!("the index `{}`", directory.display()), why)
            })?;
        let unsent = draft.write_back.as_deref().map(write::peek).transpose()?;
        Ok(Peek { status, bytes: totals.bytes, unsent: unsent.unwrap_or_default() })
    }

    /// Who has one of them open now, in words: `process 4711`. `None`: nobody, or its index is in memory and it has no
    /// journal, so that nobody can tell.
    ///
    /// ```
    /// use cache_regions::Configuration;
    /// use cache_stores::{OpenExt, StorePlans};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("larder.toml");
    /// # std::fs::create_dir(folder.path().join("archive")).unwrap();
    /// # let (archive, cache) = (folder.path().join("archive"), folder.path().join("cache"));
    /// # let text = format!("[store.reports]\nremote = {archive:?}\nlocal = {cache:?}\n");
    /// # std::fs::write(&path, text).unwrap();
    /// let plans = StorePlans::read(&Configuration::new(), &path)?;
    /// assert_eq!(plans.owner("reports")?, None);
    ///
    /// let open = StorePlans::read(&Configuration::new(), &path)?.open("reports")?;
    /// assert_eq!(plans.owner("reports")?, Some(format!("process {}", std::process::id())));
    /// # drop(open);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [Invalid](Error::is_invalid): there is no store of this name.
    pub fn owner(&self, name: &str) -> Result<Option<String>> {
        let draft = &self.check(name)?.draft;
        let directories = index(draft).into_iter().chain(draft.write_back.clone());
        Ok(directories.into_iter().find_map(|directory| owned::owner(&directory)))
    }
}

/// Where the index of a store is, if it is on the disk.
fn index(draft: &Draft) -> Option<PathBuf> {
    match (&draft.index, &draft.local) {
        (IndexAt::Directory(path), _) => Some(path.clone()),
        (IndexAt::Usual, Some(Local::At(At::Directory(path)))) => Some(path.join("index")),
        _ => None,
    }
}
