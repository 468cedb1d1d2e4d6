//! A directory that one store at a time may have, of this process or of another: a file in it is locked.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

/// In the directory.
const LOCK: &str = "lock";
/// So often, with so long a pause, an earlier store of this process is waited for: it may have a task that ends.
const LEAVING: u32 = 100;
/// So often another process, which may only be looking.
const LOOKING: u32 = 5;
const TURN: Duration = Duration::from_millis(10);

/// Held as long as the file is open: the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Owned {
    _file: File,
}

/// Why a directory was not to be had.
#[derive(Debug)]
pub(crate) enum NotOwned {
    /// Somebody has it, told in words; whether that is this process.
    Taken(String, bool),
    Failed(io::Error),
}

impl Owned {
    /// Takes a directory, which is made if it is not there.
    pub(crate) fn take(directory: &Path) -> Result<Owned, NotOwned> {
        Owned::take_with(directory, || std::thread::sleep(TURN))
    }

    fn take_with(directory: &Path, mut rest: impl FnMut()) -> Result<Owned, NotOwned> {
        std::fs::create_dir_all(directory).map_err(NotOwned::Failed)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(directory.join(LOCK)).map_err(NotOwned::Failed)?;
        for turn in 0.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    let owner = name_in(&mut file);
                    let is_us = owner == us();
                    if turn == if is_us { LEAVING } else { LOOKING } {
                        return Err(NotOwned::Taken(owner, is_us));
                    }
                    rest();
                }
                Err(TryLockError::Error(error)) => return Err(NotOwned::Failed(error)),
            }
        }
        // Only to tell others who it is.
        let _ = file.set_len(0).and_then(|()| file.rewind());
        let _ = writeln!(file, "{}", us());
        Ok(Owned { _file: file })
    }
}

/// Who has a directory at the moment. For an instant it is in the way of who would take it.
#[cfg(feature = "config")]
pub(crate) fn owner(directory: &Path) -> Option<String> {
    let mut file = File::open(directory.join(LOCK)).ok()?;
    // Shared: of two who look neither takes the other for an owner.
    let taken = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    taken.then(|| name_in(&mut file))
}

fn us() -> String {
    format!("process {}", std::process::id())
}

fn name_in(file: &mut File) -> String {
    let mut name = String::new();
    let _ = file.rewind().and_then(|()| file.read_to_string(&mut name));
    match name.trim() {
        "" => "another process".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_and_is_known_until_he_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made");
        let owned = Owned::take(&path).unwrap();
        match Owned::take(&path) {
            Err(NotOwned::Taken(owner, true)) => assert_eq!(owner, us()),
            other => panic!("{other:?}"),
        }
        #[cfg(feature = "config")]
        assert_eq!(super::owner(&path), Some(us()));
        drop(owned);
        #[cfg(feature = "config")]
        assert_eq!(super::owner(&path), None);
        Owned::take(&path).unwrap();
    }

    #[test]
    fn who_only_looks_keeps_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        drop(Owned::take(folder.path()).unwrap());
        let path = folder.path().join(LOCK);
        // As another process left it.
        std::fs::write(&path, "process 0\n").unwrap();
        let looking = File::open(&path).unwrap();
        looking.try_lock_shared().unwrap();
        match Owned::take(folder.path()) {
            Err(NotOwned::Taken(owner, false)) => assert_eq!(owner, "process 0"),
            other => panic!("{other:?}"),
        }
        let mut looking = Some(looking);
        Owned::take_with(folder.path(), || drop(looking.take())).unwrap();
    }
}
