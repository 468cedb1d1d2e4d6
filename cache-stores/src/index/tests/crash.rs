//! A kill at every byte of the log: opening gives an index that agrees with itself and with local, and names
//! everything that local may have and that is not accounted.

use super::model::{Step, policies, size, steps};
use super::{kill, limits, object, renew};
use crate::index::{Admitted, Index, Kept, Limits, Opened, Victim};
use crate::object::CopyId;
use crate::policy::{Lru, Size};
use cache_core::ManualClock;
use object_store::path::Path;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::Path as File;
use std::time::Duration;

/// What was done to local, and how long the log was then.
#[derive(Debug, Clone, Copy)]
enum Event {
    Put(CopyId, u32),
    Delete(CopyId, u32),
    /// Something else than the store deleted it.
    Vanish(CopyId, u32),
}

struct World {
    index: Index,
    time: ManualClock,
    version: u64,
    events: Vec<(u64, Event)>,
    /// Local does not delete now.
    refuses: bool,
}

pub(super) fn fresh(directory: &File, limits: Limits, time: &ManualClock) -> Index {
    let (index, opened) = Index::open(directory, limits, time.clock()).unwrap();
    assert_eq!(opened, Opened::New);
    assert_eq!(index.found_all(), []);
    index
}

impl World {
    fn length(&self) -> u64 {
        self.index.look_at(|state| state.log.as_ref().unwrap().length())
    }

    fn did(&mut self, event: Event) {
        self.events.push((self.length(), event));
    }

    fn delete(&mut self, victims: &[Victim]) {
        if self.refuses {
            return self.index.undeleted(victims.to_vec());
        }
        for Victim { copy, chunks } in victims {
            chunks.iter().for_each(|chunk| self.did(Event::Delete(*copy, chunk)));
        }
        self.index.removed(victims);
    }

    /// Puts chunks; one fails in local, and the copy may be forgotten in between.
    fn chunks(&mut self, copy: CopyId, chunks: Range<u32>, fails: bool, forgotten: Option<&Path>) {
        for chunk in chunks {
            if !self.index.intend(copy, chunk) {
                continue;
            }
            if fails && chunk == 1 {
                let victim = self.index.failed(copy, chunk);
                self.delete(&[victim]);
                continue;
            }
            if chunk == 2
                && let Some(path) = forgotten
            {
                let victims = self.index.forget(path);
                self.delete(&victims);
            }
            self.did(Event::Put(copy, chunk));
            match self.index.keep(copy, chunk, size(chunk)) {
                Kept::Yes { victims } => self.delete(&victims),
                Kept::Gone(victim) => self.delete(&[victim]),
            }
        }
    }

    /// It is damaged, or missing.
    fn lose(&mut self, path: &Path, chunk: u32) {
        let found = self.index.look(path);
        if let Some(found) = found.filter(|found| found.present.contains(chunk)) {
            if chunk % 2 == 1 {
                self.did(Event::Vanish(found.copy, chunk));
            }
            let victim = self.index.damaged(found.copy, chunk);
            self.delete(&victim.into_iter().collect::<Vec<_>>());
        }
    }

    fn step(&mut self, step: &Step) {
        self.time.advance(Duration::from_nanos(1));
        self.version += 1;
        let (index, version) = (self.index.clone(), self.version);
        let name = |path: &u8| Path::from(format!("p/{path}"));
        match step {
            Step::Add { path, chunks } => {
                let (path, odd) = (name(path), path % 2 == 1);
                let ticket = index.begin(&path);
                let object = object(path.as_ref(), version);
                let admitted = index.admit(&ticket, &object, 10, index.now());
                if let Admitted::New { copy, victims } = admitted {
                    self.delete(&victims);
                    self.chunks(copy, 0..*chunks, odd, (*chunks == 4).then_some(&path));
                }
            }
            Step::Write { path, chunks } => {
                let path = name(path);
                let copy = index.stage(&path, 10);
                self.chunks(copy, 0..*chunks, false, None);
                let victims = match chunks {
                    3 => index.abandon(copy),
                    _ => index.unsent(copy, &object(path.as_ref(), version)).unwrap(),
                };
                self.delete(&victims);
            }
            Step::Send { nth } => {
                if let Some((path, copy)) = index.unsent_copies().get(*nth) {
                    let victims = index.sent(*copy, &object(path.as_ref(), version));
                    self.delete(&victims.unwrap());
                }
            }
            Step::Find { path } => drop(index.find(&name(path))),
            Step::Renew { path } => drop(renew(&index, &index.begin(&name(path)))),
            Step::Forget { path } => {
                let victims = index.forget(&name(path));
                self.delete(&victims);
            }
            Step::Lose { path, chunk } => self.lose(&name(path), *chunk),
            Step::Fetch { path, chunk } => {
                if let Some(found) = index.look(&name(path)) {
                    self.chunks(found.copy, *chunk..*chunk + 1, false, None);
                }
            }
            Step::Refuse(refuses) => {
                self.refuses = *refuses;
                if !refuses {
                    let victims = index.all_again();
                    self.delete(&victims);
                }
            }
            Step::Wait { seconds } => self.time.advance(Duration::from_secs(*seconds)),
            Step::Purge => {
                let victims = index.expired();
                self.delete(&victims);
            }
        }
    }
}

type Local = BTreeSet<(CopyId, u32)>;

