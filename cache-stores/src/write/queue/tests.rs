//! Tests of the queue, by hand and against a remote that fails as it likes.

use super::super::record::tests::put;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

impl Queue {
    fn validate(&self) {
        let of = |path: &Path| self.slots.get(path).expect("a path in a list has a slot");
        let mut counted = BTreeSet::new();
        for (place, path) in &self.ready {
            assert_eq!((of(path).state, of(path).key()), (State::Ready, *place));
            counted.insert(path);
        }
        for ((until, place), path) in &self.resting {
            assert_eq!((of(path).state, of(path).place), (State::Resting(*until), *place));
            counted.insert(path);
        }
        let sending = |slot: &&Slot| matches!(slot.state, State::Sending(_));
        let looking = |slot: &&Slot| matches!(slot.state, State::Looking(_));
        let sending = self.slots.values().filter(sending).count();
        let looking = self.slots.values().filter(looking).count();
        assert_eq!(counted.len() + sending + looking, self.slots.len());
        assert!(self.sending >= sending && self.sending <= AT_ONCE);
        assert_eq!(self.bytes, self.slots.values().map(|slot| bytes(&slot.op)).sum::<u64>());
    }
}

fn error() -> Arc<Error> {
    Arc::new(Error::Generic { store: "test", source: "away".into() })
}

fn sends(queue: &mut Queue, now: u64) -> Vec<(String, u64)> {
    std::iter::from_fn(|| match queue.next(now) {
        Next::Send(Attempt { path, seq, .. }) => Some((path.to_string(), seq)),
        Next::Wait(_) | Next::Idle => None,
    })
    .collect()
}

