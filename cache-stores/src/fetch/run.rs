//! A run: bytes come from the remote, go to the readers, and chunk by chunk into local.

use super::Fetch;
use super::bell::Bell;
use super::failure::{Failure, own};
use super::lies;
use super::live::{Live, Version};
use super::state::{Full, RunId, Turn};
use crate::local::Laid;
use crate::object::Object;
use crate::runtime;
use crate::store::Inner;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use object_store::{Error, GetOptions, GetResult, GetResultPayload, ObjectStore, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinSet;

/// How many full chunks of a run are on their way into local; with the one that is filled, so many are in memory.
const WRITING: usize = 2;

/// What is read at once of a remote that is a file.
const BLOCK: u64 = 256 << 10;

pub(super) type Body = BoxStream<'static, Result<Bytes>>;

/// Begins a request for the chunks of a run.
pub(crate) fn start(inner: &Arc<Inner>, live: &Arc<Live>, id: RunId, chunks: Range<u32>) {
    let (inner, guard) = (inner.clone(), Guard { live: live.clone(), id });
    runtime::handle().spawn(async move {
        let version = guard.live.version.clone();
        let cut = version.cut();
        let bytes = cut.bytes_of(chunks.start).start..cut.bytes_of(chunks.end - 1).end;
        match request(&inner, &version, bytes).await {
            Ok(body) => fly(&inner, guard, body).await,
            Err(error) => guard.live.end(guard.id, Some(&Arc::new(error))),
        }
    });
}

/// Does a run whose bytes are coming, to its end.
pub(crate) async fn drive(inner: Arc<Inner>, live: Arc<Live>, id: RunId, body: Body) {
    fly(&inner, Guard { live, id }, body).await;
}

/// If the run panics, nobody waits for it any more.
struct Guard {
    live: Arc<Live>,
    id: RunId,
}

impl Drop for Guard {
    fn drop(&mut self) {
        // A run that has ended is not known any more.
        self.live.end(self.id, Some(&Arc::new(own("the fetch ended unexpectedly"))));
    }
}

async fn fly(inner: &Arc<Inner>, guard: Guard, mut body: Body) {
    let Guard { live, id } = &guard;
    let mut writes = JoinSet::new();
    let began = Instant::now();
    let failure = fill(inner, (live, *id), &mut body, &mut writes).await.err();
    inner.stats.fetched(began);
    drop(body);
    live.end(*id, failure.as_ref());
    while writes.join_next().await.is_some() {}
}

async fn fill(
    inner: &Arc<Inner>,
    (live, id): (&Arc<Live>, RunId),
    body: &mut Body,
    writes: &mut JoinSet<()>,
) -> Result<(), Failure> {
    let (mut bytes, mut bell) = (Bytes::new(), Bell::default());
    loop {
        // The chunk of an empty object is full before anything has come.
        if let Some(full) = live.push(id, &mut bytes) {
            write(inner, live, full, writes).await;
            let copy = live.version.copy;
            let present = |chunk| lies(&inner.index, copy, chunk);
            if live.turn(id, inner.options.unread, present) == Turn::Stop {
                return Ok(());
            }
            continue;
        }
        bytes = match bell.next(body, || live.tell(id)).await {
            Some(Ok(more)) => more,
            Some(Err(error)) => {
                inner.stats.remote_errors.add(1);
                return Err(Arc::new(error));
            }
            None => return Err(Arc::new(own("the remote's answer ended before its time"))),
        };
        inner.stats.bytes_remote.add(bytes.len() as u64);
    }
}

/// Puts a chunk into local beside what goes on, when there is room for that.
async fn write(inner: &Arc<Inner>, live: &Arc<Live>, full: Full, writes: &mut JoinSet<()>) {
    if live.version.copy.is_none() {
        live.written(full.chunk, false, &inner.flights.spares);
        return;
    }
    while writes.len() >= WRITING {
        writes.join_next().await;
    }
    let (inner, live) = (inner.clone(), live.clone());
    writes.spawn(async move {
        let Full { chunk, pieces } = full;
        let Some(of) = live.version.kept() else { return };
        let laid = AssertUnwindSafe(inner.lay(of, chunk, pieces.list())).catch_unwind().await;
        if laid.is_err() {
            inner.trouble("put", &inner.place_of(&of.object.path, of.copy, chunk), &"it panicked");
        }
        live.written(chunk, matches!(laid, Ok(Laid::Kept)), &inner.flights.spares);
    });
}

/// Those bytes of that version, or an error: a precondition if the remote has another one.
pub(crate) async fn request(inner: &Inner, version: &Version, bytes: Range<u64>) -> Result<Body> {
    let Object { path, size, e_tag, modified, .. } = &version.object;
    let options = GetOptions::new().with_if_match(e_tag.clone());
    let options = match e_tag {
        Some(_) => options,
        None => options.with_if_unmodified_since(Some(*modified)),
    };
    // No bytes: an empty object, of which no range can be asked.
    let range = (!bytes.is_empty()).then(|| bytes.clone());
    inner.stats.fetches.add(1);
    let began = Instant::now();
    let fetch = Fetch::begin(inner);
    let answer = fetch.around(inner.remote.get_opts(path, options.with_range(range))).await;
    inner.stats.fetched(began);
    let GetResult { payload, meta, range, .. } = match answer {
        Ok(result) => result,
        Err(error) => {
            fetch.fail(&error);
            if !super::is_changed(&error) {
                inner.stats.remote_errors.add(1);
            }
            return Err(error);
        }
    };
    // Not every remote heeds conditions and ranges.
    let same = (meta.size, &meta.e_tag) == (*size, e_tag)
        && (e_tag.is_some() || meta.last_modified == *modified);
    match (same, range == bytes) {
        (true, true) => Ok(fetch.over(body_of(payload, range), &bytes)),
        (true, false) => {
            fetch.end("failed");
            Err(own(format!("asked for bytes {bytes:?} of {path}, got {range:?}")))
        }
        (false, _) => {
            fetch.end("changed");
            Err(changed(path))
        }
    }
}

pub(crate) fn changed(path: &object_store::path::Path) -> Error {
    let source = "the object has changed while it was read".into();
    Error::Precondition { path: path.to_string(), source }
}

/// The bytes of an answer.
pub(super) fn body_of(payload: GetResultPayload, range: Range<u64>) -> Body {
    match payload {
        GetResultPayload::Stream(stream) => stream,
        // Its own stream reads eight kilobytes at a time.
        GetResultPayload::File(file, _) => {
            let reading = Some((file, range.clone(), Some(SeekFrom::Start(range.start))));
            stream::unfold(reading, |reading| async move {
                let (file, range, seek) = reading?;
                if range.is_empty() {
                    return None;
                }
                let length = BLOCK.min(range.end - range.start);
                let block = tokio::task::spawn_blocking(move || block(file, seek, length));
                match block.await {
                    Ok(Ok((block, file))) => {
                        let rest = range.start + length..range.end;
                        Some((Ok(block), Some((file, rest, None))))
                    }
                    Ok(Err(error)) => Some((Err(own(error)), None)),
                    Err(error) => Some((Err(error.into()), None)),
                }
            })
            .boxed()
        }
    }
}

fn block(mut file: File, seek: Option<SeekFrom>, length: u64) -> std::io::Result<(Bytes, File)> {
    if let Some(seek) = seek {
        file.seek(seek)?;
    }
    let mut block = vec![0; length as usize];
    file.read_exact(&mut block)?;
    Ok((block.into(), file))
}
