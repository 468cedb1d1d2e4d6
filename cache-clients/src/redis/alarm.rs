//! Deadlines in any thread: one task on the I/O thread wakes whoever is late, so that a call needs
//! no timer of its own.

use crate::io;
use parking_lot::Mutex;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

/// Between two looks, at least and at most.
const LOOK: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(10));
/// After so many looks in which nobody waited, nobody looks any more.
const LOOKS: u32 = 50;

static ALARMS: Mutex<Alarms> =
    Mutex::new(Alarms { waiting: Vec::new(), free: Vec::new(), used: false, watched: false });

struct Alarms {
    waiting: Vec<Option<Alarm>>,
    free: Vec<usize>,
    /// Somebody waited since the last look.
    used: bool,
    watched: bool,
}

struct Alarm {
    deadline: Instant,
    /// None while he is being woken.
    waker: Option<Waker>,
}

/// What comes of a future before the deadline. It is polled in the caller's thread, which needs no
/// runtime.
pub(super) async fn limit<T>(deadline: Instant, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut place = Place(None);
    poll_fn(move |context| {
        if let Poll::Ready(result) = future.as_mut().poll(context) {
            return Poll::Ready(Some(result));
        }
        // The clock only counts for who has been waiting: the first look comes soon enough.
        if place.0.is_some() && Instant::now() >= deadline {
            return Poll::Ready(None);
        }
        place.wait(deadline, context.waker());
        Poll::Pending
    })
    .await
}

/// A place among those who wait, given back by drop.
struct Place(Option<usize>);

impl Place {
    fn wait(&mut self, deadline: Instant, waker: &Waker) {
        let mut alarms = ALARMS.lock();
        if let Some(index) = self.0 {
            if let Some(alarm) = &mut alarms.waiting[index] {
                match &mut alarm.waker {
                    Some(known) => known.clone_from(waker),
                    none => *none = Some(waker.clone()),
                }
            }
            return;
        }
        let alarm = Some(Alarm { deadline, waker: Some(waker.clone()) });
        let index = match alarms.free.pop() {
            Some(index) => {
                alarms.waiting[index] = alarm;
                index
            }
            None => {
                alarms.waiting.push(alarm);
                alarms.waiting.len() - 1
            }
        };
        self.0 = Some(index);
        alarms.used = true;
        if !std::mem::replace(&mut alarms.watched, true) {
            drop(alarms);
            io::handle().spawn(watch());
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(index) = self.0 else { return };
        let mut alarms = ALARMS.lock();
        let alarm = alarms.waiting[index].take();
        alarms.free.push(index);
        drop(alarms);
        // A waker is foreign code: not under the lock.
        drop(alarm);
    }
}

async fn watch() {
    let ends = Ends;
    let mut idle = 0;
    while idle < LOOKS {
        let (pause, used) = look();
        idle = if used { 0 } else { idle + 1 };
        tokio::time::sleep(pause).await;
    }
    drop(ends);
}

/// Wakes who is late; says when to look again, and whether anybody waited.
fn look() -> (Duration, bool) {
    let now = Instant::now();
    let (mut late, mut pause, mut anybody) = (Vec::new(), LOOK.1, false);
    let mut alarms = ALARMS.lock();
    for alarm in alarms.waiting.iter_mut().flatten() {
        anybody = true;
        let left = alarm.deadline.saturating_duration_since(now);
        pause = pause.min(left.max(LOOK.0));
        if left.is_zero() {
            late.extend(alarm.waker.take());
        }
    }
    let used = std::mem::take(&mut alarms.used) || anybody;
    if !anybody {
        // What a moment of many calls left behind.
        alarms.waiting.clear();
        alarms.free.clear();
    }
    drop(alarms);
    late.into_iter().for_each(Waker::wake);
    (pause, used)
}

/// The end of the watch, also by a panic in somebody's waker. Who came last starts the next.
struct Ends;

impl Drop for Ends {
    fn drop(&mut self) {
        let mut alarms = ALARMS.lock();
        alarms.watched = alarms.waiting.iter().any(Option::is_some);
        if alarms.watched {
            drop(alarms);
            io::handle().spawn(watch());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cache_core::wait;
    use std::future::{pending, ready};

    #[test]
    fn what_is_ready_is_not_late() {
        let long_ago = Instant::now();
        assert_eq!(wait(limit(long_ago, ready(7))), Some(7));
    }

    #[test]
    fn who_waits_in_any_thread_is_woken_at_his_deadline() {
        let threads = [20, 5, 40].map(|millis| {
            std::thread::spawn(move || {
                let deadline = Instant::now() + Duration::from_millis(millis);
                assert_eq!(wait(limit(deadline, pending::<()>())), None);
                Instant::now() >= deadline
            })
        });
        assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
    }

    #[test]
    fn a_watch_that_ended_is_started_again() {
        for _ in 0..2 {
            let deadline = Instant::now() + Duration::from_millis(3);
            assert_eq!(wait(limit(deadline, pending::<()>())), None);
            let end = Instant::now() + Duration::from_secs(60);
            while ALARMS.lock().watched && Instant::now() < end {
                std::thread::yield_now();
            }
        }
    }
}
