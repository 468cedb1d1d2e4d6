//! When readers are told of bytes that have come: each time costs them a change of threads, and networks bring bytes in
//! small pieces.

use super::run::Body;
use bytes::Bytes;
use futures::StreamExt;
use object_store::Result;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// So long bytes may lie here after the first ones, if no more come at once.
const LATE: Duration = Duration::from_millis(1);

/// Of one answer.
#[derive(Debug, Default)]
pub(super) struct Bell {
    heard: Heard,
    /// Made when it is needed first.
    alarm: Option<Pin<Box<Sleep>>>,
    is_armed: bool,
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
    /// bytes, and of others a little later.
    pub(super) async fn next(&mut self, body: &mut Body, tell: impl Fn()) -> Option<Result<Bytes>> {
        let next = poll_fn(|context| {
            let polled = body.poll_next_unpin(context);
            if polled.is_pending() && self.is_time(context) {
                tell();
            }
            polled
        })
        .await;
        if self.heard == Heard::Nothing {
            self.heard = Heard::First;
        }
        next
    }

    fn is_time(&mut self, context: &mut Context<'_>) -> bool {
        match self.heard {
            Heard::Nothing => return false,
            Heard::First => {
                self.heard = Heard::More;
                return true;
            }
            Heard::More => {}
        }
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep(LATE)));
        if !std::mem::replace(&mut self.is_armed, true) {
            alarm.as_mut().reset(Instant::now() + LATE);
        }
        let is_time = alarm.as_mut().poll(context).is_ready();
        self.is_armed = !is_time;
        is_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::channel::mpsc;
    use std::cell::Cell;

    #[tokio::test(start_paused = true)]
    async fn of_the_first_bytes_is_told_at_once_and_of_others_soon() {
        let (pieces, body) = mpsc::unbounded();
        let (mut body, mut bell, told): (Body, _, _) =
            (body.boxed(), Bell::default(), Cell::new(0));
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
}
