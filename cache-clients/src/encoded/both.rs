//! Two futures at once, in the task that waits for them.

use crate::gather::gathering;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Both outputs. The first is polled first, each time; both ask before one waits for an answer.
pub async fn both<A: Future, B: Future>(one: A, other: B) -> (A::Output, B::Output) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second, mut asked) = (None, None, false);
    poll_fn(|context| {
        let mut poll = || {
            if first.is_none()
                && let Poll::Ready(output) = one.as_mut().poll(context)
            {
                first = Some(output);
            }
            if second.is_none()
                && let Poll::Ready(output) = other.as_mut().poll(context)
            {
                second = Some(output);
            }
        };
        if std::mem::replace(&mut asked, true) {
            poll()
        } else {
            gathering(poll)
        }
        match (first.take(), second.take()) {
            (Some(one), Some(other)) => Poll::Ready((one, other)),
            (one, other) => {
                (first, second) = (one, other);
                Poll::Pending
            }
        }
    })
    .await
}
