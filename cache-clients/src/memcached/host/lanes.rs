//! More connections to a server, for plain reads: one for each thread whose tasks ask, read by a task of
//! their own runtime, so that no other thread has to be woken.
//!
//! A lane is never needed: where there is none, the first connection takes its reads. Whatever changes
//! something, and each lease, goes over the others (`Kind`), so that the order of changes is theirs.

use super::Open;
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// So long nothing more is tried after a lane that was not to be had: maybe the server takes no more
/// connections.
const PAUSE: Duration = Duration::from_secs(5);

/// The lanes beside the first connection.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    slots: Vec<Slot>,
    not_before: Option<Instant>,
}

#[derive(Debug, Default)]
struct Slot {
    opening: bool,
    open: Option<Open>,
}

impl Lanes {
    pub(super) fn new(lanes: usize) -> Self {
        Lanes { slots: (0..lanes).map(|_| Slot::default()).collect(), not_before: None }
    }

    /// The lane of the n-th thread, which leads to the same run of the server as the first connection.
    pub(super) fn of(&self, thread: usize, first: &Open) -> Option<Open> {
        let open = self.slots.get(self.at(thread)?)?.open.as_ref()?;
        (open.run == first.run && open.link.is_at_hand()).then(|| open.clone())
    }

    /// Whether the caller is to make this thread's lane; [`made`](Lanes::made) must follow.
    pub(super) fn begin(&mut self, thread: usize) -> bool {
        let Some(at) = self.at(thread) else { return false };
        if self.slots[at].opening || self.not_before.is_some_and(|not| Instant::now() < not) {
            return false;
        }
        self.slots[at].opening = true;
        true
    }

    /// It has been made, or not. `first`: another run of the server is none of its lanes' business.
    pub(super) fn made(&mut self, thread: usize, made: Option<Open>, first: Option<&Open>) {
        let Some(at) = self.at(thread) else { return };
        let (same, other): (Vec<_>, Vec<_>) =
            made.into_iter().partition(|made| first.is_some_and(|first| first.run == made.run));
        let before = self.slots[at].open.take();
        before.iter().chain(&other).for_each(|open| open.link.retire());
        let open = same.into_iter().next();
        self.not_before = open.is_none().then(|| Instant::now() + PAUSE);
        self.slots[at] = Slot { opening: false, open };
    }

    pub(super) fn opens(&self) -> impl Iterator<Item = &Open> {
        self.slots.iter().filter_map(|slot| slot.open.as_ref())
    }

    fn at(&self, thread: usize) -> Option<usize> {
        thread.checked_rem(self.slots.len())
    }
}

/// The number of this thread: two that begin to ask one after the other have different lanes.
pub(super) fn this_thread() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! { static NUMBER: Cell<Option<usize>> = const { Cell::new(None) }; }
    NUMBER.with(|number| {
        let known = number.get();
        known.unwrap_or_else(|| {
            let next = THREADS.fetch_add(1, Ordering::Relaxed);
            number.set(Some(next));
            next
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memcached::connection::to_nowhere;
    use crate::memcached::options::MemcachedOptions;
    use std::sync::Arc;

    fn open(run: u16) -> Open {
        Open { link: to_nowhere(&MemcachedOptions::default().settings), run }
    }

    fn is_same(one: Option<Open>, other: &Open) -> bool {
        one.is_some_and(|one| Arc::ptr_eq(&one.link, &other.link))
    }

    #[test]
    fn a_lane_is_made_by_one_and_found_by_all_threads_of_its_slot() {
        let (mut lanes, first, lane) = (Lanes::new(2), open(1), open(1));
        assert!(lanes.begin(3));
        assert!(!lanes.begin(3) && !lanes.begin(1), "somebody is at it");
        assert!(lanes.begin(2), "the other slot is nobody's");
        lanes.made(3, Some(lane.clone()), Some(&first));
        assert!(is_same(lanes.of(1, &first), &lane) && is_same(lanes.of(5, &first), &lane));
        assert!(lanes.of(2, &first).is_none());
        assert_eq!(lanes.opens().count(), 1);
    }

    #[test]
    fn a_lane_to_another_run_of_the_server_than_the_first_connections_is_not_used() {
        let (mut lanes, first, lane) = (Lanes::new(1), open(1), open(1));
        assert!(lanes.begin(0));
        lanes.made(0, Some(lane), Some(&first));
        assert!(lanes.of(0, &open(2)).is_none(), "the first leads to the next run by now");
        assert!(lanes.begin(0), "and a new lane is made");
        let late = open(1);
        lanes.made(0, Some(late.clone()), Some(&open(2)));
        assert!(!late.link.is_at_hand(), "one that was greeted by the run before ends");
        assert_eq!(lanes.opens().count(), 0);
        let late = open(2);
        lanes.made(0, Some(late.clone()), None);
        assert!(!late.link.is_at_hand(), "as does one whose first connection has ended");
    }

    #[test]
    fn a_lane_that_has_ended_or_is_to_end_is_made_again() {
        let (mut lanes, first) = (Lanes::new(1), open(1));
        let (closed, retired, last) = (open(1), open(1), open(1));
        assert!(lanes.begin(0));
        lanes.made(0, Some(closed.clone()), Some(&first));
        closed.link.close(&"cut".into());
        assert!(lanes.of(0, &first).is_none() && lanes.begin(0));
        lanes.made(0, Some(retired.clone()), Some(&first));
        retired.link.retire();
        assert!(lanes.of(0, &first).is_none() && lanes.begin(0));
        lanes.made(0, Some(last.clone()), Some(&first));
        assert!(is_same(lanes.of(0, &first), &last));
    }

    #[test]
    fn a_lane_whose_place_is_taken_ends_when_nobody_waits_for_it() {
        let (mut lanes, first, before) = (Lanes::new(1), open(1), open(1));
        lanes.made(0, Some(before.clone()), Some(&first));
        lanes.made(0, Some(open(1)), Some(&first));
        assert!(!before.link.is_at_hand() && !before.link.is_closed());
    }

    #[test]
    fn after_a_lane_that_was_not_to_be_had_none_is_tried_for_a_while() {
        let (mut lanes, first) = (Lanes::new(2), open(1));
        assert!(lanes.begin(0));
        lanes.made(0, None, Some(&first));
        assert!(!lanes.begin(0) && !lanes.begin(1));
        lanes.not_before = Some(Instant::now());
        assert!(lanes.begin(0));
    }

    #[test]
    fn without_lanes_none_is_made() {
        let mut lanes = Lanes::new(0);
        assert!(!lanes.begin(0) && lanes.of(0, &open(1)).is_none());
    }
}
