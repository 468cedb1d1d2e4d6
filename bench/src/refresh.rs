//! A hit that starts a refresh: what it costs the caller that starts it, and the callers meanwhile.
//!
//! The starter wakes a worker. What that costs is up to the kernel and above all to how long the worker's
//! CPU has been idle, so a bare `unpark` of a thread is measured beside it.

use crate::measured::quantile;
use crate::options::Options;
use crate::report::{Cell, Row};
use crate::systems::larder::{REFRESHED, renewed};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// Hits that are timed together: one is too short for the clock.
const BATCH: u32 = 200;
/// The refresh point of the function, and some more.
const STALE: Duration = Duration::from_millis(70);
/// How long the worker has been idle when it is needed.
const IDLE: [(&str, Duration); 2] =
    [("20 us", Duration::from_micros(20)), ("1 ms", Duration::from_micros(1_000))];

#[derive(Default)]
struct Samples {
    /// The hit that started a refresh.
    starter: Vec<f64>,
    /// A bare wake-up of another thread.
    unpark: Vec<f64>,
    /// A hit on the same key while the refresh runs.
    others: Vec<f64>,
    /// A hit while nothing is refreshed.
    ordinary: Vec<f64>,
}

pub fn run(options: &Options) {
    if !options.takes("larder") {
        return;
    }
    let count = options.rounds(31, 15) as u64 * 20;
    let sleeper = Sleeper::start();
    let rows: Vec<Row> = IDLE
        .iter()
        .enumerate()
        .flat_map(|(at, (name, idle))| {
            let from = (at as u64 + 1) * 5_000;
            rows(name, &measure(from..from + count, *idle, &sleeper))
        })
        .collect();
    options.report.table("hit past the refresh point, u64 to u64, wall time", &rows);
}

fn measure(keys: std::ops::Range<u64>, idle: Duration, sleeper: &Sleeper) -> Samples {
    let mut samples = Samples::default();
    renewed(keys.start - 1);
    keys.clone().for_each(|key| _ = renewed(key));
    std::thread::sleep(STALE);
    keys.for_each(|key| one(key, idle, sleeper, &mut samples));
    samples
}

fn one(key: u64, idle: Duration, sleeper: &Sleeper, samples: &mut Samples) {
    samples.unpark.push(sleeper.wake(idle));
    // Here and below, the first batch finds the shard's lock as the last store has left it.
    batch(key - 1);
    samples.ordinary.push(batch(key - 1));
    spin(idle);
    let before = REFRESHED.load(Ordering::SeqCst);
    let start = Instant::now();
    renewed(key);
    samples.starter.push(start.elapsed().as_nanos() as f64);
    batch(key);
    samples.others.push(batch(key));
    let start = Instant::now();
    while REFRESHED.load(Ordering::SeqCst) == before && start.elapsed() < STALE {
        std::hint::spin_loop();
    }
    // Lets the worker store the value.
    spin(IDLE[0].1);
}

fn batch(key: u64) -> f64 {
    let start = Instant::now();
    let sum = (0..BATCH).fold(0u64, |sum, _| sum.wrapping_add(renewed(std::hint::black_box(key))));
    std::hint::black_box(sum);
    start.elapsed().as_nanos() as f64 / f64::from(BATCH)
}

/// A caller at work, and not one that has just slept.
fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// A thread that does nothing but be woken.
struct Sleeper {
    thread: Thread,
    wakings: Arc<AtomicUsize>,
}

impl Sleeper {
    fn start() -> Self {
        let wakings = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&wakings);
        let body = move || {
            loop {
                std::thread::park();
                // As long awake as the refresh of the bench: then it is put to sleep alike.
                std::thread::sleep(Duration::from_micros(100));
                counted.fetch_add(1, Ordering::SeqCst);
            }
        };
        Sleeper { thread: std::thread::spawn(body).thread().clone(), wakings }
    }

    fn wake(&self, idle: Duration) -> f64 {
        let before = self.wakings.load(Ordering::SeqCst);
        spin(idle);
        let start = Instant::now();
        self.thread.unpark();
        let taken = start.elapsed().as_nanos() as f64;
        while self.wakings.load(Ordering::SeqCst) == before {
            std::hint::spin_loop();
        }
        taken
    }
}

fn rows(idle: &str, samples: &Samples) -> [Row; 4] {
    let row = |system, variant: &str, call: &str, ns: &[f64], goal: Option<f64>| Row {
        bench: "refresh",
        system,
        variant: variant.to_owned(),
        key: "u64",
        threads: 1,
        cells: vec![
            ("call", Cell::Text(call.to_owned())),
            ("worker_idle", Cell::Text(idle.to_owned())),
            ("samples", Cell::Count(ns.len() as u64)),
            ("ns", Cell::Number(quantile(ns, 0.5), 1)),
            ("p90", Cell::Number(quantile(ns, 0.9), 1)),
            ("p99", Cell::Number(quantile(ns, 0.99), 1)),
            ("goal", goal.map_or(Cell::Nothing, |goal| Cell::Number(goal, 0))),
        ],
    };
    let larder = "ttl,async_ttl";
    [
        row("larder", larder, "hit that starts a refresh", &samples.starter, Some(5_000.0)),
        row("std", "unpark", "wakes a thread, no more", &samples.unpark, None),
        row("larder", larder, "hit while it runs", &samples.others, None),
        row("larder", larder, "ordinary hit", &samples.ordinary, None),
    ]
}
