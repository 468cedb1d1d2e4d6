//! A hit that starts a refresh: what it costs the caller that starts it, and the callers meanwhile.

use crate::harness::quantile;
use crate::options::Options;
use crate::report::{Cell, Row};
use crate::systems::larder::{REFRESHED, renewed};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Hits that are timed together: one is too short for the clock.
const BATCH: u32 = 200;
/// The refresh point of the function, and some more.
const STALE: Duration = Duration::from_millis(70);

#[derive(Default)]
struct Samples {
    /// The hit that started a refresh.
    starter: Vec<f64>,
    /// A hit on the same key while the refresh runs.
    others: Vec<f64>,
    /// A hit while nothing is refreshed.
    ordinary: Vec<f64>,
}

pub fn run(options: &Options) {
    if !options.takes("larder") {
        return;
    }
    let keys = options.rounds(31, 15) as u64 * 20;
    let mut samples = Samples::default();
    (0..keys).for_each(|key| _ = renewed(key));
    std::thread::sleep(STALE);
    (1..keys).for_each(|key| one(key, &mut samples));
    let goal = Cell::Number(5_000.0, 0);
    let rows = [
        row("starts the refresh", &samples.starter, goal),
        row("while it runs", &samples.others, Cell::Nothing),
        row("ordinary hit", &samples.ordinary, Cell::Nothing),
    ];
    options.report.table(
        "hit past the refresh point, u64 to u64, the pool's worker parked; wall time",
        &rows,
    );
}

fn one(key: u64, samples: &mut Samples) {
    // A caller that is at work, and not one that has just slept. The key before is fresh by now.
    batch(key - 1);
    let before = REFRESHED.load(Ordering::SeqCst);
    let start = Instant::now();
    renewed(key);
    samples.starter.push(start.elapsed().as_nanos() as f64);
    samples.others.push(batch(key));
    let start = Instant::now();
    while REFRESHED.load(Ordering::SeqCst) == before && start.elapsed() < STALE {
        std::hint::spin_loop();
    }
    // Let the worker store the value and park.
    std::thread::sleep(Duration::from_micros(200));
    batch(key);
    samples.ordinary.push(batch(key));
}

fn batch(key: u64) -> f64 {
    let start = Instant::now();
    let sum = (0..BATCH).fold(0u64, |sum, _| sum.wrapping_add(renewed(std::hint::black_box(key))));
    std::hint::black_box(sum);
    start.elapsed().as_nanos() as f64 / f64::from(BATCH)
}

fn row(variant: &str, ns: &[f64], goal: Cell) -> Row {
    Row {
        bench: "refresh",
        system: "larder",
        variant: variant.to_owned(),
        key: "u64",
        threads: 1,
        cells: vec![
            ("samples", Cell::Count(ns.len() as u64)),
            ("ns", Cell::Number(quantile(ns, 0.5), 1)),
            ("p90", Cell::Number(quantile(ns, 0.9), 1)),
            ("p99", Cell::Number(quantile(ns, 0.99), 1)),
            ("goal", goal),
        ],
    }
}
