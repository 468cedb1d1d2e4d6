//! Values expire before they reach the age for a refresh.

use larder::cached;

#[cached(ttl = "1m", async_ttl = "-5m")]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
