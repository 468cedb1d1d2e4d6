//! A refresh in the background needs the argument, not what was made of it.

use larder::cached;

#[cached(ttl = "5m", async_ttl = "1m", key = name.to_lowercase())]
fn score(name: &str) -> usize {
    name.len()
}

fn main() {}
