//! A remaining time of nothing.

use larder::cached;

#[cached(async_ttl = "1m")]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
