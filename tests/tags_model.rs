//! Entries with tags against a model: whatever happens in whatever order, what is served is what the
//! versions of its tags allow.

use larder::{Aim, Cache, Lookup, PutWhen, Tags, Validity, wait};
use larder::{Budget, Entry, Eviction, Invalidation, ManualClock, Near, TableOptions, TagSource};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const KEYS: u8 = 6;
const NAMES: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    /// Reads the versions of some of the tags, to be put on an entry later.
    Capture(u8),
    /// Stores under what was captured last.
    Put {
        key: u8,
        ttl: Option<u8>,
        absent: bool,
    },
    Invalidate {
        name: u8,
        soft: bool,
    },
    Delete(u8),
    Expire(u8),
    Renew(u8, u8),
    Clear,
    Purge,
    Advance(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..KEYS;
    let step = prop_oneof![
        3 => (0..1_u8 << NAMES).prop_map(Step::Capture),
        6 => (key.clone(), proptest::option::of(1..20_u8), any::<bool>())
            .prop_map(|(key, ttl, absent)| Step::Put { key, ttl, absent }),
        3 => (0..NAMES as u8, any::<bool>()).prop_map(|(name, soft)| Step::Invalidate { name, soft }),
        1 => key.clone().prop_map(Step::Delete),
        1 => key.clone().prop_map(Step::Expire),
        1 => (key, 1..20_u8).prop_map(|(key, ttl)| Step::Renew(key, ttl)),
        1 => Just(Step::Clear),
        1 => Just(Step::Purge),
        2 => (1..10_u8).prop_map(Step::Advance),
    ];
    proptest::collection::vec(step, 1..60)
}

/// What the model knows of an entry: its value, when it dies, and the versions of its tags.
#[derive(Debug, Clone)]
struct Known {
    value: u32,
    dies: Option<u64>,
    tags: Seen,
    expired: bool,
}

type Seen = Vec<(usize, [u32; 2])>;

/// Seconds, versions (hard and soft) of each tag, and what is stored.
#[derive(Default)]
struct Model {
    now: u64,
    versions: [[u32; 2]; NAMES],
    stored: HashMap<u8, Known>,
}

#[derive(Debug, PartialEq)]
enum Answer {
    Fresh(u32),
    Stale(u32),
    Nothing,
}

impl Model {
    fn verdict(&self, tags: &Seen) -> Validity {
        let of = |(name, seen): &(usize, [u32; 2])| match (*seen, self.versions[*name]) {
            (seen, now) if seen == now => Validity::Valid,
            ([hard, _], [now, _]) if hard == now => Validity::Soft,
            _ => Validity::Hard,
        };
        tags.iter().map(of).max().unwrap_or(Validity::Valid)
    }

    fn answer(&self, key: u8) -> Answer {
        let Some(known) = self.stored.get(&key) else { return Answer::Nothing };
        if known.expired || known.dies.is_some_and(|dies| dies <= self.now) {
            return Answer::Nothing;
        }
        match self.verdict(&known.tags) {
            Validity::Valid => Answer::Fresh(known.value),
            Validity::Soft => Answer::Stale(known.value),
            Validity::Unknown | Validity::Hard => Answer::Nothing,
        }
    }
}

/// Both sides of the comparison, with tags that no other test uses.
struct Run {
    near: Near<u8, u32>,
    time: ManualClock,
    source: TagSource,
    names: Vec<String>,
    captured: (Tags, Seen),
    model: Model,
    values: u32,
}

impl Run {
    fn new(eviction: Eviction) -> Self {
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let time = ManualClock::new();
        let options =
            TableOptions::new(Budget::entries(1000), time.clock()).with_eviction(eviction);
        Run {
            near: Near::new(options),
            time,
            source: TagSource::local(),
            names: (0..NAMES).map(|name| format!("model {run} {name}")).collect(),
            captured: (Tags::none(), Seen::new()),
            model: Model::default(),
            values: 0,
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Capture(which) => self.capture(which),
            Step::Put { key, ttl, absent } => self.put(key, ttl, absent),
            Step::Invalidate { name, soft } => {
                let how = if soft { Invalidation::Soft } else { Invalidation::Hard };
                let name = usize::from(name);
                wait(self.source.invalidate(&self.names[name..=name], how)).unwrap();
                self.model.versions[name][usize::from(soft)] += 1;
            }
            Step::Delete(key) => {
                let is_there = matches!(self.model.answer(key), Answer::Fresh(_));
                assert_eq!(self.near.delete(&key), is_there, "deleting {key}");
                self.model.stored.remove(&key);
            }
            Step::Expire(key) => {
                self.near.expire(&key);
                if let Some(known) = self.model.stored.get_mut(&key) {
                    known.expired = true;
                }
            }
            Step::Renew(key, ttl) => self.renew(key, ttl),
            Step::Clear => {
                self.near.clear();
                self.model.stored.clear();
            }
            Step::Purge => drop(self.near.purge(Duration::ZERO)),
            Step::Advance(seconds) => {
                self.time.advance(Duration::from_secs(u64::from(seconds)));
                self.model.now += u64::from(seconds);
            }
        }
    }

