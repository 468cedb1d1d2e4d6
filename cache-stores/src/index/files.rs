//! The files of an index: `lock`, `snapshot`, and one `log.N` or two.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The directory of an index.
#[derive(Debug, Clone)]
pub(super) struct Files(PathBuf);

impl Files {
    pub(super) fn new(directory: &Path) -> Self {
        Files(directory.to_owned())
    }

    pub(super) fn directory(&self) -> &Path {
        &self.0
    }

    pub(super) fn snapshot(&self) -> PathBuf {
        self.0.join("snapshot")
    }

    /// A snapshot that is being written.
    pub(super) fn unfinished(&self) -> PathBuf {
        self.0.join("snapshot.new")
    }

    pub(super) fn log(&self, number: u64) -> PathBuf {
        self.0.join(format!("log.{number}"))
    }

    /// The logs that are there, in order.
    pub(super) fn logs(&self) -> io::Result<Vec<u64>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix("log."));
            found.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Removes the logs below a number; one that stays is in nobody's way.
    pub(super) fn remove_logs_below(&self, number: u64) {
        for log in self.logs().unwrap_or_default().into_iter().filter(|log| *log < number) {
            let _ = fs::remove_file(self.log(log));
        }
    }

    /// Makes a rename last.
    pub(super) fn sync_directory(&self) {
        // Not every system can, and the rename stands without.
        if let Ok(directory) = fs::File::open(&self.0) {
            let _ = directory.sync_all();
        }
    }
}
