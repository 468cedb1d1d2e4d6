//! The index as its callers see it.

mod crash;
mod disk;
mod fences;
mod model;
mod naive;
mod rebuild;

use super::*;
use crate::object::{CopyId, Object, Standing};
use crate::policy::{Count, Fifo, Lru, Policy, Size, Ttl};
use cache_core::ManualClock;
use object_store::Attributes;
use object_store::path::Path;

pub(super) fn limits(policy: impl Into<Policy>) -> Limits {
    Limits::new(&policy.into(), None)
}

pub(super) fn object(path: &str, version: u64) -> Object {
    Object {
        path: Path::from(path),
        size: 30,
        e_tag: Some(format!("\"{version}\"")),
        version: None,
        modified: chrono::DateTime::UNIX_EPOCH,
        attributes: Attributes::new(),
    }
}

fn index(policy: impl Into<Policy>) -> (Index, ManualClock) {
    let time = ManualClock::new();
    (Index::in_memory(limits(policy), time.clock()), time)
}

/// Admits one version of a path with three chunks of 10 bytes.
fn add(index: &Index, path: &str, version: u64) -> (CopyId, Vec<Victim>) {
    let object = object(path, version);
    let ticket = index.begin(&object.path);
    let Admitted::New { copy, mut victims } = index.admit(&ticket, &object, 10, index.now()) else {
        panic!("{path} was not admitted")
    };
    for chunk in 0..3 {
        assert!(index.intend(copy, chunk));
        let Kept::Yes { victims: more } = index.keep(copy, chunk, 10) else { panic!("gone") };
        victims.extend(more);
    }
    index.removed(&victims);
    (copy, victims)
}

/// The remote said that what is there is what it has.
fn renew(index: &Index, ticket: &Ticket) -> bool {
    index.look(ticket.path()).is_some_and(|found| index.renew(ticket, found.copy))
}

impl State {
    /// Everything agrees with everything.
    fn validate(&mut self) {
        self.table.validate();
        for Victim { copy, chunks } in self.undeleted.iter() {
            assert!(chunks.iter().all(|chunk| self.table.is_leaving(*copy, chunk)));
        }
    }
}

/// Kills the process that has the index open.
fn kill(index: Index) {
    index.look_at(|state| state.log.as_mut().unwrap().kill());
    drop(index);
}

fn order(index: &Index) -> Vec<String> {
    index.status().iter().map(|status| status.path().to_string()).collect()
}

#[test]
fn f3_fifo_keeps_the_newest_and_reading_does_not_change_the_order() {
    let (index, _time) = index(Fifo(3));
    for path in ["a", "b", "c"] {
        add(&index, path, 1);
    }
    index.find(&Path::from("a")).unwrap();
    assert_eq!(order(&index), ["a", "b", "c"]);
    add(&index, "a", 2);
    assert_eq!(order(&index), ["b", "c", "a"]);
    let (_, victims) = add(&index, "d", 1);
    assert_eq!(order(&index), ["c", "a", "d"]);
    assert_eq!((victims.len(), victims[0].chunks.len()), (1, 3));
    assert_eq!(index.totals().bytes, 90);
}

#[test]
fn lru_evicts_what_was_used_longest_ago() {
    let (index, _time) = index(Lru | Size(60_u64));
    let (first, _) = add(&index, "a", 1);
    add(&index, "b", 1);
    index.find(&Path::from("a")).unwrap();
    index.look(&Path::from("b")).unwrap();
    add(&index, "c", 1);
    assert_eq!(order(&index), ["a", "c"]);
    assert_eq!(index.look(&Path::from("a")).unwrap().copy, first);
    let totals = index.totals();
    assert_eq!((totals.bytes, totals.evicted_objects, totals.evicted_bytes), (60, 1, 30));
}

#[test]
fn what_the_remote_tells_of_counts_as_used() {
    let (index, _time) = index(Lru);
    ["a", "b"].into_iter().for_each(|path| drop(add(&index, path, 1)));
    let ticket = index.begin(&Path::from("a"));
    index.admit(&ticket, &object("a", 1), 10, index.now());
    assert_eq!(order(&index), ["b", "a"]);
}

#[test]
fn what_is_written_makes_room_for_itself() {
    let (index, _time) = index(Count(1) | Lru);
    let (old, _) = add(&index, "a", 1);
    let path = Path::from("b");
    let (write, copy) = (index.doubt(&path), index.stage(&path, 10));
    match index.reveal(&write, copy, &object("b", 1), index.now()) {
        Admitted::New { victims, .. } => assert_eq!(victims[0].copy, old),
        other => panic!("{other:?}"),
    }
    assert_eq!(order(&index), ["b"]);
}

