//! Tiered: a decorated call that hits in the near tier, beside one that has no other tier.

use super::race::{Case, rows};
use crate::count::compute;
use crate::harness::{Entrant, Schedule, race, sum};
use crate::options::Options;
use crate::report::Cell;
use crate::zipf::{Random, Zipf, mix};
use larder::{Encoded, Inproc, Memcached, Tiered, cached};
use std::sync::{LazyLock, OnceLock};

const ENTRIES: usize = 2_000;
const CAPACITY: usize = 2_500;
const WINDOW: usize = 20_000;

static ADDRESS: OnceLock<String> = OnceLock::new();
static NEAR: LazyLock<Inproc> = LazyLock::new(|| Inproc::new(CAPACITY));
static TIERS: LazyLock<Tiered<Inproc, Encoded<Memcached>>> = LazyLock::new(|| {
    let address = ADDRESS.get().expect("memcached was started").as_str();
    let far = Memcached::new(address).and_then(Encoded::new).expect("the address is good");
    Tiered::new(Inproc::new(CAPACITY), far)
});

#[cached(client = TIERS, ttl = "1h")]
fn tiered(key: u64) -> u64 {
    compute(key)
}

#[cached(client = NEAR, ttl = "1h")]
fn near(key: u64) -> u64 {
    compute(key)
}

#[cached(capacity = 2_500, ttl = "1h")]
fn own(key: u64) -> u64 {
    compute(key)
}

pub fn run(options: &Options) -> Result<(), String> {
    let server = larder_test_servers::Memcached::start();
    ADDRESS.set(server.address()).map_err(|_| "far tiered runs once")?;
    let mut random = Random::new(1);
    let zipf = Zipf::new(ENTRIES, 0.99, &mut random);
    let schedule = Schedule { windows: zipf.windows(32, WINDOW, &mut random, mix) };
    let resident: Vec<u64> = (0..ENTRIES as u64).map(mix).collect();
    let entrants = [
        Entrant::decorated("larder", "", |keys| sum(keys, tiered)),
        Entrant::decorated("larder", "in process", |keys| sum(keys, own)),
        Entrant::decorated("larder", "in process, shared", |keys| sum(keys, near)),
    ];
    entrants.iter().for_each(|entrant| _ = (entrant.fill)(&resident));
    let measured = race(&entrants, &schedule, 1, options.rounds(31, 15));
    let case = Case { name: "tiered hit in the near tier", callers: 1, calls: WINDOW };
    let mut rows = rows(case, "u64", &measured);
    for (row, measured) in rows.iter_mut().zip(&measured) {
        row.cells.push(("allocations", Cell::Number(measured.allocations, 2)));
    }
    options.report.table("far: decorated call, hit in the near tier, CPU time", &rows);
    match measured.iter().find(|m| m.allocations > 0.0 || m.hits < 1.0) {
        Some(m) => Err(format!(
            "a tiered hit allocates: {} allocations a call, {} of the calls hit ({})",
            m.allocations, m.hits, m.variant
        )),
        None => Ok(()),
    }
}
