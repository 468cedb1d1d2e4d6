//! The goals, as data: larder's time (or bytes) as a part of the row's, at most.

/// (bench, system, variant, key, threads) and the greatest ratio that meets the goal.
const GOALS: &[(&str, &str, &str, &str, usize, f64)] = &[
    ("hit", "quick_cache", "get", "u64", 1, 0.65),
    ("hit", "cached", "max_size,ttl", "u64", 1, 0.18),
    ("hit", "moka", "ttl", "u64", 1, 0.06),
    ("hit", "quick_cache", "get", "u64", 2, 0.25),
    ("hit", "cached", "max_size,ttl", "u64", 2, 0.05),
    ("hit", "moka", "ttl", "u64", 2, 0.03),
    ("hit", "quick_cache", "get", "str", 1, 0.85),
    ("hit_1m", "quick_cache", "get", "u64", 1, 0.80),
    ("hit_async", "larder", "ttl", "u64", 1, 1.30),
    ("miss", "quick_cache", "get_or_insert_with", "u64", 1, 1.20),
    ("miss", "moka", "ttl,get_with", "u64", 1, 1.0 / 6.0),
    ("mix", "quick_cache", "get_or_insert_with", "u64", 1, 1.00),
    ("mix", "quick_cache", "get_or_insert_with", "u64", 2, 1.00),
    ("build", "cached", "max_size,ttl", "mixed", 1, 1.20),
];

/// The goal of a row, if it has one.
pub fn find(bench: &str, system: &str, variant: &str, key: &str, threads: usize) -> Option<f64> {
    let wanted = (bench, system, variant, key, threads);
    GOALS.iter().find(|g| (g.0, g.1, g.2, g.3, g.4) == wanted).map(|g| g.5)
}
