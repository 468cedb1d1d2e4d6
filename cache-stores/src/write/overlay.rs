//! A remote's listing as it will be when everything that waits was sent.

use super::queue::Waiting;
use super::record::Op;
use object_store::path::Path;
use object_store::{ListResult, ObjectMeta};
use std::collections::{BTreeMap, BTreeSet};

/// What waits, at the moment when a listing began.
#[derive(Debug, Default)]
pub(crate) struct Overlay(BTreeMap<Path, Option<ObjectMeta>>);

impl Overlay {
    pub(crate) fn new(waiting: impl Iterator<Item = Waiting>) -> Self {
        let entries = waiting.map(|waiting| match &*waiting.op {
            Op::Put(unsent) => (waiting.path, Some(unsent.object.meta())),
            Op::Delete => (waiting.path, None),
        });
        Overlay(entries.collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the remote's word about this path holds.
    pub(crate) fn leaves(&self, path: &Path) -> bool {
        !self.0.contains_key(path)
    }

    /// What was written below a prefix and behind an offset.
    pub(crate) fn written(&self, prefix: Option<&Path>, offset: Option<&Path>) -> Vec<ObjectMeta> {
        let below =
            |path: &Path| below(path, prefix).is_some_and(|mut parts| parts.next().is_some());
        let behind = |path: &Path| offset.is_none_or(|offset| path > offset);
        let written = self.0.iter().filter(|(path, _)| below(path) && behind(path));
        written.filter_map(|(_, meta)| meta.clone()).collect()
    }

    /// One level of a tree. What is given back beside it: the folders in which something was deleted and nothing
    /// written, so that they may be empty now.
    pub(crate) fn level(
        &self,
        prefix: Option<&Path>,
        remote: ListResult,
    ) -> (ListResult, Vec<Path>) {
        let ListResult { common_prefixes, mut objects, extensions } = remote;
        objects.retain(|meta| self.leaves(&meta.location));
        let mut folders: BTreeSet<Path> = common_prefixes.into_iter().collect();
        let mut doubtful = BTreeSet::new();
        let mut sure = BTreeSet::new();
        for (path, meta) in &self.0 {
            let Some(mut parts) = below(path, prefix) else { continue };
            let Some(first) = parts.next() else { continue };
            let folder = prefix.cloned().unwrap_or_default().join(first);
            match (parts.next().is_some(), meta) {
                (false, Some(meta)) => objects.push(meta.clone()),
                (false, None) => {}
                (true, Some(_)) => _ = sure.insert(folder),
                (true, None) => _ = doubtful.insert(folder),
            }
        }
        let doubtful = doubtful.into_iter();
        let doubtful =
            doubtful.filter(|path| folders.contains(path) && !sure.contains(path)).collect();
        folders.extend(sure);
        let common_prefixes = folders.into_iter().collect();
        (ListResult { common_prefixes, objects, extensions }, doubtful)
    }
}

fn below<'a>(
    path: &'a Path,
    prefix: Option<&'a Path>,
) -> Option<impl Iterator<Item = object_store::path::PathPart<'a>>> {
    static ROOT: Path = Path::ROOT;
    path.prefix_match(prefix.unwrap_or(&ROOT))
}

#[cfg(test)]
mod tests {
    use super::super::queue::Queue;
    use super::super::record::tests::put;
    use super::*;
    use futures::{FutureExt, TryStreamExt};
    use object_store::memory::InMemory;
    use object_store::{ObjectStore, ObjectStoreExt};
    use proptest::prelude::*;

    /// What a listing of everything sent looks like, by a store in memory.
    fn now<T>(future: impl Future<Output = T>) -> T {
        future.now_or_never().expect("memory does not wait")
    }

    fn names(metas: impl IntoIterator<Item = ObjectMeta>) -> BTreeSet<Path> {
        metas.into_iter().map(|meta| meta.location).collect()
    }

    fn paths() -> impl Strategy<Value = Path> {
        "[ab](/[ab]){0,3}".prop_map(|path| Path::from(format!("{path}.x")))
    }

    proptest! {
        #[test]
        fn a_listing_is_as_if_everything_was_sent(
            there in proptest::collection::vec(paths(), 0..8),
            waiting in proptest::collection::vec((paths(), any::<bool>()), 0..8),
            prefix in proptest::option::of("[ab](/[ab]){0,2}".prop_map(Path::from)),
            offset in paths(),
        ) {
            let (remote, after, mut queue) = (InMemory::new(), InMemory::new(), Queue::default());
            for path in there {
                now(remote.put(&path, "old".into())).unwrap();
                now(after.put(&path, "old".into())).unwrap();
            }
            for (seq, (path, delete)) in (0..).zip(waiting) {
                let op = if delete { Op::Delete } else { put(path.as_ref(), 1, 3) };
                queue.push(&path, seq, op, 0);
                match delete {
                    true => now(after.delete(&path)).unwrap(),
                    false => _ = now(after.put(&path, "new".into())).unwrap(),
                }
            }
            let overlay = Overlay::new(queue.iter());
            let prefix = prefix.as_ref();
            let list = |store: &InMemory| now(store.list(prefix).try_collect::<Vec<_>>()).unwrap();

            let mut found = list(&remote);
            found.retain(|meta| overlay.leaves(&meta.location));
            found.extend(overlay.written(prefix, None));
            let count = found.len();
            prop_assert_eq!(names(found), names(list(&after)));
            prop_assert_eq!(count, list(&after).len());

            let behind = overlay.written(prefix, Some(&offset));
            prop_assert!(behind.iter().all(|meta| meta.location > offset));

            let level = now(remote.list_with_delimiter(prefix)).unwrap();
            let (mut level, doubtful) = overlay.level(prefix, level);
            for folder in doubtful {
                let objects = now(remote.list(Some(&folder)).try_collect::<Vec<_>>()).unwrap();
                if !objects.iter().any(|meta| overlay.leaves(&meta.location)) {
                    level.common_prefixes.retain(|path| *path != folder);
                }
            }
            let right = now(after.list_with_delimiter(prefix)).unwrap();
            prop_assert_eq!(level.common_prefixes, right.common_prefixes);
            prop_assert_eq!(names(level.objects), names(right.objects));
        }
    }
}
