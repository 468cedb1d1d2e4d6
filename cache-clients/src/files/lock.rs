//! The locks of the stripes: between threads a mutex, between processes an advisory file lock.

use super::at::{doing, is_gone};
use parking_lot::{Mutex, MutexGuard};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How many keys can be changed at once, roughly; each stripe costs an open file.
pub(super) const STRIPES: usize = 64;

/// A file that is locked by whoever is in it, opened when it is first needed.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    file: Mutex<Option<File>>,
}

/// Held until dropped, or until the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Held<'a>(MutexGuard<'a, Option<File>>);

impl Lock {
    pub(super) fn new(path: PathBuf) -> Self {
        Lock { path, file: Mutex::new(None) }
    }

    /// The locks of all stripes.
    pub(super) fn stripes(folder: &Path) -> Vec<Lock> {
        (0..STRIPES).map(|stripe| Lock::new(folder.join(format!("{stripe:02}")))).collect()
    }

    /// Waits for the lock until then. The system's own wait has no deadline, and a stopped process
    /// may hold the lock for ever: so it is asked for again and again.
    pub(super) fn hold(&self, until: Instant) -> io::Result<Held<'_>> {
        let mut file = self.file.try_lock_until(until).ok_or_else(|| self.late())?;
        let mut pause = Pause::default();
        while !self.try_in(&mut file)? {
            if Instant::now() >= until {
                return Err(self.late());
            }
            pause.wait();
        }
        Ok(Held(file))
    }

    /// The lock, if nobody has it.
    pub(super) fn try_hold(&self) -> io::Result<Option<Held<'_>>> {
        let Some(mut file) = self.file.try_lock() else { return Ok(None) };
        Ok(self.try_in(&mut file)?.then_some(Held(file)))
    }

    fn try_in(&self, slot: &mut Option<File>) -> io::Result<bool> {
        loop {
            let file = match slot.take() {
                Some(file) => file,
                None => open(&self.path)?,
            };
            match file.try_lock() {
                // Somebody removed the file, and others lock a new one.
                Ok(()) if is_gone(&file) => continue,
                Ok(()) => *slot = Some(file),
                Err(TryLockError::WouldBlock) => {
                    *slot = (!is_gone(&file)).then_some(file);
                    return Ok(false);
                }
                Err(TryLockError::Error(error)) => return Err(doing("lock", &self.path)(error)),
            }
            return Ok(true);
        }
    }

    fn late(&self) -> io::Error {
        let what = format!("somebody holds the lock {} for too long", self.path.display());
        io::Error::new(ErrorKind::TimedOut, what)
    }
}

impl Held<'_> {
    /// The locked file.
    pub(super) fn file(&self) -> io::Result<&File> {
        self.0.as_ref().ok_or_else(|| io::Error::other("a lock without its file"))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.0.as_ref().is_some_and(|file| file.unlock().is_err()) {
            // Closing it unlocks it as well.
            *self.0 = None;
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let open = || OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let file = match open() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // The folder of the locks was removed; the directory itself is not made again.
            path.parent().map_or(Ok(()), std::fs::create_dir)?;
            open()
        }
        other => other,
    };
    file.map_err(doing("open", path))
}

/// Longer and longer pauses: a lock is held for some 30 microseconds.
#[derive(Default)]
struct Pause(u32);

impl Pause {
    fn wait(&mut self) {
        self.0 += 1;
        match self.0 {
            1..=4 => std::thread::yield_now(),
            turn => {
                std::thread::sleep(Duration::from_micros(20 << (turn - 5).min(6)));
            }
        }
    }
}
