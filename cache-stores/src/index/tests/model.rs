//! The table against the naive one, step by step; what is unsent is never a victim.

use super::naive::{Gone, Naive};
use super::{limits, object, renew};
use crate::index::{Admitted, Index, Kept, Limits, Victim};
use crate::object::{CopyId, Standing};
use crate::policy::{Count, Fifo, Lru, Policy, Size, Ttl};
use cache_core::ManualClock;
use object_store::path::Path;
use proptest::prelude::*;
use std::time::Duration;

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A new version of a path, with so many chunks.
    Add {
        path: u8,
        chunks: u32,
    },
    /// The same with write-back; it is sent later.
    Write {
        path: u8,
        chunks: u32,
    },
    Send {
        nth: usize,
    },
    Find {
        path: u8,
    },
    Renew {
        path: u8,
    },
    Forget {
        path: u8,
    },
    /// A chunk is missing or damaged.
    Lose {
        path: u8,
        chunk: u32,
    },
    /// A chunk that is not there is fetched again.
    Fetch {
        path: u8,
        chunk: u32,
    },
    /// From now on local refuses to delete, or does so again.
    Refuse(bool),
    Wait {
        seconds: u64,
    },
    Purge,
}

pub(super) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let path = 0_u8..6;
    let step = prop_oneof![
        6 => (path.clone(), 0_u32..5).prop_map(|(path, chunks)| Step::Add { path, chunks }),
        2 => (path.clone(), 0_u32..4).prop_map(|(path, chunks)| Step::Write { path, chunks }),
        2 => (0_usize..4).prop_map(|nth| Step::Send { nth }),
        4 => path.clone().prop_map(|path| Step::Find { path }),
        2 => path.clone().prop_map(|path| Step::Renew { path }),
        1 => path.clone().prop_map(|path| Step::Forget { path }),
        3 => (path.clone(), 0_u32..4).prop_map(|(path, chunk)| Step::Lose { path, chunk }),
        3 => (path, 0_u32..4).prop_map(|(path, chunk)| Step::Fetch { path, chunk }),
        2 => any::<bool>().prop_map(Step::Refuse),
        2 => (1_u64..20).prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::Purge),
    ];
    prop::collection::vec(step, 1..most)
}

pub(super) fn policies() -> impl Strategy<Value = Limits> {
    let policy = prop_oneof![
        Just(Policy::default()),
        Just(Fifo(3).into()),
        Just(Lru | Count(2)),
        Just(Lru | Size(70_u64)),
        Just(Fifo(4) | Size(50_u64)),
        Just(Ttl("30s") | Size(90_u64)),
    ];
    (policy, prop::option::of(1_u64..30)).prop_map(|(policy, grace)| {
        let grace = grace.map(Duration::from_secs);
        Limits { grace, ..limits(policy) }
    })
}

fn gone(victims: &[Victim]) -> Gone {
    let mut all: Gone = victims
        .iter()
        .flat_map(|victim| victim.chunks.iter().map(|chunk| (victim.copy, chunk)))
        .collect();
    all.sort_unstable();
    all
}

fn sorted(mut gone: Gone) -> Gone {
    gone.sort_unstable();
    gone
}

/// Chunks of 11 bytes and of 15.
pub(super) fn size(chunk: u32) -> u64 {
    11 + u64::from(chunk % 2) * 4
}

struct Pair {
    index: Index,
    naive: Naive,
    time: ManualClock,
    version: u64,
    refuses: bool,
}

impl Pair {
    /// Local deletes them, or refuses.
    fn remove(&self, victims: Vec<Victim>) {
        match self.refuses {
            true => self.index.undeleted(victims),
            false => self.index.removed(&victims),
        }
    }

    fn now(&self) -> u64 {
        self.index.now().as_nanos() as u64
    }

    fn take(&self, step: &Step, victims: Vec<Victim>, expected: Gone) {
        assert_eq!(gone(&victims), sorted(expected), "{step:?}");
        for (copy, _) in gone(&victims) {
            let unsent = self.index.unsent_copies();
            assert!(!unsent.iter().any(|(_, unsent)| *unsent == copy), "{step:?}");
        }
        self.remove(victims);
    }

    fn chunks(&mut self, step: &Step, copy: CopyId, chunks: u32) {
        self.fetch(step, copy, 0..chunks);
    }

    fn fetch(&mut self, step: &Step, copy: CopyId, chunks: std::ops::Range<u32>) {
        for chunk in chunks {
            // Also where local refused to delete what lay there.
            assert!(self.index.intend(copy, chunk), "{step:?}");
            let kept = self.index.keep(copy, chunk, size(chunk));
            let expected = self.naive.keep(copy, chunk, size(chunk), self.now());
            match (kept, expected) {
                (Kept::Yes { victims }, Some(expected)) => self.take(step, victims, expected),
                (Kept::Gone(victim), None) => self.remove(vec![victim]),
                (kept, expected) => panic!("{step:?}: {kept:?}, {expected:?}"),
            }
        }
    }

    fn add(&mut self, step: &Step, path: &str, chunks: u32) {
        self.version += 1;
        let ticket = self.index.begin(&Path::from(path));
        let object = object(path, self.version);
        let waits = self.naive.copies.iter().any(|copy| copy.path == path && copy.unsent);
        match self.index.admit(&ticket, &object, 10, self.index.now()) {
            Admitted::New { copy, victims } if !waits => {
                let expected = self.naive.admit(copy, path, self.now(), false);
                self.take(step, victims, expected);
                self.chunks(step, copy, chunks);
            }
            Admitted::Fenced if waits => {}
            other => panic!("{step:?}: {other:?}"),
        }
    }

