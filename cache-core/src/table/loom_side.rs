//! Tags beside entries under loom: what was captured before an invalidation is never served after it,
//! and of those who find a softly invalidated value one computes.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p cache-core --release --lib loom_side`.

use super::lock::{Bias, Lock};
use super::side::Side;
use crate::tags::{Invalidation, Tag, TagCell, Tags};
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;
use std::sync::Arc;

fn model(f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(3));
    builder.check(f);
}

const HASH: u64 = 7;

/// A shard of one entry: its value, and its tags beside it.
type Shard = Lock<(Option<u32>, Side)>;

fn captured(cell: &Arc<TagCell>) -> Tags {
    Tags::of(vec![Tag { cell: cell.clone(), seen: cell.version() }])
}

fn store(shard: &Shard, value: u32, tags: Tags) {
    let done = shard.write(|(stored, side)| {
        *stored = Some(value);
        side.put(HASH, tags);
    });
    assert!(done.is_some());
}

fn served(shard: &Shard) -> Option<u32> {
    let served = shard.read(|(stored, side)| stored.filter(|_| side.allows(HASH, 0)));
    served.expect("this thread holds nothing")
}

#[test]
fn what_was_captured_before_an_invalidation_is_not_served_after_it() {
    model(|| {
        let cell = Arc::new(TagCell::local("team"));
        let shard: Arc<Shard> = Arc::new(Lock::new((None, Side::new()), Bias::Readers));
        let truth = Arc::new(AtomicU32::new(0));
        let filler = {
            let (cell, shard, truth) = (cell.clone(), shard.clone(), truth.clone());
            thread::spawn(move || {
                let tags = captured(&cell);
                store(&shard, truth.load(Ordering::Relaxed), tags);
            })
        };
        truth.store(1, Ordering::Relaxed);
        cell.invalidate_local(Invalidation::Hard);
        assert_ne!(served(&shard), Some(0));
        filler.join().unwrap();
        assert_ne!(served(&shard), Some(0));
    });
}

#[test]
fn a_newer_entry_takes_over_with_its_tags() {
    model(|| {
        let cell = Arc::new(TagCell::local("team"));
        let shard: Arc<Shard> = Arc::new(Lock::new((None, Side::new()), Bias::Readers));
        store(&shard, 0, captured(&cell));
        cell.invalidate_local(Invalidation::Hard);
        let filler = {
            let (cell, shard) = (cell.clone(), shard.clone());
            thread::spawn(move || store(&shard, 1, captured(&cell)))
        };
        assert!(matches!(served(&shard), None | Some(1)));
        filler.join().unwrap();
        assert_eq!(served(&shard), Some(1));
    });
}

#[test]
fn one_of_two_computes_what_was_softly_invalidated() {
    model(|| {
        let cell = Arc::new(TagCell::local("team"));
        let shard: Arc<Shard> = Arc::new(Lock::new((None, Side::new()), Bias::Readers));
        store(&shard, 0, captured(&cell));
        cell.invalidate_local(Invalidation::Soft);
        let hold = |shard: &Shard| shard.read(|(_, side)| side.hold(HASH, 0, 10)) == Some(true);
        let other = {
            let shard = shard.clone();
            thread::spawn(move || hold(&shard))
        };
        let own = hold(&shard);
        assert_ne!(own, other.join().unwrap(), "one of them, and not both");
        assert_eq!(served(&shard), Some(0), "served meanwhile");
    });
}
