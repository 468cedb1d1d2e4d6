//! One write on its way to the remote. Nothing of it waits for ever: what the remote does not take in time is given up.

use super::keep::confirmed;
use super::load::Loader;
use super::outcome::is_refusal;
use super::queue::Failure;
use super::record::{Op, Unsent};
use crate::fetch::own;
use crate::layout::Cut;
use crate::object::Object;
use crate::patience::Patience;
use futures::{StreamExt, stream};
use object_store::path::Path;
use object_store::{
    Error, MultipartUpload, ObjectStore, PutMultipartOptions, PutOptions, PutResult, Result,
};
use std::sync::Arc;
use std::time::Duration;

/// Objects up to this size are sent at once, larger ones in parts of at least this size: what S3 wants, with room.
const PART: u64 = 8 << 20;
/// The most parts that any remote takes.
const PARTS: u64 = 9000;
/// So long the remote may take for each request of so many bytes. Longer than clients try by themselves, which for
/// those of `object_store` is three minutes and what the last request takes.
const STALL: Duration = Duration::from_secs(300);
/// So long it may take to tell the remote that nothing more comes.
const ABORT: Duration = Duration::from_secs(30);

/// What the remote did.
pub(super) enum Sent {
    /// It has the object, described so if it is certain that it is this one.
    Put(Option<Object>),
    Deleted,
}

/// It was delivered, and an earlier write of the path may have come behind it since: if it has, this is sent again.
pub(super) async fn look_after(
    loader: &Loader,
    path: &Path,
    op: &Op,
    sent: Sent,
) -> Result<Sent, Failure> {
    match &sent {
        Sent::Put(Some(object)) if is_there(loader, object).await => Ok(sent),
        // A deletion is made once more as cheaply as it is looked at.
        Sent::Put(_) | Sent::Deleted => deliver(loader, path, op).await,
    }
}

pub(super) async fn deliver(loader: &Loader, path: &Path, op: &Op) -> Result<Sent, Failure> {
    let Op::Put(unsent) = op else {
        let one = stream::iter([Ok(path.clone())]).boxed();
        let mut deleted = loader.remote.delete_stream(one);
        let deleted = async { deleted.next().await.unwrap_or_else(|| Ok(path.clone())) };
        return match step(loader, 0, deleted).await {
            Err(Failure::Refused(error)) if matches!(*error, Error::NotFound { .. }) => {
                Ok(Sent::Deleted)
            }
            deleted => deleted.map(|_| Sent::Deleted),
        };
    };
    let put = match unsent.object.size <= PART {
        true => small(loader, unsent).await,
        false => large(loader, unsent).await,
    }?;
    let object = confirmed(&*loader.remote, path, unsent.object.size, &put);
    Ok(Sent::Put(step(loader, 0, object).await.ok().flatten()))
}

/// Whether the remote still has this very object. Without an e_tag nobody can tell.
async fn is_there(loader: &Loader, object: &Object) -> bool {
    let sent = PutResult {
        e_tag: object.e_tag.clone(),
        version: object.version.clone(),
        extensions: Default::default(),
    };
    let found = confirmed(&*loader.remote, &object.path, object.size, &sent);
    object.e_tag.is_some() && matches!(step(loader, 0, found).await, Ok(Some(_)))
}

/// A request with so many bytes.
async fn step<T>(
    loader: &Loader,
    bytes: u64,
    request: impl Future<Output = Result<T>>,
) -> Result<T, Failure> {
    let pieces = u32::try_from(bytes.div_ceil(PART)).unwrap_or(u32::MAX).max(1);
    let patience = Patience::new(loader.clock.clone(), STALL.saturating_mul(pieces));
    match patience.wait(request).await {
        Some(Ok(done)) => Ok(done),
        Some(Err(error)) if is_refusal(&error) => Err(Failure::Refused(Arc::new(error))),
        Some(Err(error)) => Err(Failure::Away(Arc::new(error))),
        None => {
            let what =
                format!("the remote did not answer within {:?}", STALL.saturating_mul(pieces));
            Err(Failure::Late(Arc::new(own(what))))
        }
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
    step(loader, unsent.object.size, loader.remote.put_opts(&unsent.object.path, payload, options))
        .await
}

async fn large(loader: &Loader, unsent: &Unsent) -> Result<PutResult, Failure> {
    let options = PutMultipartOptions {
        attributes: unsent.object.attributes.clone(),
        tags: unsent.tags.clone(),
        ..PutMultipartOptions::default()
    };
    let begun = loader.remote.put_multipart_opts(&unsent.object.path, options);
    let mut upload = step(loader, 0, begun).await?;
    let sent = parts(loader, unsent, &mut *upload).await;
    if sent.is_err() {
        // What is left of it there is the remote's to clean if this fails, too.
        let _ = Patience::new(loader.clock.clone(), ABORT).wait(upload.abort()).await;
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
        if loader.is_left() {
            return Err(Failure::Away(Arc::new(own("the store was dropped"))));
        }
        let bytes = loader.load(unsent, chunk).await?;
        filled += bytes.len() as u64;
        part.push(bytes);
        if filled >= least || chunk == last {
            let payload = std::mem::take(&mut part).into_iter().collect();
            step(loader, filled, upload.put_part(payload)).await?;
            filled = 0;
        }
    }
    step(loader, 0, upload.complete()).await
}

fn chunks(unsent: &Unsent) -> u32 {
    Cut::new(unsent.object.size, unsent.chunk_size).count().unwrap_or(u32::MAX)
}
