//! What ran where and when: a figure without its machine and its date says nothing.

use std::time::{SystemTime, UNIX_EPOCH};

const LOCKED: &str = include_str!("../Cargo.lock");
const PEERS: [&str; 5] = ["cached", "moka", "quick_cache", "memoize", "foyer"];

/// One line: processor, CPUs, date, and the versions of all systems.
pub fn describe() -> String {
    let versions: Vec<String> = ["larder"]
        .iter()
        .chain(&PEERS)
        .filter_map(|name| Some(format!("{name} {}", version(name)?)))
        .collect();
    format!(
        "{}, {} CPUs, {}, {}; {}",
        processor(),
        cpus(),
        std::env::consts::OS,
        today(),
        versions.join(", ")
    )
}

/// CPUs that this process may use.
pub fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

/// The locked version of a package.
pub fn version(package: &str) -> Option<&'static str> {
    let entry = LOCKED.split("[[package]]").find(|entry| value(entry, "name") == Some(package))?;
    value(entry, "version")
}

fn value<'a>(entry: &'a str, name: &str) -> Option<&'a str> {
    let line = entry.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "))?;
    Some(line.trim_matches('"'))
}

fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split(": ").nth(1));
    name.unwrap_or(std::env::consts::ARCH).to_owned()
}

/// Year, month and day in UTC, by counting days from 1 March of year 0.
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let days = seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
