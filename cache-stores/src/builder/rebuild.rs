//! What an index does not know for sure is settled, or all of it is found again in the local store.

use crate::footer::{Footer, Unusable};
use crate::index::{Opened, Piece};
use crate::object::CopyId;
use crate::options::Presence;
use crate::store::Inner;
use crate::write::{self, Restored};
use futures::StreamExt;
use object_store::{Error, GetOptions, GetRange, ObjectMeta, ObjectStore};

/// Most footers are shorter: they are read at once.
const GUESS: u64 = 1024;
/// How many chunks are looked at together.
const TOGETHER: usize = 16;

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

async fn find_all(inner: &Inner, restored: &Restored) {
    let root = inner.layout.root();
    let list = inner.patience.stream(inner.local.list(Some(&root)));
    let mut found = list.map(|meta| look(inner, meta, restored)).buffer_unordered(TOGETHER);
    let mut victims = Vec::new();
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
            Err(Error::NotSupported { .. } | Error::NotImplemented { .. }) => break,
            Err(error) => {
                inner.trouble("list", &root, &error);
                break;
            }
        }
    }
    drop(found);
    victims.extend(inner.index.found_all());
    inner.remove(victims).await;
}

enum Look {
    Chunk(Piece),
    /// It is ours by its name, and cannot be used: it is deleted.
    Useless(CopyId, u32),
    /// It is not ours, or nobody can tell.
    Nothing,
}

/// What lies there.
async fn look(
    inner: &Inner,
    meta: object_store::Result<ObjectMeta>,
    restored: &Restored,
) -> object_store::Result<Look> {
    let meta = meta?;
    let Some((copy, chunk)) = inner.layout.parse(&meta.location) else { return Ok(Look::Nothing) };
    if let Some(unsent) = restored.get(copy) {
        return Ok(Look::Chunk(write::piece(unsent, chunk, meta.size)));
    }
    let footer = match footer(inner, &meta).await {
        Ok(footer) => footer,
        Err(error) => {
            inner.trouble("get", &meta.location, &error);
            return Ok(Look::Nothing);
        }
    };
    if let Ok(Footer { mark, object }) = footer
        && (mark.copy, mark.chunk) == (copy, chunk)
        && mark.size != write::STAGED
    {
        let (chunk_size, fetched) = (mark.chunk_size, mark.fetched);
        let bytes = meta.size;
        return Ok(Look::Chunk(Piece { object, copy, chunk_size, fetched, chunk, bytes }));
    }
    inner.trouble("footer", &meta.location, &"damaged, foreign or of another version");
    Ok(Look::Useless(copy, chunk))
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
