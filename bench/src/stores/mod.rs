//! Stores: object stores behind a local copy, against the same stores without one.

mod first;
mod herd;
mod hit;
mod index;
mod server;

use crate::machine::version;
use crate::options::Options;
use std::fmt::Display;
use std::process::Command;
use tokio::runtime::Runtime;

pub use server::serve;

/// The hidden sub-commands of the other processes.
pub const SERVER: &str = "stores-server";
pub const CHILD: &str = "stores-child";

type Part = fn(&Options) -> Result<(), String>;

const PARTS: &[(&str, Part)] =
    &[("hit", hit::run), ("first", first::run), ("herd", herd::run), ("index", index::run)];

pub fn run(options: &Options) -> Result<(), String> {
    let parts: Vec<_> = PARTS.iter().filter(|(name, _)| options.takes(name)).collect();
    if parts.is_empty() {
        let known: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
        let known = known.join(", ");
        options.report.note(&format!("stores: left out; `--only` takes its parts: {known}."));
        return Ok(());
    }
    let versions = ["object_store", "s3s-fs"].map(|package| {
        format!("{package} {}", version(package).unwrap_or("of an unknown version"))
    });
    options.report.note(&format!(
        "Stores: {}. The S3 server is a process of its own, on the loopback, over files.",
        versions.join(", ")
    ));
    parts.into_iter().try_for_each(|(_, run)| run(options))
}

/// One measurement in a fresh process of its own.
pub fn child(mut args: impl Iterator<Item = String>) -> Result<(), String> {
    let part = args.next().unwrap_or_default();
    let args: Vec<String> = args.collect();
    match part.as_str() {
        "first" => first::child(&args),
        "fill" => index::fill(&args),
        "open" => index::open(&args),
        _ => Err(format!("no such measurement: {part}")),
    }
}

/// Starts a child; the numbers that it prints.
fn measured(args: &[&dyn Display]) -> Result<Vec<f64>, String> {
    let own = std::env::current_exe().map_err(|e| format!("the bench's own path: {e}"))?;
    let mut command = Command::new(own);
    command.arg(CHILD).args(args.iter().map(ToString::to_string));
    let output = command.output().map_err(|e| format!("a child process: {e}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("a measurement failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(said.split_whitespace().filter_map(|word| word.parse().ok()).collect())
}

fn runtime() -> Result<Runtime, String> {
    Runtime::new().map_err(|e| format!("a runtime: {e}"))
}

/// Any error as text.
fn text(error: impl Display) -> String {
    error.to_string()
}

/// A line of this process's status, in KiB: `VmHWM` is the most that was ever resident.
fn status(line: &str) -> Result<u64, String> {
    let status = std::fs::read_to_string("/proc/self/status")
        .map_err(|e| format!("/proc/self/status: {e}"))?;
    let found = status.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(':'));
    let number = found.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.ok_or(format!("no {line} in /proc/self/status"))
}

/// Bytes that no compression shortens.
fn bytes(length: usize) -> bytes::Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut data = Vec::with_capacity(length + 8);
    while data.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data.extend_from_slice(&state.to_le_bytes());
    }
    data.truncate(length);
    data.into()
}