/// What lies in local after these events, and what vanished from it.
fn local<'a>(events: impl Iterator<Item = &'a (u64, Event)>) -> (Local, Local) {
    let (mut local, mut vanished) = (Local::new(), Local::new());
    for (_, event) in events {
        match *event {
            Event::Put(copy, chunk) => drop(local.insert((copy, chunk))),
            Event::Delete(copy, chunk) => drop(local.remove(&(copy, chunk))),
            Event::Vanish(copy, chunk) => {
                local.remove(&(copy, chunk));
                vanished.insert((copy, chunk));
            }
        }
    }
    (local, vanished)
}

/// Every chunk that the index accounts.
pub(super) fn accounted(index: &Index) -> Local {
    let mut all = Local::new();
    for status in index.status() {
        let found = index.look(status.path()).unwrap();
        all.extend(found.present.iter().map(|chunk| (found.copy, chunk)));
    }
    all
}

fn agrees(
    directory: &File,
    limits: Limits,
    time: &ManualClock,
    mut local: Local,
    vanished: &Local,
) {
    let (index, opened) = Index::open(directory, limits, time.clock()).unwrap();
    let Opened::Ready { unsure } = opened else { panic!("{opened:?}") };
    let named: Local = unsure
        .iter()
        .flat_map(|victim| victim.chunks.iter().map(|chunk| (victim.copy, chunk)))
        .collect();
    let kept = accounted(&index);
    assert!(kept.is_disjoint(&named), "what is accounted is not unsure");
    assert!(kept.difference(&local).all(|chunk| vanished.contains(chunk)), "kept is there");
    assert!(local.is_subset(&kept.union(&named).copied().collect()), "nothing lies there unseen");
    let bytes: u64 = kept.iter().map(|(_, chunk)| size(*chunk)).sum();
    assert_eq!(index.totals().bytes, bytes);
    index.run(|state| state.validate());
    index.removed(&unsure);
    local.retain(|chunk| !named.contains(chunk));
    assert!(local.is_subset(&kept), "after the deletions everything is accounted");
    let totals = index.totals();
    kill(index);
    let (index, opened) = Index::open(directory, limits, time.clock()).unwrap();
    assert_eq!(opened, Opened::Ready { unsure: Vec::new() });
    assert_eq!((totals.bytes, totals.objects), (index.totals().bytes, index.totals().objects));
    kill(index);
}

/// Runs the steps and gives the events, and the lengths of the log before and after.
fn run(directory: &File, limits: Limits, steps: &[Step]) -> (World, u64, u64) {
    let time = ManualClock::new();
    let index = fresh(directory, limits, &time);
    let mut world = World { index, time, version: 0, events: Vec::new(), refuses: false };
    let before = world.length();
    steps.iter().for_each(|step| world.step(step));
    let after = world.length();
    (world, before, after)
}

/// Kills the process when the log has so many bytes, before or after what it did at that length.
fn cut(from: &File, world: &World, limits: Limits, at: u64) {
    let directory = tempfile::tempdir().unwrap();
    let before = world.events.iter().filter(|(length, _)| *length < at);
    let after = world.events.iter().filter(|(length, _)| *length <= at);
    let (before, after) = (local(before), local(after));
    let both = (before != after).then_some(before);
    for (local, vanished) in both.into_iter().chain([after]) {
        let log = fs::read(from.join("log.1")).unwrap();
        fs::write(directory.path().join("log.1"), &log[..at as usize]).unwrap();
        fs::copy(from.join("snapshot"), directory.path().join("snapshot")).unwrap();
        agrees(directory.path(), limits, &world.time, local, &vanished);
    }
}

#[test]
fn a_kill_at_every_byte_of_the_log_leaves_nothing_unaccounted() {
    let limits = limits(Lru | Size(70_u64));
    let steps = [
        Step::Add { path: 0, chunks: 3 },
        Step::Add { path: 1, chunks: 3 },
        Step::Find { path: 0 },
        Step::Write { path: 2, chunks: 2 },
        Step::Write { path: 3, chunks: 3 },
        Step::Lose { path: 0, chunk: 1 },
        Step::Add { path: 0, chunks: 2 },
        Step::Add { path: 2, chunks: 1 },
        Step::Send { nth: 0 },
        Step::Add { path: 4, chunks: 4 },
        Step::Lose { path: 2, chunk: 0 },
        Step::Refuse(true),
        Step::Lose { path: 4, chunk: 3 },
        Step::Lose { path: 4, chunk: 2 },
        Step::Fetch { path: 4, chunk: 2 },
        Step::Refuse(false),
        Step::Fetch { path: 4, chunk: 3 },
        Step::Renew { path: 1 },
        Step::Add { path: 5, chunks: 3 },
        Step::Forget { path: 5 },
    ];
    let directory = tempfile::tempdir().unwrap();
    let (world, before, after) = run(directory.path(), limits, &steps);
    assert!(world.index.totals().evicted_objects > 0);
    for at in before..=after {
        cut(directory.path(), &world, limits, at);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_kill_anywhere_in_any_history_leaves_nothing_unaccounted(
        limits in policies(),
        steps in steps(40),
        at in prop::collection::vec(any::<prop::sample::Index>(), 8),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let (world, before, after) = run(directory.path(), limits, &steps);
        for at in at {
            let at = before + at.index((after - before + 1) as usize) as u64;
            cut(directory.path(), &world, limits, at);
        }
    }
}
