//! Nothing that was learned before a change is kept after it.

use super::{add, index, object, renew};
use crate::index::{Admitted, Index};
use crate::object::{CopyId, Standing};
use crate::policy::Policy;
use object_store::path::Path;

fn standing(index: &Index) -> Option<Standing> {
    index.look(&Path::from("a")).map(|found| found.standing)
}

#[test]
fn what_was_asked_before_a_forget_is_not_kept() {
    let (index, _time) = index(Policy::default());
    let path = Path::from("a");
    let ticket = index.begin(&path);
    index.forget(&path);
    assert_eq!(index.admit(&ticket, &object("a", 1), 10, index.now()), Admitted::Fenced);
    assert!(!renew(&index, &ticket));
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
    let (older, younger) = (index.begin(&path), index.begin(&path));
    assert!(renew(&index, &younger));
    assert_eq!(index.admit(&older, &object("a", 1), 10, index.now()), Admitted::Fenced);
    let (older, younger) = (index.begin(&path), index.begin(&path));
    index.gone(&younger);
    assert_eq!(standing(&index), None);
    assert_eq!(index.admit(&older, &object("a", 1), 10, index.now()), Admitted::Fenced);
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
    assert!(renew(&index, &index.begin(&path)));
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
    assert!(!renew(&index, &during));
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
    assert!(index.intend(copy, 0));
    index.keep(copy, 0, 10);
    for ticket in [before, index.begin(&path)] {
        assert_eq!(index.admit(&ticket, &object("a", 2), 10, index.now()), Admitted::Fenced);
        assert!(!renew(&index, &ticket));
        assert_eq!(index.gone(&ticket), []);
    }
    assert_eq!(standing(&index), Some(Standing::Unsent));
    assert_eq!(index.sent(copy, &object("a", 3)), Some(Vec::new()));
    assert_eq!(standing(&index), Some(Standing::Fresh));
    assert_eq!(index.sent(copy, &object("a", 3)), None);
}

#[test]
fn while_one_of_two_writes_is_in_doubt_the_entry_is_and_then_it_is_as_it_was() {
    let (index, _time) = index(Policy::default());
    let path = Path::from("a");
    add(&index, "a", 1);
    let (one, other) = (index.doubt(&path), index.doubt(&path));
    index.settle_doubt(one);
    assert_eq!(standing(&index), Some(Standing::Doubtful));
    index.settle_doubt(other);
    assert_eq!(standing(&index), Some(Standing::Fresh));
}

#[test]
fn a_write_that_did_not_happen_says_nothing_of_one_beside_it_that_had_no_answer() {
    let (index, _time) = index(Policy::default());
    let path = Path::from("a");
    add(&index, "a", 1);
    let (one, other) = (index.doubt(&path), index.doubt(&path));
    drop(one);
    index.settle_doubt(other);
    assert_eq!(standing(&index), Some(Standing::Doubtful));
}

#[test]
fn a_result_that_is_known_ends_the_doubts_of_before() {
    let (index, _time) = index(Policy::default());
    let path = Path::from("a");
    add(&index, "a", 1);
    // Somebody reads all the while.
    let _reading = index.begin(&path);
    drop(index.doubt(&path));
    let write = index.doubt(&path);
    index.admit(&write, &object("a", 2), 10, index.now());
    assert_eq!(standing(&index), Some(Standing::Fresh));
    index.settle_doubt(index.doubt(&path));
    assert_eq!(standing(&index), Some(Standing::Fresh));
}

#[test]
fn what_was_read_during_a_write_without_an_answer_is_not_kept_after_it() {
    let (index, _time) = index(Policy::default());
    let path = Path::from("a");
    let write = index.doubt(&path);
    let during = index.begin(&path);
    drop(write);
    // The write may still happen.
    assert_eq!(index.admit(&during, &object("a", 1), 10, index.now()), Admitted::Fenced);
}

