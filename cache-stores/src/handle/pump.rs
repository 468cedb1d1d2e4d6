//! Reading ahead: a task on the stores' threads that hands over what an object's stream gives, in batches.
//!
//! One batch lies ready while the reader eats another and a third is being gathered, so that pieces of a few KiB
//! do not wake a thread each.

use super::info::Opened;
use crate::runtime;
use bytes::Bytes;
use futures::future::{Either, select};
use futures::stream::{self, BoxStream, Stream, StreamExt};
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetRange, GetResult, GetResultPayload, ObjectStore, ObjectStoreExt, Result,
};
use std::collections::VecDeque;
use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::mpsc;

/// A batch is sent with so many bytes, or when the reader waits for it.
const BATCH: usize = 1 << 20;
/// So much of a file is read at a time.
const PIECE: u64 = 512 << 10;

/// What comes next, in order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// In the first one, unless there was an error before.
    pub(super) opened: Option<Box<Opened>>,
    pub(super) pieces: VecDeque<Bytes>,
    /// In the last one.
    pub(super) end: Option<Result<()>>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, piece: Bytes) {
        self.bytes += piece.len();
        self.pieces.push_back(piece);
    }
}

/// Where a read begins.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) path: Path,
    /// Without a range.
    pub(super) options: GetOptions,
    pub(super) offset: u64,
}

/// Begins to read. Dropping the receiver ends it, also while the store is asked.
pub(super) fn start(start: Start) -> mpsc::Receiver<Batch> {
    let (to, from) = mpsc::channel(1);
    runtime::handle().spawn(async move {
        let gone = to.closed();
        // Whoever has gone needs nothing of it.
        match select(pin!(gone), pin!(pump(start, &to))).await {
            Either::Left(_) | Either::Right(_) => {}
        }
    });
    from
}

async fn pump(start: Start, to: &mpsc::Sender<Batch>) {
    let mut batch = Batch::default();
    let path = start.path.clone();
    let mut stream = match open(start).await {
        Ok((opened, stream)) => {
            batch.opened = Some(Box::new(opened));
            stream
        }
        Err(error) => {
            batch.end = Some(Err(error));
            stream::empty().boxed()
        }
    };
    let mut left = batch.opened.as_ref().map_or(0, |opened| opened.left());
    loop {
        let mut room = pin!(to.reserve());
        let permit = poll_fn(|context| {
            while batch.end.is_none() && batch.bytes < BATCH {
                match stream.poll_next_unpin(context) {
                    Poll::Ready(Some(Ok(piece))) => {
                        left = left.saturating_sub(piece.len() as u64);
                        batch.push(piece);
                    }
                    Poll::Ready(Some(Err(error))) => batch.end = Some(Err(error)),
                    Poll::Ready(None) if left > 0 => batch.end = Some(Err(short(&path, left))),
                    Poll::Ready(None) => batch.end = Some(Ok(())),
                    Poll::Pending => break,
                }
            }
            if batch.bytes == 0 && batch.end.is_none() {
                return Poll::Pending;
            }
            room.as_mut().poll(context)
        });
        let Ok(permit) = permit.await else { return };
        let last = batch.end.is_some();
        permit.send(std::mem::take(&mut batch));
        if last {
            return;
        }
    }
}

type Pieces = BoxStream<'static, Result<Bytes>>;

async fn open(start: Start) -> Result<(Opened, Pieces)> {
    let Start { store, path, mut options, offset } = start;
    if offset > 0 {
        options.range = Some(GetRange::Offset(offset));
    }
    match store.get_opts(&path, options).await {
        Ok(result) => Ok(split(result)),
        // Stores say in many ways that nothing lies behind the end, which is no error of a read.
        Err(error) if offset > 0 && !is_plain(&error) => match store.head(&path).await {
            Ok(meta) if meta.size <= offset => Ok((Opened::at_end(meta), stream::empty().boxed())),
            _ => Err(error),
        },
        Err(error) => Err(error),
    }
}

fn is_plain(error: &Error) -> bool {
    matches!(
        error,
        Error::NotFound { .. } | Error::PermissionDenied { .. } | Error::Unauthenticated { .. }
    )
}

fn split(result: GetResult) -> (Opened, Pieces) {
    let opened = Opened::of(&result);
    let pieces = match result.payload {
        GetResultPayload::File(file, _) => of_file(file, result.range).boxed(),
        GetResultPayload::Stream(stream) => stream,
    };
    (opened, pieces)
}

fn short(path: &Path, left: u64) -> Error {
    let cause = format!("`{path}` ended {left} bytes before its end");
    Error::Generic {
        store: "handle",
        source: Box::new(io::Error::new(io::ErrorKind::UnexpectedEof, cause)),
    }
}

/// Larger pieces than the store itself would make of it.
fn of_file(file: File, range: Range<u64>) -> impl Stream<Item = Result<Bytes>> + Send {
    stream::try_unfold((file, range), |(file, range)| async {
        if range.is_empty() {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || piece(file, range));
        let failed = |source: io::Error| Error::Generic { store: "handle", source: source.into() };
        read.await?.map(Some).map_err(failed)
    })
}

fn piece(mut file: File, range: Range<u64>) -> io::Result<(Bytes, (File, Range<u64>))> {
    let length = PIECE.min(range.end - range.start);
    file.seek(SeekFrom::Start(range.start))?;
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    let read = (&mut file).take(length).read_to_end(&mut bytes)? as u64;
    // A file that was cut meanwhile: the stream ends, and whoever counts sees it.
    let end = if read < length { range.start + read } else { range.end };
    Ok((bytes.into(), (file, range.start + read..end)))
}
