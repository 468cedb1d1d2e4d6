//! Without an index: what lies in the local store is believed for as long as it lies there.
//!
//! The chunks of a path lie under the path's hash, and the first one says which version is there: a copy counts from
//! its first chunk on, and others count if they are of the same copy. The index knows no copies then; its tickets
//! are the fence.

use crate::footer::Footer;
use crate::index::{Chunks, Found};
use crate::layout::Cut;
use crate::local::{Chunk, CopyOf, Laid};
use crate::object::{CopyId, Standing};
use crate::options::Presence;
use crate::remove::delete;
use crate::runtime;
use crate::store::Inner;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectStore, PutOptions, PutPayload};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};
use twox_hash::XxHash3_64;

/// The most fences: with so many more writes and fetches at a time, some are not kept.
pub(crate) const FENCES: usize = 1024;
/// Paths whose hashes agree in this wait for each other.
const STRIPES: usize = 64;
/// Most footers are shorter.
const GUESS: u64 = 1024;
/// So many copies that local did not delete are known one by one.
const OUTDATED: usize = 1 << 16;

/// Whose turn it is to change what lies in local of a path. Async locks: they are held while local is asked.
#[derive(Debug)]
pub(crate) struct Turns([Mutex<()>; STRIPES]);

impl Default for Turns {
    fn default() -> Self {
        Turns(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Turns {
    async fn of(&self, path: &Path) -> MutexGuard<'_, ()> {
        self.0[XxHash3_64::oneshot(path.as_ref().as_bytes()) as usize % STRIPES].lock().await
    }
}

/// Places of first chunks that are not believed.
#[derive(Debug, Default)]
pub(crate) struct Outdated(parking_lot::Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    /// What lies there was to be deleted, and may lie there still, until local takes others in its place.
    old: HashSet<Path>,
    /// More than can be known: rather no copy at all than an old one.
    is_full: bool,
    /// So many puts were given up and have not ended: what they bring may be older than what lies there then.
    late: HashMap<Path, usize>,
}

impl Outdated {
    fn add(&self, place: &Path) {
        let places = &mut *self.0.lock();
        match places.old.len() < OUTDATED {
            true => _ = places.old.insert(place.clone()),
            false => places.is_full = true,
        }
    }

    fn remove(&self, place: &Path) {
        self.0.lock().old.remove(place);
    }

    /// A put was given up.
    pub(crate) fn late(&self, place: &Path) {
        *self.0.lock().late.entry(place.clone()).or_default() += 1;
    }

    /// It has ended, and was settled.
    pub(crate) fn ended(&self, place: &Path) {
        let late = &mut self.0.lock().late;
        if let Some(puts) = late.get_mut(place) {
            *puts -= 1;
            if *puts == 0 {
                late.remove(place);
            }
        }
    }

    fn contains(&self, place: &Path) -> bool {
        let places = &*self.0.lock();
        places.is_full || places.old.contains(place) || places.late.contains_key(place)
    }
}

impl Inner {
    /// Whether there is no index.
    pub(crate) fn has_no_index(&self) -> bool {
        self.options.presence == Presence::Local
    }

    /// Where a chunk of a path's copy lies.
    pub(crate) fn place_of(&self, path: &Path, copy: CopyId, chunk: u32) -> Path {
        match self.has_no_index() {
            true => self.place(CopyId(XxHash3_64::oneshot(path.as_ref().as_bytes())), chunk),
            false => self.place(copy, chunk),
        }
    }

    /// Puts a chunk into local, unless something has happened to its path.
    pub(crate) async fn lay_present(
        &self,
        of: CopyOf<'_>,
        chunk: u32,
        payload: PutPayload,
        options: PutOptions,
    ) -> Laid {
        let path = &of.object.path;
        let place = self.place_of(path, of.copy, chunk);
        let Some(_turn) = self.patience.wait(self.turns.of(path)).await else {
            self.trouble("put", &place, &self.patience.overdue());
            return Laid::Trouble;
        };
        if self.index.chunks(of.copy).is_none() {
            return Laid::Gone;
        }
        self.put_local(Chunk { copy: of.copy, chunk, bytes: 0, place }, payload, options).await
    }

    /// A put of a chunk has ended. If nobody waited for it any more, something may have happened to its path since.
    pub(crate) async fn settle_present(
        &self,
        put: Chunk,
        failure: Option<&Error>,
        alone: bool,
    ) -> Laid {
        let Chunk { copy, chunk, place, .. } = put;
        if let Some(error) = failure {
            self.trouble("put", &place, error);
        }
        if alone && self.index.chunks(copy).is_none() {
            // Also what failed may lie there, in the place of what came after it.
            if !self.delete_present(&place).await && chunk == 0 {
                self.outdated.add(&place);
            }
            return Laid::Gone;
        }
        if failure.is_some() {
            return Laid::Trouble;
        }
        self.outdated.remove(&place);
        Laid::Kept
    }

    /// Without an index: local has not taken the first chunk of a version. That of the former one lies there still.
    pub(crate) async fn not_laid(&self, path: &Path) {
        if self.has_no_index() {
            // At once: local may take its time.
            self.outdated.add(&self.place_of(path, CopyId(0), 0));
            self.absent(path).await;
        }
    }

    /// Without an index: nothing is to lie in local of this path, and nothing that was asked before is to come.
    pub(crate) async fn absent(&self, path: &Path) {
        if !self.has_no_index() {
            return;
        }
        // Who has it for so long waits for local: his put is looked at again when it ends.
        let _turn = self.patience.wait(self.turns.of(path)).await;
        self.index.forget(path);
        // The first chunk says how many there are; without it the others are nothing.
        let count = match footer(self, path, GetRange::Suffix(GUESS)).await {
            Some((footer, _)) => Cut::new(footer.mark.size, footer.mark.chunk_size).count(),
            None => None,
        };
        for chunk in 0..count.unwrap_or(1) {
            let place = self.place_of(path, CopyId(0), chunk);
            let is_gone = self.delete_present(&place).await;
            match chunk {
                0 if is_gone => self.outdated.remove(&place),
                0 => self.outdated.add(&place),
                // Without the first chunk they are nothing.
                _ => {}
            }
        }
    }

    /// Whether it is gone.
    async fn delete_present(&self, place: &Path) -> bool {
        let deleted = self.patience.of(delete(&*self.local, place)).await;
        if let Err(error) = &deleted {
            self.trouble("delete", place, error);
        }
        deleted.is_ok()
    }
}

/// What lies in local of a path; with its first chunk, if that is `wanted`.
pub(crate) async fn find(
    inner: &Arc<Inner>,
    path: &Path,
    is_wanted: bool,
) -> Option<(Found, Option<Bytes>)> {
    if runtime::is_here() {
        return look(inner, path, is_wanted).await;
    }
    let (inner, path) = (inner.clone(), path.clone());
    runtime::run(async move { look(&inner, &path, is_wanted).await }).await.flatten()
}

async fn look(inner: &Inner, path: &Path, is_wanted: bool) -> Option<(Found, Option<Bytes>)> {
    if inner.outdated.contains(&inner.place_of(path, CopyId(0), 0)) {
        return None;
    }
    let range = (!is_wanted).then_some(GetRange::Suffix(GUESS));
    let (Footer { mark, object }, payload) = match range {
        Some(range) => footer(inner, path, range).await?,
        None => footer(inner, path, GetRange::Offset(0)).await?,
    };
    let cut = Cut::new(mark.size, mark.chunk_size);
    let first = is_wanted.then_some(payload);
    let whole = cut.bytes_of(0).end == u64::from(mark.payload)
        && first.as_ref().is_none_or(|first| {
            first.len() == mark.payload as usize && XxHash3_64::oneshot(first) == mark.sum
        });
    // Another path may have the same hash.
    if object.path != *path || mark.chunk != 0 || !whole {
        let place = inner.place_of(path, mark.copy, 0);
        inner.trouble("chunk", &place, &"damaged or foreign");
        return None;
    }
    let found = Found {
        object,
        copy: mark.copy,
        chunk_size: mark.chunk_size,
        fetched: mark.fetched,
        age: inner.now().saturating_sub(mark.fetched),
        standing: Standing::Fresh,
        present: Chunks::none(),
    };
    Some((found, first))
}

/// The footer of the first chunk, and what was read before it.
async fn footer(inner: &Inner, path: &Path, mut range: GetRange) -> Option<(Footer, Bytes)> {
    let place = inner.place_of(path, CopyId(0), 0);
    for _ in 0..2 {
        let options = match &range {
            GetRange::Offset(0) => GetOptions::new(),
            range => GetOptions::new().with_range(Some(range.clone())),
        };
        let end = async { inner.local.get_opts(&place, options).await?.bytes().await };
        match inner.patience.of(end).await.map(|end| (Footer::decode(&end), end)) {
            Ok((Ok(Ok(footer)), end)) => {
                let payload = end.slice(..end.len().min(footer.mark.payload as usize));
                return Some((footer, payload));
            }
            Ok((Ok(Err(more)), _)) => range = GetRange::Suffix(more as u64),
            Ok((Err(why), _)) => {
                inner.trouble("footer", &place, &format!("{why:?}"));
                return None;
            }
            Err(Error::NotFound { .. }) => return None,
            Err(error) => {
                inner.trouble("get", &place, &error);
                return None;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_too_many_copies_are_outdated_none_is_believed() {
        let outdated = Outdated::default();
        let place = |n: usize| Path::from(n.to_string());
        (0..OUTDATED).for_each(|n| outdated.add(&place(n)));
        assert!(outdated.contains(&place(7)) && !outdated.contains(&place(OUTDATED)));
        outdated.remove(&place(7));
        assert!(!outdated.contains(&place(7)));
        (0..2).for_each(|n| outdated.add(&place(OUTDATED + n)));
        assert!(outdated.contains(&place(7)), "one of those that it does not know, perhaps");
    }
}
