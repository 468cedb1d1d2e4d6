//! `larder store warm`: reads objects once, so that there are copies of them.

use super::arguments::Arguments;
use super::failure::Failure;
use super::progress::Progress;
use super::target::{Target, prefix};
use futures::{StreamExt, TryStreamExt};
use larder::stores::object_store::{Error, ObjectStoreExt, path::Path};
use std::cell::Cell;

/// Those that are whole here already are not read again.
pub(super) async fn run(arguments: &Arguments, target: &Target) -> Result<(), Failure> {
    let mut prefixes = Vec::new();
    for at in 0..arguments.paths.len() {
        prefixes.push(prefix(&arguments.path(at)?)?);
    }
    if prefixes.is_empty() {
        prefixes.push(None);
    }
    let progress = Progress::bytes(arguments, "warming", None);
    let (objects, bytes) = (Cell::new(0_u64), Cell::new(0_u64));
    for prefix in &prefixes {
        let before = objects.get();
        let name = prefix.as_ref().map_or("/", |prefix| prefix.as_ref());
        // A prefix may be an object itself, and lists do not tell that.
        if let Some(path) = prefix {
            match read(target, path, &progress).await {
                Ok(read) => {
                    objects.set(objects.get() + 1);
                    bytes.set(bytes.get() + read);
                }
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(target.failed(path, &error)),
            }
        }
        let listed = target.store.list(prefix.as_ref()).map_err(|error| target.not_listed(&error));
        let (objects, bytes, progress) = (&objects, &bytes, &progress);
        let warmed = listed.try_for_each_concurrent(arguments.jobs, |meta| async move {
            match read(target, &meta.location, progress).await {
                Ok(read) => {
                    objects.set(objects.get() + 1);
                    bytes.set(bytes.get() + read);
                    Ok(())
                }
                // It was deleted meanwhile.
                Err(Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(target.failed(&meta.location, &error)),
            }
        });
        warmed.await?;
        if objects.get() == before && prefix.is_some() {
            return Err(Failure::Missing(format!("{} has nothing below `{name}`", target.name)));
        }
    }
    drop(progress);
    let fetched = target.cached().map_or(0, |store| store.stats().bytes_remote);
    let (objects, bytes) = (objects.get(), bytes.get());
    let text = format!("{objects} objects, {bytes} bytes, {fetched} of them fetched\n");
    super::say(&text, 0);
    Ok(())
}

/// Reads all of an object; in memory is what the store hands out at a time.
async fn read(target: &Target, path: &Path, progress: &Progress) -> Result<u64, Error> {
    let mut stream = target.store.get(path).await?.into_stream();
    let mut read = 0;
    while let Some(bytes) = stream.next().await {
        let length = bytes?.len() as u64;
        read += length;
        progress.add(length);
    }
    Ok(read)
}
