//! One process at a time has an index open.

use super::files::Files;
use cache_core::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::time::Duration;

/// So often, with so long a pause, an earlier store of this process is waited for.
const LEAVING: u32 = 100;
const TURN: Duration = Duration::from_millis(10);

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
        match patient(&mut file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let owner = owner(&mut file);
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
        let _ = writeln!(file, "{}", us());
        Ok(Lock { _file: file })
    }
}

/// A store of this process that is going may still have a task that ends: it is waited for.
fn patient(file: &mut File) -> Result<(), TryLockError> {
    for _ in 0..LEAVING {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if owner(file).trim() == us() => {
                std::thread::sleep(TURN);
            }
            result => return result,
        }
    }
    file.try_lock()
}

fn us() -> String {
    format!("process {}", std::process::id())
}

fn owner(file: &mut File) -> String {
    let mut owner = String::new();
    let _ = file.rewind().and_then(|()| file.read_to_string(&mut owner));
    owner
}
