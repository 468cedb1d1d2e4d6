//! The sender: takes from the queue what is next, and brings it to the remote.

use super::back::WriteBack;
use super::deliver::{Sent, deliver, look_after};
use super::load::Loader;
use super::outcome::panicked;
use super::queue::{Attempt, Failure, LATE, Next};
use super::record::Op;
use crate::fetch::own;
use crate::options::KeepWrites;
use crate::runtime;
use crate::store::Inner;
use cache_core::{Clock, Sleep};
use futures::FutureExt;
use futures::future::{Either, select};
use object_store::path::Path;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// So far off a pause may be, in nanoseconds.
const DRIFT: u64 = 1_000_000;

/// Starts sending, until the store is dropped.
pub(super) fn start(inner: &Arc<Inner>, back: &Arc<WriteBack>) {
    runtime::handle().spawn(run(Arc::downgrade(inner), back.clone()));
}

async fn run(inner: Weak<Inner>, back: Arc<WriteBack>) {
    while !back.closed.load(Ordering::Acquire) {
        let now = back.clock.nanos();
        let next = back.queue.lock().next(now);
        match next {
            Next::Send(attempt) => {
                let Some(loader) = inner.upgrade().map(|inner| Loader::new(&inner)) else { return };
                // It ends by itself, whoever drops the store: what the remote was asked for, it may do.
                runtime::handle().spawn(send(inner.clone(), back.clone(), loader, attempt));
            }
            Next::Wait(until) => {
                let pause = pause(&back.clock, until);
                select(Box::pin(back.wake.notified()), Box::pin(pause)).await;
            }
            Next::Idle => back.wake.notified().await,
        }
    }
}

/// Ends at this time.
fn pause(clock: &Clock, until: u64) -> Sleep {
    loop {
        let now = clock.nanos();
        let pause = clock.sleep(Duration::from_nanos(until.saturating_sub(now)));
        // A clock that is moved by hand may have been moved between the two.
        if clock.nanos().saturating_sub(now) < DRIFT {
            return pause;
        }
    }
}

/// As long as this goes on the journal is not given back: nobody else sends anything that this could come behind.
async fn send(inner: Weak<Inner>, back: Arc<WriteBack>, loader: Loader, attempt: Attempt) {
    let sending = AssertUnwindSafe(bring(&back, &loader, &attempt)).catch_unwind();
    let sent = sending.await.unwrap_or_else(|_| {
        // Its own mistake is not mended by an early repetition.
        Err(Failure::Refused(Arc::new(panicked("remote"))))
    });
    let Attempt { path, seq, op, .. } = attempt;
    let turn = back.turn(&path).await;
    let Some(inner) = inner.upgrade() else {
        if let Ok(Some(_)) = sent {
            // If that fails, it is sent again.
            let _ = back.mark(seq).await;
        }
        return;
    };
    let settled = match sent {
        Ok(Some(sent)) => settle(&inner, &back, (&path, seq, &op), sent).await,
        Ok(None) => Ok(()),
        Err(failure) => Err(failure),
    };
    match settled {
        Ok(()) => back.queue.lock().sent(&path, seq),
        Err(failure) => {
            tell(&inner, &path, &failure);
            back.queue.lock().failed(&path, seq, failure, back.clock.nanos());
            inner.stats.remote_errors.add(1);
        }
    }
    drop(turn);
    inner.count_unsent();
    // Who waits for this may drop the store then, and open it anew.
    drop(inner);
    back.changed.send_replace(());
    back.wake.notify_one();
}

/// `None`: the remote has it, but it is not done with: another write follows, or nobody is there to look after it.
async fn bring(
    back: &WriteBack,
    loader: &Loader,
    Attempt { path, seq, op, after_late }: &Attempt,
) -> Result<Option<Sent>, Failure> {
    let sent = deliver(loader, path, op).await?;
    if !after_late {
        return Ok(Some(sent));
    }
    back.queue.lock().arrived(path, *seq);
    back.changed.send_replace(());
    back.wake.notify_one();
    match is_last(back, loader, path, *seq).await {
        true => look_after(loader, path, op, sent).await.map(Some),
        false => Ok(None),
    }
}

/// Whether nothing has followed a write when an earlier one could have come behind it. If the store has gone, it is sent
/// again when the journal is opened.
async fn is_last(back: &WriteBack, loader: &Loader, path: &Path, seq: u64) -> bool {
    let mut changed = back.changed.subscribe();
    let mut pause = loader.clock.sleep(LATE);
    loop {
        changed.mark_unchanged();
        let follows = back.waiting(path).is_none_or(|waiting| waiting.seq != seq);
        if follows || loader.is_left() {
            return false;
        }
        match select(pause, pin!(changed.changed())).await {
            Either::Left(_) => return true,
            Either::Right((_, rest)) => pause = rest,
        }
    }
}

/// First the journal knows that it was sent, then the copy may go: what waits in the journal is never missing, whenever
/// the process is killed. A journal that cannot know it keeps everything as it is, and the write is sent again.
async fn settle(
    inner: &Inner,
    back: &Arc<WriteBack>,
    (path, seq, op): (&Path, u64, &Op),
    sent: Sent,
) -> Result<(), Failure> {
    if back.waiting(path).is_none_or(|waiting| waiting.seq != seq) {
        return Ok(());
    }
    if let Err(error) = back.done(inner, path, seq).await {
        let what =
            format!("the remote has \"{path}\", and the journal does not take that: {error}");
        return Err(Failure::Refused(Arc::new(own(what))));
    }
    release(inner, back, op, sent).await;
    Ok(())
}

/// The copy becomes one as any other.
async fn release(inner: &Inner, back: &WriteBack, op: &Op, sent: Sent) {
    let (Op::Put(unsent), Sent::Put(object)) = (op, sent) else { return };
    if let Some(object) = &object {
        back.readers.tell(unsent.copy, object);
    }
    inner.stats.bytes_written.add(unsent.object.size);
    let victims = match object {
        Some(object) if inner.options.keep_writes == KeepWrites::Always => {
            inner.index.sent(unsent.copy, &object).unwrap_or_default()
        }
        Some(_) | None => inner.index.abandon(unsent.copy),
    };
    inner.remove(victims).await;
}

fn tell(inner: &Inner, path: &Path, failure: &Failure) {
    let error = failure.error();
    #[cfg(feature = "tracing")]
    tracing::warn!(target: "larder", store = &*inner.name, %path, "a write was not sent and waits: {error}");
    #[cfg(not(feature = "tracing"))]
    let _ = (inner, path, error);
}
