//! More jitter than there is TTL.

use larder::cached;

#[cached(ttl = "5m", jitter = 1.5)]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
