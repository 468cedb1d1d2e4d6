//! Writes to the far tier that nobody waits for: bounded, and what happens beyond the bound.

use cache_core::in_background;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};

/// Writes under way at a time.
const BOUND: usize = 1024;

/// What to do with a background write when 1024 are under way already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// The caller waits for his own write, as if there were no background.
    #[default]
    Wait,
    /// Nobody waits: the oldest write is given up, and counted. Whether it has reached the far tier
    /// cannot be told; its lease ends by itself.
    DropOldest,
}

/// The writes of one tiered client.
#[derive(Debug, Default)]
pub(super) struct Background {
    under_way: Mutex<VecDeque<Arc<Ticket>>>,
    dropped: AtomicU64,
}

/// One write under way.
#[derive(Debug, Default)]
struct Ticket(Mutex<Standing>);

#[derive(Debug, Default)]
struct Standing {
    given_up: bool,
    waker: Option<Waker>,
}

impl Background {
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// A place for one more write, which is then to be [run](Place::run). `None`: there is none.
    pub(super) fn place(self: &Arc<Self>, overflow: Overflow) -> Option<Place> {
        let ticket = Arc::new(Ticket::default());
        let oldest = {
            let mut under_way = self.under_way.lock();
            let full = under_way.len() >= BOUND;
            if full && overflow == Overflow::Wait {
                return None;
            }
            let oldest = if full { under_way.pop_front() } else { None };
            under_way.push_back(ticket.clone());
            oldest
        };
        if let Some(oldest) = oldest {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            oldest.give_up();
        }
        Some(Place { background: self.clone(), ticket })
    }
}

impl super::Options {
    /// A place for one write, where writes go on in the background and there is room.
    pub(super) fn background_place(&self) -> Option<Place> {
        self.writing.place(self.background?)
    }
}

impl Ticket {
    fn give_up(&self) {
        let waker = {
            let mut standing = self.0.lock();
            standing.given_up = true;
            standing.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn is_given_up(&self, waker: &Waker) -> bool {
        let mut standing = self.0.lock();
        let before = standing.waker.replace(waker.clone());
        let given_up = standing.given_up;
        drop(standing);
        drop(before);
        given_up
    }
}

/// Leaves when it is dropped, also when the write panics.
pub(super) struct Place {
    background: Arc<Background>,
    ticket: Arc<Ticket>,
}

impl Place {
    pub(super) fn run(self, write: impl Future<Output = ()> + Send + 'static) {
        in_background(async move {
            let mut write = pin!(write);
            poll_fn(|cx| match self.ticket.is_given_up(cx.waker()) {
                true => Poll::Ready(()),
                false => write.as_mut().poll(cx),
            })
            .await;
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.background.under_way.lock().retain(|one| !Arc::ptr_eq(one, &self.ticket));
    }
}
