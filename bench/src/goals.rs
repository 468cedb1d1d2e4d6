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
    ("hit_region", "larder", "ttl", "u64", 1, 1.10),
    ("miss", "quick_cache", "get_or_insert_with", "u64", 1, 1.20),
    ("miss", "moka", "ttl,get_with", "u64", 1, 1.0 / 6.0),
    ("mix", "quick_cache", "get_or_insert_with", "u64", 1, 1.00),
    ("mix", "quick_cache", "get_or_insert_with", "u64", 2, 1.00),
    ("far", "raw", "memcached get 1, blocking socket", "str", 1, 1.25),
    ("far", "raw", "memcached get, 64 tasks of one thread, 64 per write", "str", 64, 1.60),
    ("far", "raw", "memcached get, 64 tasks of two threads, 64 per write", "str", 64, 1.60),
    ("far", "raw", "memcached get, 64 tasks on one CPU, 64 per write", "str", 64, 1.60),
    (
        "far",
        "raw",
        "memcached get, 64 tasks of two threads on one CPU, 64 per write",
        "str",
        64,
        1.60,
    ),
    ("far", "raw", "memcached get, 64 threads, 64 per write", "str", 64, 1.60),
    (
        "far",
        "async-memcached",
        "memcached get, 64 tasks of one thread, 64 connections",
        "str",
        64,
        0.20,
    ),
    (
        "far",
        "async-memcached",
        "memcached get, 64 tasks of two threads, 64 connections",
        "str",
        64,
        0.20,
    ),
    ("far", "memcache", "memcached get, 64 tasks of one thread, exp", "str", 64, 0.20),
    ("far", "memcache", "memcached get, 64 tasks of two threads, exp", "str", 64, 0.20),
    ("far", "raw", "memcached get_many 64, get of 64 keys", "str", 1, 1.30),
    ("far", "raw", "files read 1 MiB, open, map", "str", 1, 1.20),
    ("far", "raw", "files read 1 MiB and look at all of it, open, map", "str", 1, 1.20),
    ("far", "larder", "tiered hit in the near tier, in process", "u64", 1, 1.15),
    ("far", "postcard", "encode and decode 1 KiB", "str", 1, 1.50),
    ("build", "cached", "max_size,ttl", "mixed", 1, 1.20),
];

/// The goal of a row, if it has one.
pub fn find(bench: &str, system: &str, variant: &str, key: &str, threads: usize) -> Option<f64> {
    let wanted = (bench, system, variant, key, threads);
    GOALS.iter().find(|g| (g.0, g.1, g.2, g.3, g.4) == wanted).map(|g| g.5)
}
