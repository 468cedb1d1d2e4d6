//! The sender: takes from the queue what is next, and brings it to the remote.

use super::back::WriteBack;
use super::keep::confirmed;
use super::load::Loader;
use super::outcome::{is_refusal, panicked};
use super::queue::{Failure, Next};
use super::record::{Op, Unsent};
use crate::fetch::own;
use crate::layout::Cut;
use crate::object::Object;
use crate::options::KeepWrites;
use crate::runtime;
use crate::store::Inner;
use cache_core::{Clock, Sleep};
use futures::{FutureExt, StreamExt, stream};
use object_store::path::Path;
use object_store::{
    Error, MultipartUpload, ObjectStore, PutMultipartOptions, PutOptions, PutResult, Result,
};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::task::JoinSet;

/// Objects up to this size are sent at once, larger ones in parts of at least this size: what S3 wants, with room.
const PART: u64 = 8 << 20;
/// The most parts that any remote takes.
const PARTS: u64 = 9000;
/// So far off a pause may be, in nanoseconds.
const DRIFT: u64 = 1_000_000;

/// Starts sending, until the store is dropped.
pub(super) fn start(inner: &Arc<Inner>, back: &Arc<WriteBack>) {
    runtime::handle().spawn(run(Arc::downgrade(inner), back.clone()));
}

async fn run(inner: Weak<Inner>, back: Arc<WriteBack>) {
    // Dropped with this: nothing is sent for a store that is no more.
    let mut sends = JoinSet::new();
    while !back.closed.load(Ordering::Acquire) {
        while sends.try_join_next().is_some() {}
        let now = back.clock.nanos();
        let next = back.queue.lock().next(now);
        match next {
            Next::Send { path, seq, op } => {
                let Some(loader) = inner.upgrade().map(|inner| Loader::new(&inner)) else { return };
                sends.spawn(send(inner.clone(), back.clone(), loader, path, seq, op));
            }
            Next::Wait(until) => {
                let pause = pause(&back.clock, until);
                futures::future::select(Box::pin(back.wake.notified()), Box::pin(pause)).await;
            }
            Next::Idle => back.wake.notified().await,
        }
    }
}

/// Ends at this time.
fn pause(clock: &Clock, until: u64) -> Sleep {
    loop {
        let now = clock.nanos();
        let pause = clock.sleep(Duration::from_nanos(until.saturating_sub(now)));
        // A clock that is moved by hand may have been moved between the two.
        if clock.nanos().saturating_sub(now) < DRIFT {
            return pause;
        }
    }
}

/// What the remote did.
enum Sent {
    /// It has the object, described so if it is certain that it is this one.
    Put(Option<Object>),
    Deleted,
}

async fn send(
    inner: Weak<Inner>,
    back: Arc<WriteBack>,
    loader: Loader,
    path: Path,
    seq: u64,
    op: Arc<Op>,
) {
    let sending = AssertUnwindSafe(deliver(&loader, &path, &op)).catch_unwind();
    let sent = sending.await.unwrap_or_else(|_| {
        // Its own mistake is not mended by an early repetition.
        Err(Failure::Refused(Arc::new(panicked("remote"))))
    });
    let turn = back.turn(&path).await;
    let Some(inner) = inner.upgrade() else { return };
    let settled = match sent {
        Ok(sent) => settle(&inner, &back, (&path, seq, &op), sent).await,
        Err(failure) => Err(failure),
    };
    match settled {
        Ok(()) => back.queue.lock().sent(&path, seq),
        Err(failure) => {
            tell(&inner, &path, &failure);
            back.queue.lock().failed(&path, seq, failure, back.clock.nanos());
            inner.stats.remote_errors.add(1);
        }
    }
    drop(turn);
    inner.count_unsent();
    // Who waits for this may drop the store then, and open it anew.
    drop(inner);
    back.changed.send_replace(());
    back.wake.notify_one();
}

/// First the journal knows that it was sent, then the copy may go: what waits in the journal is never missing, whenever
/// the process is killed. A journal that cannot know it keeps everything as it is, and the write is sent again.
async fn settle(
    inner: &Inner,
    back: &Arc<WriteBack>,
    (path, seq, op): (&Path, u64, &Op),
    sent: Sent,
) -> Result<(), Failure> {
    if back.waiting(path).is_none_or(|waiting| waiting.seq != seq) {
        return Ok(());
    }
    if let Err(error) = back.done(inner, path, seq).await {
        let what =
            format!("the remote has \"{path}\", and the journal does not take that: {error}");
        return Err(Failure::Refused(Arc::new(own(what))));
    }
    release(inner, op, sent).await;
    Ok(())
}

