//! Stores of what has been checked: here, and not before, things are opened.

use super::draft::{Draft, IndexAt, Local, Remote};
use super::remote::{self, RemoteOptions};
use super::url::At;
use crate::adapters::ClientStore;
use crate::builder::StoreBuilder;
use crate::store::CachedStore;
use crate::temporary::Temporary;
use cache_core::{Clock, Error};
use cache_regions::{Mistake, ServerPlan, Spot};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// The file in a local directory that says whose copies are in it.
const WHOSE: &str = "remote";

/// Finds a store that this one is made from.
pub(super) type Others<'a> = &'a dyn Fn(&str) -> Option<CachedStore>;

/// Opens a store; a mistake stands at the option that asked for what cannot be had.
pub(super) fn store(
    name: &str,
    spot: &Spot,
    mut draft: Draft,
    others: Others<'_>,
) -> Result<CachedStore, Mistake> {
    let (local_spot, remote_spot) = (draft.local_spot.clone(), draft.remote_spot.clone());
    let Some(remote) = draft.remote.take() else {
        return Err(spot.mistake(format!("store `{name}` has no remote")));
    };
    let client = at(&remote_spot, self::remote(&remote, others))?;
    let builder = match draft.local.take() {
        Some(Local::At(At::Directory(path))) => {
            at(&local_spot, claim(&path, &remote.at.to_string()))?;
            on_disk(&path, &draft.index, client)
        }
        Some(Local::At(At::Temporary)) => {
            CachedStore::new(at(&local_spot, Temporary::new())?, client)
        }
        Some(Local::At(At::Store(other))) => {
            CachedStore::new(at(&local_spot, found(&other, others))?, client)
        }
        Some(Local::Server(plan)) => {
            CachedStore::new(at(&local_spot, server(name, plan, &draft.clock))?, client)
        }
        Some(Local::At(At::Memory | At::Cloud(_))) | None => {
            CachedStore::new(InMemory::new(), client)
        }
    };
    at(&local_spot, build(name, draft, builder))
}

fn at<T, E: Display>(spot: &Spot, result: Result<T, E>) -> Result<T, Mistake> {
    result.map_err(|error| spot.mistake(error.to_string()))
}

fn found(name: &str, others: Others<'_>) -> Result<CachedStore, String> {
    others(name).ok_or_else(|| format!("store `{name}` is not open"))
}

/// The truth.
pub(super) fn remote(remote: &Remote, others: Others<'_>) -> Result<Arc<dyn ObjectStore>, String> {
    match (&remote.at, &remote.client) {
        (At::Store(name), _) => Ok(Arc::new(found(name, others)?)),
        (_, Some(client)) => Ok(client.clone()),
        (at, None) => remote::make(at, &RemoteOptions::default()),
    }
}

/// Copies of one remote are never taken for those of another: a directory remembers whose it has.
fn claim(directory: &Path, url: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| {
        format!("the directory {} cannot be used: {error}", directory.display())
    };
    fs::create_dir_all(directory).map_err(failed)?;
    let file = directory.join(WHOSE);
    match fs::read_to_string(&file) {
        Ok(known) if known.trim_end() == url => Ok(()),
        Ok(known) => Err(format!(
            "the copies in {} are of {}, and not of {url}: give this store another directory, or remove that one",
            directory.display(),
            known.trim_end()
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut temporary = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
            std::io::Write::write_all(&mut temporary, format!("{url}\n").as_bytes())
                .map_err(failed)?;
            temporary.persist(&file).map_err(|error| failed(error.error))?;
            Ok(())
        }
        Err(error) => Err(failed(error)),
    }
}

/// As [`CachedStore::on_disk`], unless the index is said to be elsewhere.
fn on_disk(directory: &Path, index: &IndexAt, remote: Arc<dyn ObjectStore>) -> StoreBuilder {
    match index {
        IndexAt::Usual | IndexAt::Directory(_) => CachedStore::on_disk(directory, remote),
        IndexAt::Memory | IndexAt::Nowhere => {
            StoreBuilder::in_directory(&directory.join("objects"), remote)
        }
    }
}

fn server(name: &str, plan: ServerPlan, clock: &Clock) -> Result<ClientStore, Error> {
    let ttl = plan.ttl;
    let mut store = ClientStore::new(plan.make()?).with_space(name)?.with_clock(clock.clone());
    if let Some(ttl) = ttl {
        store = store.with_ttl(ttl);
    }
    Ok(store)
}

fn build(name: &str, draft: Draft, mut builder: StoreBuilder) -> Result<CachedStore, Error> {
    builder = match draft.index {
        IndexAt::Directory(path) => builder.index(path),
        IndexAt::Nowhere => builder.presence(),
        IndexAt::Usual | IndexAt::Memory => builder,
    };
    if let Some(past) = draft.stale_if_error {
        builder = builder.stale_if_error(past);
    }
    if let Some(most) = draft.local_deadline {
        builder = builder.local_deadline(most);
    }
    if let Some(bytes) = draft.chunk {
        builder = builder.chunk(bytes);
    }
    if let Some(least) = draft.direct_writes {
        builder = builder.direct_writes(least);
    }
    if let Some(journal) = draft.write_back {
        builder = builder.write_back(journal);
    }
    let builder = builder.policy(draft.policy).keep_writes(draft.keep_writes);
    builder.unread(draft.unread).verify(draft.verify).clock(draft.clock).name(name).build()
}
