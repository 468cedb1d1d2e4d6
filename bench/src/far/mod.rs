//! Far: values on memcached, Redis and files, near tiers in front of them, and the bytes they are stored as.

mod callers;
mod codec;
mod files;
mod memcached;
mod multiplexed;
mod puts;
mod python;
mod race;
mod raw;
mod redis;
mod tiered;

use crate::machine::version;
use crate::options::Options;
use std::process::Command;

type Part = fn(&Options) -> Result<(), String>;

const PARTS: &[(&str, Part)] = &[
    ("memcached", memcached::run),
    ("redis", redis::run),
    ("puts", puts::run),
    ("files", files::run),
    ("tiered", tiered::run),
    ("codec", codec::run),
];

/// The programs that a part starts.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("memcached", &["memcached"]),
    ("redis", &["redis-server"]),
    ("puts", &["memcached", "redis-server"]),
    ("tiered", &["memcached"]),
];

pub fn run(options: &Options) -> Result<(), String> {
    let parts: Vec<_> = PARTS.iter().filter(|(name, _)| options.takes(name)).collect();
    if parts.is_empty() {
        let known: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
        options
            .report
            .note(&format!("far: left out; `--only` takes its parts: {}.", known.join(", ")));
        return Ok(());
    }
    let names = parts.iter().map(|(name, _)| *name);
    let mut programs: Vec<&str> = names.flat_map(programs_of).copied().collect();
    programs.sort_unstable();
    programs.dedup();
    let mut versions = programs.into_iter().map(version_of).collect::<Result<Vec<_>, _>>()?;
    for package in ["memcache", "async-memcached", "redis", "fred"] {
        versions.extend(version(package).map(|version| format!("{package} {version}")));
    }
    options.report.note(&format!(
        "Far: {}. `us`: median over the rounds, per call, on the clock. Loopback; one caller and its server are on different CPUs.",
        versions.join(", ")
    ));
    parts.into_iter().try_for_each(|(_, run)| run(options))
}

fn programs_of(part: &str) -> &'static [&'static str] {
    PROGRAMS.iter().find(|(name, _)| *name == part).map_or(&[], |(_, programs)| programs)
}

/// What a program says of itself, in one line.
fn version_of(program: &str) -> Result<String, String> {
    let missing = |_| format!("far needs {program}: apt-get install {program}");
    let said = Command::new(program).arg("--version").output().map_err(missing)?;
    let said = String::from_utf8_lossy(&said.stdout);
    let number = said.split_whitespace().find_map(|word| {
        let number = word.trim_start_matches("v=");
        number.starts_with(|c: char| c.is_ascii_digit()).then_some(number)
    });
    Ok(format!("{program} {}", number.unwrap_or("of an unknown version")))
}