/// The copy becomes one as any other.
async fn release(inner: &Inner, op: &Op, sent: Sent) {
    let (Op::Put(unsent), Sent::Put(object)) = (op, sent) else { return };
    inner.stats.bytes_written.add(unsent.object.size);
    let victims = match object {
        Some(object) if inner.options.keep_writes == KeepWrites::Always => {
            inner.index.sent(unsent.copy, &object).unwrap_or_default()
        }
        Some(_) | None => inner.index.abandon(unsent.copy),
    };
    inner.remove(victims).await;
}

fn tell(inner: &Inner, path: &Path, failure: &Failure) {
    let (Failure::Away(error) | Failure::Refused(error)) = failure;
    #[cfg(feature = "tracing")]
    tracing::warn!(target: "larder", store = &*inner.name, %path, "a write was not sent and waits: {error}");
    #[cfg(not(feature = "tracing"))]
    let _ = (inner, path, error);
}

async fn deliver(loader: &Loader, path: &Path, op: &Op) -> Result<Sent, Failure> {
    match op {
        Op::Delete => {
            let one = stream::iter([Ok(path.clone())]).boxed();
            match loader.remote.delete_stream(one).next().await {
                None | Some(Ok(_) | Err(Error::NotFound { .. })) => Ok(Sent::Deleted),
                Some(Err(error)) => Err(failure(error)),
            }
        }
        Op::Put(unsent) => {
            let put = match unsent.object.size <= PART {
                true => small(loader, unsent).await,
                false => large(loader, unsent).await,
            }?;
            let object = confirmed(&*loader.remote, path, unsent.object.size, &put).await;
            Ok(Sent::Put(object.ok().flatten()))
        }
    }
}

fn failure(error: Error) -> Failure {
    match is_refusal(&error) {
        true => Failure::Refused(Arc::new(error)),
        false => Failure::Away(Arc::new(error)),
    }
}

async fn small(loader: &Loader, unsent: &Unsent) -> Result<PutResult, Failure> {
    let mut pieces = Vec::new();
    for chunk in 0..chunks(unsent) {
        pieces.push(loader.load(unsent, chunk).await?);
    }
    let options = PutOptions {
        attributes: unsent.object.attributes.clone(),
        tags: unsent.tags.clone(),
        ..PutOptions::default()
    };
    let payload = pieces.into_iter().collect();
    loader.remote.put_opts(&unsent.object.path, payload, options).await.map_err(failure)
}

async fn large(loader: &Loader, unsent: &Unsent) -> Result<PutResult, Failure> {
    let options = PutMultipartOptions {
        attributes: unsent.object.attributes.clone(),
        tags: unsent.tags.clone(),
        ..PutMultipartOptions::default()
    };
    let path = &unsent.object.path;
    let upload = loader.remote.put_multipart_opts(path, options).await;
    let mut upload = upload.map_err(failure)?;
    let sent = parts(loader, unsent, &mut *upload).await;
    if sent.is_err() {
        // What is left of it there is the remote's to clean if this fails, too.
        let _ = upload.abort().await;
    }
    sent
}

/// One part after the other: the memory is that of one.
async fn parts(
    loader: &Loader,
    unsent: &Unsent,
    upload: &mut dyn MultipartUpload,
) -> Result<PutResult, Failure> {
    let least = PART.max(unsent.object.size / PARTS);
    let (mut part, mut filled) = (Vec::new(), 0);
    let last = chunks(unsent) - 1;
    for chunk in 0..=last {
        let bytes = loader.load(unsent, chunk).await?;
        filled += bytes.len() as u64;
        part.push(bytes);
        if filled >= least || chunk == last {
            let payload = std::mem::take(&mut part).into_iter().collect();
            upload.put_part(payload).await.map_err(failure)?;
            filled = 0;
        }
    }
    upload.complete().await.map_err(failure)
}

fn chunks(unsent: &Unsent) -> u32 {
    Cut::new(unsent.object.size, unsent.chunk_size).count().unwrap_or(u32::MAX)
}
