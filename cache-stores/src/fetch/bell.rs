//! When the bytes of an answer are taken, and when readers are told of them: networks bring bytes in small pieces, and
//! each of them costs changes of threads.

use super::run::Body;
use bytes::Bytes;
use futures::StreamExt;
use object_store::Result;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// So long bytes may lie after the first ones: here, until readers are told of them, and in the network's buffers.
const LATE: Duration = Duration::from_millis(1);

/// After so many bytes an answer is a long one: what it lies in the network does not make it noticeably longer.
const LONG: usize = 1 << 20;

/// Who brings less between two waits brings small pieces; a fast network, whose buffers could fill, brings more.
const FEW: usize = 64 << 10;

/// Of one answer.
#[derive(Debug, Default)]
pub(super) struct Bell {
    heard: Heard,
    /// Made when it is needed first.
    alarm: Option<Pin<Box<Sleep>>>,
    is_armed: bool,
    /// Nothing is taken before the alarm.
    rests: bool,
    come: usize,
    /// What came since it had to be waited for.
    since: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Heard {
    #[default]
    Nothing,
    First,
    More,
}

impl Bell {
    /// The next bytes of an answer. Of what came before is told if they have to be waited for: at once of the first
    /// bytes, and of others a little later. Of a long answer that comes in small pieces, the next are let lie that
    /// long as well, and come in one: the connection reads nothing while it is not asked.
    pub(super) async fn next(&mut self, body: &mut Body, tell: impl Fn()) -> Option<Result<Bytes>> {
        let next = poll_fn(|context| {
            if self.rests && self.is_early(context) {
                return Poll::Pending;
            }
            self.rests = false;
            let polled = body.poll_next_unpin(context);
            if polled.is_pending() && self.is_time(context) {
                tell();
            }
            polled
        })
        .await;
        let length = next.as_ref().map_or(0, |next| next.as_ref().map_or(0, Bytes::len));
        self.come = self.come.saturating_add(length);
        self.since += length;
        if self.heard == Heard::Nothing {
            self.heard = Heard::First;
        }
        next
    }

    /// Whether to tell, now that no more bytes come at once.
    fn is_time(&mut self, context: &mut Context<'_>) -> bool {
        let since = std::mem::take(&mut self.since);
        match self.heard {
            Heard::Nothing => false,
            Heard::First => {
                self.heard = Heard::More;
                true
            }
            Heard::More if self.come >= LONG && (1..FEW).contains(&since) => {
                self.is_armed = false;
                self.rests = self.is_early(context);
                true
            }
            Heard::More => !self.is_early(context),
        }
    }

    /// Whether the alarm is still to come.
    fn is_early(&mut self, context: &mut Context<'_>) -> bool {
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep(LATE)));
        if !std::mem::replace(&mut self.is_armed, true) {
            alarm.as_mut().reset(Instant::now() + LATE);
        }
        self.is_armed = alarm.as_mut().poll(context).is_pending();
        self.is_armed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::channel::mpsc::{self, UnboundedSender};
    use std::cell::Cell;

    fn answer() -> (UnboundedSender<Result<Bytes>>, Body) {
        let (pieces, body) = mpsc::unbounded();
        (pieces, body.boxed())
    }

    #[tokio::test(start_paused = true)]
    async fn of_the_first_bytes_is_told_at_once_and_of_others_soon() {
        let ((pieces, mut body), mut bell, told) = (answer(), Bell::default(), Cell::new(0));
        let send = |text: &'static str| pieces.unbounded_send(Ok(Bytes::from(text))).unwrap();
        let tell = || told.set(told.get() + 1);
        send("a");
        bell.next(&mut body, tell).await.unwrap().unwrap();
        assert_eq!(told.get(), 0);
        for (waits, times) in
            [(Duration::ZERO, 1), (Duration::ZERO, 1), (3 * LATE, 2), (9 * LATE, 3)]
        {
            let waited = tokio::time::timeout(waits, bell.next(&mut body, tell)).await;
            assert!(waited.is_err() && told.get() == times, "{waits:?}: {}", told.get());
            send("b");
            bell.next(&mut body, tell).await.unwrap().unwrap();
            assert_eq!(told.get(), times, "what is there is taken before");
        }
    }

    /// How long a small piece lies that comes while the last ones are waited for, and how often was told by then.
    async fn lies(before: &[usize]) -> (Duration, usize) {
        let ((pieces, mut body), mut bell, told) = (answer(), Bell::default(), Cell::new(0));
        let send = |length| pieces.unbounded_send(Ok(Bytes::from(vec![0; length]))).unwrap();
        let tell = || told.set(told.get() + 1);
        for length in before {
            let waited = tokio::time::timeout(Duration::ZERO, bell.next(&mut body, tell)).await;
            assert!(waited.is_err());
            tokio::time::advance(9 * LATE).await;
            send(*length);
            assert_eq!(bell.next(&mut body, tell).await.unwrap().unwrap().len(), *length);
        }
        let waited = tokio::time::timeout(Duration::ZERO, bell.next(&mut body, tell)).await;
        assert!(waited.is_err());
        let (times, began) = (told.get(), Instant::now());
        send(1);
        bell.next(&mut body, tell).await.unwrap().unwrap();
        (began.elapsed(), times)
    }

    #[tokio::test(start_paused = true)]
    async fn small_pieces_of_a_long_answer_are_let_lie_and_told_of_at_once() {
        assert_eq!(lies(&[LONG, FEW - 1]).await, (LATE, 2));
        assert_eq!(lies(&[LONG, FEW]).await.0, Duration::ZERO, "a fast network");
        assert_eq!(lies(&[LONG - FEW, FEW - 1]).await.0, Duration::ZERO, "a short answer");
        assert_eq!(lies(&[LONG]).await.0, Duration::ZERO, "the first bytes");
    }
}