#[test]
fn an_object_over_the_limit_passes_and_loses_its_lowest_chunks() {
    let (index, _time) = index(Size(20_u64));
    let (copy, victims) = add(&index, "large", 1);
    let expected = Victim { copy, chunks: Chunks::one(0, 10) };
    assert_eq!(victims, [expected]);
    let found = index.find(&Path::from("large")).unwrap();
    assert!(found.present.iter().eq([1, 2]));
}

#[test]
fn f4_what_has_expired_goes_first_and_by_purge() {
    let (index, time) = index(Ttl("60s") | Count(2) | Lru);
    add(&index, "a", 1);
    time.advance(std::time::Duration::from_secs(30));
    add(&index, "b", 1);
    time.advance(std::time::Duration::from_secs(30));
    index.find(&Path::from("a")).unwrap();
    assert_eq!(index.find(&Path::from("a")).unwrap().standing, Standing::Due);
    let (_, victims) = add(&index, "c", 1);
    assert_eq!((victims.len(), order(&index)), (1, vec!["b".to_owned(), "c".into()]));
    time.advance(std::time::Duration::from_secs(30));
    assert_eq!(index.expired().len(), 1);
    assert_eq!(order(&index), ["c"]);
}

#[test]
fn a_chunk_that_is_being_deleted_is_not_put_again_before_that_has_ended() {
    let (index, _time) = index(Policy::default());
    let (copy, _) = add(&index, "a", 1);
    let victim = index.damaged(copy, 1).unwrap();
    assert_eq!(index.damaged(copy, 1), None, "a victim is handed to one alone");
    assert!(!index.intend(copy, 1), "its deletion would take it away again");
    assert!(!index.intend(copy, 2) && index.intend(copy, 3));
    assert!(!index.intend(copy, 3), "somebody is putting it");
    assert!(!index.intend(copy, u32::MAX), "no chunk has this number");
    index.removed(&[victim]);
    assert!(index.intend(copy, 1));
    assert_eq!(index.keep(copy, 1, 10), Kept::Yes { victims: Vec::new() });
    assert_eq!(index.totals().bytes, 30);
}

#[test]
fn what_local_did_not_delete_may_be_replaced_or_is_deleted_by_one_alone() {
    let (index, _time) = index(Policy::default());
    let (copy, _) = add(&index, "a", 1);
    let victims: Vec<_> = (0..3).filter_map(|chunk| index.damaged(copy, chunk)).collect();
    index.undeleted(victims);
    assert!(index.intend(copy, 1));
    let again = index.again().unwrap();
    assert!(again.chunks.iter().eq([0]) && !index.intend(copy, 0));
    // It was not replaced after all.
    index.undeleted([index.failed(copy, 1)]);
    let left: Vec<u32> = index.all_again().iter().flat_map(|one| one.chunks.first()).collect();
    assert_eq!((left, index.again()), (vec![2, 1], None));
    index.run(|state| state.validate());
}

#[test]
fn so_many_wait_to_be_deleted_again_and_no_more() {
    let (index, _time) = index(Policy::default());
    let copies: Vec<_> = (0..1010).map(|n| add(&index, &format!("p/{n}"), 1).0).collect();
    for n in 0..1010 {
        index.undeleted(index.forget(&Path::from(format!("p/{n}"))));
    }
    index.run(|state| {
        state.validate();
        assert_eq!(state.table.leaving.len(), 1000);
    });
    let left: Vec<_> = index.all_again().iter().map(|victim| victim.copy).collect();
    assert_eq!(left, copies[10..]);
}

#[test]
fn what_waits_for_the_remote_is_not_deleted_because_a_read_of_it_failed() {
    let (index, _time) = index(Policy::default());
    let copy = index.stage(&Path::from("a"), 10);
    assert!(index.intend(copy, 0));
    index.keep(copy, 0, 10);
    index.unsent(copy, &object("a", 1)).unwrap();
    assert_eq!((index.damaged(copy, 0), index.totals().bytes), (None, 10));
}

#[test]
fn other_limits_hold_at_once_and_the_order_stays() {
    let (index, time) = index(Fifo(3));
    for path in ["a", "b", "c"] {
        add(&index, path, 1);
    }
    time.advance(std::time::Duration::from_secs(60));
    let victims = index.limit(limits(Ttl("60s") | Size(60_u64) | Lru));
    assert_eq!((victims.len(), victims[0].chunks.len()), (1, 3));
    index.removed(&victims);
    assert_eq!(order(&index), ["b", "c"]);
    assert_eq!(index.find(&Path::from("b")).unwrap().standing, Standing::Due);
    assert_eq!(order(&index), ["b", "c"], "first come, first gone: as it was opened");
    assert_eq!(index.limit(limits(Ttl("2m"))), []);
    assert_eq!(index.find(&Path::from("b")).unwrap().standing, Standing::Fresh);
    for path in ["d", "e"] {
        add(&index, path, 1);
    }
    assert_eq!(order(&index), ["b", "c", "d", "e"], "there is room again");
    index.run(|state| state.validate());
}

