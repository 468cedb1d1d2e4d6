//! Rows, printed as a Markdown table for people or as one JSON object per row for programs.

use crate::goals;
use crate::measured::{Measured, quantile};
use std::fmt::Write as _;

/// One measured thing. `cells` are the columns after the common ones, in order.
#[derive(Debug)]
pub struct Row {
    pub bench: &'static str,
    pub system: &'static str,
    pub variant: String,
    pub key: &'static str,
    pub threads: usize,
    pub cells: Vec<(&'static str, Cell)>,
}

/// A column's value.
#[derive(Debug, Clone)]
pub enum Cell {
    /// With so many digits after the point.
    Number(f64, usize),
    Count(u64),
    Text(String),
    Nothing,
}

impl Cell {
    fn json(&self) -> String {
        match self {
            Cell::Number(n, digits) if n.is_finite() => format!("{n:.digits$}"),
            Cell::Count(n) => n.to_string(),
            Cell::Text(text) => quoted(text),
            Cell::Number(..) | Cell::Nothing => "null".to_owned(),
        }
    }

    fn plain(&self) -> String {
        match self {
            Cell::Number(n, digits) if n.is_finite() => format!("{n:.digits$}"),
            Cell::Count(n) => n.to_string(),
            Cell::Text(text) => text.clone(),
            Cell::Number(..) | Cell::Nothing => "–".to_owned(),
        }
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => write!(out, "\\u{:04x}", c as u32).expect("writing to a string"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Where rows go.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    pub json: bool,
}

impl Report {
    /// Says which machine, when, and which versions.
    pub fn preamble(self) {
        self.note(&crate::machine::describe());
        self.note("`ns`: median over the rounds, per call. `ratio`: larder's figure divided by this row's.");
    }

    /// Prints a titled table; all rows have the same cells.
    pub fn table(self, title: &str, rows: &[Row]) {
        if self.json {
            rows.iter().for_each(|row| println!("{}", json(row)));
            return;
        }
        let Some(first) = rows.first() else { return };
        println!("**{title}**\n");
        let mut lines = vec![vec!["system".to_owned(), "variant".to_owned()]];
        lines[0].extend(first.cells.iter().map(|(name, _)| name.replace('_', " ")));
        for row in rows {
            let mut line = vec![row.system.to_owned(), row.variant.clone()];
            line.extend(row.cells.iter().map(|(_, cell)| cell.plain()));
            lines.push(line);
        }
        print_aligned(&lines);
    }

    /// Prints rows as a matrix: one line per `case`, one column per system; JSON stays one object per row.
    pub fn matrix(
        self,
        title: &str,
        corner: &str,
        rows: &[Row],
        line: impl Fn(&Row) -> String,
        cell: impl Fn(&Row) -> String,
    ) {
        if self.json {
            rows.iter().for_each(|row| println!("{}", json(row)));
            return;
        }
        println!("**{title}**\n");
        let column = |row: &Row| format!("{} {}", row.system, row.variant);
        let mut columns: Vec<String> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for row in rows {
            if !columns.contains(&column(row)) {
                columns.push(column(row));
            }
            if !names.contains(&line(row)) {
                names.push(line(row));
            }
        }
        let find =
            |name: &str, head: &str| rows.iter().find(|r| line(r) == name && column(r) == head);
        let mut lines = vec![
            [corner.to_owned()].into_iter().chain(columns.iter().cloned()).collect::<Vec<_>>(),
        ];
        for name in &names {
            let cells = columns.iter().map(|head| find(name, head).map_or("–".to_owned(), &cell));
            lines.push([name.clone()].into_iter().chain(cells).collect());
        }
        print_aligned(&lines);
    }

    /// A remark beside a table; not for programs.
    pub fn note(self, text: &str) {
        if !self.json {
            println!("{text}\n");
        }
    }
}

fn json(row: &Row) -> String {
    let mut out = format!(
        "{{\"bench\":{},\"system\":{},\"variant\":{},\"key\":{},\"threads\":{}",
        quoted(row.bench),
        quoted(row.system),
        quoted(&row.variant),
        quoted(row.key),
        row.threads
    );
    for (name, cell) in &row.cells {
        write!(out, ",{}:{}", quoted(name), cell.json()).expect("writing to a string");
    }
    out.push('}');
    out
}

fn print_aligned(lines: &[Vec<String>]) {
    let columns = lines[0].len();
    let width = |column: usize| {
        lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0).max(3)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for (at, line) in lines.iter().enumerate() {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, &w)| format!("{cell:<w$}")).collect();
        println!("| {} |", cells.join(" | "));
        if at == 0 {
            let rule: Vec<String> = widths.iter().map(|&w| "-".repeat(w)).collect();
            println!("| {} |", rule.join(" | "));
        }
    }
    println!();
}

/// What a race was about.
#[derive(Debug, Clone, Copy)]
pub struct Race {
    pub bench: &'static str,
    pub key: &'static str,
    pub threads: usize,
    pub entries: usize,
    /// The row that the others are compared with: a variant of larder's.
    pub reference: &'static str,
}

/// Rows of a race: times, and larder's time as a part of each other one's.
pub fn race_rows(race: Race, measured: &[Measured]) -> Vec<Row> {
    let reference = measured.iter().find(|m| m.system == "larder" && m.variant == race.reference);
    let row = |m: &Measured| {
        let ratio = reference.map_or(f64::NAN, |larder| m.paired(larder));
        let goal = goals::find(race.bench, m.system, m.variant, race.key, race.threads);
        Row {
            bench: race.bench,
            system: m.system,
            variant: m.variant.to_owned(),
            key: race.key,
            threads: race.threads,
            cells: vec![
                ("entries", Cell::Count(race.entries as u64)),
                ("rounds", Cell::Count(m.rounds as u64)),
                ("ns", Cell::Number(m.median(), 1)),
                ("p25", Cell::Number(quantile(&m.ns, 0.25), 1)),
                ("p75", Cell::Number(quantile(&m.ns, 0.75), 1)),
                ("ratio", Cell::Number(ratio, 3)),
                ("goal", goal.map_or(Cell::Nothing, |g| Cell::Number(g, 2))),
                ("hit_percent", Cell::Number(m.hits * 100.0, 1)),
                ("allocations", Cell::Number(m.allocations, 2)),
            ],
        }
    };
    measured.iter().map(row).collect()
}
