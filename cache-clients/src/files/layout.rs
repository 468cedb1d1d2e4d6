//! What the directory looks like, and whether it is one of larder's.

use super::at::doing;
use super::lock::{Lock, STRIPES};
use cache_core::{Error, Result};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const MARKER: &str = "larder-files";
const CONTENT: &str = "larder files, format 1\n";

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Folders in `data`.
pub(super) const FOLDERS: usize = 256;

/// The paths below the directory.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) root: PathBuf,
    pub(super) data: PathBuf,
    pub(super) temp: PathBuf,
    pub(super) locks: PathBuf,
}

/// Where a key's value is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) digest: u128,
    pub(super) stripe: usize,
    pub(super) path: PathBuf,
}

impl Layout {
    /// Makes the directory, or sees that it is larder's and can be written.
    pub(super) fn open(root: PathBuf) -> Result<Self> {
        let failed = |error: io::Error| Error::invalid(format!("files: {error}"));
        if root.exists() && !root.is_dir() {
            let path = root.display();
            return Err(Error::invalid(format!("files: {path} is not a directory")));
        }
        make(&root).map_err(failed)?;
        if let Some(found) = foreign(&root).map_err(failed)? {
            return Err(Error::invalid(format!(
                "files: {} holds other files (`{found}`) and no `{MARKER}`: choose a directory \
                 that is empty, or one that larder made",
                root.display()
            )));
        }
        mark(&root)?;
        let layout = Layout {
            data: root.join("data"),
            temp: root.join("tmp"),
            locks: root.join("locks"),
            root,
        };
        for folder in [&layout.data, &layout.temp, &layout.locks] {
            make(folder).map_err(failed)?;
        }
        Ok(layout)
    }

    /// The file name is a digest: safe on every system, whatever the key is.
    pub(super) fn place(&self, key: &str) -> Place {
        let mut digest = [0; 16];
        digest.copy_from_slice(&blake3::hash(key.as_bytes()).as_bytes()[..16]);
        self.place_of(u128::from_be_bytes(digest))
    }

    pub(super) fn place_of(&self, digest: u128) -> Place {
        let mut name = [0; 32];
        for (two, byte) in name.chunks_exact_mut(2).zip(digest.to_be_bytes()) {
            two[0] = DIGITS[usize::from(byte >> 4)];
            two[1] = DIGITS[usize::from(byte & 15)];
        }
        // All digits are characters.
        let name = std::str::from_utf8(&name).unwrap_or_default();
        let mut path = PathBuf::with_capacity(self.data.as_os_str().len() + 40);
        path.extend([self.data.as_path(), Path::new(&name[..2]), Path::new(name)]);
        Place { digest, stripe: stripe_of((digest >> 120) as usize), path }
    }

    /// One of the folders of values.
    pub(super) fn folder(&self, folder: usize) -> PathBuf {
        self.data.join(format!("{folder:02x}"))
    }

    /// Where who makes room locks others out.
    pub(super) fn purge_lock(&self) -> Lock {
        Lock::new(self.root.join("purge.lock"))
    }

    pub(super) fn usage(&self) -> PathBuf {
        self.root.join("usage")
    }
}

fn stripe_of(folder: usize) -> usize {
    folder / (FOLDERS / STRIPES)
}

/// The folders whose values are changed under a stripe's lock.
pub(super) fn folders_of(stripe: usize) -> std::ops::Range<usize> {
    let each = FOLDERS / STRIPES;
    stripe * each..(stripe + 1) * each
}

/// The digest that a file of that name in `data` belongs to.
pub(super) fn digest_of(name: &str) -> Option<u128> {
    let digits =
        name.len() == 32 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    digits.then(|| u128::from_str_radix(name, 16).ok()).flatten()
}

/// A folder that only its owner enters: whoever could write in it could put values.
pub(super) fn make(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(doing("make the directory", path))
}

/// Something in a directory that is not larder's.
fn foreign(root: &Path) -> io::Result<Option<String>> {
    // The names first: another process may be making the marker in this moment.
    let mut names = Vec::new();
    for entry in fs::read_dir(root).map_err(doing("read the directory", root))? {
        names.push(entry?.file_name());
    }
    if root.join(MARKER).exists() {
        return Ok(None);
    }
    Ok(names.first().map(|name| name.to_string_lossy().into_owned()))
}

/// Writes the marker into a new directory, compares it in an old one.
fn mark(root: &Path) -> Result<()> {
    let path = root.join(MARKER);
    let failed = |error| Error::invalid(format!("files: {}", doing("write", &path)(error)));
    let mut file = open_marker(&path).map_err(failed)?;
    lock(&file, &path)?;
    let mut content = String::new();
    Read::by_ref(&mut file).take(100).read_to_string(&mut content).map_err(failed)?;
    if content.is_empty() {
        return file.write_all(CONTENT.as_bytes()).map_err(failed);
    }
    if content == CONTENT {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "files: {} is `{}`, and this larder knows `{}`: choose another directory, or remove this one",
        root.display(),
        content.trim_end(),
        CONTENT.trim_end()
    )))
}

fn open_marker(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Two processes may make one directory at once.
fn lock(file: &File, path: &Path) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::WouldBlock) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => {
                let path = path.display();
                return Err(Error::invalid(format!("files: cannot lock {path}: {error}")));
            }
        }
    }
}
