//! Reload: what it takes to read the file of 200 regions again and to follow it, while others call.

use crate::measured::quantile;
use crate::options::Options;
use crate::report::{Cell, Row};
use larder::{Configuration, Region, wait};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

const REGIONS: u64 = 200;
/// Of a region; its memory has room for more.
const KEYS: u64 = 50;

/// The one with a decorated function.
static FIRST: Region = Region::new("bench-0");

#[larder::cached(client = FIRST)]
fn first(key: u64) -> u64 {
    key
}

/// What the calls beside the reloads came to.
#[derive(Default)]
struct Calls {
    made: u64,
    failed: u64,
}

impl Calls {
    fn add(&mut self, answered: bool) {
        self.made += 1;
        self.failed += u64::from(!answered);
    }
}

pub fn run(options: &Options) -> Result<(), String> {
    if !options.takes("larder") {
        return Ok(());
    }
    let rows = measure(options.rounds(101, 31)).map_err(|error| error.to_string())?;
    options.report.table("reload of 200 regions while one thread calls all of them", &rows);
    Ok(())
}

fn measure(rounds: usize) -> Result<Vec<Row>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("larder.toml");
    write(&file, 300, 1_000)?;
    Configuration::new().with_environment::<&str, &str>([]).configure(&file)?;
    let name = |n: u64| -> &'static str { format!("bench-{n}").leak() };
    let regions: Vec<Region> = (0..REGIONS).map(|n| Region::new(name(n))).collect();
    // Each has a cache that has to follow.
    round(&regions, &mut Calls::default());
    let mut rows = Vec::new();
    rows.push(row(
        "other expiration",
        reloads(&regions, rounds, |n| write(&file, 300 + n, 1_000))?,
    ));
    rows.push(row(
        "other capacity too",
        reloads(&regions, rounds, |n| write(&file, 300 + n, 1_000 + n % 2))?,
    ));
    Ok(rows)
}

fn write(file: &Path, ttl: u64, entries: u64) -> std::io::Result<()> {
    let mut text = String::new();
    for n in 0..REGIONS {
        let _ = write!(text, "[regions.bench-{n}]\nexpiration = '{ttl}s'\nbackend = 'memory'\n");
        let _ = writeln!(text, "arguments.entries = {entries}");
    }
    fs::write(file, text)
}

/// Milliseconds of each reload, and the calls beside them.
fn reloads(
    regions: &[Region],
    rounds: usize,
    change: impl Fn(u64) -> std::io::Result<()>,
) -> Result<(Vec<f64>, Calls), Box<dyn Error>> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| {
            let mut calls = Calls::default();
            while !stop.load(Ordering::Relaxed) {
                round(regions, &mut calls);
            }
            calls
        });
        let times = (1..=rounds as u64).map(|n| {
            change(n)?;
            let start = Instant::now();
            larder::reload()?;
            Ok(start.elapsed().as_secs_f64() * 1e3)
        });
        let times: Result<Vec<f64>, Box<dyn Error>> = times.collect();
        stop.store(true, Ordering::Relaxed);
        let calls = caller.join().map_err(|_| "the caller has ended too early")?;
        Ok((times?, calls))
    })
}

/// A call of the function, and one of each region.
fn round(regions: &[Region], calls: &mut Calls) {
    for (region, n) in regions.iter().zip(0u64..) {
        let key = n % KEYS;
        let of_function = catch_unwind(AssertUnwindSafe(|| first(key)));
        calls.add(of_function.is_ok_and(|value| value == key));
        let of_region = wait(region.get_or_compute(&key, move || async move { key }));
        calls.add(of_region.is_ok_and(|value| value == key));
    }
}

fn row(variant: &str, (times, calls): (Vec<f64>, Calls)) -> Row {
    Row {
        bench: "reload",
        system: "larder",
        variant: variant.to_owned(),
        key: "u64",
        threads: 1,
        cells: vec![
            ("ms", Cell::Number(quantile(&times, 0.5), 2)),
            ("best", Cell::Number(quantile(&times, 0.0), 2)),
            ("worst", Cell::Number(quantile(&times, 1.0), 2)),
            ("calls", Cell::Count(calls.made)),
            ("failed_calls", Cell::Count(calls.failed)),
        ],
    }
}
