//! What an index does not know for sure is settled, or all of it is found again in the local store.

use crate::footer::{Footer, Unusable};
use crate::index::{Opened, Piece};
use crate::object::CopyId;
use crate::options::Presence;
use crate::patience::{LATE, is_overdue};
use crate::store::Inner;
use crate::write::{self, Restored};
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectMeta, ObjectStore};

/// Most footers are shorter: they are read at once.
const GUESS: u64 = 1024;
/// How many chunks are looked at together.
const TOGETHER: usize = 16;
/// How many folders are listed together.
const FOLDERS: usize = 8;

/// Makes the index and the local store agree.
pub(super) async fn settle(inner: &Inner, opened: Opened, restored: &Restored) {
    if inner.options.presence == Presence::Local {
        return;
    }
    match opened {
        Opened::Ready { unsure } => {
            // What waits for the remote stays, whatever the index was about to do with it.
            let unsure = unsure.into_iter();
            let unsure = unsure.filter(|victim| restored.get(victim.copy).is_none());
            inner.remove(unsure.collect()).await;
        }
        Opened::New => find_all(inner, restored).await,
        Opened::Damaged(why) => {
            inner.trouble("index", &inner.layout.root(), &why);
            find_all(inner, restored).await;
        }
    }
}

/// Each folder is listed on its own: in a directory a list ends at the first name that cannot be read.
async fn find_all(inner: &Inner, restored: &Restored) {
    let folders = stream::iter(folders(inner).await);
    let listed = folders.map(|folder| listed(inner, folder)).flatten_unordered(FOLDERS);
    let looked = listed.map(|meta| async move {
        match meta {
            Ok(meta) => Ok(look(inner, meta, restored).await),
            Err(unlisted) => Err(unlisted),
        }
    });
    let mut found = looked.buffer_unordered(TOGETHER);
    let (mut victims, mut late) = (Vec::new(), 0);
    while let Some(look) = found.next().await {
        match look {
            Ok(Look::Chunk(piece)) => {
                victims.extend(inner.index.add_found(&piece));
                if restored.get(piece.copy).is_some() {
                    inner.index.hold(piece.copy);
                }
            }
            Ok(Look::Useless(copy, chunk)) => victims.push(inner.index.useless(copy, chunk)),
            Ok(Look::Nothing) => {}
            // A store that cannot list begins empty, whatever lies in it.
            Err(Unlisted { error, .. }) if cannot(&error) => break,
            Err(Unlisted { folder, error }) => {
                inner.trouble("list", &folder, &error);
                inner.unlisted.add(folder);
                late += usize::from(is_overdue(&error));
                // The others would take as long.
                if late == LATE {
                    inner.layout.folders().for_each(|folder| inner.unlisted.add(folder));
                    break;
                }
            }
        }
    }
    drop(found);
    victims.extend(inner.index.found_all());
    inner.remove(victims).await;
}

/// Those in which something may lie: those that are there, or all if local does not tell.
async fn folders(inner: &Inner) -> Vec<Path> {
    let (root, all) = (inner.layout.root(), inner.layout.folders());
    match inner.patience.of(inner.local.list_with_delimiter(Some(&root))).await {
        Ok(level) => all.filter(|folder| level.common_prefixes.contains(folder)).collect(),
        Err(error) if cannot(&error) => all.collect(),
        Err(error) => {
            inner.trouble("list", &root, &error);
            if is_overdue(&error) {
                inner.layout.folders().for_each(|folder| inner.unlisted.add(folder));
            }
            all.filter(|_| !is_overdue(&error)).collect()
        }
    }
}

fn cannot(error: &Error) -> bool {
    matches!(error, Error::NotSupported { .. } | Error::NotImplemented { .. })
}

/// A folder of which not all is known.
struct Unlisted {
    folder: Path,
    error: Error,
}

/// What lies in a folder, until a failure: that is the last.
fn listed(inner: &Inner, folder: Path) -> BoxStream<'_, Result<ObjectMeta, Unlisted>> {
    let list = inner.patience.stream(inner.local.list(Some(&folder)));
    let until = stream::unfold(Some((list, folder)), |list| async {
        let (mut list, folder) = list?;
        match list.next().await? {
            Ok(meta) => Some((Ok(meta), Some((list, folder)))),
            Err(error) => Some((Err(Unlisted { folder, error }), None)),
        }
    });
    until.boxed()
}

enum Look {
    Chunk(Piece),
    /// It is ours by its name, and cannot be used: it is deleted.
    Useless(CopyId, u32),
    /// It is not ours, or nobody can tell.
    Nothing,
}

/// What lies there.
async fn look(inner: &Inner, meta: ObjectMeta, restored: &Restored) -> Look {
    let Some((copy, chunk)) = inner.layout.parse(&meta.location) else { return Look::Nothing };
    if let Some(unsent) = restored.get(copy) {
        return Look::Chunk(write::piece(unsent, chunk, meta.size));
    }
    let footer = match footer(inner, &meta).await {
        Ok(footer) => footer,
        Err(error) => {
            inner.trouble("get", &meta.location, &error);
            inner.unlisted.add(inner.layout.folder(copy));
            return Look::Nothing;
        }
    };
    if let Ok(Footer { mark, object }) = footer
        && (mark.copy, mark.chunk) == (copy, chunk)
        && mark.size != write::STAGED
    {
        let (chunk_size, fetched) = (mark.chunk_size, mark.fetched);
        let bytes = meta.size;
        return Look::Chunk(Piece { object, copy, chunk_size, fetched, chunk, bytes });
    }
    inner.trouble("footer", &meta.location, &"damaged, foreign or of another version");
    Look::Useless(copy, chunk)
}

async fn footer(
    inner: &Inner,
    meta: &ObjectMeta,
) -> object_store::Result<Result<Footer, Unusable>> {
    let mut length = GUESS.min(meta.size);
    for _ in 0..2 {
        let range = GetRange::Bounded(meta.size - length..meta.size);
        // An empty range is refused.
        if length == 0 {
            return Ok(Err(Unusable::Damaged));
        }
        let get = GetOptions::new().with_range(Some(range));
        let end = async { inner.local.get_opts(&meta.location, get).await?.bytes().await };
        let end = inner.patience.of(end).await?;
        match Footer::decode(&end) {
            Ok(Ok(footer)) => return Ok(Ok(footer)),
            Ok(Err(more)) if more as u64 <= meta.size => length = more as u64,
            Ok(Err(_)) => return Ok(Err(Unusable::Damaged)),
            Err(unusable) => return Ok(Err(unusable)),
        }
    }
    Ok(Err(Unusable::Damaged))
}
