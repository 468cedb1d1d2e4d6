//! A race of calls that wait for somebody: timed by the clock on the wall, in turn, with a rotated start.

use crate::goals;
use crate::measured::{Measured, quantile};
use crate::options::Options;
use crate::report::{Cell, Row};
use std::time::Duration;

/// What is raced.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The variant of all rows: what is called, and by how many.
    pub name: &'static str,
    pub callers: usize,
    /// Calls of each caller in a pass.
    pub calls: usize,
}

/// A system: answers so many calls of each caller, checks the answers, and says how long it took.
pub struct Entrant<'a> {
    pub system: &'static str,
    /// Which of its faces; empty for the one that the others are compared with.
    pub how: &'static str,
    pub pass: Box<dyn FnMut(usize) -> Duration + 'a>,
}

impl<'a> Entrant<'a> {
    pub fn new(
        system: &'static str,
        how: &'static str,
        pass: impl FnMut(usize) -> Duration + 'a,
    ) -> Self {
        Entrant { system, how, pass: Box::new(pass) }
    }
}

/// Runs the race and prints its table.
pub fn race(options: &Options, case: Case, mut entrants: Vec<Entrant<'_>>) {
    let mut times: Vec<Vec<f64>> = entrants.iter().map(|_| Vec::new()).collect();
    for round in 0..options.rounds(41, 15) {
        for step in 0..entrants.len() {
            let at = (round + step) % entrants.len();
            (entrants[at].pass)(case.calls.div_ceil(8));
            let took = (entrants[at].pass)(case.calls);
            times[at].push(took.as_nanos() as f64 / (case.calls * case.callers) as f64);
        }
    }
    let measured: Vec<Measured> = entrants
        .iter()
        .zip(times)
        .map(|(entrant, ns)| Measured {
            system: entrant.system,
            variant: entrant.how,
            rounds: ns.len(),
            ns,
            allocations: f64::NAN,
            hits: 1.0,
        })
        .collect();
    let rows = rows(case, "str", &measured);
    options.report.table(&format!("far: {}", case.name), &rows);
}

/// Rows in microseconds, with the ratio to larder's face without a name.
pub fn rows(case: Case, key: &'static str, measured: &[Measured]) -> Vec<Row> {
    let reference = measured.iter().find(|m| m.system == "larder" && m.variant.is_empty());
    let row = |m: &Measured| {
        let variant = match m.variant {
            "" => case.name.to_owned(),
            how => format!("{}, {how}", case.name),
        };
        let goal = goals::find("far", m.system, &variant, key, case.callers);
        let ratio = reference.map_or(f64::NAN, |larder| m.paired(larder));
        Row {
            bench: "far",
            system: m.system,
            variant,
            key,
            threads: case.callers,
            cells: vec![
                ("rounds", Cell::Count(m.rounds as u64)),
                ("us", us(m.median())),
                ("p25", us(quantile(&m.ns, 0.25))),
                ("p75", us(quantile(&m.ns, 0.75))),
                ("ratio", Cell::Number(ratio, 3)),
                ("goal", goal.map_or(Cell::Nothing, |goal| Cell::Number(goal, 2))),
            ],
        }
    };
    measured.iter().map(row).collect()
}

/// Three or four digits that count.
fn us(ns: f64) -> Cell {
    let digits = match ns {
        ns if ns < 100.0 => 4,
        ns if ns < 10_000.0 => 3,
        _ => 2,
    };
    Cell::Number(ns / 1_000.0, digits)
}
