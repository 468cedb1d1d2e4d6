//! A tag's cell under loom: of two invalidations the later never hides the earlier from who came between them.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p cache-core --release --lib loom_cell`.

use super::{Invalidation, TagCell, epoch};
use loom::thread;
use std::sync::Arc;

#[test]
fn who_comes_between_two_invalidations_learns_of_the_first() {
    loom::model(|| {
        let cell = Arc::new(TagCell::local("team"));
        let seen = cell.version();
        cell.invalidate_local(Invalidation::Hard);
        let called = epoch();
        let later = {
            let cell = cell.clone();
            thread::spawn(move || {
                cell.invalidate_local(Invalidation::Hard);
                cell.invalidate_local(Invalidation::Hard);
            })
        };
        assert!(cell.was_invalidated_by(seen, called));
        later.join().unwrap();
        assert!(cell.was_invalidated_by(seen, called));
    });
}

#[test]
fn who_comes_when_an_invalidation_is_over_learns_of_it() {
    loom::model(|| {
        let cell = Arc::new(TagCell::local("team"));
        let (seen, over) = (cell.version(), Arc::new(loom::sync::atomic::AtomicBool::new(false)));
        let other = {
            let (cell, over) = (cell.clone(), over.clone());
            thread::spawn(move || {
                cell.invalidate_local(Invalidation::Hard);
                over.store(true, loom::sync::atomic::Ordering::Release);
                cell.invalidate_local(Invalidation::Hard);
            })
        };
        if over.load(loom::sync::atomic::Ordering::Acquire) {
            let called = epoch();
            assert!(cell.was_invalidated_by(seen, called));
        }
        other.join().unwrap();
    });
}
