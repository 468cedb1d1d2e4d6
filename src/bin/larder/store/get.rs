//! `larder store get`: an object into a file, whole or not at all, or to standard output or a device.

use super::arguments::Arguments;
use super::failure::Failure;
use super::progress::Progress;
use super::target::{Target, location};
use futures::TryStreamExt;
use larder::stores::object_store::{GetResult, ObjectStoreExt};
use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(super) async fn run(arguments: &Arguments, target: &Target) -> Result<(), Failure> {
    let path = arguments.path(0)?;
    let location = location(&path)?;
    let file = arguments.paths.get(1).filter(|file| *file != "-");
    let result = target.store.get(&location).await.map_err(|error| target.failed(&path, &error))?;
    let progress = Progress::bytes(arguments, &path, Some(result.meta.size));
    match file {
        Some(file) => {
            let place = Place::of(Path::new(file))?;
            to_file(target, &path, result, place, &progress).await
        }
        None => {
            let mut out = io::stdout().lock();
            copy(target, &path, result, &mut out, &progress).await?;
            out.flush().map_err(|error| Failure::file("standard output", &error))
        }
    }
}

/// In memory is what the store hands out at a time.
async fn copy(
    target: &Target,
    path: &str,
    result: GetResult,
    out: &mut impl Write,
    progress: &Progress,
) -> Result<(), Failure> {
    let mut stream = result.into_stream();
    while let Some(bytes) = stream.try_next().await.map_err(|error| target.failed(path, &error))? {
        out.write_all(&bytes).map_err(|error| Failure::file("what was read", &error))?;
        progress.add(bytes.len() as u64);
    }
    Ok(())
}

/// Where the bytes go.
enum Place {
    /// A file, new or with these permissions.
    File(PathBuf, Option<Permissions>),
    /// What cannot be replaced: a device, a pipe.
    Device(PathBuf),
}

impl Place {
    /// A link stays one: what it leads to is written.
    fn of(file: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::file(file.display(), &error);
        match file.metadata() {
            Ok(there) if there.is_dir() => {
                Err(Failure::Failed(format!("{} is a directory", file.display())))
            }
            Ok(there) if there.is_file() => {
                let file = file.canonicalize().map_err(failed)?;
                Ok(Place::File(file, Some(there.permissions())))
            }
            Ok(_) => Ok(Place::Device(file.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Place::File(file.to_owned(), None))
            }
            Err(error) => Err(failed(error)),
        }
    }
}

/// Beside the file first, so that nobody ever sees a part of it, and what was there stays if this fails.
async fn to_file(
    target: &Target,
    path: &str,
    result: GetResult,
    place: Place,
    progress: &Progress,
) -> Result<(), Failure> {
    let (file, permissions) = match place {
        Place::File(file, permissions) => (file, permissions),
        Place::Device(file) => {
            let opened = OpenOptions::new().write(true).open(&file);
            let mut out = opened.map_err(|error| Failure::file(file.display(), &error))?;
            return copy(target, path, result, &mut out, progress).await;
        }
    };
    let failed = |error: io::Error| Failure::file(file.display(), &error);
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".larder-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut temporary = builder.tempfile_in(folder).map_err(failed)?;
    copy(target, path, result, temporary.as_file_mut(), progress).await?;
    if let Some(permissions) = permissions {
        temporary.as_file().set_permissions(permissions).map_err(failed)?;
    }
    temporary.as_file().sync_all().map_err(failed)?;
    temporary.persist(&file).map_err(|error| failed(error.error))?;
    Ok(())
}
