//! Advice in words.

use super::{Advice, Bounds, Finding, FindingKind, Together};
use std::fmt;
use std::time::Duration;

/// A time as configurations write it: `1h30m`.
pub fn time(time: Duration) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1_u128)];
    let mut left = time.as_millis();
    if left == 0 {
        return if time.is_zero() { "0s".to_owned() } else { format!("{time:?}") };
    }
    let mut text = String::new();
    for (unit, length) in units {
        if left >= length {
            text.push_str(&format!("{}{unit}", left / length));
            left %= length;
        }
    }
    text
}

/// A number of bytes as configurations write it: `64MiB`.
pub fn size(bytes: u64) -> String {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.iter().find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

/// A factor with two digits behind the point at most.
pub(super) fn times(factor: f64) -> String {
    let text = format!("{factor:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn at_most(limit: Option<Duration>) -> String {
    limit.map_or_else(|| "without limit".to_owned(), |limit| format!("at most {}", time(limit)))
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for bounds in &self.regions {
            writeln!(f, "{bounds}")?;
        }
        for paragraph in &self.sections {
            writeln!(f, "{}\n", paragraph.trim_end())?;
        }
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            FindingKind::Mistake => "mistake",
            FindingKind::Contradiction => "contradiction",
            FindingKind::BrokenLimit => "broken limit",
        };
        write!(f, "{}: {kind}: {}", self.mistake.place, self.mistake.message())
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "region `{}`: {}", self.name, self.tiers)?;
        if self.keeps_nothing {
            return writeln!(f, "  keeps nothing: every call computes");
        }
        let (age, failing) = (at_most(self.staleness), at_most(self.staleness_on_failure));
        write!(f, "  staleness: {age}")?;
        if age != failing {
            write!(f, "; {failing} while computations fail")?;
        }
        let (key, all) = (at_most(self.after_change), at_most(self.after_invalidation));
        writeln!(f)?;
        writeln!(
            f,
            "  after a change in another process: of a key {key}; of the region or a tag {all}"
        )?;
        writeln!(f, "  load: {}", self.load_in_words())?;
        let memory = match (self.entries, self.bytes) {
            (0, 0) => "none in this process".to_owned(),
            (entries, 0) => format!("{entries} entries"),
            (0, bytes) => size(bytes),
            (entries, bytes) => format!("{entries} entries and {}", size(bytes)),
        };
        writeln!(f, "  memory: {memory}")
    }
}

impl Bounds {
    fn load_in_words(&self) -> String {
        let who = match self.load.together {
            Together::Everybody => "in all processes together",
            Together::Machine => "by all processes of a machine together",
            Together::Process => "in each process",
        };
        let Some(interval) = self.load.interval else {
            return format!("a key in use is computed once {who}");
        };
        let factor = match self.load.factor {
            Some(factor) if factor > 1.005 => {
                format!(", {} times as often as its expiration alone asks for", times(factor))
            }
            Some(_) | None => String::new(),
        };
        format!("a key in use is computed at most once in {} {who}{factor}", time(interval))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_written_as_configurations_write_them() {
        let millis = Duration::from_millis;
        assert_eq!(time(millis(5_400_000)), "1h30m");
        assert_eq!(time(millis(90_061_001)), "1d1h1m1s1ms");
        assert_eq!(
            (time(Duration::ZERO), time(Duration::from_micros(5))),
            ("0s".into(), "5µs".into())
        );
        assert_eq!(
            (size(64 << 20), size(1000), size(3 << 10)),
            ("64MiB".into(), "1000B".into(), "3KiB".into())
        );
    }
}
