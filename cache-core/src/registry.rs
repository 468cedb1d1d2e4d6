//! All cached functions of the program that have been used, and their figures as a table.

use crate::memo::AnyMemo;
use crate::stats::{Misses, Stats};
use std::fmt::Write;
use std::sync::Mutex;
use std::time::Duration;

static LIST: Mutex<Vec<Listed>> = Mutex::new(Vec::new());

#[derive(Clone, Copy)]
enum Listed {
    /// Made before the memo has its final place.
    Later(fn() -> &'static dyn AnyMemo),
    Now(&'static dyn AnyMemo),
}

pub(crate) fn list(memo: fn() -> &'static dyn AnyMemo) {
    add(Listed::Later(memo));
}

pub(crate) fn list_memo(memo: &'static dyn AnyMemo) {
    add(Listed::Now(memo));
}

fn add(listed: Listed) {
    LIST.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(listed);
}

/// A cached function, named as a type: its companion.
///
/// ```ignore
/// fn warm_up<F: larder::CachedFn + ?Sized>() {
///     println!("{} holds {} values", F::NAME, F::memo().len());
/// }
/// warm_up::<score>();
/// ```
pub trait CachedFn {
    /// What is stored.
    type Value;
    /// The function's path.
    const NAME: &'static str;
    /// Its counters and its content, without their types.
    fn memo() -> &'static dyn AnyMemo;
}

/// Every cached function of the program that has been used at least once, generic ones once for
/// each set of types.
///
/// ```
/// for function in cache_core::registry() {
///     println!("{}: {:?}", function.name(), function.stats());
/// }
/// ```
#[must_use]
pub fn registry() -> Vec<&'static dyn AnyMemo> {
    let list = LIST.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    list.into_iter()
        .map(|listed| match listed {
            Listed::Later(memo) => memo(),
            Listed::Now(memo) => memo,
        })
        .collect()
}

const COLUMNS: [&str; 14] = [
    "function",
    "values",
    "calls",
    "hits",
    "stale",
    "far",
    "misses",
    "computed",
    "errors",
    "waited",
    "fenced",
    "computing",
    "saved",
    "misses by reason",
];

/// The figures of all cached functions as plain text, one line each, the busiest first; then a line for each cached
/// store that is open, and for what else [asked for one](crate::report_also).
///
/// ```
/// println!("{}", cache_core::report());
/// ```
#[must_use]
pub fn report() -> String {
    let mut functions: Vec<_> =
        registry().into_iter().map(|memo| (memo.name(), memo.len(), memo.stats())).collect();
    functions.sort_by_key(|(_, _, stats)| std::cmp::Reverse(calls(stats)));
    let rows: Vec<_> = functions.iter().map(|(name, len, stats)| row(name, *len, stats)).collect();
    let width = |at: usize| {
        let cells = rows.iter().map(|row| row[at].chars().count());
        cells.chain([COLUMNS[at].len()]).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..COLUMNS.len()).map(width).collect();
    let mut text = String::new();
    line(&mut text, &COLUMNS.map(str::to_owned), &widths);
    rows.iter().for_each(|row| line(&mut text, row, &widths));
    for line in crate::reported::lines() {
        let _ = writeln!(text, "{line}");
    }
    text
}

fn line(text: &mut String, cells: &[String; 14], widths: &[usize]) {
    let name = format!("{:<1$}", cells[0], widths[0]);
    let (words, numbers) = (&cells[13], cells.iter().zip(widths).take(13).skip(1));
    let numbers = numbers.map(|(cell, width)| format!("  {cell:>width$}"));
    let words = [format!("  {words}")];
    let line: String = std::iter::once(name).chain(numbers).chain(words).collect();
    let _ = writeln!(text, "{}", line.trim_end());
}

fn calls(stats: &Stats) -> u64 {
    stats.hits + stats.stale_hits + stats.far_hits + stats.grace_hits + stats.misses.total()
}

fn row(name: &str, len: usize, stats: &Stats) -> [String; 14] {
    let calls = calls(stats);
    let part = |n: u64| match calls {
        0 => "-".to_owned(),
        calls => format!("{:.1} %", 100.0 * n as f64 / calls as f64),
    };
    [
        name.to_owned(),
        len.to_string(),
        calls.to_string(),
        part(stats.hits),
        part(stats.stale_hits + stats.grace_hits),
        part(stats.far_hits),
        part(stats.misses.total()),
        stats.computations.to_string(),
        stats.errors.to_string(),
        stats.waiters.to_string(),
        stats.fenced.to_string(),
        short(stats.computing),
        short(stats.saved),
        reasons(&stats.misses),
    ]
}

/// Why values were missing, the most frequent reason first.
fn reasons(misses: &Misses) -> String {
    let mut reasons = misses.by_reason();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let told = reasons.iter().filter(|(_, count)| *count > 0);
    let told: Vec<_> = told.map(|(reason, count)| format!("{} {count}", reason.name())).collect();
    told.join(", ")
}

/// A time in three digits or so: reports are read, not computed with.
fn short(time: Duration) -> String {
    match time.as_secs_f64() {
        s if s >= 100.0 => format!("{s:.0} s"),
        s if s >= 1.0 => format!("{s:.1} s"),
        s if s >= 1e-3 => format!("{:.1} ms", s * 1e3),
        s => format!("{:.1} us", s * 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        assert_eq!(short(Duration::from_micros(1500)), "1.5 ms");
        assert_eq!(short(Duration::from_secs(250)), "250 s");
        assert_eq!(short(Duration::from_nanos(2_300)), "2.3 us");
    }

    #[test]
    fn the_table_lines_up() {
        let stats = Stats { hits: 3, computations: 1, ..Stats::default() };
        let cells = row("shop::price", 1, &stats);
        assert_eq!((cells[2].as_str(), cells[3].as_str()), ("3", "100.0 %"));
        assert!(report().starts_with("function"));
        assert!(report().lines().next().unwrap().ends_with("saved  misses by reason"));
    }

    #[test]
    fn the_most_frequent_reason_comes_first() {
        let misses = Misses { never: 2, fenced: 1, expired: 7, ..Misses::default() };
        assert_eq!(reasons(&misses), "expired 7, never 2, fenced 1");
        assert_eq!(reasons(&Misses::default()), "");
    }
}
