//! A slip of the finger.

use larder::cached;

#[cached(async_tll = "1m", ttl = "5m")]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
