//! What is rebuilt from what lies in local.

use super::disk::open;
use super::{limits, object, order};
use crate::index::chunks::LARGEST;
use crate::index::{Chunks, Index, Opened, Piece, Victim};
use crate::object::{CopyId, Standing};
use crate::policy::{Fifo, Policy, Ttl};
use cache_core::ManualClock;
use object_store::path::Path;
use std::time::Duration;

/// A chunk of 10 bytes that lies in local.
fn piece(path: &str, copy: u64, chunk: u32, seconds: u64) -> Piece {
    Piece {
        object: object(path, copy),
        copy: CopyId(copy),
        chunk_size: 10,
        fetched: Duration::from_secs(seconds),
        chunk,
        bytes: 10,
    }
}

#[test]
fn what_a_rebuild_finds_goes_by_its_age_in_whatever_order_it_is_found() {
    let time = ManualClock::new();
    let index = Index::in_memory(limits(Ttl("1h")), time.clock());
    let began = index.now().as_secs();
    // More than are looked through one by one.
    for n in 0..1500 {
        assert_eq!(index.add_found(&piece(&format!("p/{n:04}"), n + 1, 0, began - n)), []);
    }
    assert_eq!(index.found_all(), []);
    index.run(|state| state.validate());
    let names = order(&index);
    assert!(names.is_sorted_by(|one, other| one > other), "the oldest was found last");
    time.advance(Duration::from_secs(3600 - 1000));
    assert_eq!(index.expired().len(), 500);
    assert_eq!(order(&index), names[500..]);
}

#[test]
fn a_rebuild_counts_a_chunk_once_and_keeps_none_that_cannot_be() {
    let index = Index::in_memory(limits(Fifo(1)), ManualClock::new().clock());
    for _ in 0..2 {
        assert_eq!(index.add_found(&piece("a", 1, 0, 50)), []);
    }
    assert_eq!((index.totals().chunks, index.totals().bytes), (1, 10));
    for bytes in [LARGEST + 1, 1 << 32] {
        let large = Piece { bytes, ..piece("b", 2, 0, 50) };
        assert_eq!(index.add_found(&large)[0].copy, CopyId(2));
    }
    assert_eq!(index.totals().bytes, 10);
    index.add_found(&piece("c", 3, 0, 40));
    assert_eq!(index.found_all()[0].copy, CopyId(3), "the limits hold again");
}

#[test]
fn a_rebuild_takes_the_youngest_copy_of_each_path_and_believes_none_unasked() {
    let directory = tempfile::tempdir().unwrap();
    let (index, opened) = open(directory.path(), limits(Policy::default()));
    assert_eq!(opened, Opened::New);
    assert_eq!(index.add_found(&piece("b", 2, 1, 50)), []);
    assert_eq!(index.add_found(&piece("a", 1, 0, 60)), []);
    let old = index.add_found(&piece("a", 3, 0, 40));
    assert_eq!(old, [Victim { copy: CopyId(3), chunks: Chunks::from_iter([0]) }]);
    assert_eq!(index.add_found(&piece("b", 2, 0, 50)), []);
    let replaced = index.add_found(&piece("a", 4, 2, 70));
    assert_eq!(replaced, [Victim { copy: CopyId(1), chunks: Chunks::one(0, 10) }]);
    index.removed(&old);
    assert_eq!(index.found_all(), []);
    assert_eq!((order(&index), index.totals().bytes), (vec!["b".to_owned(), "a".into()], 30));
    drop(index);
    let (index, opened) = open(directory.path(), limits(Policy::default()));
    // The copy that was replaced has not been deleted yet.
    let unsure = vec![Victim { copy: CopyId(1), chunks: Chunks::from_iter([0]) }];
    assert_eq!(opened, Opened::Ready { unsure });
    let found = index.look(&Path::from("b")).unwrap();
    assert_eq!((found.standing, found.present.len()), (Standing::Doubtful, 2));
}
