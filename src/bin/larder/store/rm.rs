//! `larder store rm`: deletes objects.

use super::arguments::Arguments;
use super::failure::Failure;
use super::progress::Progress;
use super::target::{Target, location, prefix};
use futures::{StreamExt, TryStreamExt};
use larder::stores::object_store::{Error, ObjectStoreExt};

/// All of them, whatever becomes of one; the first that fails is told.
pub(super) async fn run(arguments: &Arguments, target: &Target) -> Result<(), Failure> {
    let paths: Vec<String> =
        (0..arguments.paths.len()).map(|at| arguments.path(at)).collect::<Result<_, _>>()?;
    // Nothing is deleted by a command that has a wrong word.
    for path in &paths {
        match arguments.has("recursive") {
            true if path.is_empty() => {
                let why = "an empty path is nothing to delete: `/` is all of it".to_owned();
                return Err(Failure::Usage(why));
            }
            true => prefix(path).map(drop)?,
            false => location(path).map(drop)?,
        }
    }
    let progress = Progress::objects(arguments, "deleted");
    let mut first = Ok(());
    for path in &paths {
        let outcome = match arguments.has("recursive") {
            true => below(target, path, &progress).await,
            false => one(target, path, &progress).await,
        };
        if let (Err(failure), Ok(())) = (outcome, &first) {
            first = Err(failure);
        }
    }
    first
}

/// Some stores do not tell of an object that is not there; it is asked for, so that all of them do.
async fn one(target: &Target, path: &str, progress: &Progress) -> Result<(), Failure> {
    let location = location(path)?;
    let failed = |error: Error| target.failed(path, &error);
    target.store.head(&location).await.map_err(failed)?;
    target.store.delete(&location).await.map_err(failed)?;
    progress.add(1);
    Ok(())
}

async fn below(target: &Target, path: &str, progress: &Progress) -> Result<(), Failure> {
    let prefix = prefix(path)?;
    let listed = target.store.list(prefix.as_ref()).map_ok(|meta| meta.location).boxed();
    let mut deleted = target.store.delete_stream(listed);
    let mut any = false;
    while let Some(one) = deleted.next().await {
        match one {
            Ok(_) => any = true,
            // Somebody else was faster.
            Err(Error::NotFound { .. }) => continue,
            Err(error) => return Err(target.failed(path, &error)),
        }
        progress.add(1);
    }
    match any {
        true => Ok(()),
        false => Err(Failure::Missing(format!("{} has nothing below `{path}`", target.name))),
    }
}
