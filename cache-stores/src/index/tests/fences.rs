//! Nothing that was learned before a change is kept after it.

use super::{add, index, object};
use crate::index::Admitted;
use crate::object::Standing;
use crate::policy::Policy;
use object_store::path::Path;

fn standing(index: &crate::index::Index) -> Option<Standing> {
    index.look(&Path::from("a")).map(|found| found.standing)
}

#[test]
fn what_was_asked_before_a_forget_is_not_kept() {
    let (index, _time) = index(Policy::default());
    let path = Path::from("a");
    let ticket = index.begin(&path);
    index.forget(&path);
    assert_eq!(index.admit(&ticket, &object("a", 1), 10, index.now()), Admitted::Fenced);
    assert!(!index.renew(&ticket));
    let later = index.begin(&path);
    let admitted = index.admit(&later, &object("a", 1), 10, index.now());
    assert!(matches!(admitted, Admitted::New { .. }));
}

#[test]
fn an_older_answer_does_not_replace_a_younger_one() {
    let (index, _time) = index(Policy::default());
    let path = Path::from("a");
    let (older, younger) = (index.begin(&path), index.begin(&path));
    index.admit(&younger, &object("a", 2), 10, index.now());
    assert_eq!(index.admit(&older, &object("a", 1), 10, index.now()), Admitted::Fenced);
    assert_eq!(index.look(&path).unwrap().object, object("a", 2));
}

#[test]
fn the_same_version_renews_its_copy() {
    let (index, time) = index(crate::policy::Ttl("60s"));
    let (copy, _) = add(&index, "a", 1);
    time.advance(std::time::Duration::from_secs(60));
    assert_eq!(standing(&index), Some(Standing::Due));
    let ticket = index.begin(&Path::from("a"));
    let admitted = index.admit(&ticket, &object("a", 1), 10, index.now());
    assert_eq!(admitted, Admitted::Same { copy });
    assert_eq!(standing(&index), Some(Standing::Fresh));
    assert_eq!(index.look(&Path::from("a")).unwrap().present.len(), 3);
}

#[test]
fn f6_a_write_that_did_not_happen_leaves_the_entry_as_it_was() {
    let (index, _time) = index(Policy::default());
    let (copy, _) = add(&index, "a", 1);
    let write = index.doubt(&Path::from("a"));
    assert_eq!(standing(&index), Some(Standing::Doubtful));
    index.settle_doubt(write);
    let found = index.look(&Path::from("a")).unwrap();
    assert_eq!((found.copy, found.standing, found.present.len()), (copy, Standing::Fresh, 3));
}

#[test]
fn a_write_without_an_answer_leaves_the_doubt_until_the_remote_was_asked() {
    let (index, _time) = index(Policy::default());
    add(&index, "a", 1);
    let path = Path::from("a");
    drop(index.doubt(&path));
    assert_eq!(standing(&index), Some(Standing::Doubtful));
    // Another write that certainly did not happen says nothing of the first.
    index.settle_doubt(index.doubt(&path));
    assert_eq!(standing(&index), Some(Standing::Doubtful));
    assert!(index.renew(&index.begin(&path)));
    assert_eq!(standing(&index), Some(Standing::Fresh));
}

#[test]
fn what_is_read_while_a_write_is_in_doubt_is_not_kept() {
    let (index, _time) = index(Policy::default());
    let path = Path::from("a");
    let before = index.begin(&path);
    let write = index.doubt(&path);
    let during = index.begin(&path);
    for ticket in [&before, &during] {
        assert_eq!(index.admit(ticket, &object("a", 1), 10, index.now()), Admitted::Fenced);
    }
    let admitted = index.admit(&write, &object("a", 2), 10, index.now());
    assert!(matches!(admitted, Admitted::New { .. }));
    // It may have been answered before the write.
    assert!(!index.renew(&during));
    assert_eq!(standing(&index), Some(Standing::Fresh));
}

#[test]
fn of_two_writes_at_a_time_neither_is_believed() {
    let (index, _time) = index(Policy::default());
    let path = Path::from("a");
    add(&index, "a", 1);
    let (one, other) = (index.doubt(&path), index.doubt(&path));
    assert_eq!(index.admit(&one, &object("a", 2), 10, index.now()), Admitted::Fenced);
    assert_eq!(index.admit(&other, &object("a", 3), 10, index.now()), Admitted::Fenced);
    drop((one, other));
    assert_eq!(standing(&index), Some(Standing::Doubtful));
}

#[test]
fn one_of_two_writes_that_did_not_happen_leaves_the_other_its_result() {
    let (index, _time) = index(Policy::default());
    let path = Path::from("a");
    let (one, other) = (index.doubt(&path), index.doubt(&path));
    index.settle_doubt(one);
    let admitted = index.admit(&other, &object("a", 3), 10, index.now());
    assert!(matches!(admitted, Admitted::New { .. }));
}

#[test]
fn what_waits_for_the_remote_is_not_replaced_by_what_the_remote_says() {
    let (index, _time) = index(Policy::default());
    let path = Path::from("a");
    let copy = index.stage(&path, 10);
    assert_eq!(standing(&index), None);
    let before = index.begin(&path);
    index.unsent(copy, &object("a", 1)).unwrap();
    assert_eq!(standing(&index), Some(Standing::Unsent));
    for ticket in [before, index.begin(&path)] {
        assert_eq!(index.admit(&ticket, &object("a", 2), 10, index.now()), Admitted::Fenced);
        assert!(!index.renew(&ticket));
    }
    assert_eq!(index.sent(copy, &object("a", 3)), Some(Vec::new()));
    assert_eq!(standing(&index), Some(Standing::Fresh));
    assert_eq!(index.sent(copy, &object("a", 3)), None);
}
