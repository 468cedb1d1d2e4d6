//! Reading by one of the tasks that ask: as long as answers come soon, nobody else need be woken.
//!
//! The task is always ready, so that the others of its thread have their turns between two looks at
//! the socket. Where that is in vain, since the server is far, or wants the same CPU, the I/O thread
//! reads, and a task tries again later and later.

use super::link::Link;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// So long without any answer a task goes on.
const SPIN: Duration = Duration::from_micros(100);

/// A task's reading.
#[derive(Debug)]
pub(super) struct Reading {
    /// What had been received when it was looked at last.
    seen: u64,
    since: Instant,
}

impl Link {
    /// Lets a task read, unless somebody does, or it would be in vain.
    pub(super) fn begin_reading(&self) -> Option<Reading> {
        let mut queue = self.queue.lock();
        let begun = queue.may_read() && !self.reading.swap(true, Ordering::Acquire);
        drop(queue);
        begun.then(|| self.go_on_reading())
    }

    /// The same for one who was appointed.
    pub(super) fn go_on_reading(&self) -> Reading {
        self.by_task.store(true, Ordering::Relaxed);
        Reading { seen: self.received.load(Ordering::Relaxed), since: Instant::now() }
    }

    /// Reads what is there; whether it is worth while to look again soon.
    pub(super) fn read_on(&self, reading: &mut Reading) -> bool {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.try_receive();
        let received = self.received.load(Ordering::Relaxed);
        if received != reading.seen {
            *reading = Reading { seen: received, since: Instant::now() };
            return true;
        }
        std::thread::yield_now();
        reading.since.elapsed() < SPIN
    }

    /// One who has read has his answers: another who waits goes on.
    pub(super) fn pass_reading(&self) {
        let mut queue = self.queue.lock();
        let (next, told) = queue.pass_reading();
        if next.is_none() {
            // Under the lock, as in `read_for`.
            self.reading.store(false, Ordering::Release);
        }
        drop(queue);
        if let Some(next) = next {
            next.wake();
        } else if told {
            self.wanted.notify_one();
        }
    }

    /// Leaves it to the I/O thread.
    pub(super) fn read_in_vain(&self) {
        let mut queue = self.queue.lock();
        let told = queue.read_in_vain();
        self.reading.store(false, Ordering::Release);
        drop(queue);
        if told {
            self.wanted.notify_one();
        }
    }

    /// Lets the I/O thread read if the task that does has not been polled for some time: `looks` was
    /// its count some time ago. Says the count of now.
    pub(super) fn is_read(&self, looks: u64) -> u64 {
        let now = self.looks.load(Ordering::Relaxed);
        let mut queue = self.queue.lock();
        let by_task = self.by_task.load(Ordering::Relaxed) && self.reading.load(Ordering::Acquire);
        let lost = by_task && now == looks;
        let told = lost && !queue.is_idle() && queue.watch_from_now();
        drop(queue);
        if told {
            self.wanted.notify_one();
        }
        now
    }
}