#[test]
fn what_the_journal_knows_to_wait_is_held_and_does_not_go() {
    let (index, _time) = index(Count(1) | Lru);
    let (copy, _) = add(&index, "a", 1);
    assert!(index.hold(copy));
    assert_eq!(index.look(&Path::from("a")).unwrap().standing, Standing::Unsent);
    add(&index, "b", 1);
    assert_eq!(order(&index), ["b", "a"], "what waits comes last");
    index.run(|state| state.validate());
}

#[test]
fn a_chunk_that_is_larger_than_can_be_noted_is_not_kept() {
    let (index, _time) = index(Policy::default());
    let (copy, _) = add(&index, "a", 1);
    for (chunk, bytes) in [(3, chunks::LARGEST + 1), (4, 1 << 32)] {
        assert!(index.intend(copy, chunk));
        assert!(matches!(index.keep(copy, chunk, bytes), Kept::Gone(_)));
    }
    assert!(index.intend(copy, 5));
    assert_eq!(index.keep(copy, 5, chunks::LARGEST), Kept::Yes { victims: Vec::new() });
    assert_eq!(index.totals().bytes, 30 + chunks::LARGEST);
}

#[test]
fn a_copy_from_the_future_is_asked_about() {
    let (index, _time) = index(Ttl("60s"));
    let ticket = index.begin(&Path::from("a"));
    let fetched = index.now() + Duration::from_nanos(1);
    index.admit(&ticket, &object("a", 1), 10, fetched);
    assert_eq!(index.look(&Path::from("a")).unwrap().standing, Standing::Due);
}

#[test]
fn what_waits_for_the_remote_is_the_truth_while_another_write_is_in_doubt() {
    let (index, _time) = index(Policy::default());
    let path = Path::from("a");
    let copy = index.stage(&path, 10);
    index.unsent(copy, &object("a", 1)).unwrap();
    let _write = index.doubt(&path);
    assert_eq!(index.look(&path).unwrap().standing, Standing::Unsent);
}

#[test]
fn a_chunk_is_checked_until_it_is_put_again() {
    let (index, _time) = index(Policy::default());
    let (copy, _) = add(&index, "a", 1);
    let is_checked = || index.look(&Path::from("a")).unwrap().present.is_checked(1);
    assert!(!is_checked());
    index.checked(copy, 1);
    assert!(is_checked());
    index.removed(&[index.damaged(copy, 1).unwrap()]);
    assert!(index.intend(copy, 1));
    index.keep(copy, 1, 10);
    assert!(!is_checked());
}

#[test]
fn f13_what_may_stand_in_for_the_remote_does_not_go_before_that_has_passed() {
    let (time, minute) = (ManualClock::new(), Duration::from_secs(60));
    let limits = Limits { grace: Some(minute), ..limits(Ttl("60s")) };
    let index = Index::in_memory(limits, time.clock());
    add(&index, "a", 1);
    time.advance(2 * minute - Duration::from_nanos(1));
    assert_eq!(index.expired(), []);
    time.advance(Duration::from_nanos(1));
    assert_eq!(index.expired().len(), 1);
}

#[test]
fn a_copy_that_is_added_to_goes_last_though_it_has_expired() {
    let (index, time) = index(Ttl("60s") | Size(60_u64));
    let (old, _) = add(&index, "a", 1);
    time.advance(Duration::from_secs(30));
    let (young, _) = add(&index, "b", 1);
    time.advance(Duration::from_secs(40));
    assert!(index.intend(old, 3));
    match index.keep(old, 3, 10) {
        Kept::Yes { victims } => assert_eq!(victims[0].copy, young),
        gone @ Kept::Gone(_) => panic!("{gone:?}"),
    }
}

#[test]
fn a_clock_that_is_set_back_makes_nothing_younger() {
    let manual = ManualClock::new();
    let (clock, hour) = (manual.clock(), Duration::from_secs(3600));
    // By an hour, since the index was opened.
    let opened = clock.unix() + hour;
    let time = Time { opened, began: clock.nanos(), clock };
    manual.advance(Duration::from_secs(1));
    assert_eq!(time.now(), opened + Duration::from_secs(1));
}
