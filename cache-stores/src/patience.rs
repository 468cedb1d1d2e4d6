//! How long the local store may take: who waits for it waits no longer, and goes to the remote.

use cache_core::Clock;
use futures::future::{Either, select};
use futures::stream::{self, BoxStream, StreamExt};
use object_store::{Error, Result};
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

/// So many puts may be late; while they are, nothing is put: each has the bytes of a chunk. And so many deletions.
pub(crate) const LATE: usize = 4;

/// The deadline of an operation of the local store, by the store's clock.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    clock: Clock,
    most: Duration,
}

impl Patience {
    pub(crate) fn new(clock: Clock, most: Duration) -> Self {
        Patience { clock, most }
    }

    /// What comes of it, if that comes in time. Else it is dropped.
    pub(crate) async fn of<T>(&self, operation: impl Future<Output = Result<T>>) -> Result<T> {
        match self.wait(operation).await {
            Some(done) => done,
            None => Err(self.overdue()),
        }
    }

    /// The same of what cannot fail. `None`: it takes too long.
    pub(crate) async fn wait<T>(&self, operation: impl Future<Output = T>) -> Option<T> {
        match select(pin!(operation), pin!(self.clock.sleep(self.most))).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(((), _)) => None,
        }
    }

    /// Each item has so much time; a late one is an error, and the last.
    pub(crate) fn stream<'a, T: Send + 'a>(
        &'a self,
        items: BoxStream<'a, Result<T>>,
    ) -> BoxStream<'a, Result<T>> {
        let each = stream::unfold(Some(items), move |items| async move {
            let mut items = items?;
            match self.wait(items.next()).await {
                Some(item) => item.map(|item| (item, Some(items))),
                None => Some((Err(self.overdue()), None)),
            }
        });
        each.boxed()
    }

    pub(crate) fn overdue(&self) -> Error {
        Error::Generic { store: "local", source: Box::new(Overdue(self.most)) }
    }
}

/// Whether an operation took too long.
pub(crate) fn is_overdue(error: &Error) -> bool {
    matches!(error, Error::Generic { source, .. } if source.is::<Overdue>())
}

#[derive(Debug)]
struct Overdue(Duration);

impl fmt::Display for Overdue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer within {:?}", self.0)
    }
}

impl std::error::Error for Overdue {}
