//! Decorated functions over regions on real servers: their tags (X1, X9, X10, X19), and what `explain`
//! says of them.
#![cfg(all(feature = "regions", feature = "memcached", feature = "redis", feature = "files"))]

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../common/mod.rs"]
mod common;
mod explain;
mod stand;
mod tags;
