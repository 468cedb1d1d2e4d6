//! Files that are read again when they change.

use crate::configure::{absolute, configured, content, reload_file};
use cache_core::{Clock, Error, Result, in_background};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

type Listener = dyn Fn(&Result<()>) + Send + Sync;

/// Times of files are no finer than this: a younger file may have changed once more without being dated
/// anew.
const COARSE: Duration = Duration::from_secs(2);

/// How a file is watched.
///
/// ```
/// use cache_regions::WatchOptions;
/// use std::time::Duration;
///
/// let options = WatchOptions::new()
///     .with_every(Duration::from_secs(30))
///     .with_listener(|outcome| if let Err(error) = outcome { eprintln!("kept the old settings: {error}") });
/// ```
#[derive(Clone)]
pub struct WatchOptions {
    every: Duration,
    clock: Clock,
    listener: Arc<Listener>,
}

impl WatchOptions {
    /// A look every 2 seconds; a wrong file is told to standard error.
    #[must_use]
    pub fn new() -> Self {
        let tell = |outcome: &Result<()>| {
            if let Err(error) = outcome {
                eprintln!("larder: the old settings stay: {error}");
            }
        };
        WatchOptions {
            every: Duration::from_secs(2),
            clock: Clock::system(),
            listener: Arc::new(tell),
        }
    }

    /// With a look as often as that, 10 milliseconds at least.
    #[must_use]
    pub fn with_every(mut self, every: Duration) -> Self {
        self.every = every.max(Duration::from_millis(10));
        self
    }

    /// With somebody who hears of each time the file was read again, and what came of it. He must not
    /// block.
    #[must_use]
    pub fn with_listener(mut self, listener: impl Fn(&Result<()>) + Send + Sync + 'static) -> Self {
        self.listener = Arc::new(listener);
        self
    }

    /// With another clock for the looks, in tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }
}

impl Default for WatchOptions {
    fn default() -> Self {
        WatchOptions::new()
    }
}

impl fmt::Debug for WatchOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchOptions").field("every", &self.every).finish_non_exhaustive()
    }
}

/// A file that is being watched, until this is dropped.
#[derive(Debug)]
#[must_use = "the file is watched until this is dropped"]
pub struct Watch {
    stopped: Arc<AtomicBool>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
    }
}

/// Reads a file again whenever it has changed, from which regions were configured. A wrong file
/// changes nothing and is reported once; the next change is looked at again.
///
/// A look asks for the file's date and length, and reads it when one of them is another, or so
/// young that it could be; only other contents are followed. Looks come from larder's timer and run on its
/// thread for background work: the file should be on a local disk.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("larder.toml");
/// # std::fs::write(&path, "[regions.juices]\nbackend = 'null'\n").unwrap();
/// use cache_regions::{WatchOptions, configure, watch};
///
/// configure(&path)?;
/// let watched = watch(&path, WatchOptions::new())?;
/// // .. for as long as the program runs ..
/// drop(watched);
/// # Ok::<(), cache_core::Error>(())
/// ```
///
/// # Errors
/// When no region was configured from this file.
pub fn watch(path: impl AsRef<Path>, options: WatchOptions) -> Result<Watch> {
    let path = absolute(path.as_ref());
    let content = configured(&path)?.content;
    let stopped = Arc::new(AtomicBool::new(false));
    // The first look reads it: it may have changed since it was configured.
    let mut file = File { path, seen: Seen::Missing, content };
    let stop = stopped.clone();
    in_background(async move {
        loop {
            options.clock.sleep(options.every).await;
            if stop.load(Ordering::Acquire) {
                return;
            }
            if let Some(outcome) = file.look() {
                (options.listener)(&outcome);
            }
        }
    });
    Ok(Watch { stopped })
}

/// What is known of a file.
struct File {
    path: PathBuf,
    seen: Seen,
    content: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Missing,
    There { changed: Option<SystemTime>, length: u64, young: bool },
}

impl File {
    /// What came of it, if the file had changed.
    fn look(&mut self) -> Option<Result<()>> {
        let before = std::mem::replace(&mut self.seen, seen(&self.path));
        if before == self.seen && !matches!(before, Seen::There { young: true, .. }) {
            return None;
        }
        match content(&self.path) {
            Ok(content) if self.content == Some(content) => None,
            Ok(content) => {
                self.content = Some(content);
                Some(reload_file(&self.path))
            }
            // It was told already that it cannot be read.
            Err(_) if self.content.is_none() => None,
            Err(error) => {
                self.content = None;
                let path = self.path.display();
                Some(Err(Error::invalid(format!("{path}: the file cannot be read: {error}"))))
            }
        }
    }
}

fn seen(path: &Path) -> Seen {
    match std::fs::metadata(path) {
        Ok(metadata) => {
            let changed = metadata.modified().ok();
            let age = changed.and_then(|changed| changed.elapsed().ok());
            let young = age.is_none_or(|age| age < COARSE);
            Seen::There { changed, length: metadata.len(), young }
        }
        Err(_) => Seen::Missing,
    }
}
