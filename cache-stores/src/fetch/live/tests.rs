//! What users own is dropped and called outside of the lock: wakers of their tasks, memory of their remote.

use super::*;
use object_store::Attributes;
use object_store::path::Path;
use std::pin::pin;
use std::sync::Weak;
use std::task::{Context, Wake};

const CHUNK: u32 = 10;

/// A user's memory and a user's waker. Whoever drops or wakes it is looked at: is the lock free then?
struct Theirs {
    live: Weak<Live>,
    seen: Arc<Mutex<Vec<bool>>>,
}

impl Theirs {
    fn look(&self) {
        let is_free = self.live.upgrade().is_some_and(|live| live.state.try_lock().is_some());
        self.seen.lock().push(is_free);
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        self.look();
    }
}

impl Wake for Theirs {
    fn wake(self: Arc<Self>) {
        self.look();
    }
}

impl AsRef<[u8]> for Theirs {
    fn as_ref(&self) -> &[u8] {
        &[7; CHUNK as usize]
    }
}

struct World {
    live: Arc<Live>,
    seen: Arc<Mutex<Vec<bool>>>,
}

impl World {
    fn new(chunks: u32) -> Self {
        let object = Object {
            path: Path::from("a"),
            size: u64::from(chunks * CHUNK),
            e_tag: None,
            version: None,
            modified: chrono::DateTime::UNIX_EPOCH,
            attributes: Attributes::new(),
        };
        let (copy, fetched) = (Some(CopyId(1)), Duration::ZERO);
        let version = Version { object, copy, chunk_size: CHUNK, fetched, is_unsent: false };
        World { live: Live::new(Arc::new(version)), seen: Arc::default() }
    }

    fn theirs(&self) -> Theirs {
        Theirs { live: Arc::downgrade(&self.live), seen: self.seen.clone() }
    }

    fn run(&self, chunks: Range<u32>) -> RunId {
        match self.live.begin(chunks.start, chunks.end, |_| false) {
            Begin::Run(id, _) => id,
            Begin::There => panic!("no run was begun"),
        }
    }

    /// Fills a chunk, which lies in local then.
    fn lay(&self, run: RunId, spares: &Spares) {
        let mut bytes = Bytes::from_owner(self.theirs());
        let full = self.live.push(run, &mut bytes).expect("it is full");
        let chunk = full.chunk;
        drop((full, bytes));
        assert_eq!(self.seen.lock().len(), 0, "it is held");
        self.live.written(chunk, true, spares);
    }

    /// What was seen since this was asked last.
    fn seen(&self) -> Vec<bool> {
        std::mem::take(&mut *self.seen.lock())
    }
}

#[test]
fn memory_is_freed_outside_of_the_lock() {
    let (world, spares) = (World::new(4), Spares::default());
    let run = world.run(0..4);
    world.lay(run, &spares);
    assert_eq!(world.seen(), [true], "nobody reads what lies in local");
    let seat = Seat::new(world.live.clone(), 1..4);
    world.lay(run, &spares);
    assert!(world.seen().is_empty(), "he comes soon");
    let waker = Waker::noop();
    let mut context = Context::from_waker(waker);
    assert!(pin!(seat.take(u64::from(2 * CHUNK))).poll(&mut context).is_pending());
    assert_eq!(world.seen(), [true], "he has passed");
    world.lay(run, &spares);
    assert!(world.seen().is_empty(), "he comes soon");
    drop(seat);
    assert_eq!(world.seen(), [true], "he has left");
}

#[test]
fn wakers_are_dropped_and_woken_outside_of_the_lock() {
    let world = World::new(2);
    let run = world.run(0..2);
    let seat = Seat::new(world.live.clone(), 0..2);
    let wait = || {
        let waker = Waker::from(Arc::new(world.theirs()));
        let mut context = Context::from_waker(&waker);
        assert!(pin!(seat.take(0)).poll(&mut context).is_pending());
    };
    wait();
    assert!(world.seen().is_empty());
    wait();
    assert_eq!(world.seen(), [true], "another waker has taken its place");
    assert!(world.live.push(run, &mut Bytes::from_static(&[7])).is_none());
    world.live.tell(run);
    // Woken, and dropped.
    assert_eq!(world.seen(), [true, true]);
    let seat = Seat::new(world.live.clone(), 0..2);
    let waker = Waker::from(Arc::new(world.theirs()));
    assert!(pin!(seat.take(5)).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    world.live.end(run, None);
    assert_eq!(world.seen(), [true, true], "the run has ended");
    let run = world.run(0..2);
    let waker = Waker::from(Arc::new(world.theirs()));
    assert!(pin!(seat.take(0)).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    drop(seat);
    assert_eq!(world.seen(), [true], "who waited has left");
    world.live.end(run, None);
}
