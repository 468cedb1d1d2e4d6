//! Hit ratio: the same requests through every policy, at 1, 5 and 10 % of the distinct keys.

use crate::options::Options;
use crate::report::{Cell, Row};
use crate::systems::{self, Policy};
use crate::zipf::{Random, Zipf};
use std::collections::HashSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

const PERCENT: [usize; 3] = [1, 5, 10];
/// The peers whose best is the goal.
const RIVALS: [&str; 3] = ["moka", "quick_cache", "foyer"];

struct Trace {
    name: String,
    requests: Vec<u64>,
}

pub fn run(options: &Options) -> Result<(), String> {
    let from_environment = || std::env::var_os("LARDER_TRACE").map(PathBuf::from);
    let traces = match options.trace.clone().or_else(from_environment) {
        Some(path) => vec![read(&path)?],
        None => {
            options
                .report
                .note("No trace given (--trace FILE or LARDER_TRACE): synthetic requests.");
            synthetic(if options.quick { 200_000 } else { 1_000_000 })
        }
    };
    traces.iter().for_each(|trace| table(options, trace));
    Ok(())
}

fn table(options: &Options, trace: &Trace) {
    let distinct = trace.requests.iter().collect::<HashSet<_>>().len();
    let policies: Vec<Policy> =
        systems::ratio().into_iter().filter(|p| options.takes(p.system)).collect();
    let ratios: Vec<[f64; 3]> = policies
        .iter()
        .map(|p| PERCENT.map(|part| replay(p, trace, distinct * part / 100)))
        .collect();
    let best = |column: usize| {
        let rivals = policies.iter().zip(&ratios).filter(|(p, _)| RIVALS.contains(&p.system));
        rivals.map(|(_, r)| r[column]).fold(f64::NAN, f64::max)
    };
    let row = |(policy, hits): (&Policy, &[f64; 3])| {
        let mut cells = vec![("trace", Cell::Text(trace.name.clone()))];
        for (column, name) in ["capacity_1_percent", "capacity_5_percent", "capacity_10_percent"]
            .into_iter()
            .enumerate()
        {
            cells.push((name, Cell::Number(hits[column], 2)));
        }
        let mine = policy.system == "larder";
        let lead = (0..3).map(|column| hits[column] - best(column)).fold(f64::INFINITY, f64::min);
        cells.push(("least_lead", if mine { Cell::Number(lead, 2) } else { Cell::Nothing }));
        Row {
            bench: "ratio",
            system: policy.system,
            variant: policy.variant.to_owned(),
            key: "u64",
            threads: 1,
            cells,
        }
    };
    let rows: Vec<Row> = policies.iter().zip(&ratios).map(row).collect();
    let title = format!(
        "hit ratio in %, {}: {} requests, {distinct} distinct keys; capacity as a part of these",
        trace.name,
        trace.requests.len()
    );
    options.report.table(&title, &rows);
    options.report.note("`least lead`: larder's points above the best of moka, quick_cache and foyer, where that is least.");
}

fn replay(policy: &Policy, trace: &Trace, capacity: usize) -> f64 {
    let mut access = (policy.build)(capacity.max(1));
    let hits = trace.requests.iter().filter(|&&key| access(key)).count();
    hits as f64 * 100.0 / trace.requests.len() as f64
}

/// Reads lines of `start count _ _`; each stands for the keys `start..start + count`.
fn read(path: &Path) -> Result<Trace, String> {
    let failed = |e: std::io::Error| format!("{}: {e}", path.display());
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut text = String::new();
    if path.extension().is_some_and(|extension| extension == "zst") {
        zstd::Decoder::new(file).map_err(failed)?.read_to_string(&mut text).map_err(failed)?;
    } else {
        file.read_to_string(&mut text).map_err(failed)?;
    }
    let mut requests = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let mut numbers = line.split_whitespace().map(str::parse::<u64>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(start)), Some(Ok(count))) => requests.extend(start..start + count),
            (None, _) => {}
            _ => {
                return Err(format!("{}:{}: expected `start count ..`", path.display(), at + 1));
            }
        }
    }
    let name =
        path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    Ok(Trace { name, requests })
}

fn synthetic(length: usize) -> Vec<Trace> {
    let mut random = Random::new(4);
    let zipf = Zipf::new(1_000_000, 0.99, &mut random);
    let popular: Vec<u64> = (0..length).map(|_| zipf.draw(&mut random)).collect();
    // Runs of 1 000 popular requests alternate with scans of 250 keys that never return.
    let mut fresh = 1u64 << 40;
    let scanned = popular.chunks(1_000).flat_map(|run| {
        fresh += 250;
        run.iter().copied().chain(fresh - 250..fresh)
    });
    let scanned = scanned.collect();
    let looped = (0..length as u64).map(|at| at % (length as u64 / 20)).collect();
    vec![
        Trace { name: "zipf 0.99".to_owned(), requests: popular },
        Trace { name: "zipf 0.99 with scans".to_owned(), requests: scanned },
        Trace { name: "loop".to_owned(), requests: looped },
    ]
}
