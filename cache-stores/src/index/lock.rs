//! One process at a time has an index open.

use super::files::Files;
use cache_core::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};

/// Held as long as the file is open: the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    pub(super) fn take(files: &Files) -> Result<Lock> {
        let name = || format!("the index `{}`", files.directory().display());
        let unreachable = |error| Error::unreachable(name(), error);
        std::fs::create_dir_all(files.directory()).map_err(unreachable)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(files.lock()).map_err(unreachable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                let _ = file.read_to_string(&mut owner);
                let owner = match owner.trim() {
                    "" => "another process",
                    owner => owner,
                };
                return Err(Error::unreachable(
                    name(),
                    format!(
                        "{owner} has it open, and one store at a time may; give each a directory of its own"
                    ),
                ));
            }
            Err(TryLockError::Error(error)) => return Err(unreachable(error)),
        }
        // Only to tell others who it is.
        let _ = file.set_len(0).and_then(|()| file.rewind());
        let _ = writeln!(file, "process {}", std::process::id());
        Ok(Lock { _file: file })
    }
}
