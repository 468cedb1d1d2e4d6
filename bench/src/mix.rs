//! A mix: Zipf requests over a million keys with room for 50 000, about three hits in four calls.

use crate::harness::Schedule;
use crate::hit::{filled, table};
use crate::options::Options;
use crate::report::Race;
use crate::systems::{self, MIX_CAPACITY};
use crate::zipf::{Random, Zipf, mix};

const UNIVERSE: usize = 1_000_000;
const EXPONENT: f64 = 0.99;
const WINDOW: usize = 20_000;
const WINDOWS: usize = 128;
/// Requests before the first round, so that each policy has found its balance.
const WARM_UP: usize = 600_000;

pub fn run(options: &Options) -> Result<(), String> {
    let mut random = Random::new(3);
    let zipf = Zipf::new(UNIVERSE, EXPONENT, &mut random);
    let warm_up = zipf.windows(1, WARM_UP, &mut random, mix).concat();
    let schedule = Schedule { windows: zipf.windows(WINDOWS, WINDOW, &mut random, mix) };
    let entrants = filled(options, systems::mix(), &warm_up);
    for threads in [1, 2] {
        let title =
            format!("Zipf mix, u64 to u64, capacity 50 000 of 1 000 000 keys, {threads} thread(s)");
        let race =
            Race { bench: "mix", key: "u64", threads, entries: MIX_CAPACITY, reference: "ttl" };
        table(options, &title, race, &entrants, &schedule);
    }
    Ok(())
}
