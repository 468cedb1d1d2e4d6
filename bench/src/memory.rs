//! Memory: what the resident set grows by, per entry. Each system in a fresh process of its own.

use crate::options::Options;
use crate::report::{Cell, Row};
use crate::systems::{self, Memory};
use std::process::Command;

/// The hidden sub-command of the child process.
pub const CHILD: &str = "memory-child";

/// At most so many bytes an entry: the goals for larder.
const GOALS: [(u64, f64); 2] = [(1_000_000, 62.0), (900_000, 42.0)];

pub fn run(options: &Options) -> Result<(), String> {
    for (entries, goal) in GOALS {
        let mut rows = Vec::new();
        for (at, memory) in
            systems::memory().iter().enumerate().filter(|(_, m)| options.takes(m.system))
        {
            rows.push(measure(at, memory, entries, goal)?);
        }
        options
            .report
            .table(&format!("memory, u64 to u64, {entries} entries, room for 1 250 000"), &rows);
    }
    Ok(())
}

fn measure(at: usize, memory: &Memory, entries: u64, goal: f64) -> Result<Row, String> {
    let exe = std::env::current_exe().map_err(|e| format!("the bench's own path: {e}"))?;
    let arguments = [CHILD.to_owned(), at.to_string(), entries.to_string()];
    let output =
        Command::new(exe).args(arguments).output().map_err(|e| format!("a child process: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let &[bytes, held] = numbers.as_slice() else {
        return Err(format!(
            "{} did not report its memory: {}",
            memory.system,
            String::from_utf8_lossy(&output.stderr)
        ));
    };
    let goal = if memory.system == "larder" { Cell::Number(goal, 0) } else { Cell::Nothing };
    Ok(Row {
        bench: "memory",
        system: memory.system,
        variant: memory.variant.to_owned(),
        key: "u64",
        threads: 1,
        cells: vec![
            ("entries", Cell::Count(entries)),
            ("held", Cell::Count(held)),
            ("bytes", Cell::Number(bytes as f64 / held.max(1) as f64, 1)),
            ("goal", goal),
        ],
    })
}

/// The child: fills one cache and prints growth in bytes and entries held.
pub fn child(mut args: impl Iterator<Item = String>) -> Result<(), String> {
    let mut number =
        || args.next().and_then(|arg| arg.parse::<u64>().ok()).ok_or("two numbers are needed");
    let (at, entries) = (number()?, number()?);
    let memory = systems::memory().into_iter().nth(at as usize).ok_or("no such system")?;
    let before = resident_bytes()?;
    let filled = (memory.fill)(entries);
    let after = resident_bytes()?;
    println!("{} {}", after.saturating_sub(before), filled.entries);
    drop(filled.keep);
    Ok(())
}

fn resident_bytes() -> Result<u64, String> {
    let status = std::fs::read_to_string("/proc/self/status")
        .map_err(|e| format!("/proc/self/status: {e}"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS line")?;
    let kib = line
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse::<u64>().ok())
        .ok_or("no number")?;
    Ok(kib * 1024)
}
