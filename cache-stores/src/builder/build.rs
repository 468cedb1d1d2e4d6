//! From a builder to a store: what was decided is checked, and the index opened.

use super::StoreBuilder;
use super::{litter, rebuild};
use crate::fetch::Flights;
use crate::index::{Index, Limits, Opened};
use crate::layout::{CHUNKS, Layout};
use crate::options::{Options, Presence};
use crate::patience::Patience;
use crate::policy::{Fifo, Policy};
use crate::presence::{FENCES, Outdated, Turns};
use crate::runtime;
use crate::stats::Counters;
use crate::store::{CachedStore, Inner};
use crate::unlisted::Unlisted;
use crate::write::{self, Restored, Unanswered};
use cache_core::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

impl StoreBuilder {
    /// The store. Reads the index, or lists the local store to make one, and waits for that.
    ///
    /// # Errors
    /// [Invalid](Error::is_invalid): something was decided that cannot be, the message says what would be right.
    /// [Unreachable](Error::is_unreachable): the directory of the store, its index or its journal cannot be used, or
    /// another process has it open.
    ///
    /// ```
    /// use cache_stores::object_store::memory::InMemory;
    /// use cache_stores::{CachedStore, Ttl};
    ///
    /// let store = CachedStore::new(InMemory::new(), InMemory::new());
    /// let error = store.policy(Ttl("soon")).build().unwrap_err();
    /// assert!(error.is_invalid() && error.to_string().contains("\"soon\""));
    /// ```
    pub fn build(self) -> Result<CachedStore> {
        let (limits, options) = (self.limits()?, self.options()?);
        let local = self.local?;
        let ended = tokio::sync::watch::channel(()).0;
        let (writes, restored) = match &options.write_back {
            None => (None, Restored::default()),
            Some(directory) => {
                let (writes, restored) = write::open(directory, self.clock.clone(), ended.clone())?;
                (Some(writes), restored)
            }
        };
        let (index, opened) = match &self.index {
            None => (Index::in_memory(limits, self.clock.clone()), Opened::New),
            Some(directory) => Index::open(directory, limits, self.clock.clone())?,
        };
        if writes.is_none() {
            none_waits(&index)?;
        }
        // Another index has another lock: then somebody may be writing there.
        if let Some([objects, index]) = &self.files
            && self.index.as_ref() == Some(index)
        {
            litter::clear(objects, &opened);
        }
        let patience = Patience::new(self.clock.clone(), options.local_deadline);
        let inner = Arc::new_cyclic(|own| Inner {
            name: self.name.unwrap_or_else(|| self.remote.to_string()).into(),
            local,
            remote: self.remote,
            index,
            options,
            layout: Layout,
            stats: Counters::default(),
            flights: Flights::default(),
            clock: self.clock,
            patience,
            late: AtomicUsize::new(0),
            late_deletes: AtomicUsize::new(0),
            own: own.clone(),
            turns: Turns::default(),
            outdated: Outdated::default(),
            unlisted: Unlisted::default(),
            unanswered: Unanswered::default(),
            writes,
            ended,
        });
        let building = inner.clone();
        cache_core::wait(runtime::run(async move {
            rebuild::settle(&building, opened, &restored).await;
            write::restore(&building, restored).await;
            building.look_again();
        }))
        .ok_or_else(|| Error::unreachable(inner.local.to_string(), "it panicked"))?;
        crate::told::tell_of(&inner);
        Ok(CachedStore { inner })
    }

    fn limits(&self) -> Result<Limits> {
        self.policy.check()?;
        let past = self.stale_if_error.clone().map(|past| past.check("`stale_if_error`"));
        let past = past.transpose()?;
        Ok(match self.presence {
            Presence::Index => Limits::new(&self.policy, past),
            Presence::Local => Limits::new(&Fifo(FENCES).into(), None),
        })
    }