    fn capture(&mut self, which: u8) {
        let chosen = (0..NAMES).filter(|name| which & 1 << name != 0);
        let names: Vec<_> = chosen.clone().map(|name| self.names[name].clone()).collect();
        let seen = chosen.map(|name| (name, self.model.versions[name])).collect();
        self.captured = (wait(self.source.capture(&names)).unwrap(), seen);
    }

    fn put(&mut self, key: u8, ttl: Option<u8>, absent: bool) {
        self.values += 1;
        let ttl = ttl.map(|ttl| u64::from(ttl) + 1);
        let entry = Entry::new(self.values)
            .with_ttl(ttl.map(Duration::from_secs))
            .with_tags(self.captured.0.clone());
        let when = if absent { PutWhen::Absent } else { PutWhen::Always };
        let stored = wait(Cache::put(&self.near, &key, entry, when)).unwrap();
        let is_there = matches!(self.model.answer(key), Answer::Fresh(_));
        assert_eq!(stored, !(absent && is_there), "a put of {key}");
        if stored {
            let dies = ttl.map(|ttl| self.model.now + ttl);
            let tags = self.captured.1.clone();
            let known = Known { value: self.values, dies, tags, expired: false };
            self.model.stored.insert(key, known);
        }
    }

    fn renew(&mut self, key: u8, ttl: u8) {
        let ttl = u64::from(ttl) + 1;
        let renewed = self.near.renew(&key, ttl);
        assert_eq!(renewed, matches!(self.model.answer(key), Answer::Fresh(_)), "renewing {key}");
        let now = self.model.now;
        if let Some(known) = self.model.stored.get_mut(&key)
            && let Some(dies) = &mut known.dies
            && !known.expired
            && *dies > now
        {
            *dies = (*dies).max(now + ttl);
        }
    }

    fn compare(&self) {
        for key in 0..KEYS {
            let answer = match wait(self.near.lookup(&key, Aim::Read)).unwrap() {
                Lookup::Fresh { value, .. } => Answer::Fresh(value),
                Lookup::Stale { value, .. } => Answer::Stale(value),
                Lookup::Expired { .. } | Lookup::Missing { .. } => Answer::Nothing,
            };
            let expected = self.model.answer(key);
            assert_eq!(answer, expected, "key {key}");
            let fresh = match expected {
                Answer::Fresh(value) => Some(value),
                Answer::Stale(_) | Answer::Nothing => None,
            };
            assert_eq!((self.near.get(&key), self.near.peek(&key)), (fresh, fresh), "key {key}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn what_is_served_is_what_the_versions_allow(steps in steps(), strict in any::<bool>()) {
        let mut run = Run::new(if strict { Eviction::Lru } else { Eviction::S3Fifo });
        for step in &steps {
            run.step(step);
            run.compare();
        }
    }
}

/// Keys whose hashes are all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Alike(u8);

impl std::hash::Hash for Alike {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u8(0);
    }
}

#[test]
fn keys_of_one_hash_never_lend_each_other_their_tags() {
    let time = ManualClock::new();
    let options = TableOptions::new(Budget::entries(1000), time.clock());
    let near = Near::<Alike, u8>::new(options);
    let tags = |name: &str| {
        let names = [format!("alike {name}")];
        wait(TagSource::local().capture(&names)).unwrap()
    };
    near.put(Alike(0), 0);
    near.put_entry(Alike(1), Entry::new(1).with_tags(tags("one")));
    near.put_entry(Alike(2), Entry::new(2).with_tags(tags("two")));
    assert_eq!((near.get(&Alike(0)), near.get(&Alike(2))), (Some(0), Some(2)));
    wait(larder::invalidate_tag("alike one")).unwrap();
    assert_eq!(near.get(&Alike(1)), None);
    assert_eq!((near.get(&Alike(0)), near.get(&Alike(2))), (Some(0), Some(2)));
    wait(larder::invalidate_tag("alike two")).unwrap();
    assert_eq!((near.get(&Alike(0)), near.get(&Alike(2))), (Some(0), None));
    near.put(Alike(2), 3);
    assert_eq!(near.get(&Alike(2)), Some(3));
}