fn path(name: &str) -> Path {
    Path::from(name)
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn the_oldest_goes_first_and_only_some_at_once() {
    let mut queue = Queue::default();
    for seq in 0..6 {
        queue.push(&path(&format!("p{seq}")), seq, put("x", seq, 5), 0);
    }
    assert_eq!(queue.bytes(), 30);
    assert_eq!(sends(&mut queue, 0).len(), AT_ONCE);
    queue.sent(&path("p1"), 1);
    assert_eq!(sends(&mut queue, 0), [("p4".into(), 4)]);
    queue.validate();
}

#[test]
fn of_the_writes_of_a_path_only_the_last_one_is_sent_and_it_keeps_its_place() {
    let mut queue = Queue::default();
    queue.push(&path("a"), 0, put("a", 1, 5), 0);
    queue.push(&path("b"), 1, put("b", 2, 5), 0);
    let (replaced, op) = queue.push(&path("a"), 2, Op::Delete, 0).unwrap();
    assert_eq!((replaced, &*op), (0, &put("a", 1, 5)));
    assert!(queue.is_deleted(&path("a")));
    assert_eq!(sends(&mut queue, 0), [("a".into(), 2), ("b".into(), 1)]);
    assert_eq!(queue.bytes(), 5);
}

#[test]
fn a_path_is_sent_by_one_at_a_time() {
    let mut queue = Queue::default();
    queue.push(&path("a"), 0, put("a", 1, 5), 0);
    assert_eq!(sends(&mut queue, 0), [("a".into(), 0)]);
    queue.push(&path("a"), 1, put("a", 2, 5), 0);
    assert_eq!(sends(&mut queue, 0), []);
    queue.sent(&path("a"), 0);
    assert!(matches!(queue.progress(&path("a"), 0), Progress::Sent));
    assert!(matches!(queue.progress(&path("a"), 1), Progress::Waits));
    assert_eq!(sends(&mut queue, 0), [("a".into(), 1)]);
    queue.sent(&path("a"), 1);
    assert!(queue.is_empty());
    queue.validate();
}

#[test]
fn while_the_remote_is_away_everything_waits_ever_longer_and_one_tries() {
    let mut queue = Queue::default();
    for seq in 0..3 {
        queue.push(&path(&format!("p{seq}")), seq, put("x", seq, 5), 0);
    }
    let (mut now, mut last) = (0, 0);
    assert_eq!(sends(&mut queue, now).len(), 3);
    for seq in 0..3 {
        queue.failed(&path(&format!("p{seq}")), seq, Failure::Away(error()), now);
    }
    assert!(queue.trouble().is_some());
    for _ in 0..12 {
        let Next::Wait(until) = queue.next(now) else { panic!("it waits") };
        assert!(until - now >= last && until - now <= 30 * SECOND);
        (last, now) = (until - now, until);
        let probe = sends(&mut queue, now);
        assert_eq!(probe.len(), 1);
        queue.failed(&path(&probe[0].0), probe[0].1, Failure::Away(error()), now);
    }
    assert_eq!(last, 30 * SECOND);
    now += 30 * SECOND;
    let probe = sends(&mut queue, now);
    assert_eq!(probe.len(), 1);
    queue.sent(&path(&probe[0].0), probe[0].1);
    assert!(queue.trouble().is_none());
    assert_eq!(sends(&mut queue, now).len(), 2, "it is back");
    queue.validate();
}

#[test]
fn what_is_refused_rests_and_the_others_go_on() {
    let mut queue = Queue::default();
    queue.push(&path("a"), 0, put("a", 1, 5), 0);
    assert_eq!(sends(&mut queue, 0).len(), 1);
    queue.failed(&path("a"), 0, Failure::Refused(error()), 0);
    queue.push(&path("b"), 1, put("b", 2, 5), 0);
    assert_eq!(sends(&mut queue, 0), [("b".into(), 1)]);
    queue.sent(&path("b"), 1);
    assert!(queue.get(&path("a")).unwrap().refused.is_some());
    assert!(matches!(queue.progress(&path("a"), 0), Progress::Refused(_)));
    assert!(matches!(queue.next(0), Next::Wait(until) if until == 30 * SECOND));
    assert_eq!(sends(&mut queue, 30 * SECOND), [("a".into(), 0)]);
    queue.failed(&path("a"), 0, Failure::Refused(error()), 30 * SECOND);
    // A newer write does not wait for the rest of an older one.
    queue.push(&path("a"), 2, put("a", 3, 5), 30 * SECOND);
    assert_eq!(sends(&mut queue, 30 * SECOND), [("a".into(), 2)]);
    queue.validate();
}

#[test]
fn what_follows_a_write_that_was_given_up_is_known_as_such() {
    let mut queue = Queue::default();
    let next = |queue: &mut Queue, now| match queue.next(now) {
        Next::Send(attempt) => (attempt.seq, attempt.after_late),
        not => panic!("{not:?}"),
    };
    queue.push(&path("a"), 0, put("a", 1, 5), 0);
    assert_eq!(next(&mut queue, 0), (0, false));
    queue.failed(&path("a"), 0, Failure::Late(error()), 0);
    assert!(matches!(queue.progress(&path("a"), 0), Progress::Refused(_)), "it is told");
    // The same bytes may come twice.
    assert_eq!(next(&mut queue, 30 * SECOND), (0, false));
    queue.failed(&path("a"), 0, Failure::Late(error()), 30 * SECOND);
    for seq in 1..3 {
        queue.push(&path("a"), seq, put("a", 1, 5), 31 * SECOND);
        assert_eq!(next(&mut queue, 31 * SECOND), (seq, true));
        queue.failed(&path("a"), seq, Failure::Late(error()), 31 * SECOND);
    }
    queue.validate();
}

#[test]
fn who_waits_urges() {
    let mut queue = Queue::default();
    queue.push(&path("a"), 0, put("a", 1, 5), 0);
    queue.push(&path("b"), 1, put("b", 1, 5), 0);
    sends(&mut queue, 0);
    queue.failed(&path("a"), 0, Failure::Refused(error()), 0);
    queue.failed(&path("b"), 1, Failure::Away(error()), 0);
    assert_eq!(sends(&mut queue, 0), []);
    queue.urge(Some(&path("b")));
    assert_eq!(sends(&mut queue, 0), [("b".into(), 1)]);
    queue.sent(&path("b"), 1);
    queue.urge(None);
    assert!(matches!(queue.progress(&path("a"), 0), Progress::Waits));
    assert_eq!(sends(&mut queue, 0), [("a".into(), 0)]);
    queue.validate();
}

#[test]
fn what_was_begun_before_somebody_urged_is_no_answer_for_him() {
    for failure in [Failure::Away(error()), Failure::Refused(error())] {
        let mut queue = Queue::default();
        queue.push(&path("a"), 0, put("a", 1, 5), 0);
        assert_eq!(sends(&mut queue, 0).len(), 1);
        queue.urge(None);
        let before = queue.away().0;
        queue.failed(&path("a"), 0, failure.clone(), 0);
        assert_eq!(queue.away().0, before);
        assert!(matches!(queue.progress(&path("a"), 0), Progress::Waits));
        assert_eq!(sends(&mut queue, 0).len(), 1, "it is tried again at once");
        queue.failed(&path("a"), 0, failure.clone(), 0);
        let told = matches!(queue.progress(&path("a"), 0), Progress::Refused(_));
        assert!(told || queue.away().0 > before);
        queue.validate();
    }
}

#[test]
fn one_that_always_fails_keeps_none_of_the_others() {
    let mut queue = Queue::default();
    queue.push(&path("bad"), 0, put("bad", 1, 5), 0);
    let (mut now, mut sent, mut tries) = (0, 0, 0);
    for seq in 1..=20 {
        queue.push(&path(&format!("good{seq}")), seq, put("x", seq, 5), now);
        while sent < seq {
            match queue.next(now) {
                Next::Wait(until) => now = until,
                Next::Idle => panic!("it stands still"),
                Next::Send(Attempt { path, seq, .. }) if seq == 0 => {
                    tries += 1;
                    queue.failed(&path, seq, Failure::Away(error()), now);
                }
                Next::Send(Attempt { path, seq, .. }) => {
                    sent += 1;
                    queue.sent(&path, seq);
                }
            }
            queue.validate();
        }
    }
    assert!(tries < 6 && now < 2 * SECOND, "{tries} tries, {now} ns");
    assert_eq!(sends(&mut queue, now), [("bad".into(), 0)]);
    queue.failed(&path("bad"), 0, Failure::Away(error()), now);
    assert!(queue.trouble().is_none(), "the remote is there");
    assert!(queue.get(&path("bad")).unwrap().refused.is_some(), "it is told");
}

proptest! {
    #[test]
    fn whatever_the_remote_does_it_ends_with_the_last_write_of_each_path(
        script in proptest::collection::vec((0..6_u8, 0..4_u8, 0..5_u64), 1..120),
    ) {
        let mut queue = Queue::default();
        let (mut now, mut seq) = (0, 0);
        let mut wanted: HashMap<Path, u64> = HashMap::new();
        let mut remote: HashMap<Path, u64> = HashMap::new();
        let mut flying: Vec<(Path, u64)> = Vec::new();
        for (what, which, size) in script {
            let path = path(&format!("p{which}"));
            match what {
                0 | 1 => {
                    let op = if size == 0 { Op::Delete } else { put("x", seq, size) };
                    queue.push(&path, seq, op, now);
                    wanted.insert(path, seq);
                    seq += 1;
                }
                2 => if let Next::Send(Attempt { path, seq, .. }) = queue.next(now) {
                    prop_assert!(flying.iter().all(|(flying, _)| *flying != path));
                    flying.push((path, seq));
                },
                3 => now += SECOND,
                _ if flying.is_empty() => {}
                _ => {
                    let (path, seq) = flying.swap_remove(usize::from(which) % flying.len());
                    match (what, size) {
                        // It is looked after before it is done with.
                        (4, 0 | 1) => {
                            let before = remote.insert(path.clone(), seq);
                            prop_assert!(before.is_none_or(|old| old <= seq));
                            queue.arrived(&path, seq);
                            flying.push((path, seq));
                        }
                        (4, _) => {
                            prop_assert!(remote.insert(path.clone(), seq).is_none_or(|old| old <= seq));
                            queue.sent(&path, seq);
                        }
                        (_, 0..=2) => queue.failed(&path, seq, Failure::Away(error()), now),
                        (_, 3) => queue.failed(&path, seq, Failure::Refused(error()), now),
                        _ => queue.failed(&path, seq, Failure::Late(error()), now),
                    }
                }
            }
            queue.validate();
        }
        for (path, seq) in flying {
            queue.failed(&path, seq, Failure::Away(error()), now);
        }
        while !queue.is_empty() {
            match queue.next(now) {
                Next::Send(Attempt { path, seq, .. }) => {
                    prop_assert!(remote.insert(path.clone(), seq).is_none_or(|old| old <= seq));
                    queue.sent(&path, seq);
                }
                Next::Wait(until) => now = until,
                Next::Idle => prop_assert!(false, "it stands still"),
            }
        }
        prop_assert_eq!(remote, wanted);
    }
}

#[test]
fn what_was_given_up_is_not_forgotten_when_the_same_bytes_were_sent_again() {
    let mut queue = Queue::default();
    let next = |queue: &mut Queue| match queue.next(60 * SECOND) {
        Next::Send(attempt) => (attempt.seq, attempt.after_late),
        not => panic!("{not:?}"),
    };
    queue.push(&path("a"), 0, put("a", 1, 5), 0);
    next(&mut queue);
    queue.failed(&path("a"), 0, Failure::Late(error()), 0);
    assert_eq!(next(&mut queue), (0, false));
    queue.sent(&path("a"), 0);
    assert!(queue.is_empty());
    // The second one is looked after, and so is not the third.
    for (seq, after_late) in [(1, true), (2, false)] {
        queue.push(&path("a"), seq, put("a", 1, 5), 0);
        assert_eq!(next(&mut queue), (seq, after_late));
        queue.sent(&path("a"), seq);
    }
}

#[test]
fn each_write_that_was_given_up_is_remembered_until_a_newer_one_was_looked_at() {
    let mut queue = Queue::default();
    let next = |queue: &mut Queue| match queue.next(60 * SECOND) {
        Next::Send(attempt) => (attempt.seq, attempt.after_late),
        not => panic!("{not:?}"),
    };
    for (seq, after_late) in [(0, false), (1, true)] {
        queue.push(&path("a"), seq, put("a", 1, 5), 0);
        assert_eq!(next(&mut queue), (seq, after_late));
        queue.failed(&path("a"), seq, Failure::Late(error()), 0);
    }
    // Behind this one the first may come; behind the next, the first attempt of this.
    for (seq, after_late) in [(1, true), (2, true), (3, false)] {
        queue.push(&path("a"), seq, put("a", 1, 5), 0);
        assert_eq!(next(&mut queue), (seq, after_late));
        queue.sent(&path("a"), seq);
    }
}

#[test]
fn what_is_looked_after_has_arrived_and_keeps_none_of_the_others() {
    let mut queue = Queue::default();
    let a = path("a");
    queue.push(&a, 0, put("a", 1, 5), 0);
    sends(&mut queue, 0);
    queue.failed(&a, 0, Failure::Away(error()), 0);
    queue.push(&a, 1, put("a", 2, 5), 0);
    let Next::Send(Attempt { seq: 1, after_late: true, .. }) = queue.next(SECOND) else {
        panic!("it was away: what it was asked for may come behind this")
    };
    queue.arrived(&a, 1);
    assert!(matches!(queue.progress(&a, 1), Progress::Arrived));
    queue.validate();
    for seq in 2..6 {
        queue.push(&path(&format!("p{seq}")), seq, put("x", seq, 5), SECOND);
    }
    assert_eq!(sends(&mut queue, SECOND).len(), AT_ONCE);
    assert_eq!(queue.len(), 5, "it waits still");
    queue.push(&a, 6, put("a", 3, 5), SECOND);
    assert!(matches!(queue.progress(&a, 6), Progress::Waits));
    queue.sent(&path("p2"), 2);
    assert_eq!(sends(&mut queue, SECOND), [], "one of a path at a time");
    queue.sent(&a, 1);
    let Next::Send(Attempt { seq: 6, after_late: true, .. }) = queue.next(SECOND) else {
        panic!("nobody has looked whether the first came")
    };
    queue.arrived(&a, 6);
    queue.failed(&a, 6, Failure::Away(error()), SECOND);
    queue.validate();
}