#[test]
fn a_copy_in_chunks_of_another_size_is_another_copy() {
    let (index, _time) = index(Policy::default());
    let (copy, _) = add(&index, "a", 1);
    let ticket = index.begin(&Path::from("a"));
    match index.admit(&ticket, &object("a", 1), 20, index.now()) {
        Admitted::New { copy: another, victims } => {
            assert!(another != copy && victims.len() == 1 && victims[0].copy == copy);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_written_comes_in_unless_something_else_has_happened_to_its_path() {
    let path = Path::from("a");
    let reveal = |meanwhile: &dyn Fn(&Index, CopyId)| {
        let (index, _time) = index(Policy::default());
        let (write, copy) = (index.doubt(&path), index.stage(&path, 10));
        let during = index.begin(&path);
        meanwhile(&index, copy);
        let revealed = index.reveal(&write, copy, &object("a", 2), index.now());
        // It may have been answered before the write, and a later one not.
        assert_eq!(index.admit(&during, &object("a", 1), 10, index.now()), Admitted::Fenced);
        assert_eq!(renew(&index, &index.begin(&path)), revealed != Admitted::Fenced);
        revealed
    };
    assert!(matches!(reveal(&|_, _| ()), Admitted::New { .. }));
    assert_eq!(reveal(&|index, _| drop(index.forget(&path))), Admitted::Fenced);
    assert_eq!(reveal(&|index, copy| drop(index.abandon(copy))), Admitted::Fenced);
    // The remote is no authority any more.
    let waits = |index: &Index, _| {
        let unsent = index.stage(&path, 10);
        index.unsent(unsent, &object("a", 3)).unwrap();
    };
    assert_eq!(reveal(&waits), Admitted::Fenced);
}

#[test]
fn what_is_written_here_while_another_write_waits_is_not_what_the_remote_has() {
    let (index, _time) = index(Policy::default());
    let path = Path::from("a");
    let unsent = index.stage(&path, 10);
    index.unsent(unsent, &object("a", 3)).unwrap();
    let (write, copy) = (index.doubt(&path), index.stage(&path, 10));
    assert_eq!(index.reveal(&write, copy, &object("a", 2), index.now()), Admitted::Fenced);
}

#[test]
fn what_was_asked_while_a_write_waited_is_not_kept_when_it_was_sent() {
    let (index, _time) = index(Policy::default());
    let path = Path::from("a");
    let copy = index.stage(&path, 10);
    let before = index.begin(&path);
    index.unsent(copy, &object("a", 2)).unwrap();
    let during = index.begin(&path);
    index.sent(copy, &object("a", 2)).unwrap();
    for ticket in [&before, &during] {
        assert_eq!(index.admit(ticket, &object("a", 1), 10, index.now()), Admitted::Fenced);
        assert!(index.gone(ticket).is_empty() && index.look(&path).is_some());
    }
}

#[test]
fn what_was_asked_before_an_unsent_write_is_not_kept_though_that_came_to_nothing() {
    let (index, _time) = index(Policy::default());
    let path = Path::from("a");
    let (copy, before) = (index.stage(&path, 10), index.begin(&path));
    index.unsent(copy, &object("a", 2)).unwrap();
    index.abandon(copy);
    assert_eq!(index.admit(&before, &object("a", 1), 10, index.now()), Admitted::Fenced);
}

#[test]
fn what_was_asked_while_a_write_waited_is_not_kept_when_the_copy_goes_as_soon_as_it_was_sent() {
    let (index, _time) = index(Policy::default());
    let path = Path::from("a");
    let copy = index.stage(&path, 10);
    index.unsent(copy, &object("a", 2)).unwrap();
    let during = index.begin(&path);
    index.abandon(copy);
    assert!(!index.serves(&during));
    assert_eq!(index.admit(&during, &object("a", 1), 10, index.now()), Admitted::Fenced);
}

#[test]
fn the_word_about_a_copy_says_nothing_of_another_one_that_an_older_answer_has_brought() {
    let (index, _time) = index(Policy::default());
    let path = Path::from("a");
    let (copy, _) = add(&index, "a", 1);
    let (older, younger) = (index.begin(&path), index.begin(&path));
    let admitted = index.admit(&older, &object("a", 2), 10, index.now());
    assert!(matches!(admitted, Admitted::New { .. }));
    // It was asked whether the first version is there still.
    assert!(!index.renew(&younger, copy));
    index.gone(&younger);
    assert_eq!(standing(&index), None);
}

#[test]
fn after_a_write_without_an_answer_what_is_learned_is_kept_and_doubtful_until_that_cannot_come() {
    let (index, _time) = index(Policy::default());
    let path = Path::from("a");
    add(&index, "a", 1);
    let write = index.doubt(&path);
    let before = index.begin(&path);
    index.linger(&write);
    assert_eq!(index.admit(&before, &object("a", 2), 10, index.now()), Admitted::Fenced);
    let asked = index.begin(&path);
    let admitted = index.admit(&asked, &object("a", 2), 10, index.now());
    assert!(matches!(admitted, Admitted::New { .. }));
    assert_eq!(standing(&index), Some(Standing::Doubtful));
    assert!(renew(&index, &index.begin(&path)));
    assert_eq!(standing(&index), Some(Standing::Doubtful));
    let refused = index.doubt(&path);
    index.settle_doubt(refused);
    assert_eq!(standing(&index), Some(Standing::Doubtful));
    let asked = index.begin(&path);
    drop(write);
    assert!(!renew(&index, &asked), "it was asked before");
    assert!(renew(&index, &index.begin(&path)));
    assert_eq!(standing(&index), Some(Standing::Fresh));
}
