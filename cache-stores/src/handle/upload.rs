//! Writing a long object: a task on the stores' threads that sends its parts, two at a time.

use super::order::Place;
use crate::runtime;
use bytes::Bytes;
use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt};
use object_store::path::Path;
use object_store::{
    Error, MultipartUpload, ObjectStore, PutMultipartOptions, PutResult, Result, UploadPart,
};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// So many parts are on their way at a time; one more waits.
const FLYING: usize = 2;

#[derive(Debug)]
enum Step {
    Part(Bytes),
    Complete(Place),
}

/// An upload in progress. Dropped before it is complete, it is aborted.
#[derive(Debug)]
pub(super) struct Upload {
    steps: mpsc::Sender<Step>,
    done: oneshot::Receiver<Result<PutResult>>,
}

impl Upload {
    pub(super) fn begin(
        store: Arc<dyn ObjectStore>,
        path: Path,
        options: PutMultipartOptions,
    ) -> Self {
        let (steps, received) = mpsc::channel(1);
        let (tell, done) = oneshot::channel();
        runtime::handle().spawn(async move {
            // The writer may be gone.
            let _ = tell.send(run(store, path, options, received).await);
        });
        Upload { steps, done }
    }

    /// Waits until there is room for a part.
    pub(super) async fn part(&mut self, bytes: Bytes) -> Result<()> {
        match self.steps.send(Step::Part(bytes)).await {
            Ok(()) => Ok(()),
            Err(_) => self.outcome().await.map(drop),
        }
    }

    /// Waits until all parts have arrived, and makes the object visible.
    pub(super) async fn complete(&mut self, place: Place) -> Result<PutResult> {
        // Nobody takes it: the outcome says why.
        let _ = self.steps.send(Step::Complete(place)).await;
        self.outcome().await
    }

    async fn outcome(&mut self) -> Result<PutResult> {
        let panicked = || Error::Generic { store: "handle", source: "the store panicked".into() };
        (&mut self.done).await.unwrap_or_else(|_| Err(panicked()))
    }
}

async fn run(
    store: Arc<dyn ObjectStore>,
    path: Path,
    options: PutMultipartOptions,
    mut steps: mpsc::Receiver<Step>,
) -> Result<PutResult> {
    let mut upload = store.put_multipart_opts(&path, options).await?;
    let result = match parts(&mut upload, &mut steps).await {
        Ok(mut place) => {
            place.reached().await;
            upload.complete().await
        }
        Err(error) => Err(error),
    };
    if result.is_err() {
        // What went wrong first is what the writer hears.
        drop(upload.abort().await);
    }
    result
}

/// Until all parts have arrived, and the object is wanted. An error: it is off.
async fn parts(
    upload: &mut Box<dyn MultipartUpload>,
    steps: &mut mpsc::Receiver<Step>,
) -> Result<Place> {
    let mut flying: FuturesUnordered<UploadPart> = FuturesUnordered::new();
    let place = loop {
        while flying.len() >= FLYING
            && let Some(arrived) = flying.next().await
        {
            arrived?;
        }
        let order = {
            let mut next = std::pin::pin!(steps.recv());
            loop {
                if flying.is_empty() {
                    break next.await;
                }
                match select(next, flying.next()).await {
                    Either::Left((order, _)) => break order,
                    Either::Right((arrived, rest)) => {
                        arrived.transpose()?;
                        next = rest;
                    }
                }
            }
        };
        match order {
            Some(Step::Part(bytes)) => flying.push(upload.put_part(bytes.into())),
            Some(Step::Complete(place)) => break place,
            None => {
                let source = "the writer has gone".into();
                return Err(Error::Generic { store: "handle", source });
            }
        }
    };
    while let Some(arrived) = flying.next().await {
        arrived?;
    }
    Ok(place)
}
