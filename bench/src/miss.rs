//! Misses: every request is new, computes something of no cost, and evicts an older entry.

use crate::harness::Schedule;
use crate::hit::{filled, table};
use crate::options::Options;
use crate::report::Race;
use crate::systems::{self, MISS_CAPACITY};
use crate::zipf::mix;

const WINDOW: usize = 5_000;

pub fn run(options: &Options) -> Result<(), String> {
    let resident: Vec<u64> = (0..MISS_CAPACITY as u64 * 3 / 2).map(mix).collect();
    let entrants = filled(options, systems::miss(), &resident);
    let mut next = resident.len() as u64;
    for threads in [1, 2] {
        // The rounds that `table` will run: no key may come twice.
        let windows = (0..Schedule::<u64>::needed(options.rounds(31, 15), threads))
            .map(|_| {
                let window = (next..next + WINDOW as u64).map(mix).collect();
                next += WINDOW as u64;
                window
            })
            .collect();
        let title =
            format!("miss with eviction, u64 to u64, capacity 100 000, {threads} thread(s)");
        let race =
            Race { bench: "miss", key: "u64", threads, entries: MISS_CAPACITY, reference: "ttl" };
        table(options, &title, race, &entrants, &Schedule { windows });
    }
    Ok(())
}
