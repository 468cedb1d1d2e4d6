//! The handle: checks, threads, deadlines; the work is done by `Shared`.

use super::layout::Layout;
use super::open_file::OpenFile;
use super::options::{FilesOptions, Reads};
use super::pool::{self, Lost};
use super::shared::{Shared, in_time};
use super::temp::Temp;
use crate::server::{Answer, Claim, Limits, Put, Server, When};
use cache_core::{Error, Result};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So many keys are read in the thread that asks; more at once are read on larder's threads.
const HERE: usize = 16;

/// A directory of values that outlive the process, shared by all processes of one machine.
///
/// Every clone and every process that opens the same directory sees the same values, leases and
/// bytes in use. Values are written under another name and then renamed: a process that is killed
/// loses at most what it was writing, and nobody reads half a value. Nothing is forced to the disk:
/// after a power cut values may be missing, or, where the file system keeps no order, damaged, which
/// `Encoded` sees by their checksum; and a value deleted just before may be there again.
///
/// When the capacity is used up, values that are over go first, then those that were used least
/// recently, by whichever process needs the room. The directory must be on a local file system whose
/// advisory locks work, and belongs to larder alone: one that holds other files is refused. A value
/// costs a file; a handle keeps up to 67 files open.
///
/// ```
/// use cache_clients::Files;
/// use cache_clients::server::{Claim, Put, Server, When};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("cache");
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let files = Files::open(path)?;
/// let put = Put { key: "a".into(), bytes: "value".into(), keep: None, when: When::Always };
/// assert!(files.put_many(vec![put]).await.remove(0)?);
/// let answer = files.get_many(&["a".to_string()], Claim::Nothing).await.remove(0)?;
/// assert_eq!(answer.stored.unwrap().bytes, "value");
/// # Ok::<(), cache_core::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Files(Arc<Shared>);

impl Files {
    /// Opens a directory, or makes it, with [the usual options](FilesOptions::new).
    ///
    /// # Errors
    /// When it is no directory, holds files of others, has another format, or cannot be written.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        Files::open_with(path, FilesOptions::new())
    }

    /// Opens a directory, or makes it.
    ///
    /// # Errors
    /// As [`open`](Files::open), or when an option cannot be.
    pub fn open_with(path: impl Into<PathBuf>, options: FilesOptions) -> Result<Self> {
        options.check()?;
        let path = path.into();
        // A process that changes its working directory still means this one.
        let path = std::path::absolute(&path).unwrap_or(path);
        let layout = Layout::open(path)?;
        let failed = |error: io::Error| Error::invalid(format!("files: {error}"));
        let shared = Shared::new(layout, options).map_err(failed)?;
        // Says now what would otherwise be an error of each put.
        drop(Temp::new(&shared.layout.temp, shared.token()).map_err(failed)?);
        shared.total(shared.until()).map_err(failed)?;
        Ok(Files(Arc::new(shared)))
    }

    /// The bytes that may be used.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.0.options.capacity
    }

    /// The bytes that are used, by all processes: lengths of the files of values.
    ///
    /// # Errors
    /// When the directory cannot be read, or the count had to be made again and somebody held the
    /// locks for too long.
    pub fn usage(&self) -> Result<u64> {
        self.0.total(self.0.until()).map_err(|error| self.0.error(&error))
    }

    /// Puts a copy of a file, without reading it into memory; where the file system can, the two
    /// share their blocks. The source may be changed or removed afterwards, which a hard link would
    /// not allow. False where the condition did not hold.
    ///
    /// # Errors
    /// When the file cannot be read, is larger than the capacity, or the disk is full. The cache's
    /// [deadline](FilesOptions::with_deadline) holds for the copy, too.
    pub async fn put_file(
        &self,
        key: &str,
        source: impl AsRef<Path>,
        keep: Option<Duration>,
        when: When,
    ) -> Result<bool> {
        let (key, source) = (key.to_owned(), source.as_ref().to_owned());
        self.run(move |shared, until| {
            shared.put_file((&key, &source), (keep, when), until).map_err(|e| shared.error(&e))
        })
        .await
        .and_then(|put| put)
    }

    /// The value of a key as an open file, however it was put; stale ones, too.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub async fn open_file(&self, key: &str) -> Result<Option<OpenFile>> {
        let key = key.to_owned();
        self.run(move |shared, until| {
            let found = shared.look(&key, until).map_err(|error| shared.error(&error))?;
            Ok(found.map(|found| {
                shared.touch(&found, shared.now());
                OpenFile::new(found)
            }))
        })
        .await
        .and_then(|file| file)
    }

    /// Runs on a thread for files.
    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Shared, Instant) -> T + Send + 'static,
    ) -> Result<T> {
        let deadline = self.0.options.deadline;
        let now = Instant::now();
        // A job that still can say why it is late does so, and cleans up, within the deadline.
        let until = now + deadline.mul_f32(0.9);
        let shared = self.0.clone();
        let done = pool::run(now + deadline, move || job(&shared, until)).await;
        done.map_err(|lost| Error::unreachable(self.0.name.as_str(), self.why(lost)))
    }

    /// The same for each of a batch, one after the other; what is lost is an error of each.
    async fn run_each<I: Send + 'static, T: Send + 'static>(
        &self,
        items: Vec<I>,
        job: impl Fn(&Shared, &I, Instant) -> io::Result<T> + Send + 'static,
    ) -> Vec<Result<T>> {
        let count = items.len();
        let each = move |shared: &Shared, until| {
            let one = |item| {
                let done = in_time(until).and_then(|()| job(shared, item, until));
                done.map_err(|error| shared.error(&error))
            };
            items.iter().map(one).collect()
        };
        match self.run(each).await {
            Ok(results) => results,
            Err(error) => std::iter::repeat_with(|| Err(error.clone())).take(count).collect(),
        }
    }

    fn why(&self, lost: Lost) -> String {
        match lost {
            Lost::Late => format!("not done within {:?}", self.0.options.deadline),
            Lost::Full => "too many calls wait for the disk already".to_owned(),
            Lost::NoThread => "the system has no thread to give".to_owned(),
        }
    }

    /// What can be answered in this thread.
    fn glance(&self, keys: &[String], claim: Claim) -> Vec<Option<Result<Answer>>> {
        if self.0.options.reads == Reads::Threads || keys.len() > HERE {
            return keys.iter().map(|_| None).collect();
        }
        keys.iter().map(|key| self.glance_at(key, claim)).collect()
    }

    fn glance_at(&self, key: &str, claim: Claim) -> Option<Result<Answer>> {
        match self.0.glance(key, claim) {
            Ok(answer) => answer.map(Ok),
            Err(error) => Some(Err(self.0.error(&error))),
        }
    }
}

