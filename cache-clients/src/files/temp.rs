//! Values on their way into a file: written under another name, locked by their writer, renamed.

use super::at::doing;
use super::layout::make;
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A writer locks its file right after it made it; a file younger than this may be in between.
const YOUNG: Duration = Duration::from_secs(60);
/// As far as all file systems count, nearly.
const LAST: u64 = 4_000_000_000;

/// A file that is removed unless it gets its name.
#[derive(Debug)]
pub(super) struct Temp {
    path: PathBuf,
    file: File,
    placed: bool,
}

impl Temp {
    pub(super) fn new(folder: &Path, token: u64) -> io::Result<Self> {
        let path = folder.join(format!("{}-{token:016x}", std::process::id()));
        let file = match create(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // Somebody removed the folder; the directory itself is not made again.
                if folder.parent().is_some_and(Path::is_dir) {
                    make(folder)?;
                }
                create(&path)
            }
            other => other,
        };
        let temp = Temp { file: file.map_err(doing("make", &path))?, path, placed: false };
        temp.file.try_lock().map_err(|error| io::Error::other(error.to_string()))?;
        Ok(temp)
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Gives it its name, in place of what had that.
    pub(super) fn place(&mut self, target: &Path) -> io::Result<()> {
        let mut renamed = fs::rename(&self.path, target);
        if let (Err(error), Some(folder)) = (&renamed, target.parent())
            && error.kind() == ErrorKind::NotFound
            && !folder.exists()
        {
            make(folder)?;
            renamed = fs::rename(&self.path, target);
        }
        renamed.map_err(doing("rename a new value to", target))?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if !self.placed {
            // If that fails, purge does it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Notes in a file's times when it was used, and when it is over: room is made by these, without
/// opening the files. The system may change the latter on its own, so it is only a hint.
pub(super) fn stamp(file: &File, used: Duration, expires: u64) -> io::Result<()> {
    let over = UNIX_EPOCH + Duration::from_millis(expires).min(Duration::from_secs(LAST));
    file.set_times(FileTimes::new().set_modified(UNIX_EPOCH + used).set_accessed(over))
}

/// Removes what dead writers left; says how many.
pub(super) fn sweep(folder: &Path) -> io::Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(folder).map_err(doing("read the directory", folder))? {
        let path = entry?.path();
        if is_left(&path) && fs::remove_file(&path).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}

/// Whether nobody is writing it: it is old, and its lock is free. Whoever wrote it is dead then, in
/// whatever container and under whatever number it ran.
fn is_left(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let Ok(modified) = file.metadata().and_then(|about| about.modified()) else { return false };
    let age = SystemTime::now().duration_since(modified).unwrap_or(Duration::ZERO);
    age >= YOUNG && file.try_lock().is_ok()
}
