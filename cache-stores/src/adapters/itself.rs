//! What becomes of an object that is copied or renamed to its own path: by `object_store`'s default a rename is a copy
//! and a deletion, and would leave nothing.

use object_store::path::Path;
use object_store::{CopyMode, CopyOptions, Error, RenameOptions, RenameTargetMode, Result};

/// Nothing, if it is there; what was found says that.
pub(crate) fn to_itself<T>(location: &Path, found: Result<T>, mode: CopyMode) -> Result<()> {
    found?;
    match mode {
        CopyMode::Overwrite => Ok(()),
        CopyMode::Create => Err(Error::AlreadyExists {
            path: location.to_string(),
            source: "it was to be put where it is".into(),
        }),
    }
}

/// The copy with which a rename begins.
pub(crate) fn copying(options: RenameOptions) -> CopyOptions {
    let RenameOptions { target_mode, extensions } = options;
    let mode = match target_mode {
        RenameTargetMode::Overwrite => CopyMode::Overwrite,
        RenameTargetMode::Create => CopyMode::Create,
    };
    CopyOptions { mode, extensions }
}