impl Server for Files {
    fn name(&self) -> String {
        self.0.name.clone()
    }

    fn limits(&self) -> Limits {
        // A value that takes more than a quarter of the room would drive out too many others.
        Limits::max_value(usize::try_from(self.0.options.capacity / 4).unwrap_or(usize::MAX).max(1))
    }

    fn core(&self) -> &dyn std::any::Any {
        self
    }

    async fn copies(&self, key: &str) -> Vec<String> {
        vec![key.to_owned()]
    }

    async fn get_many(&self, keys: &[String], claim: Claim) -> Vec<Result<Answer>> {
        // One key is what most calls have.
        if let ([key], Reads::Here) = (keys, self.0.options.reads)
            && let Some(answer) = self.glance_at(key, claim)
        {
            return vec![answer];
        }
        let mut answers = self.glance(keys, claim);
        let open = |(index, answer): (usize, &Option<_>)| answer.is_none().then_some(index);
        let rest: Vec<usize> = answers.iter().enumerate().filter_map(open).collect();
        if !rest.is_empty() {
            let asked = rest.iter().map(|&index| keys[index].clone()).collect();
            let late = self.run_each(asked, move |shared, key, until| {
                match shared.glance(key, claim)? {
                    Some(answer) => Ok(answer),
                    None => shared.claim(key, claim, until),
                }
            });
            for (index, answer) in rest.into_iter().zip(late.await) {
                answers[index] = Some(answer);
            }
        }
        answers.into_iter().flatten().collect()
    }

    async fn put_many(&self, puts: Vec<Put>) -> Vec<Result<bool>> {
        self.run_each(puts, |shared, put, until| shared.put(put, until)).await
    }

    async fn delete_many(&self, keys: &[String]) -> Vec<Result<bool>> {
        self.run_each(keys.to_vec(), |shared, key, until| shared.delete(key, until)).await
    }

    async fn discard(&self, key: &str, token: u64) -> Result<bool> {
        let key = key.to_owned();
        let discard = move |shared: &Shared, until| {
            shared.discard(&key, token, until).map_err(|error| shared.error(&error))
        };
        self.run(discard).await.and_then(|done| done)
    }

    async fn expire(&self, key: &str, keep: Duration) -> Result<bool> {
        let key = key.to_owned();
        let expire = move |shared: &Shared, until| {
            shared.expire(&key, keep, until).map_err(|error| shared.error(&error))
        };
        self.run(expire).await.and_then(|done| done)
    }

    async fn release(&self, key: &str, token: u64) -> Result<()> {
        let key = key.to_owned();
        let release = move |shared: &Shared, until| {
            shared.release(&key, token, until).map_err(|error| shared.error(&error))
        };
        self.run(release).await.and_then(|done| done)
    }

    async fn purge(&self) -> Result<usize> {
        let purge = |shared: &Shared, until| shared.purge(until);
        self.run(move |shared, until| purge(shared, until).map_err(|error| shared.error(&error)))
            .await
            .and_then(|done| done)
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files")
            .field("path", &self.0.layout.root)
            .field("options", &self.0.options)
            .finish()
    }
}
