//! One version of an object while it is read: what is known of it, and what is being fetched.

use super::failure::Failure;
use super::spare::Spares;
use super::state::{Begin, Full, RunId, SeatId, State, Take, Turn, Wakers};
use crate::layout::Cut;
use crate::local::CopyOf;
use crate::object::{CopyId, Object};
use crate::options::Unread;
use bytes::Bytes;
use parking_lot::Mutex;
use std::future::poll_fn;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// A version of an object, as all of its readers see it.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) object: Object,
    /// `None`: it is not kept.
    pub(crate) copy: Option<CopyId>,
    pub(crate) chunk_size: u32,
    /// When the remote told of it, since 1970.
    pub(crate) fetched: Duration,
    /// It was written here and waits for the remote, which has something else.
    pub(crate) is_unsent: bool,
}

impl Version {
    pub(crate) fn cut(&self) -> Cut {
        Cut::new(self.object.size, self.chunk_size)
    }

    /// `None`: it is not kept.
    pub(crate) fn kept(&self) -> Option<CopyOf<'_>> {
        let Version { object, chunk_size, fetched, .. } = self;
        self.copy.map(|copy| CopyOf { copy, object, chunk_size: *chunk_size, fetched: *fetched })
    }
}

/// A version of which something is being fetched.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) version: Arc<Version>,
    state: Mutex<State<Failure>>,
}

impl Live {
    pub(crate) fn new(version: Arc<Version>) -> Arc<Self> {
        let state = State::new(version.cut()).into();
        Arc::new(Live { version, state })
    }

    /// See [`State::begin`]. `present` is asked under the lock: what is neither fetched nor held then lies in local,
    /// or it is missing.
    pub(crate) fn begin(&self, chunk: u32, end: u32, present: impl Fn(u32) -> bool) -> Begin {
        self.state.lock().begin(chunk, end, present)
    }

    pub(crate) fn push(&self, run: RunId, bytes: &mut Bytes) -> Option<Full> {
        let (full, wakers) = self.state.lock().push(run, bytes);
        wake(wakers);
        full
    }

    /// See [`State::tell`].
    pub(crate) fn tell(&self, run: RunId) {
        let wakers = self.state.lock().tell(run);
        wake(wakers);
    }

    pub(crate) fn written(&self, chunk: u32, kept: bool, spares: &Spares) {
        let gone = self.state.lock().written(chunk, kept, |bytes| spares.take(bytes));
        drop(gone);
    }

    pub(crate) fn turn(&self, run: RunId, unread: Unread, present: impl Fn(u32) -> bool) -> Turn {
        let (turn, wakers) = self.state.lock().turn(run, unread, present);
        wake(wakers);
        turn
    }

    pub(crate) fn end(&self, run: RunId, failure: Option<&Failure>) {
        let wakers = self.state.lock().end(run, failure);
        wake(wakers);
    }

    /// See [`State::promise`].
    pub(crate) fn promise(&self, chunk: u32) -> u32 {
        self.state.lock().promise(chunk)
    }

    /// Local does not take what is fetched: a run would be for nothing.
    pub(crate) fn is_broken(&self) -> bool {
        self.version.copy.is_none() || self.state.lock().is_broken()
    }

    /// See [`State::held_of`]. What is not among them and has been fetched lies in local already.
    pub(crate) fn held_of(&self, chunks: &Range<u32>) -> Vec<u32> {
        self.state.lock().held_of(chunks)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.state.lock().is_running()
    }
}

fn wake(wakers: Wakers) {
    wakers.into_iter().for_each(Waker::wake);
}

/// A reader's place at a live version; he leaves it by dropping it.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) live: Arc<Live>,
    /// What he wanted when he sat down.
    pub(crate) wanted: Range<u32>,
    id: SeatId,
}

impl Seat {
    pub(crate) fn new(live: Arc<Live>, wants: Range<u32>) -> Self {
        let id = live.state.lock().sit(wants.clone());
        Seat { live, wanted: wants, id }
    }

    /// The bytes from `at` on, when they have come. `Ok(None)`: no run brings them.
    pub(crate) async fn take(&self, at: u64) -> Result<Option<Bytes>, Failure> {
        poll_fn(|context| {
            let (taken, gone) = self.live.state.lock().take(self.id, at, context.waker());
            drop(gone);
            match taken {
                Take::Piece(piece) => Poll::Ready(Ok(Some(piece))),
                Take::Elsewhere => Poll::Ready(Ok(None)),
                Take::Failed(failure) => Poll::Ready(Err(failure)),
                Take::Wait => Poll::Pending,
            }
        })
        .await
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let gone = self.live.state.lock().leave(self.id);
        drop(gone);
    }
}

#[cfg(test)]
mod tests;