    fn write(&mut self, step: &Step, path: &str, chunks: u32) {
        self.version += 1;
        let copy = self.index.stage(&Path::from(path), 10);
        let victims = self.index.unsent(copy, &object(path, self.version)).unwrap();
        let now = self.now();
        let expected = self.naive.admit(copy, path, now, true);
        // Acknowledged data go when the writer himself replaces them.
        assert_eq!(gone(&victims), sorted(expected), "{step:?}");
        self.remove(victims);
        self.chunks(step, copy, chunks);
    }

    fn send(&mut self, step: &Step, nth: usize) {
        let waiting = self.naive.copies.iter().filter(|copy| copy.unsent).nth(nth);
        let Some((copy, path)) = waiting.map(|copy| (copy.id, copy.path.clone())) else { return };
        self.version += 1;
        let victims = self.index.sent(copy, &object(&path, self.version)).unwrap();
        let expected = self.naive.sent(copy, self.now());
        self.take(step, victims, expected);
    }

    fn lose(&mut self, path: &str, chunk: u32) {
        let Some(found) = self.index.look(&Path::from(path)) else { return };
        let victim = self.index.damaged(found.copy, chunk);
        // What waits for the remote is nowhere else.
        let goes = found.present.contains(chunk) && found.standing != Standing::Unsent;
        assert_eq!(victim.is_some(), goes);
        if goes {
            self.remove(victim.into_iter().collect());
            self.naive.lose(found.copy, chunk);
        }
    }

    fn step(&mut self, step: &Step) {
        let name = |path: &u8| format!("p/{path}");
        // No two copies are of the same age: which of them goes first is nobody's promise.
        self.time.advance(Duration::from_nanos(1));
        match step {
            Step::Add { path, chunks } => self.add(step, &name(path), *chunks),
            Step::Write { path, chunks } => self.write(step, &name(path), *chunks),
            Step::Send { nth } => self.send(step, *nth),
            Step::Find { path } => {
                let found = self.index.find(&Path::from(name(path))).map(|found| found.copy);
                assert_eq!(found, self.naive.find(&name(path)).map(|copy| copy.id));
            }
            Step::Renew { path } => {
                let ticket = self.index.begin(&Path::from(name(path)));
                if renew(&self.index, &ticket) {
                    let now = self.now();
                    self.naive.renew(&name(path), now);
                }
            }
            Step::Forget { path } => {
                let victims = self.index.forget(&Path::from(name(path)));
                assert_eq!(gone(&victims), sorted(self.naive.forget(&name(path))));
                self.remove(victims);
            }
            Step::Lose { path, chunk } => self.lose(&name(path), *chunk),
            Step::Fetch { path, chunk } => {
                let found = self.index.look(&Path::from(name(path)));
                if let Some(found) = found.filter(|found| !found.present.contains(*chunk)) {
                    self.fetch(step, found.copy, *chunk..*chunk + 1);
                }
            }
            Step::Refuse(refuses) => self.refuses = *refuses,
            Step::Wait { seconds } => self.time.advance(Duration::from_secs(*seconds)),
            Step::Purge => {
                let (victims, now) = (self.index.expired(), self.now());
                let expected = self.naive.expired(now);
                self.take(step, victims, expected);
            }
        }
    }

    fn compare(&self, step: &Step) {
        assert_eq!(self.index.totals(), self.naive.totals(), "{step:?}");
        let (unsent, order): (Vec<_>, Vec<_>) =
            self.naive.copies.iter().cloned().partition(|copy| copy.unsent);
        let status = self.index.status();
        let names: Vec<_> = status.iter().map(|status| status.path().to_string()).collect();
        let expected: Vec<_> = order.iter().map(|copy| copy.path.clone()).collect();
        assert_eq!(names[..order.len()], expected, "{step:?}");
        assert_eq!(status.len(), order.len() + unsent.len(), "{step:?}");
        for copy in order.iter().chain(&unsent) {
            let found = self.index.look(&Path::from(copy.path.as_str())).unwrap();
            assert_eq!(found.copy, copy.id, "{step:?}");
            assert!(found.present.iter().eq(copy.chunks.keys().copied()), "{step:?}");
            assert_eq!(found.present.bytes(), copy.chunks.values().sum::<u64>(), "{step:?}");
            assert_eq!(found.fetched.as_nanos() as u64, copy.fetched, "{step:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn accounting_order_and_victims_are_those_of_a_naive_list(
        limits in policies(),
        steps in steps(60),
    ) {
        let time = ManualClock::new();
        let index = Index::in_memory(limits, time.clock());
        let mut pair = Pair { index, naive: Naive::new(limits), time, version: 0, refuses: false };
        for step in &steps {
            pair.step(step);
            pair.compare(step);
        }
        let left = pair.index.all_again();
        pair.index.removed(&left);
        pair.index.run(|state| {
            state.validate();
            prop_assert!(state.fences.is_empty() && state.table.leaving.is_empty());
            prop_assert!(state.table.intents.is_empty());
            Ok(())
        })?;
    }
}