    fn options(&self) -> Result<Options> {
        let chunk = self.chunk.clone().check("the size of a chunk")?;
        let chunk = u32::try_from(chunk).ok().filter(|size| CHUNKS.contains(&u64::from(*size)));
        let chunk = chunk.ok_or_else(|| {
            Error::invalid(format!(
                "a chunk of {:?} bytes: a chunk has from {} to {} bytes",
                self.chunk,
                CHUNKS.start(),
                CHUNKS.end()
            ))
        })?;
        let local_deadline = self.local_deadline.clone().check("`local_deadline`")?;
        if local_deadline == Duration::ZERO {
            return Err(Error::invalid("`local_deadline`: no time at all; right is more than 0"));
        }
        if self.presence == Presence::Local {
            self.check_presence()?;
        }
        Ok(Options {
            chunk,
            direct_writes: self.least_direct()?,
            local_deadline,
            verify: self.verify,
            unread: self.unread,
            keep_writes: self.keep_writes,
            write_back: self.write_back.clone(),
            presence: self.presence,
        })
    }

    fn least_direct(&self) -> Result<Option<u64>> {
        let Some(least) = self.direct_writes.clone() else { return Ok(None) };
        let least = least.check("`direct_writes`")?;
        let wrong = if least == 0 {
            "0 bytes; right is 1 at least"
        } else if !self.is_directory {
            "only copies in a directory of the store's own (`on_disk`) are written directly; leave it out"
        } else if cfg!(not(target_os = "linux")) {
            "only on Linux copies are written directly; leave it out"
        } else {
            return Ok(Some(least));
        };
        Err(Error::invalid(format!("`direct_writes`: {wrong}")))
    }

    /// Without an index there is nothing that could hold to a policy or remember what was not sent.
    fn check_presence(&self) -> Result<()> {
        let wrong = [
            (self.index.is_some(), "index"),
            (self.policy != Policy::default(), "policy"),
            (self.stale_if_error.is_some(), "stale_if_error"),
            (self.write_back.is_some(), "write_back"),
        ];
        match wrong.iter().find(|(given, _)| *given) {
            None => Ok(()),
            Some((_, what)) => Err(Error::invalid(format!(
                "`presence` and `{what}`: with `presence` the local store alone decides what is kept; \
                 leave out one of them"
            ))),
        }
    }
}

/// What was acknowledged and not sent can only be brought to its end by the journal that knows of it.
fn none_waits(index: &Index) -> Result<()> {
    let waiting = index.unsent_copies();
    let Some((path, _)) = waiting.first() else { return Ok(()) };
    Err(Error::invalid(format!(
        "{} writes wait for the remote, that of \"{path}\" among them: open the store with the journal that it had \
         by `write_back`, until they are sent; without the journal, remove the index to give them up",
        waiting.len()
    )))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::directory::Directory;
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;
    use object_store::path::Path;

    #[tokio::test]
    async fn only_copies_of_large_objects_are_written_directly_and_only_where_that_is_asked_for() {
        for (least, length, is_direct) in [
            (None, 4, false),
            (Some("4MiB"), 3, false),
            (Some("4MiB"), 4, true),
            (Some("1MiB"), 4, true),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let local = Arc::new(Directory::new(folder.path()).unwrap());
            let mut builder = StoreBuilder {
                is_directory: true,
                ..StoreBuilder::over(Ok(local.clone()), Arc::new(InMemory::new()))
            };
            if let Some(least) = least {
                builder = builder.direct_writes(least);
            }
            let store = builder.chunk("1MiB").build().unwrap();
            let (path, bytes) = (Path::from("a"), vec![7; length << 20]);
            store.put(&path, bytes.clone().into()).await.unwrap();
            assert_eq!(local.has_tried_past(), is_direct, "{length} MiB, {least:?}");
            assert!(store.get(&path).await.unwrap().bytes().await.unwrap() == bytes);
            assert_eq!(store.stats().fetches, 0);
        }
    }
}
