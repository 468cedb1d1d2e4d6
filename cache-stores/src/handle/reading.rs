//! The reading side: a stream from a position on, and what of it has arrived.

use super::info::Opened;
use super::pump::{self, Batch, Start};
use bytes::{Buf, Bytes};
use object_store::{Error, Result};
use std::collections::VecDeque;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc;

/// What lies so far ahead is read and thrown away rather than asked for anew.
const SKIP: u64 = 1 << 20;

#[derive(Debug)]
pub(super) struct Reading {
    from: mpsc::Receiver<Batch>,
    pieces: VecDeque<Bytes>,
    /// The position of the first byte of the pieces.
    at: u64,
    /// How many bytes there are in the pieces.
    held: u64,
    end: Option<Result<()>>,
    path: String,
}

/// What a step forward has come to.
#[derive(Debug)]
pub(super) enum Step {
    /// The object was opened.
    Opened(Box<Opened>),
    /// There are bytes at the position.
    Bytes,
    /// The object ends before the position, or at it.
    End,
}

impl Reading {
    pub(super) fn begin(start: Start) -> Self {
        let (at, path) = (start.offset, start.path.to_string());
        let pieces = VecDeque::new();
        Reading { from: pump::start(start), pieces, at, held: 0, end: None, path }
    }

    /// Whether a position is best reached by going on.
    pub(super) fn reaches(&self, position: u64) -> bool {
        position >= self.at && position - self.at <= self.held + SKIP
    }

    /// Whether the bytes that are here begin at a position.
    pub(super) fn is_at(&self, position: u64) -> bool {
        self.at == position
    }

    /// Goes on until something can be said of the position.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, position: u64) -> Poll<Result<Step>> {
        loop {
            self.skip_to(position);
            if self.at == position && self.held > 0 {
                return Poll::Ready(Ok(Step::Bytes));
            }
            match self.end.take() {
                Some(Ok(())) => {
                    self.end = Some(Ok(()));
                    return Poll::Ready(Ok(Step::End));
                }
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => {}
            }
            let Some(batch) = ready!(self.from.poll_recv(context)) else {
                let source = format!("the store panicked while `{}` was read", self.path).into();
                return Poll::Ready(Err(Error::Generic { store: "handle", source }));
            };
            self.held += batch.pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
            self.pieces.extend(batch.pieces);
            self.end = batch.end;
            if let Some(opened) = batch.opened {
                return Poll::Ready(Ok(Step::Opened(opened)));
            }
        }
    }

    /// The bytes at the position that was asked for last.
    pub(super) fn bytes(&self) -> &[u8] {
        self.pieces.front().map_or(&[], |piece| piece)
    }

    /// Throws away what lies before a position.
    pub(super) fn skip_to(&mut self, position: u64) {
        while self.at < position
            && let Some(piece) = self.pieces.front_mut()
        {
            let length = piece.len() as u64;
            // No more than the piece is long.
            let step = length.min(position - self.at);
            if step == length {
                self.pieces.pop_front();
            } else {
                piece.advance(step as usize);
            }
            self.at += step;
            self.held -= step;
        }
        while self.pieces.front().is_some_and(Bytes::is_empty) {
            self.pieces.pop_front();
        }
    }
}
