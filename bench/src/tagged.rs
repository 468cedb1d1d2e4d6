//! Tags: what they add to a hit, and what an invalidation costs by the number of entries that it reaches.

use crate::harness::{Entrant, Schedule, sum};
use crate::hit::{filled, table};
use crate::measured::quantile;
use crate::options::Options;
use crate::report::{Cell, Race, Row};
use crate::zipf::{Random, Zipf, mix};
use larder::{Budget, Clock, Entry, Near, TableOptions, TagSource, Tags, invalidate_tag, wait};
use std::hint::black_box;
use std::time::Instant;

const ENTRIES: usize = 10_000;
const WINDOW: usize = 20_000;
const WINDOWS: usize = 32;

mod functions {
    use crate::count::compute;
    use ::larder::cached;

    #[cached(capacity = 12_500, ttl = "1h")]
    pub fn none(key: u64) -> u64 {
        compute(key)
    }

    #[cached(capacity = 12_500, ttl = "1h", tags = ["bench"])]
    pub fn one(key: u64) -> u64 {
        compute(key)
    }

    #[cached(capacity = 12_500, ttl = "1h", tags = ["bench", "bench 2"])]
    pub fn two(key: u64) -> u64 {
        compute(key)
    }

    #[cached(capacity = 12_500, ttl = "1h", tags = ["bench", "bench 2", "bench 3", "bench 4"])]
    pub fn four(key: u64) -> u64 {
        compute(key)
    }

    #[cached(capacity = 12_500, ttl = "1h", tags = ["bench:{key}"])]
    pub fn own(key: u64) -> u64 {
        compute(key)
    }
}

pub fn run(options: &Options) -> Result<(), String> {
    if options.takes("larder") {
        hits(options);
        invalidations(options);
    }
    Ok(())
}

fn entrants() -> Vec<Entrant<u64>> {
    let larder = "larder";
    vec![
        Entrant::decorated(larder, "no tag", |keys| sum(keys, functions::none)),
        Entrant::decorated(larder, "1 tag", |keys| sum(keys, functions::one)),
        Entrant::decorated(larder, "2 tags", |keys| sum(keys, functions::two)),
        Entrant::decorated(larder, "4 tags", |keys| sum(keys, functions::four)),
        Entrant::decorated(larder, "1 tag, another for each key", |keys| sum(keys, functions::own)),
    ]
}

fn hits(options: &Options) {
    let mut random = Random::new(1);
    let zipf = Zipf::new(ENTRIES, 0.99, &mut random);
    let resident: Vec<u64> = (0..ENTRIES as u64).map(mix).collect();
    let schedule = Schedule { windows: zipf.windows(WINDOWS, WINDOW, &mut random, mix) };
    let entrants = filled(options, entrants(), &resident);
    for threads in [1, 2] {
        let title = format!("hit with tags, u64 to u64, 10 000 entries, {threads} thread(s)");
        let race =
            Race { bench: "tags", key: "u64", threads, entries: ENTRIES, reference: "no tag" };
        table(options, &title, race, &entrants, &schedule);
    }
}

fn invalidations(options: &Options) {
    let rounds = options.rounds(31, 15);
    let (mut invalidate_few, mut invalidate_many) = (invalidation(10), invalidation(100_000));
    let (few, many): (Vec<f64>, Vec<f64>) =
        (0..rounds).map(|_| (invalidate_few(), invalidate_many())).unzip();
    let row = |variant: &str, times: &[f64], ratio: f64| Row {
        bench: "tags",
        system: "larder",
        variant: variant.to_owned(),
        key: "u64",
        threads: 1,
        cells: vec![
            ("ns", Cell::Number(quantile(times, 0.5), 0)),
            ("ratio", Cell::Number(ratio, 2)),
        ],
    };
    let ratio = quantile(&many, 0.5) / quantile(&few, 0.5);
    let rows = [row("10 entries", &few, 1.0), row("100 000 entries", &many, ratio)];
    options.report.table("invalidation of a tag, by the entries that carry it", &rows);
}

/// Takes the nanoseconds of an invalidation that reaches so many of 100 000 entries: the processor's
/// caches are in the same state, however many.
fn invalidation(tagged: u64) -> impl FnMut() -> f64 {
    let options = TableOptions::new(Budget::entries(200_000), Clock::system());
    let near = Near::<u64, u64>::new(options);
    let name = format!("bench of {tagged}");
    let source = TagSource::local();
    move || {
        let tags = wait(source.capture(std::slice::from_ref(&name))).expect("it is local");
        let tags_of = |n| if n < tagged { tags.clone() } else { Tags::none() };
        near.put_entries((0..100_000).map(|n| (n, Entry::new(n).with_tags(tags_of(n)))));
        assert!(near.contains(&(tagged - 1)) && near.len() == 100_000);
        let start = Instant::now();
        wait(invalidate_tag(black_box(name.as_str()))).expect("it is local");
        let taken = start.elapsed().as_nanos() as f64;
        assert!(!near.contains(&(tagged - 1)));
        taken
    }
}
