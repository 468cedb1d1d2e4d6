//! Bytes that come from the remote for one reader alone.

use crate::fetch::{Fetch, Version, own, request};
use crate::runtime;
use crate::store::Inner;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{GetOptions, GetResult, GetResultPayload, ObjectStore, Result};
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::mpsc::{self, Receiver, Sender};

/// How many pieces wait for a slow reader.
const WAITING: usize = 2;

/// A stream of the remote that can be read in any thread. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Direct {
    pieces: Receiver<Result<Bytes>>,
}

impl Direct {
    /// Those bytes of that version.
    pub(crate) fn new(inner: &Arc<Inner>, version: &Arc<Version>, bytes: Range<u64>) -> Self {
        let (inner, version) = (inner.clone(), version.clone());
        Direct::pump(move |to| async move {
            match request(&inner, &version, bytes).await {
                Ok(body) => pour(&inner, body, &to).await,
                // Nobody may be waiting any more.
                Err(error) => drop(to.send(Err(error)).await),
            }
        })
    }

    fn pump<F: Future<Output = ()> + Send + 'static>(
        pump: impl FnOnce(Sender<Result<Bytes>>) -> F,
    ) -> Self {
        let (to, pieces) = mpsc::channel(WAITING);
        runtime::handle().spawn(pump(to));
        Direct { pieces }
    }

    /// `None`: it has ended.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes>> {
        self.pieces.recv().await
    }
}

async fn pour(
    inner: &Inner,
    mut body: BoxStream<'static, Result<Bytes>>,
    to: &Sender<Result<Bytes>>,
) {
    while let Some(piece) = body.next().await {
        if let Ok(piece) = &piece {
            inner.stats.bytes_remote.add(piece.len() as u64);
        }
        if to.send(piece).await.is_err() {
            return;
        }
    }
}

/// The remote's own answer, unchanged, to be read in any thread.
pub(crate) async fn pass(
    inner: &Arc<Inner>,
    path: &Path,
    options: GetOptions,
) -> Result<GetResult> {
    let (asking, path) = (inner.clone(), path.clone());
    inner.stats.fetches.add(1);
    let (fetch, is_head) = (Fetch::begin(inner), options.head);
    let answer = fetch.around(async move { asking.remote.get_opts(&path, options).await });
    let answer = runtime::run(answer).await;
    let mut result = match answer.ok_or_else(|| own("the remote store panicked"))? {
        Ok(result) => result,
        Err(error) => {
            fetch.fail(&error);
            return Err(error);
        }
    };
    if let GetResultPayload::Stream(body) = result.payload {
        let inner = inner.clone();
        let body = if is_head {
            fetch.end("head");
            body
        } else {
            fetch.over(body, &result.range)
        };
        let direct = Direct::pump(move |to| async move { pour(&inner, body, &to).await });
        let pieces = stream::unfold(direct, |mut direct| async move {
            direct.next().await.map(|piece| (piece, direct))
        });
        result.payload = GetResultPayload::Stream(pieces.fuse().boxed());
    } else {
        fetch.end(if is_head { "head" } else { "file" });
    }
    Ok(result)
}
