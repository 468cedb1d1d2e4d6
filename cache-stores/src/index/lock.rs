//! One process at a time has an index open.

use super::files::Files;
use crate::owned::{NotOwned, Owned};
use cache_core::{Error, Result};

/// Takes the directory of an index, which is made if it is not there.
pub(super) fn take(files: &Files) -> Result<Owned> {
    let directory = files.directory();
    let unreachable = |why| Error::unreachable(format!("the index `{}`", directory.display()), why);
    Owned::take(directory).map_err(|why| match why {
        NotOwned::Taken(owner, _) => unreachable(format!(
            "{owner} has it open, and one store at a time may; give each a directory of its own"
        )),
        NotOwned::Failed(error) => unreachable(error.to_string()),
    })
}
