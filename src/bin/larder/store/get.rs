//! `larder store get`: an object into a file, whole or not at all, or to standard output or a device.

use super::arguments::Arguments;
use super::failure::Failure;
use super::output::Output;
use super::progress::Progress;
use super::target::{Target, location};
use futures::TryStreamExt;
use larder::stores::object_store::{GetResult, ObjectStoreExt};
use std::fs::{OpenOptions, Permissions};
use std::io;
use std::path::{Path, PathBuf};

pub(super) async fn run(arguments: &Arguments, target: &Target) -> Result<(), Failure> {
    let path = arguments.path(0)?;
    let location = location(&path)?;
    let file = arguments.paths.get(1).filter(|file| *file != "-");
    let place = file.map(|file| Place::of(Path::new(file))).transpose()?;
    let result = target.store.get(&location).await.map_err(|error| target.failed(&path, &error))?;
    let progress = Progress::bytes(arguments, &path, Some(result.meta.size));
    match place {
        Some(Place::File(file, permissions)) => {
            to_file(target, &path, result, (&file, permissions), &progress).await
        }
        Some(Place::Device(file)) => {
            let name = file.display().to_string();
            let open = move || OpenOptions::new().write(true).open(&file);
            let out = Output::begin(name, open, |_| Ok(()))?;
            copy(target, &path, result, out, &progress).await
        }
        None => {
            let out = Output::begin("standard output", || Ok(io::stdout().lock()), |_| Ok(()))?;
            copy(target, &path, result, out, &progress).await
        }
    }
}

/// In memory is what the store hands out at a time, and what of it waits to be written.
async fn copy(
    target: &Target,
    path: &str,
    result: GetResult,
    mut out: Output,
    progress: &Progress,
) -> Result<(), Failure> {
    let mut stream = result.into_stream();
    while let Some(bytes) = stream.try_next().await.map_err(|error| target.failed(path, &error))? {
        let length = bytes.len() as u64;
        out.write(bytes).await?;
        progress.add(length);
    }
    out.end().await
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

/// Beside the file first, so that nobody ever sees a part of it, and what was there stays if this fails or is dropped.
async fn to_file(
    target: &Target,
    path: &str,
    result: GetResult,
    (file, permissions): (&Path, Option<Permissions>),
    progress: &Progress,
) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::file(file.display(), &error);
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        let (file, folder) = (file.display(), folder.display());
        return Err(Failure::Failed(format!("{file}: there is no folder {folder}")));
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".larder-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let temporary = builder.tempfile_in(folder).map_err(failed)?;
    let written = temporary.as_file().try_clone().map_err(failed)?;
    let out = Output::begin(
        file.display(),
        || Ok(written),
        |written| {
            if let Some(permissions) = permissions {
                written.set_permissions(permissions)?;
            }
            written.sync_all()
        },
    )?;
    copy(target, path, result, out, progress).await?;
    temporary.persist(file).map_err(|error| failed(error.error))?;
    Ok(())
}
