//! Hits: every request is answered from the cache.

use crate::harness::{Entrant, Schedule, race};
use crate::machine::cpus;
use crate::options::Options;
use crate::refresh;
use crate::report::{Race, race_rows};
use crate::systems::{self, Size};
use crate::zipf::{Random, Zipf, mix, strings};

/// Requests per pass: 0.2 to 10 ms, mostly shorter than a slice of the scheduler.
const WINDOW: usize = 20_000;
const WINDOWS: usize = 32;
const EXPONENT: f64 = 0.99;

pub fn run(options: &Options) -> Result<(), String> {
    small(options);
    text(options);
    million(options);
    asynchronous(options);
    region(options);
    refresh::run(options);
    Ok(())
}

fn requests(size: Size) -> (Vec<u64>, Schedule<u64>) {
    let mut random = Random::new(1);
    let zipf = Zipf::new(size.entries(), EXPONENT, &mut random);
    let resident = (0..size.entries() as u64).map(mix).collect();
    (resident, Schedule { windows: zipf.windows(WINDOWS, WINDOW, &mut random, mix) })
}

/// Entrants that take part, with the resident keys in their caches.
pub fn filled<K>(options: &Options, entrants: Vec<Entrant<K>>, resident: &[K]) -> Vec<Entrant<K>> {
    let entrants: Vec<_> =
        entrants.into_iter().filter(|entrant| options.takes(entrant.system)).collect();
    entrants.iter().for_each(|entrant| _ = (entrant.fill)(resident));
    entrants
}

/// One table per number of threads; more threads than CPUs would measure the scheduler.
pub fn table<K: Sync>(
    options: &Options,
    title: &str,
    race_of: Race,
    entrants: &[Entrant<K>],
    schedule: &Schedule<K>,
) {
    if race_of.threads > cpus() {
        options.report.note(&format!("{title}: left out, it needs {} CPUs.", race_of.threads));
        return;
    }
    let measured = race(entrants, schedule, race_of.threads, options.rounds(31, 15));
    options.report.table(title, &race_rows(race_of, &measured));
}

fn small(options: &Options) {
    let (resident, schedule) = requests(Size::TenThousand);
    let entrants = filled(options, systems::hit(Size::TenThousand), &resident);
    for threads in [1, 2] {
        let title = format!("hit, u64 to u64, 10 000 entries, {threads} thread(s)");
        let race =
            Race { bench: "hit", key: "u64", threads, entries: resident.len(), reference: "ttl" };
        table(options, &title, race, &entrants, &schedule);
    }
}

fn text(options: &Options) {
    let size = Size::TenThousand;
    let mut random = Random::new(2);
    let zipf = Zipf::new(size.entries(), EXPONENT, &mut random);
    let resident = strings(size.entries());
    let schedule = Schedule {
        windows: zipf.windows(WINDOWS, WINDOW, &mut random, |id| resident[id as usize]),
    };
    let entrants = filled(options, systems::hit_str(), &resident);
    for threads in [1, 2] {
        let title = format!("hit, &str (20 bytes) to u64, 10 000 entries, {threads} thread(s)");
        let race =
            Race { bench: "hit", key: "str", threads, entries: resident.len(), reference: "ttl" };
        table(options, &title, race, &entrants, &schedule);
    }
}

fn million(options: &Options) {
    let (resident, schedule) = requests(Size::Million);
    let entrants = filled(options, systems::hit(Size::Million), &resident);
    for threads in [1, 2] {
        let title = format!("hit, u64 to u64, 1 000 000 entries, {threads} thread(s)");
        let race = Race {
            bench: "hit_1m",
            key: "u64",
            threads,
            entries: resident.len(),
            reference: "ttl",
        };
        table(options, &title, race, &entrants, &schedule);
    }
}

fn region(options: &Options) {
    let (resident, schedule) = requests(Size::TenThousand);
    let entrants = filled(options, systems::hit_region(), &resident);
    let race = Race {
        bench: "hit_region",
        key: "u64",
        threads: 1,
        entries: resident.len(),
        reference: "ttl,region",
    };
    table(options, "hit over a region, u64 to u64, 10 000 entries", race, &entrants, &schedule);
}

fn asynchronous(options: &Options) {
    let (resident, schedule) = requests(Size::TenThousand);
    let entrants = filled(options, systems::hit_async(), &resident);
    let race = Race {
        bench: "hit_async",
        key: "u64",
        threads: 1,
        entries: resident.len(),
        reference: "ttl,async",
    };
    table(options, "hit of an async fn, u64 to u64, 10 000 entries", race, &entrants, &schedule);
}
