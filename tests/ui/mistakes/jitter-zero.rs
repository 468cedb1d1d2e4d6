//! Jitter that does nothing.

use larder::cached;

#[cached(ttl = "5m", jitter = "0%")]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
